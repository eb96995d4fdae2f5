-- Nobody gets back more than they paid for the goods, and a cancelled order was never paid.

select order_id, status, net_amount, refund_amount
from {{ ref('fct_orders') }}
where
    refund_amount > net_amount
    or (status = 'refunded' and refund_amount <> net_amount)
    or (status in ('cancelled', 'open') and refund_amount > 0)
