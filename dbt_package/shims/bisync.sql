{#- dbt finds a package's macros by their full name only. Copied into the project's own macros, these are found
    by the short ones. -#}

{% macro bisync_dimension(name, description='', type='categorical') -%}
    {{ bisync.dimension(name, description, type) }}
{%- endmacro %}

{% macro bisync_measure(name, description='', agg='sum', expr=none) -%}
    {{ bisync.measure(name, description, agg, expr) }}
{%- endmacro %}

{% macro bisync_generated_calculation(name, description='') -%}
    {{ bisync.generated_calculation(name, description) }}
{%- endmacro %}

{% macro omni_dimension(name, description='', type='categorical') -%}
    {{ bisync.dimension(name, description, type) }}
{%- endmacro %}

{% macro omni_measure(name, description='', agg='sum', expr=none) -%}
    {{ bisync.measure(name, description, agg, expr) }}
{%- endmacro %}

{% macro omni_generated_calculation(name, description='') -%}
    {{ bisync.generated_calculation(name, description) }}
{%- endmacro %}
