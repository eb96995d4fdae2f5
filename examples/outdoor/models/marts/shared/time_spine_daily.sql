{# PostgreSQL looks the days of a window up in an index; column stores do without. #}
{{ config(indexes=[{'columns': ['date_day'], 'unique': true}] if target.type == 'postgres' else []) }}

-- One row per day of the trading history.

select {{ days_later(first_day(), 'n') }} as date_day
from generate_series(0, 729) as series(n)
