{#
  Written by Bisync, version 1. One generic test: a metric's value keeps its limits in every period.
  It needs no package and runs on DuckDB and PostgreSQL. Bisync writes this file once and never edits it.

    expression     the metric as an aggregate over the model's rows
    condition      which rows count (optional)
    time_column    what dates the rows; with `grain`, the value is computed for every period
    minimum        the lowest value allowed
    maximum        the highest value allowed
    allow_blank    whether a period may be without a value
#}
{% test bisync_metric_in_range(
    model, expression, condition=none, time_column=none, grain="month", minimum=none, maximum=none, allow_blank=true
) %}
with metric_values as (
    select
        {% if time_column is not none -%}
        {{ dbt.date_trunc(grain, time_column) }} as metric_period,
        {% endif -%}
        {{ expression }} as metric_value
    from {{ model }}
    where 1 = 1
    {% if condition is not none -%}
      and ({{ condition }})
    {% endif -%}
    {% if time_column is not none -%}
      and {{ time_column }} is not null
    group by 1
    {% endif -%}
)
select *
from metric_values
where 1 = 0
{% if not allow_blank -%}
   or metric_value is null
{% endif -%}
{% if minimum is not none -%}
   or metric_value < {{ minimum }}
{% endif -%}
{% if maximum is not none -%}
   or metric_value > {{ maximum }}
{% endif -%}
{% endtest %}
