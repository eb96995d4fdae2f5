-- One row per order: what the goods cost, and what was given back.

with lines as (

    select
        order_id,
        cast(sum(quantity) as integer) as item_count,
        cast(sum(gross_amount) as numeric(12, 2)) as gross_amount,
        cast(sum(discount_amount) as numeric(12, 2)) as discount_amount,
        cast(sum(net_amount) as numeric(12, 2)) as net_amount
    from {{ ref('stg_order_lines') }}
    group by order_id

),

refunds as (

    select
        order_id,
        cast(sum(refund_amount) as numeric(12, 2)) as refund_amount,
        max(refunded_on) as refunded_on
    from {{ ref('stg_refunds') }}
    group by order_id

)

select
    lines.order_id,
    lines.item_count,
    lines.gross_amount,
    lines.discount_amount,
    lines.net_amount,
    cast(coalesce(refunds.refund_amount, 0) as numeric(12, 2)) as refund_amount,
    refunds.refunded_on
from lines
left join refunds on lines.order_id = refunds.order_id
