select
    refund_id,
    order_id,
    refunded_on,
    {{ pence_to_pounds('amount_pence') }} as refund_amount,
    reason
from {{ ref('raw_refunds') }}
