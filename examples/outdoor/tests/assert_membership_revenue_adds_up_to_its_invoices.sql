-- Every pound of a membership invoice is earned once, sooner or later.
{{ config(group='finance') }}

with earned as (

    select source_id as invoice_id, sum(amount) as amount
    from {{ ref('int_revenue_schedule') }}
    where source_type = 'membership'
    group by source_id

)

select invoices.invoice_id, invoices.invoice_amount, earned.amount
from {{ ref('stg_invoices') }} as invoices
left join earned on invoices.invoice_id = earned.invoice_id
where invoices.invoice_type = 'membership' and coalesce(earned.amount, 0) <> invoices.invoice_amount
