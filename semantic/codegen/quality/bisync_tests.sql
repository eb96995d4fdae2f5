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
   or newest < cast({{ dbt.dateadd(unit, -interval, bisync_now()) }} as {{ dbt.type_timestamp() }})
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


{# -- Metrics ---------------------------------------------------------------------------------------- #}

{#
  The value of a metric in each period.

    expression     the metric as an aggregate over the model's rows
    condition      which rows count (optional)
    time_column    what dates the rows
    grain          day, week, month, quarter or year
#}
{% macro bisync_metric_values(model, expression, condition, time_column, grain) -%}
    select
        {{ dbt.date_trunc(grain, time_column) }} as metric_period,
        {{ expression }} as metric_value
    from {{ model }}
    where {{ time_column }} is not null
    {% if condition is not none -%}
      and ({{ condition }})
    {% endif -%}
    group by 1
{%- endmacro %}


{#
  From one complete period to the next, the value grows by at most `increase` and falls by at most `decrease`
  percent. Values below `base`, from which everything is a big step, are left out.
#}
{% test bisync_metric_change_within(
    model, expression, time_column, condition=none, grain="month", increase=none, decrease=none, base=0
) %}
with metric_values as (
    {{ bisync_metric_values(model, expression, condition, time_column, grain) }}
),
metric_changes as (
    select
        metric_period,
        metric_value,
        lag(metric_value) over (order by metric_period) as value_before,
        lag(metric_period) over (order by metric_period) as period_before
    from metric_values
    where metric_period < {{ dbt.date_trunc(grain, bisync_now()) }}
)
select *
from metric_changes
where value_before <> 0
  and abs(value_before) >= {{ base }}
  and period_before = {{ bisync_period_before("metric_period", grain) }}
  and (
    1 = 0
    {% if increase is not none -%}
    or 100.0 * (metric_value - value_before) / abs(value_before) > {{ increase }}
    {% endif -%}
    {% if decrease is not none -%}
    or 100.0 * (value_before - metric_value) / abs(value_before) > {{ decrease }}
    {% endif -%}
  )
{% endtest %}


{#
  In every period, none of the metrics is above the one before it: visits, sign-ups, purchases. The last of the
  `steps` is the metric itself; each has `expression`, `condition`, `time_column`, and `model` where it is
  another one.
#}
{% test bisync_metric_progression(model, steps, grain="month") %}
with metric_steps as (
    {% for step in steps -%}
    select {{ loop.index }} as step, metric_period, metric_value
    from (
        {{ bisync_metric_values(
            step.get("model") or model, step["expression"], step.get("condition"), step["time_column"], grain
        ) }}
    ) as step_{{ loop.index }}
    {{ "union all" if not loop.last }}
    {% endfor -%}
)
select
    later.metric_period,
    later.step,
    later.metric_value,
    earlier.metric_value as value_before
from metric_steps as later
left join metric_steps as earlier
    on earlier.step = later.step - 1
    and earlier.metric_period = later.metric_period
where later.step > 1
  and later.metric_value > coalesce(earlier.metric_value, 0)
{% endtest %}


{#
  In every period, the value is that of another metric, give or take `tolerance` percent of it. `other` is what
  that one is called, `other_model` its model where it is another one.
#}
{% test bisync_metric_matches(
    model, expression, time_column, other, other_expression, other_time_column,
    condition=none, other_model=none, other_condition=none, grain="month", tolerance=0
) %}
with metric_values as (
    {{ bisync_metric_values(model, expression, condition, time_column, grain) }}
),
other_values as (
    {{ bisync_metric_values(other_model or model, other_expression, other_condition, other_time_column, grain) }}
),
metric_pairs as (
    select
        coalesce(metric_values.metric_period, other_values.metric_period) as metric_period,
        metric_values.metric_value,
        other_values.metric_value as other_value
    from metric_values
    full outer join other_values on metric_values.metric_period = other_values.metric_period
)
select *
from metric_pairs
where (metric_value is null and other_value is not null)
   or (metric_value is not null and other_value is null)
   or abs(metric_value - other_value) > {{ tolerance }} / 100.0 * abs(other_value)
{% endtest %}


{#
  The value of the last complete period lies within `sigma` standard deviations of those of the `periods` before
  it; with fewer than half of them, nobody knows.
#}
{% test bisync_metric_within_history(
    model, expression, time_column, condition=none, grain="day", periods=28, sigma=3
) %}
{%- set before = "over (order by metric_period rows between " ~ periods ~ " preceding and 1 preceding)" %}
with metric_values as (
    {{ bisync_metric_values(model, expression, condition, time_column, grain) }}
),
metric_history as (
    select
        metric_period,
        metric_value,
        avg(metric_value) {{ before }} as usual_value,
        stddev_samp(metric_value) {{ before }} as usual_deviation,
        count(metric_value) {{ before }} as known_periods,
        row_number() over (order by metric_period desc) as age
    from metric_values
    where metric_period < {{ dbt.date_trunc(grain, bisync_now()) }}
)
select *
from metric_history
where age = 1
  and known_periods >= {{ [periods // 2, 2] | max }}
  and abs(metric_value - usual_value) > {{ sigma }} * usual_deviation + 0.000000001 * abs(usual_value)
{% endtest %}


{# -- Time ------------------------------------------------------------------------------------------- #}

{# The moment at which the tests look. #}
{% macro bisync_now() -%}
    cast({{ dbt.current_timestamp() }} as {{ dbt.type_timestamp() }})
{%- endmacro %}

{# The beginning of the period before the one that begins there. #}
{% macro bisync_period_before(period, grain) -%}
    cast(
        {{ dbt.dateadd("month" if grain == "quarter" else grain, -3 if grain == "quarter" else -1, period) }}
        as {{ dbt.type_timestamp() }}
    )
{%- endmacro %}
