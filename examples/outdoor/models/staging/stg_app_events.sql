select
    event_id,
    session_id,
    user_id,
    occurred_at,
    cast(occurred_at as date) as occurred_on,
    event_type,
    feature,
    cast(duration_seconds as integer) as duration_seconds
from {{ ref('raw_app_events') }}
