"""Data quality rules: what dbt's tests, constraints and freshness promise, in the words of a business."""
