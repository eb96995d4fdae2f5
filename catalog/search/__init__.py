"""The search over what dbt knows: one row for each thing, found by words, best first, on either database."""
