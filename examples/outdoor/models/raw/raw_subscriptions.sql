-- Memberships. The programme started on 1 November 2023; a member can come back once after leaving.

with candidates as (

    select
        customer_id,
        greatest(signed_up_on, cast('2023-11-01' as date)) as eligible_on,
        attempt,
        customer_id * 4 + attempt as subscription_key
    from {{ ref('raw_customers') }}
    cross join (select 1 as attempt union all select 2 as attempt) as attempts
    where customer_type = 'consumer'

),

draws as (

    select
        *,
        {{ draw('customer_id', 'joins') }} % 1000 as joins_draw,
        {{ draw('customer_id', 'returns') }} % 1000 as returns_draw,
        {{ draw('subscription_key', 'plan') }} % 100 as plan_draw,
        {{ draw('subscription_key', 'lag') }} as lag_draw,
        {{ draw('subscription_key', 'months kept') }} as kept_draw,
        {{ draw('subscription_key', 'months kept, second draw') }} as kept_second_draw,
        {{ draw('subscription_key', 'price rise') }} % 1000 as price_rise_draw,
        {{ draw('subscription_key', 'reason') }} % 100 as reason_draw
    from candidates

),

first_starts as (

    select
        *,
        {{ pick_weighted('plan_draw', {
            'explorer_monthly': 44, 'explorer_annual': 27, 'summit_monthly': 17, 'summit_annual': 12
        }) }} as plan,
        -- half join within a month of signing up, the others within two years
        {{ days_later('eligible_on', 'case when lag_draw % 2 = 0 then lag_draw % 30 else lag_draw % 730 end') }}
            as started_on
    from draws
    where attempt = 1 and joins_draw < 420

),

first_ends as (

    select
        *,
        case
            when plan like '%annual'
                then 12 * (1 + cast(kept_draw % 100 < 66 as integer) + cast(kept_draw % 100 < 43 as integer))
            else 1 + least(kept_draw % 45, kept_second_draw % 60)
        end as months_kept
    from first_starts

),

first_terms as (

    select
        customer_id,
        attempt,
        subscription_key,
        plan,
        started_on,
        -- 1 March 2026: prices went up, and some monthly members left in the weeks after
        case
            when
                plan like '%monthly' and price_rise_draw < 85
                and started_on < cast('2026-02-01' as date)
                and {{ months_later('started_on', 'months_kept') }} > cast('2026-05-01' as date)
                then {{ days_later("cast('2026-03-20' as date)", 'kept_draw % 36') }}
            else {{ months_later('started_on', 'months_kept') }}
        end as ended_on,
        price_rise_draw,
        reason_draw,
        lag_draw
    from first_ends
    where started_on <= {{ last_day() }}

),

second_terms as (

    select
        draws.customer_id,
        draws.attempt,
        draws.subscription_key,
        {{ pick_weighted('draws.plan_draw', {'explorer_monthly': 58, 'summit_monthly': 42}) }} as plan,
        {{ days_later('first_terms.ended_on', '45 + draws.lag_draw % 200') }} as started_on,
        {{ months_later(
            days_later('first_terms.ended_on', '45 + draws.lag_draw % 200'),
            '(3 + draws.kept_draw % 30)'
        ) }} as ended_on,
        1000 as price_rise_draw,
        draws.reason_draw,
        draws.lag_draw
    from draws
    inner join first_terms on draws.customer_id = first_terms.customer_id
    where draws.attempt = 2 and draws.returns_draw < 160

),

terms as (

    select * from first_terms
    union all
    select * from second_terms where started_on <= {{ last_day() }}

)

select
    cast(row_number() over (order by started_on, subscription_key) as bigint) as subscription_id,
    customer_id,
    plan,
    started_on,
    case when ended_on <= {{ last_day() }} then ended_on end as ended_on,
    case
        when ended_on > {{ last_day() }} then null
        when ended_on between cast('2026-03-20' as date) and cast('2026-04-25' as date) and price_rise_draw < 85 then 'price'
        -- three in ten give no reason
        when reason_draw < 30 then null
        when reason_draw < 55 then 'not using it'
        when reason_draw < 72 then 'price'
        when reason_draw < 84 then 'payment failed'
        when reason_draw < 93 then 'moved away'
        else 'other app'
    end as cancel_reason
from terms
