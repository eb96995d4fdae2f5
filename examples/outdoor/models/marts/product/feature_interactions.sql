-- The events in which somebody used a feature of the app. A feature counts as new for 180 days.

select
    events.event_id as interaction_id,
    events.session_id,
    events.user_id,
    events.customer_id,
    events.platform,
    events.occurred_at,
    events.occurred_on,
    events.feature,
    features.feature_name,
    features.area as feature_area,
    events.occurred_on < {{ days_later('features.launched_on', 180) }} as is_new_feature,
    row_number() over (partition by events.user_id, events.feature order by events.occurred_at, events.event_id) = 1
        as is_first_use,
    events.duration_seconds
from {{ ref('user_events') }} as events
inner join {{ ref('app_features') }} as features on events.feature = features.feature
