{# The till and the bank count pence; everything from staging onwards is in pounds with two decimals. #}
{% macro pence_to_pounds(column) -%}
    cast(({{ column }}) * 0.01 as numeric(12, 2))
{%- endmacro %}


{# One of a number of equal parts of an amount, rounded to the penny alike on every database. #}
{% macro equal_part(amount, parts) -%}
    {{ pence_to_pounds(integer_division(
        'cast((' ~ amount ~ ') * 200 as bigint) + (' ~ parts ~ ')', '(' ~ parts ~ ') * 2'
    )) }}
{%- endmacro %}
