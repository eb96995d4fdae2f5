-- One row per customer: what they are worth so far, and how they behave.

with customers as (

    select * from {{ ref('dim_customers') }}

),

orders as (

    select
        customer_id,
        cast(count(*) as integer) as orders_count,
        cast(sum(net_amount - refund_amount) as numeric(12, 2)) as order_value,
        cast(sum(net_amount) as numeric(12, 2)) as net_amount,
        cast(sum(case when has_refund then 1 else 0 end) as integer) as refunded_orders_count,
        min(ordered_on) as first_ordered_on,
        max(ordered_on) as last_ordered_on
    from {{ ref('fct_orders') }}
    where status <> 'cancelled'
    group by customer_id

),

memberships as (

    select
        customer_id,
        cast(sum(paid_amount) as numeric(12, 2)) as membership_value
    from {{ ref('fct_payments') }}
    where invoice_type = 'membership'
    group by customer_id

),

app_use as (

    select
        customer_id,
        max(activity_date) as last_app_use_on,
        cast(count(case when activity_date > {{ days_later(last_day(), -90) }} then activity_date end) as integer)
            as app_days_last_90
    from {{ ref('product_analytics') }}
    where customer_id is not null
    group by customer_id

),

joined as (

    select
        customers.customer_id,
        customers.customer_name,
        customers.country,
        customers.signed_up_on as registration_date,
        customers.is_member,
        coalesce(orders.orders_count, 0) as orders_count,
        coalesce(orders.refunded_orders_count, 0) as refunded_orders_count,
        orders.first_ordered_on,
        orders.last_ordered_on,
        cast({{ dbt.datediff('orders.last_ordered_on', last_day(), 'day') }} as integer) as days_since_last_order,
        {{ equal_part('orders.net_amount', 'orders.orders_count') }} as avg_order_value,
        cast(coalesce(orders.order_value, 0) + coalesce(memberships.membership_value, 0) as numeric(12, 2))
            as lifetime_value,
        app_use.last_app_use_on,
        coalesce(app_use.app_days_last_90, 0) as app_days_last_90
    from customers
    left join orders on customers.customer_id = orders.customer_id
    left join memberships on customers.customer_id = memberships.customer_id
    left join app_use on customers.customer_id = app_use.customer_id

)

select
    *,
    -- agreed with the growth team: spend decides, and nobody without an order has a tier
    case
        when orders_count = 0 then 'prospect'
        when lifetime_value >= 4000 then 'summit'
        when lifetime_value >= 1500 then 'ridge'
        when lifetime_value >= 400 then 'trail'
        else 'valley'
    end as customer_tier
from joined
