select
    lines.order_line_id,
    lines.order_id,
    orders.customer_id,
    lines.product_id,
    orders.ordered_on,
    orders.status,
    orders.order_kind,
    lines.quantity,
    lines.unit_price,
    lines.gross_amount,
    lines.discount_amount,
    lines.net_amount
from {{ ref('stg_order_lines') }} as lines
inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
