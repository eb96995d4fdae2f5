select
    customer_id,
    full_name as customer_name,
    email,
    phone,
    country,
    customer_type,
    acquisition_source,
    signed_up_on
from {{ ref('raw_customers') }}
