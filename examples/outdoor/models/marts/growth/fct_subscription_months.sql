-- One row per membership and month in which it ran, from the first month of trading history.

with months as (

    select
        date_day as month_start,
        {{ months_later('date_day', 1) }} as next_month_start
    from {{ ref('time_spine_daily') }}
    where extract(day from date_day) = 1 and date_day >= {{ first_day() }}

),

subscription_months as (

    select
        subscriptions.*,
        months.month_start,
        months.next_month_start,
        subscriptions.started_on < months.month_start as is_active_at_start,
        subscriptions.ended_on is null or subscriptions.ended_on >= months.next_month_start as is_active_at_end,
        cast({{ dbt.datediff(
            dbt.date_trunc('month', 'subscriptions.started_on'), 'months.month_start', 'month'
        ) }} as integer) as months_since_start
    from {{ ref('stg_subscriptions') }} as subscriptions
    inner join months
        on subscriptions.started_on < months.next_month_start
        and (subscriptions.ended_on is null or subscriptions.ended_on >= months.month_start)

),

-- the price is fixed when a billing period begins
billed as (

    select
        *,
        greatest(
            started_on,
            case
                when billing_period = 'annual' then {{ months_later('month_start', '(-(months_since_start % 12))') }}
                else month_start
            end
        ) as period_start
    from subscription_months

)

select
    cast(billed.subscription_id as varchar) || '-' || cast(billed.month_start as varchar) as subscription_month_key,
    billed.subscription_id,
    billed.customer_id,
    billed.month_start,
    billed.plan,
    billed.tier,
    billed.billing_period,
    customers.country,
    billed.is_active_at_start,
    billed.is_active_at_end,
    billed.started_on >= billed.month_start as is_new,
    not billed.is_active_at_end as is_churned,
    cast(
        case
            when not billed.is_active_at_end then 0
            when billed.billing_period = 'annual' then {{ equal_part('plans.price', '12') }}
            else plans.price
        end as numeric(12, 2)
    ) as mrr_amount,
    billed.cancel_reason
from billed
inner join {{ ref('membership_plans') }} as plans
    on billed.plan = plans.plan
    and billed.period_start >= plans.valid_from and billed.period_start < plans.valid_to
inner join {{ ref('stg_customers') }} as customers on billed.customer_id = customers.customer_id
