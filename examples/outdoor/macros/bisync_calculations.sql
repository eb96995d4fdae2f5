{#- Calculations that the growth team agreed on in Bisync, one macro each; models take them in by
    omni_generated_calculation('…') or bisync_generated_calculation('…'). -#}

{% macro bisync_calculation_customer_health_score() -%}
case
    when customer_tier = 'prospect' then null
    when days_since_last_order > 365 then 10
    when days_since_last_order > 180 then 40
    when customer_tier in ('summit', 'ridge') then 100
    else 70
end
{%- endmacro %}

{% macro bisync_calculation_churn_risk_indicator() -%}
case
    when customer_tier = 'prospect' then null
    when days_since_last_order > 365 then 'lost'
    when days_since_last_order > 180 then 'at risk'
    else 'active'
end
{%- endmacro %}

{% macro bisync_calculation_next_best_action() -%}
case
    when customer_tier = 'prospect' then 'welcome offer'
    when days_since_last_order > 180 and lifetime_value >= 1500 then 'personal call'
    when days_since_last_order > 180 then 'reminder'
    else 'none'
end
{%- endmacro %}
