-- Shop accounts. The first ones signed up before the two years of trading history begin.

with signups as (

    select
        n as customer_id,
        {{ days_later(first_day(), '-1 - ' ~ draw('n', 'early signup') ~ ' % 1000') }} as signed_up_on
    from generate_series(1, {{ scaled(1500) }}) as series(n)

    union all

    select
        n as customer_id,
        calendar_day as signed_up_on
    from {{ ref('raw_calendar') }}
    cross join lateral generate_series(customers_before + 1, customers_by_evening) as series(n)

),

draws as materialized (

    select
        cast(customer_id as bigint) as customer_id,
        signed_up_on,
        {{ draw('customer_id', 'first name') }} as first_name_draw,
        {{ draw('customer_id', 'last name') }} as last_name_draw,
        {{ draw('customer_id', 'country') }} % 100 as country_draw,
        {{ draw('customer_id', 'customer type') }} % 100 as type_draw,
        {{ draw('customer_id', 'source') }} % 100 as source_draw,
        {{ draw('customer_id', 'details') }} % 1000 as details_draw
    from signups

),

named as materialized (

    select
        *,
        {{ pick('first_name_draw', [
            'Ada', 'Ben', 'Carys', 'Daniel', 'Eilidh', 'Fergus', 'Greta', 'Harriet', 'Idris', 'Jonas', 'Keira', 'Liam',
            'Maren', 'Niamh', 'Oskar', 'Priya', 'Quentin', 'Rowan', 'Sanne', 'Tom', 'Una', 'Viktor', 'Wren', 'Yusuf', 'Zara'
        ]) }} as first_name,
        {{ pick('last_name_draw', [
            'Airey', 'Braithwaite', 'Clarke', 'de Vries', 'Evans', 'Fischer', 'Gallagher', 'Hansen', 'Iveson', 'Jones',
            'Kaur', 'Lindqvist', 'Moreau', 'Nilsson', 'Murphy', 'Petit', 'Robinson', 'Schmidt', 'Thwaite', 'Weber',
            'Williams', 'Yates', 'Zimmermann'
        ]) }} as last_name
    from draws

)

select
    customer_id,
    first_name || ' ' || last_name as full_name,
    -- one in forty gave no address
    case
        when details_draw < 975
            then lower(first_name || '.' || replace(last_name, ' ', '')) || '.' || cast(customer_id as varchar)
                || '@example.com'
    end as email,
    -- a telephone number is only asked for at the counter (07700 900... is reserved for fiction)
    case when details_draw % 10 < 4 then '07700 900' || lpad(cast(details_draw as varchar), 3, '0') end as phone,
    case
        -- the German shop opened on 1 May 2025
        when country_draw < 12 then case when signed_up_on >= cast('2025-05-01' as date) then 'DE' else 'GB' end
        when country_draw < 21 then 'IE'
        when country_draw < 28 then 'FR'
        when country_draw < 33 then 'NL'
        when country_draw < 36 then 'NO'
        when country_draw < 40 then 'SE'
        else 'GB'
    end as country,
    -- mountain guides, outdoor centres and schools buy on account
    case when type_draw < 4 then 'trade' else 'consumer' end as customer_type,
    {{ pick_weighted('source_draw', {
        'search': 26, 'friend': 18, 'app': 16, 'shop visit': 14, 'social': 12, 'club partnership': 5, none: 9
    }) }} as acquisition_source,
    signed_up_on
from named
