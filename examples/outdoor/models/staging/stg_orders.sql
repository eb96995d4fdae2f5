select
    order_id,
    customer_id,
    ordered_at,
    cast(ordered_at as date) as ordered_on,
    fulfilled_on,
    status,
    order_kind,
    channel,
    cast(hire_days as integer) as hire_days,
    promo_code,
    {{ pence_to_pounds('delivery_pence') }} as shipping_amount
from {{ ref('raw_orders') }}
