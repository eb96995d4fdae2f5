with orders as (

    select * from {{ ref('stg_orders') }}

),

-- Membership terms of one customer never overlap, so an order meets at most one of them.
placed_as_member as (

    select orders.order_id
    from orders
    inner join {{ ref('stg_subscriptions') }} as subscriptions
        on orders.customer_id = subscriptions.customer_id
        and orders.ordered_on >= subscriptions.started_on
        and (subscriptions.ended_on is null or orders.ordered_on < subscriptions.ended_on)

),

numbered as (

    select
        order_id,
        cast(row_number() over (partition by customer_id order by ordered_at, order_id) as integer) as customer_order_number
    from orders

)

select
    orders.order_id,
    orders.customer_id,
    orders.ordered_at,
    orders.ordered_on,
    orders.fulfilled_on,
    orders.status,
    orders.order_kind,
    orders.channel,
    customers.country,
    orders.promo_code,
    orders.hire_days,
    totals.item_count,
    totals.gross_amount,
    totals.discount_amount,
    totals.net_amount,
    orders.shipping_amount,
    totals.refund_amount,
    totals.refunded_on,
    totals.refund_amount > 0 as has_refund,
    placed_as_member.order_id is not null as is_member_order,
    numbered.customer_order_number = 1 as is_first_order,
    numbered.customer_order_number
from orders
inner join {{ ref('int_order_totals') }} as totals on orders.order_id = totals.order_id
inner join {{ ref('stg_customers') }} as customers on orders.customer_id = customers.customer_id
inner join numbered on orders.order_id = numbered.order_id
left join placed_as_member on orders.order_id = placed_as_member.order_id
