select
    users.user_id,
    users.customer_id,
    users.customer_id is not null as has_shop_account,
    users.platform,
    customers.country,
    users.installed_on
from {{ ref('stg_app_users') }} as users
left join {{ ref('stg_customers') }} as customers on users.customer_id = customers.customer_id
