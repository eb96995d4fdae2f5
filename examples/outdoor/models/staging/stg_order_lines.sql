select
    order_line_id,
    order_id,
    line_number,
    product_id,
    cast(quantity as integer) as quantity,
    {{ pence_to_pounds('unit_price_pence') }} as unit_price,
    {{ pence_to_pounds('quantity * unit_price_pence') }} as gross_amount,
    {{ pence_to_pounds('discount_pence') }} as discount_amount,
    {{ pence_to_pounds('quantity * unit_price_pence - discount_pence') }} as net_amount
from {{ ref('raw_order_lines') }}
