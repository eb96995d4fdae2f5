-- How busy each day was: the growth, the seasons, the week, and what happened to the company.
-- Every other raw table takes its number of rows per day from here.

with days as (

    select
        cast(n as bigint) as day_number,
        {{ days_later(first_day(), 'n - 1') }} as calendar_day
    from generate_series(1, 730) as series(n)

),

parts as (

    select
        day_number,
        calendar_day,
        cast(extract(month from calendar_day) as integer) as month_of_year,
        cast(extract(day from calendar_day) as integer) as day_of_month,
        cast(extract(isodow from calendar_day) as integer) as day_of_week,
        {{ draw('day_number', 'daily noise') }} % 31 as noise
    from days

),

-- percentages of an average day
factors as (

    select
        *,
        case month_of_year
            when 1 then 92 when 2 then 84 when 3 then 88 when 4 then 96 when 5 then 108 when 6 then 112
            when 7 then 122 when 8 then 118 when 9 then 96 when 10 then 90 when 11 then 112 else 126
        end as trade_season,
        case month_of_year
            when 1 then 62 when 2 then 66 when 3 then 80 when 4 then 100 when 5 then 120 when 6 then 130
            when 7 then 142 when 8 then 146 when 9 then 118 when 10 then 98 when 11 then 70 else 58
        end as app_season,
        case day_of_week
            when 1 then 96 when 2 then 88 when 3 then 90 when 4 then 95 when 5 then 106 when 6 then 126 else 112
        end as trade_week,
        case day_of_week
            when 1 then 80 when 2 then 74 when 3 then 78 when 4 then 82 when 5 then 98 when 6 then 152 else 148
        end as app_week,
        case
            -- Black Friday and the days around it
            when month_of_year = 11 and day_of_week = 5 and day_of_month between 23 and 29 then 230
            when month_of_year = 11 and day_of_month between 24 and 30 then 145
            -- shops closed, hardly anybody orders
            when month_of_year = 12 and day_of_month in (25, 26) then 28
            when month_of_year = 1 and day_of_month = 1 then 40
            -- the Kendal warehouse was flooded
            when calendar_day between cast('2026-01-08' as date) and cast('2026-01-27' as date) then 46
            else 100
        end as trade_event
    from parts

),

weights as (

    select
        day_number,
        calendar_day,
        {{ integer_division(
            'cast(trade_season as bigint) * trade_week * trade_event * (85 + noise) * (5000 + day_number * 4)',
            '50000000'
        ) }} as trade_weight,
        {{ integer_division(
            'cast(app_season as bigint) * app_week * (85 + noise) * (5000 + day_number * 7)', '500000'
        ) }} as app_weight
    from factors

),

running as (

    select
        *,
        cast(sum(trade_weight) over (order by day_number) as bigint) as trade_so_far,
        cast(sum(trade_weight) over () as bigint) as trade_in_all,
        cast(sum(app_weight) over (order by day_number) as bigint) as app_so_far,
        cast(sum(app_weight) over () as bigint) as app_in_all
    from weights

),

allotted as (

    select
        day_number,
        calendar_day,
        {{ integer_division('(trade_so_far - trade_weight) * ' ~ scaled(50000), 'trade_in_all') }} as orders_before,
        {{ integer_division('trade_so_far * ' ~ scaled(50000), 'trade_in_all') }} as orders_by_evening,
        {{ scaled(1500) }} + {{ integer_division('(trade_so_far - trade_weight) * ' ~ scaled(3500), 'trade_in_all') }}
            as customers_before,
        {{ scaled(1500) }} + {{ integer_division('trade_so_far * ' ~ scaled(3500), 'trade_in_all') }}
            as customers_by_evening,
        {{ scaled(900) }} + {{ integer_division('(app_so_far - app_weight) * ' ~ scaled(2700), 'app_in_all') }}
            as app_users_before,
        {{ scaled(900) }} + {{ integer_division('app_so_far * ' ~ scaled(2700), 'app_in_all') }}
            as app_users_by_evening,
        {{ integer_division('(app_so_far - app_weight) * ' ~ scaled(106000), 'app_in_all') }} as sessions_before,
        {{ integer_division('app_so_far * ' ~ scaled(106000), 'app_in_all') }} as sessions_by_evening
    from running

)

select * from allotted
