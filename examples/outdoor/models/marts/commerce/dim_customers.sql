with customers as (

    select * from {{ ref('stg_customers') }}

),

current_members as (

    select distinct customer_id
    from {{ ref('stg_subscriptions') }}
    where ended_on is null

)

select
    customers.customer_id,
    customers.customer_name,
    customers.email,
    customers.phone,
    customers.country,
    countries.country_name,
    countries.sales_region,
    customers.customer_type,
    customers.acquisition_source,
    customers.signed_up_on,
    current_members.customer_id is not null as is_member
from customers
left join {{ ref('countries') }} as countries on customers.country = countries.country
left join current_members on customers.customer_id = current_members.customer_id
