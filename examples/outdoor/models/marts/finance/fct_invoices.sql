with paid as (

    select
        invoice_id,
        cast(sum(paid_amount) as numeric(12, 2)) as paid_amount,
        max(paid_on) as last_paid_on
    from {{ ref('stg_payments') }}
    group by invoice_id

),

balances as (

    select
        invoices.*,
        cast(coalesce(paid.paid_amount, 0) as numeric(12, 2)) as paid_amount,
        cast(invoices.invoice_amount - coalesce(paid.paid_amount, 0) as numeric(12, 2)) as open_amount,
        paid.last_paid_on
    from {{ ref('stg_invoices') }} as invoices
    left join paid on invoices.invoice_id = paid.invoice_id

)

select
    balances.invoice_id,
    balances.customer_id,
    balances.subscription_id,
    balances.order_id,
    balances.invoice_type,
    customers.country,
    balances.issued_on,
    balances.due_on,
    balances.invoice_amount,
    balances.paid_amount,
    balances.open_amount,
    case when balances.open_amount = 0 then balances.last_paid_on end as settled_on,
    case
        when balances.open_amount = 0 then 'paid'
        when balances.due_on < {{ last_day() }} then 'overdue'
        else 'open'
    end as invoice_status
from balances
inner join {{ ref('stg_customers') }} as customers on balances.customer_id = customers.customer_id
