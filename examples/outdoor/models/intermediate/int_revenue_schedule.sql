-- When each pound is earned. Orders and refunds count on their day; a membership fee is spread
-- over the months that it pays for, the last month taking the pennies that do not divide.

with orders as (

    select
        'order' as source_type,
        orders.order_id as source_id,
        1 as slice,
        orders.customer_id,
        orders.fulfilled_on as recognised_on,
        totals.net_amount + orders.shipping_amount as amount
    from {{ ref('stg_orders') }} as orders
    inner join {{ ref('int_order_totals') }} as totals on orders.order_id = totals.order_id
    where orders.fulfilled_on is not null

),

refunds as (

    select
        'refund' as source_type,
        refunds.refund_id as source_id,
        1 as slice,
        orders.customer_id,
        refunds.refunded_on as recognised_on,
        -refunds.refund_amount as amount
    from {{ ref('stg_refunds') }} as refunds
    inner join {{ ref('stg_orders') }} as orders on refunds.order_id = orders.order_id

),

memberships as (

    select
        'membership' as source_type,
        invoices.invoice_id as source_id,
        cast(n as integer) as slice,
        invoices.customer_id,
        {{ months_later('invoices.issued_on', '(n - 1)') }} as recognised_on,
        case
            when n < invoices.service_months
                then {{ equal_part('invoices.invoice_amount', 'invoices.service_months') }}
            else invoices.invoice_amount
                - (invoices.service_months - 1)
                * {{ equal_part('invoices.invoice_amount', 'invoices.service_months') }}
        end as amount
    from {{ ref('stg_invoices') }} as invoices
    cross join lateral generate_series(1, invoices.service_months) as series(n)
    where invoices.invoice_type = 'membership'

)

select source_type, source_id, slice, customer_id, recognised_on, cast(amount as numeric(12, 2)) as amount from orders
union all
select source_type, source_id, slice, customer_id, recognised_on, cast(amount as numeric(12, 2)) as amount from refunds
union all
select source_type, source_id, slice, customer_id, recognised_on, cast(amount as numeric(12, 2)) as amount from memberships
