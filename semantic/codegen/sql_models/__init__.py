"""dbt models written as a careful guest: in the project's own style, and every other byte as it was."""
