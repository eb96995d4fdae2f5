-- The app grows and has its seasons. Half the users gone from one month to the next means lost events, not lost users.
{{ config(severity='warn', group='product') }}

with months as (

    select
        cast({{ dbt.date_trunc('month', 'activity_date') }} as date) as month_start,
        count(distinct user_id) as active_users
    from {{ ref('product_analytics') }}
    group by 1

),

compared as (

    select
        month_start,
        active_users,
        lag(active_users) over (order by month_start) as active_users_before
    from months

)

select * from compared
where active_users * 2 < active_users_before
