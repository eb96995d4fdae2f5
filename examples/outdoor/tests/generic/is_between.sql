{# Blanks pass: combine it with not_null where a value is required. #}
{% test is_between(model, column_name, minimum=none, maximum=none) %}

select *
from {{ model }}
where
    false
    {%- if minimum is not none %}
    or {{ column_name }} < {{ minimum }}
    {%- endif %}
    {%- if maximum is not none %}
    or {{ column_name }} > {{ maximum }}
    {%- endif %}

{% endtest %}
