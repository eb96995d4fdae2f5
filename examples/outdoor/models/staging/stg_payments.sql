select
    payment_id,
    invoice_id,
    paid_on,
    method,
    {{ pence_to_pounds('amount_pence') }} as paid_amount
from {{ ref('raw_payments') }}
