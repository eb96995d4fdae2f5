select
    user_id,
    customer_id,
    platform,
    installed_on
from {{ ref('raw_app_users') }}
