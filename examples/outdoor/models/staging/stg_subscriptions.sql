select
    subscription_id,
    customer_id,
    plan,
    case when plan like 'summit%' then 'summit' else 'explorer' end as tier,
    case when plan like '%annual' then 'annual' else 'monthly' end as billing_period,
    started_on,
    ended_on,
    cancel_reason
from {{ ref('raw_subscriptions') }}
