"""Data quality rules as dbt's tests: the other direction of `catalog.quality`."""
