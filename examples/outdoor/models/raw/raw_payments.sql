-- Money that arrived for invoices. Cards are charged at once; trade accounts take their time.

with draws as (

    select
        invoices.invoice_id,
        invoices.issued_on,
        invoices.amount_pence,
        invoices.order_id is not null as is_trade,
        {{ draw('invoices.invoice_id', 'payment') }} % 1000 as payment_draw,
        {{ draw('invoices.invoice_id', 'payment delay') }} as delay_draw
    from {{ ref('raw_invoices') }} as invoices

),

instalments as (

    select
        *,
        is_trade and payment_draw < 70 as is_split
    from draws
    cross join (select 1 as instalment union all select 2 as instalment) as instalments
    where
        -- a few invoices are never paid
        payment_draw < case when is_trade then 982 else 994 end
        and (instalment = 1 or (is_trade and payment_draw < 70))

),

dated as (

    select
        invoice_id,
        instalment,
        is_trade,
        case
            when is_trade
                then {{ days_later('issued_on', '9 + delay_draw % 41 + (instalment - 1) * (20 + delay_draw % 25)') }}
            -- one card in thirty fails first and works some days later
            when payment_draw % 30 = 0 then {{ days_later('issued_on', '2 + delay_draw % 9') }}
            else issued_on
        end as paid_on,
        case
            when not is_split then amount_pence
            when instalment = 1 then {{ integer_division('amount_pence', '2') }}
            else amount_pence - {{ integer_division('amount_pence', '2') }}
        end as amount_pence,
        delay_draw
    from instalments

)

select
    cast(row_number() over (order by paid_on, invoice_id, instalment) as bigint) as payment_id,
    invoice_id,
    paid_on,
    amount_pence,
    case when is_trade then 'bank transfer' when delay_draw % 100 < 38 then 'direct debit' else 'card' end as method
from dated
where paid_on <= {{ last_day() }}
