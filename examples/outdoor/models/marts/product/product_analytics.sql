-- One row per app user and day on which they did something.

with activity as (

    select
        user_id,
        occurred_on as activity_date,
        max(customer_id) as customer_id,
        max(platform) as platform,
        max(country) as country,
        cast(count(distinct session_id) as integer) as sessions,
        cast(count(*) as integer) as events,
        cast(coalesce(sum(duration_seconds), 0) as integer) as seconds_active
    from {{ ref('user_events') }}
    group by user_id, occurred_on

),

features as (

    select
        user_id,
        occurred_on as activity_date,
        cast(count(*) as integer) as feature_uses,
        cast(count(distinct feature) as integer) as features_used,
        cast(sum(case when is_new_feature then 1 else 0 end) as integer) as new_feature_uses
    from {{ ref('feature_interactions') }}
    group by user_id, occurred_on

)

select
    cast(activity.user_id as varchar) || '-' || cast(activity.activity_date as varchar) as user_day_key,
    activity.user_id,
    activity.customer_id,
    activity.activity_date,
    activity.platform,
    activity.country,
    activity.sessions,
    activity.events,
    activity.seconds_active,
    coalesce(features.feature_uses, 0) as feature_uses,
    coalesce(features.features_used, 0) as features_used,
    coalesce(features.new_feature_uses, 0) as new_feature_uses,
    coalesce(features.new_feature_uses, 0) > 0 as used_new_feature
from activity
left join features
    on activity.user_id = features.user_id and activity.activity_date = features.activity_date
