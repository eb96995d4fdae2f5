select
    events.event_id,
    events.session_id,
    events.user_id,
    users.customer_id,
    users.platform,
    users.country,
    events.occurred_at,
    events.occurred_on,
    events.event_type,
    events.feature,
    events.duration_seconds
from {{ ref('stg_app_events') }} as events
inner join {{ ref('dim_app_users') }} as users on events.user_id = users.user_id
