-- One row per customer: how well they are, and what to do about it. What the columns mean is said here.
{{ config(
    materialized='table',
    omni_sync=true,
    omni_semantic_layer='customer_analytics'
) }}

with customer_base as (

    select
        customer_id,
        customer_name,
        registration_date,
        days_since_last_order,
        {{ omni_dimension('customer_tier', 'Customer value classification') }},
        {{ omni_measure('lifetime_value', 'Total customer lifetime value', 'sum') }},
        {{ omni_measure('avg_order_value', 'Average order value per customer', 'average') }}
    from {{ ref('customer_analytics') }}

),

enriched_customer_data as (

    select
        cb.*,
        {{ omni_generated_calculation('customer_health_score', 'From 0, lost, to 100') }},
        {{ omni_generated_calculation('churn_risk_indicator', 'Whether they still order') }},
        {{ omni_generated_calculation('next_best_action', 'What the team does next') }}
    from customer_base cb

)

select * from enriched_customer_data
