-- What was in each order, at the price of the day.

with orders as (

    select
        orders.order_id,
        orders.order_kind,
        coalesce(orders.hire_days, 1) as hire_days,
        orders.channel,
        orders.discount_percent,
        cast(orders.ordered_at as date) as ordered_on,
        case
            when extract(month from orders.ordered_at) in (11, 12, 1, 2, 3) then 'winter' else 'summer'
        end as season,
        {{ draw('orders.order_id', 'number of lines') }} % 100 as lines_draw
    from {{ ref('raw_orders') }} as orders

),

-- Each product fills as many places as it is popular in that season; a line picks a place.
popularity as (

    select
        products.product_id,
        seasons.season,
        kinds.order_kind,
        case kinds.order_kind when 'hire' then products.hire_popularity else products.popularity end
        * case when products.season = 'all' then 3 when products.season = seasons.season then 5 else 1 end as places
    from {{ ref('products') }} as products
    cross join (select 'winter' as season union all select 'summer' as season) as seasons
    cross join (select 'sale' as order_kind union all select 'hire' as order_kind) as kinds

),

places as (

    select
        product_id,
        season,
        order_kind,
        row_number() over (partition by season, order_kind order by product_id, n) as place,
        count(*) over (partition by season, order_kind) as place_count
    from popularity
    cross join lateral generate_series(1, places) as series(n)

),

place_counts as (

    select distinct season, order_kind, place_count from places

),

lines as materialized (

    select
        orders.*,
        n as line_number,
        orders.order_id * 8 + n as line_key,
        {{ draw('orders.order_id * 8 + n', 'quantity') }} % 100 as quantity_draw,
        1 + {{ draw('orders.order_id * 8 + n', 'product') }} % place_counts.place_count as place
    from orders
    inner join place_counts on orders.season = place_counts.season and orders.order_kind = place_counts.order_kind
    cross join lateral generate_series(
        1,
        case when lines_draw < 44 then 1 when lines_draw < 72 then 2 when lines_draw < 90 then 3 else 4 end
    ) as series(n)

),

priced as (

    select
        lines.line_key as order_line_id,
        lines.order_id,
        cast(lines.line_number as integer) as line_number,
        places.product_id,
        case
            when lines.channel = 'trade' then 2 + lines.quantity_draw % 7
            when lines.quantity_draw < 84 then 1
            when lines.quantity_draw < 96 then 2
            else 3
        end as quantity,
        lines.discount_percent,
        case
            when lines.order_kind = 'hire'
                -- seven days for the price of five
                then cast(prices.hire_price_per_day * 100 as bigint)
                    * (lines.hire_days - case when lines.hire_days >= 7 then 2 else 0 end)
            else cast(prices.sale_price * 100 as bigint)
        end as unit_price_pence
    from lines
    inner join places
        on lines.season = places.season and lines.order_kind = places.order_kind and lines.place = places.place
    inner join {{ ref('price_list') }} as prices
        on places.product_id = prices.product_id
        and lines.ordered_on >= prices.valid_from and lines.ordered_on < prices.valid_to

)

select
    order_line_id,
    order_id,
    line_number,
    product_id,
    quantity,
    unit_price_pence,
    {{ integer_division('quantity * unit_price_pence * discount_percent', '100') }} as discount_pence
from priced
