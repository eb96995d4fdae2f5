-- Everybody who installed the route-planning app. One in seven never connected a shop account.

with installs as (

    select
        n as user_id,
        {{ days_later(first_day(), '-1 - ' ~ draw('n', 'early install') ~ ' % 560') }} as installed_on
    from generate_series(1, {{ scaled(900) }}) as series(n)

    union all

    select
        n as user_id,
        calendar_day as installed_on
    from {{ ref('raw_calendar') }}
    cross join lateral generate_series(app_users_before + 1, app_users_by_evening) as series(n)

)

select
    cast(user_id as bigint) as user_id,
    case
        when {{ draw('user_id', 'shop account') }} % 7 > 0
            then {{ integer_division('user_id * ' ~ scaled(5000), scaled(3600)) }}
    end as customer_id,
    {{ pick_weighted(draw('user_id', 'platform'), {'ios': 47, 'android': 44, 'web': 9}) }} as platform,
    installed_on
from installs
