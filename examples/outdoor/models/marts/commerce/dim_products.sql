select
    products.product_id,
    products.product_name,
    products.category,
    products.brand,
    products.brand = 'Tarn & Trail' as is_own_brand,
    products.season,
    products.hire_popularity > 0 as is_for_hire,
    prices.sale_price as current_sale_price,
    prices.hire_price_per_day as current_hire_price_per_day
from {{ ref('products') }} as products
inner join {{ ref('price_list') }} as prices
    on products.product_id = prices.product_id
    and {{ last_day() }} >= prices.valid_from and {{ last_day() }} < prices.valid_to
