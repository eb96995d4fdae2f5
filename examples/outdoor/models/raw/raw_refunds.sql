-- Money given back: everything for a refunded order, a part of it for some of the completed ones.

with goods as (

    select
        order_id,
        cast(sum(quantity * unit_price_pence - discount_pence) as bigint) as net_pence
    from {{ ref('raw_order_lines') }}
    group by order_id

),

draws as (

    select
        orders.order_id,
        orders.status,
        orders.channel,
        orders.fulfilled_on,
        goods.net_pence,
        {{ draw('orders.order_id', 'fulfilment') }} as fulfil_draw,
        {{ draw('orders.order_id', 'partial refund') }} % 1000 as partial_draw,
        {{ draw('orders.order_id', 'refund share') }} as share_draw,
        {{ draw('orders.order_id', 'refund reason') }} % 100 as reason_draw
    from {{ ref('raw_orders') }} as orders
    inner join goods on orders.order_id = goods.order_id
    where orders.status in ('completed', 'refunded')

),

refunds as (

    select
        order_id,
        {{ days_later('fulfilled_on', '2 + fulfil_draw % 20') }} as refunded_on,
        case
            when status = 'refunded' then net_pence
            else {{ integer_division('net_pence * (10 + share_draw % 51)', '100') }}
        end as amount_pence,
        reason_draw
    from draws
    where status = 'refunded' or partial_draw < case when channel = 'store' then 14 else 34 end

)

select
    cast(row_number() over (order by refunded_on, order_id) as bigint) as refund_id,
    order_id,
    refunded_on,
    amount_pence,
    {{ pick_weighted('reason_draw', {
        'wrong size': 34, 'changed mind': 20, 'arrived late': 13, 'faulty': 14, 'not as described': 8, none: 11
    }) }} as reason
from refunds
where refunded_on <= {{ last_day() }} and amount_pence > 0
