{# PostgreSQL looks the days of a window up in an index; column stores do without. #}
{{ config(indexes=[{'columns': ['date_day'], 'unique': true}] if target.type == 'postgres' else []) }}

-- One row per day of the five years that end on the last day of the data: from before the first account was opened.
-- DuckDB picks the fast join for windows of days only when there are more than a thousand of them.

select {{ days_later(last_day(), 'n') }} as date_day
from generate_series(-1825, 0) as series(n)
