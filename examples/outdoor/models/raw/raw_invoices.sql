-- The invoice ledger: membership fees for each billing period, and orders on trade accounts.
-- Consumers pay for orders at the checkout and get a receipt, no invoice.

with membership_periods as (

    select
        subscriptions.subscription_id,
        subscriptions.customer_id,
        subscriptions.plan,
        {{ months_later('subscriptions.started_on', 'n') }} as issued_on,
        case when subscriptions.plan like '%annual' then 12 else 1 end as service_months,
        subscriptions.ended_on
    from {{ ref('raw_subscriptions') }} as subscriptions
    cross join lateral generate_series(0, 48) as series(n)
    where subscriptions.plan like '%monthly' or n % 12 = 0

),

membership_invoices as (

    select
        periods.customer_id,
        periods.subscription_id,
        cast(null as bigint) as order_id,
        periods.issued_on,
        periods.issued_on as due_on,
        periods.service_months,
        cast(plans.price * 100 as bigint) as amount_pence
    from membership_periods as periods
    inner join {{ ref('membership_plans') }} as plans
        on periods.plan = plans.plan
        and periods.issued_on >= plans.valid_from and periods.issued_on < plans.valid_to
    where
        periods.issued_on <= {{ last_day() }}
        and (periods.ended_on is null or periods.issued_on < periods.ended_on)

),

trade_orders as (

    select
        orders.order_id,
        orders.customer_id,
        orders.fulfilled_on,
        cast(sum(lines.quantity * lines.unit_price_pence - lines.discount_pence) as bigint) as net_pence
    from {{ ref('raw_orders') }} as orders
    inner join {{ ref('raw_order_lines') }} as lines on orders.order_id = lines.order_id
    where orders.channel = 'trade' and orders.status in ('completed', 'refunded')
    group by orders.order_id, orders.customer_id, orders.fulfilled_on

),

all_invoices as (

    select * from membership_invoices

    union all

    select
        customer_id,
        cast(null as bigint) as subscription_id,
        order_id,
        fulfilled_on as issued_on,
        {{ days_later('fulfilled_on', 30) }} as due_on,
        cast(null as integer) as service_months,
        net_pence as amount_pence
    from trade_orders

)

select
    cast(row_number() over (order by issued_on, subscription_id, order_id) as bigint) as invoice_id,
    customer_id,
    subscription_id,
    order_id,
    issued_on,
    due_on,
    service_months,
    amount_pence
from all_invoices
