-- What people did in the app: sessions of one to six events.

with sessions as materialized (

    select
        calendar_day,
        n as session_id,
        app_users_by_evening as users,
        1 + {{ draw('n * 4 + 1', 'user of session') }} % app_users_by_evening as candidate_1,
        1 + {{ draw('n * 4 + 2', 'user of session') }} % app_users_by_evening as candidate_2,
        1 + {{ draw('n * 4 + 3', 'user of session') }} % app_users_by_evening as candidate_3,
        {{ draw('n', 'events in session') }} % 100 as length_draw,
        {{ draw('n', 'time of session') }} as time_draw
    from {{ ref('raw_calendar') }}
    cross join lateral generate_series(sessions_before + 1, sessions_by_evening) as series(n)

),

used_by as materialized (

    select
        calendar_day,
        session_id,
        length_draw,
        time_draw,
        least(
            {{ active_candidate('candidate_1', 'users', scaled(1500), 'user') }},
            {{ active_candidate('candidate_2', 'users', scaled(1500), 'user') }},
            {{ active_candidate('candidate_3', 'users', scaled(1500), 'user') }}
        ) % 100000000 as user_id
    from sessions

),

-- a feature fills as many places as it is popular
feature_places as (

    select
        feature,
        appeal,
        launched_on,
        dense_rank() over (order by launched_on, feature) as feature_number,
        row_number() over (order by launched_on, feature, n) - 1 as place
    from {{ ref('app_features') }}
    cross join lateral generate_series(1, popularity) as series(n)

),

events as materialized (

    select
        used_by.calendar_day,
        used_by.session_id,
        used_by.user_id,
        used_by.time_draw,
        n as event_number,
        used_by.session_id * 8 + n as event_id,
        {{ draw('used_by.session_id * 8 + n', 'event type') }} % 100 as type_draw,
        {{ draw('used_by.session_id * 8 + n', 'feature') }} % (select count(*) from feature_places) as feature_place,
        {{ draw('used_by.session_id * 8 + n', 'duration') }} as duration_draw
    from used_by
    cross join lateral generate_series(
        1,
        case
            when length_draw < 22 then 1 when length_draw < 48 then 2 when length_draw < 70 then 3
            when length_draw < 84 then 4 when length_draw < 93 then 5 else 6
        end
    ) as series(n)

),

typed as (

    select
        *,
        case
            when event_number = 1 then 'app_opened'
            when type_draw < 19 then 'route_searched'
            when type_draw < 44 then 'route_viewed'
            when type_draw < 86 then 'feature_used'
            when type_draw < 93 then 'hire_viewed'
            when type_draw < 97 then 'route_shared'
            else 'gear_added_to_basket'
        end as event_type
    from events

),

with_feature as (

    select
        typed.*,
        -- people who do not care for a feature, or have not found it yet, plan a route instead
        case
            when typed.event_type <> 'feature_used' then null
            when
                typed.calendar_day >= feature_places.launched_on
                and {{ draw('typed.user_id * 16 + feature_places.feature_number', 'appeal') }} % 100 < feature_places.appeal
                and typed.calendar_day - feature_places.launched_on
                    >= {{ draw('typed.user_id * 16 + feature_places.feature_number', 'discovery') }} % 75
                then feature_places.feature
            else 'route_planner'
        end as feature
    from typed
    left join feature_places
        on typed.event_type = 'feature_used'
        and typed.feature_place = feature_places.place

)

select
    event_id,
    session_id,
    user_id,
    cast({{ dbt.dateadd(
        'second', '(18000 + time_draw % 40000 + time_draw % 24000 + event_number * 45)', 'cast(calendar_day as timestamp)'
    ) }} as timestamp) as occurred_at,
    event_type,
    feature,
    -- opening and sharing are moments, and one event in fifty lost its clock
    case
        when event_type in ('app_opened', 'route_shared') or duration_draw % 50 = 0 then null
        else 4 + least(duration_draw % 400, duration_draw % 271)
    end as duration_seconds
from with_feature
