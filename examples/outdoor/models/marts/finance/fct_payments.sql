select
    payments.payment_id,
    payments.invoice_id,
    invoices.customer_id,
    invoices.invoice_type,
    payments.paid_on,
    payments.method,
    payments.paid_amount,
    cast({{ dbt.datediff('invoices.issued_on', 'payments.paid_on', 'day') }} as integer) as days_to_pay,
    payments.paid_on > invoices.due_on as is_late
from {{ ref('stg_payments') }} as payments
inner join {{ ref('stg_invoices') }} as invoices on payments.invoice_id = invoices.invoice_id
