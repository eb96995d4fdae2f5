{# The day on which the data ends: "today" for everything that is counted back from now. #}
{% macro last_day() -%}
    cast('{{ var("outdoor_last_day") }}' as date)
{%- endmacro %}


{# The first of the 730 days of trading history. #}
{% macro first_day() -%}
    ({{ last_day() }} - 729)
{%- endmacro %}


{# A number of rows at the scale that was asked for, at least one. #}
{% macro scaled(row_count) -%}
    {{ [(row_count * (var("outdoor_scale") | float)) | round | int, 1] | max }}
{%- endmacro %}


{# Date arithmetic that stays a date; dbt.dateadd gives a timestamp on some databases. #}
{% macro days_later(day, number) -%}
    ({{ day }} + cast({{ number }} as integer))
{%- endmacro %}


{% macro months_later(day, number) -%}
    cast({{ dbt.dateadd('month', number, day) }} as date)
{%- endmacro %}
