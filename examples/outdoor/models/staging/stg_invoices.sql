select
    invoice_id,
    customer_id,
    subscription_id,
    order_id,
    case when order_id is not null then 'trade order' else 'membership' end as invoice_type,
    issued_on,
    due_on,
    service_months,
    {{ pence_to_pounds('amount_pence') }} as invoice_amount
from {{ ref('raw_invoices') }}
