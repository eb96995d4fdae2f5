{#
  Written by Bisync, version 1. Generic tests for rules that dbt has no test for, on columns, tables and
  metrics. They need no package. Bisync writes this file once and never edits it.
#}


{# -- Columns and tables ----------------------------------------------------------------------------- #}

{# At least this share of the rows, from 0 to 1, has a value. A table without rows keeps the rule. #}
{% test bisync_mostly_filled(model, column_name, at_least) %}
select filled_share
from (
    select 1.0 * count({{ column_name }}) / nullif(count(*), 0) as filled_share
    from {{ model }}
) as shares
where filled_share < {{ at_least }}
{% endtest %}


{# No combination of the columns appears twice. #}
{% test bisync_unique_together(model, columns) %}
select {{ columns | join(", ") }}, count(*) as how_often
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1
{% endtest %}


{# No row has one of the values. #}
{% test bisync_not_accepted_values(model, column_name, values, quote=true) %}
select *
from {{ model }}
where {{ column_name }} in (
    {%- for value in values %}{% if quote %}'{{ value }}'{% else %}{{ value }}{% endif %}{{ ", " if not loop.last }}{% endfor -%}
)
{% endtest %}


{# Every value lies between the limits, and is a whole number where `integer` says so. #}
{% test bisync_in_range(model, column_name, minimum=none, maximum=none, inclusive=true, integer=false) %}
select *
from {{ model }}
where 1 = 0
{% if minimum is not none -%}
   or {{ column_name }} {{ "<" if inclusive else "<=" }} {{ minimum }}
{% endif -%}
{% if maximum is not none -%}
   or {{ column_name }} {{ ">" if inclusive else ">=" }} {{ maximum }}
{% endif -%}
{% if integer -%}
   or {{ column_name }} <> floor({{ column_name }})
{% endif -%}
{% endtest %}


{# Every text fits a regular expression of the warehouse, or none does where it is `negated`. #}
{% test bisync_matches_pattern(model, column_name, pattern, negated=false) %}
select *
from {{ model }}
where {{ "" if negated else "not " }}({{ bisync_fits(column_name, pattern) }})
{% endtest %}

{% macro bisync_fits(text, pattern) -%}
    {{ return(adapter.dispatch("bisync_fits")(text, pattern)) }}
{%- endmacro %}

{% macro default__bisync_fits(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern | replace("'", "''") }}')
{%- endmacro %}

{% macro postgres__bisync_fits(text, pattern) -%}
    {{ text }} ~ '{{ pattern | replace("'", "''") }}'
{%- endmacro %}

{% macro redshift__bisync_fits(text, pattern) -%}
    {{ text }} ~ '{{ pattern | replace("\\", "\\\\") | replace("'", "''") }}'
{%- endmacro %}

{% macro snowflake__bisync_fits(text, pattern) -%}
    regexp_instr({{ text }}, '{{ pattern | replace("\\", "\\\\") | replace("'", "''") }}') > 0
{%- endmacro %}

{% macro bigquery__bisync_fits(text, pattern) -%}
    regexp_contains({{ text }}, '{{ pattern | replace("\\", "\\\\") | replace("'", "\\'") }}')
{%- endmacro %}

{% macro spark__bisync_fits(text, pattern) -%}
    {{ text }} rlike '{{ pattern | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}


{# The newest row is at most so old; a table without a dated row breaks the rule. #}
{% test bisync_recent(model, time_column, interval, unit="hour") %}
select newest
from (
    select cast(max({{ time_column }}) as {{ dbt.type_timestamp() }}) as newest
    from {{ model }}
) as ages
where newest is null
   or newest < {{ dbt.dateadd(unit, -interval, bisync_now()) }}
{% endtest %}


{# The number of rows lies between the limits. #}
{% test bisync_row_count(model, minimum=none, maximum=none) %}
select row_count
from (
    select count(*) as row_count
    from {{ model }}
) as counts
where 1 = 0
{% if minimum is not none -%}
   or row_count < {{ minimum }}
{% endif -%}
{% if maximum is not none -%}
   or row_count > {{ maximum }}
{% endif -%}
{% endtest %}


{# The condition is true in every row; a row in which it is neither true nor false keeps the rule. #}
{% test bisync_always_true(model, condition) %}
select *
from {{ model }}
where not ({{ condition }})
{% endtest %}


{# -- Time ------------------------------------------------------------------------------------------- #}

{# The moment at which the tests look. #}
{% macro bisync_now() -%}
    cast({{ dbt.current_timestamp() }} as {{ dbt.type_timestamp() }})
{%- endmacro %}
