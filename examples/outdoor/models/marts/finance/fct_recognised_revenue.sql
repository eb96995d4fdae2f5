select
    schedule.source_type || '-' || cast(schedule.source_id as varchar) || '-' || cast(schedule.slice as varchar)
        as revenue_line_key,
    schedule.source_type,
    schedule.source_id,
    schedule.customer_id,
    customers.country,
    schedule.recognised_on,
    schedule.amount
from {{ ref('int_revenue_schedule') }} as schedule
inner join {{ ref('stg_customers') }} as customers on schedule.customer_id = customers.customer_id
where schedule.recognised_on between {{ first_day() }} and {{ last_day() }}
