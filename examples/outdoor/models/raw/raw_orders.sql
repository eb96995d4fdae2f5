-- Order headers from the shop system: web, app, the three stores and trade accounts.

with placed as materialized (

    select
        calendar_day,
        day_number,
        n as order_id,
        customers_by_evening as customers,
        1 + {{ draw('n * 4 + 1', 'customer of order') }} % customers_by_evening as candidate_1,
        1 + {{ draw('n * 4 + 2', 'customer of order') }} % customers_by_evening as candidate_2,
        1 + {{ draw('n * 4 + 3', 'customer of order') }} % customers_by_evening as candidate_3,
        cast(extract(month from calendar_day) as integer) as month_of_year
    from {{ ref('raw_calendar') }}
    cross join lateral generate_series(orders_before + 1, orders_by_evening) as series(n)

),

ordered_by as (

    select
        *,
        least(
            {{ active_candidate('candidate_1', 'customers', scaled(2600), 'customer') }},
            {{ active_candidate('candidate_2', 'customers', scaled(2600), 'customer') }},
            {{ active_candidate('candidate_3', 'customers', scaled(2600), 'customer') }}
        ) % 100000000 as customer_id
    from placed

),

draws as materialized (

    select
        ordered_by.order_id,
        ordered_by.calendar_day,
        ordered_by.day_number,
        ordered_by.customer_id,
        ordered_by.month_of_year,
        customers.customer_type,
        customers.country,
        countries.delivery_zone,
        {{ draw('order_id', 'delivery') }} % 100 as delivery_draw,
        {{ draw('order_id', 'channel') }} % 1000 as channel_draw,
        {{ draw('order_id', 'kind') }} % 100 as kind_draw,
        {{ draw('order_id', 'hire days') }} as hire_draw,
        {{ draw('order_id', 'time of day') }} as time_draw,
        {{ draw('order_id', 'promotion') }} % 100 as promo_draw,
        {{ draw('order_id', 'fulfilment') }} as fulfil_draw,
        {{ draw('order_id', 'outcome') }} % 1000 as outcome_draw,
        calendar_day between cast('2026-01-08' as date) and cast('2026-01-27' as date) as is_flood
    from ordered_by
    inner join {{ ref('raw_customers') }} as customers on ordered_by.customer_id = customers.customer_id
    inner join {{ ref('countries') }} as countries on customers.country = countries.country

),

described as materialized (

    select
        *,
        case
            when customer_type = 'trade' then 'trade'
            -- there are stores in the United Kingdom only; the app grows at the cost of the web shop
            when country = 'GB' and channel_draw < 390 then 'store'
            when channel_draw >= 860 - {{ integer_division('day_number * 170', '730') }} then 'app'
            else 'web'
        end as channel,
        case
            when kind_draw < case when month_of_year in (6, 7, 8) then 34 when month_of_year in (1, 2) then 25 else 14 end
                then 'hire'
            else 'sale'
        end as order_kind,
        case
            when customer_type = 'trade' then null
            when month_of_year = 11 and extract(day from calendar_day) between 23 and 30 and promo_draw < 46
                then 'BLACKFRIDAY20'
            when month_of_year = 7 and promo_draw < 18 then 'SUMMER15'
            when promo_draw >= 91 then 'TRAIL10'
        end as promo_code
    from draws

),

timed as materialized (

    select
        *,
        case order_kind when 'hire' then 1 + least(hire_draw % 10, hire_draw % 7) end as hire_days,
        -- dispatched within days, or on the day that the hired gear comes back
        case
            when order_kind = 'hire' then {{ days_later('calendar_day', '3 + hire_draw % 10 + fulfil_draw % 9') }}
            when channel = 'store' then calendar_day
            when is_flood then {{ days_later('calendar_day', '9 + fulfil_draw % 16') }}
            else {{ days_later('calendar_day', '1 + fulfil_draw % 4') }}
        end as due_on,
        -- the stores are open from half past nine to half past five
        case
            when channel = 'store' then 34200 + time_draw % 28800
            else 25200 + time_draw % 32000 + time_draw % 23000
        end as seconds_into_day
    from described

),

settled as (

    select
        *,
        case
            when outcome_draw < case when is_flood then 150 when channel = 'store' then 6 else 30 end then 'cancelled'
            when due_on > {{ last_day() }} then 'open'
            when
                outcome_draw >= case when is_flood then 930 when channel = 'store' then 988 else 974 end
                and {{ days_later('due_on', '2 + fulfil_draw % 20') }} <= {{ last_day() }}
                then 'refunded'
            else 'completed'
        end as status
    from timed

)

select
    order_id,
    customer_id,
    cast({{ dbt.dateadd('second', 'seconds_into_day', 'cast(calendar_day as timestamp)') }} as timestamp) as ordered_at,
    case when status in ('completed', 'refunded') then due_on end as fulfilled_on,
    status,
    order_kind,
    channel,
    hire_days,
    promo_code,
    case
        when customer_type = 'trade' then 12
        when promo_code = 'BLACKFRIDAY20' then 20
        when promo_code = 'SUMMER15' then 15
        when promo_code = 'TRAIL10' then 10
        else 0
    end as discount_percent,
    case
        when channel in ('store', 'trade') then 0
        -- click and collect
        when delivery_zone = 'home' and delivery_draw < 28 then 0
        else
            case delivery_zone when 'home' then 395 when 'near' then 595 else 995 end
            -- next-day delivery
            + case when delivery_draw >= 88 then 500 else 0 end
    end as delivery_pence
from settled
