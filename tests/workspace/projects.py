"""Small dbt projects, and a recorder of the commands that run on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bisync.lib.process import Finished
from workspace.dbt.runner import Dbt, DbtProject
from workspace.warehouse.location import Location

TINY = {
    "dbt_project.yml": "name: tiny\nversion: '1.0'\nprofile: tiny\n",
    "models/one.sql": "select 1 as id\n",
    "models/two.sql": "select id from {{ ref('one') }}\n",
}

SHOP = {
    # None of these flags may change what Bisync gets to see.
    "dbt_project.yml": """
name: shop
version: "1.0"
profile: "{{ env_var('COMPANY') }}"
flags: {quiet: true, write_json: false, log_format: text, debug: true, partial_parse: true}
models:
  shop:
    marts: {+materialized: table, +tags: [mart], +meta: {team: sales}}
vars: {rate: 1}
""",
    # Not ours: neither may be read.
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: 'wrong.duckdb'}}}\n",
    ".env": "DBT_TARGET=wrong\n",
    "seeds/raw_orders.csv": "id,amount,country,ordered_on\n1,10,DE,2026-01-05\n2,20,FR,2026-01-06\n",
    "models/staging/orders.sql": """
select id, amount * {{ var('rate') }} as amount, country, cast(ordered_on as date) as ordered_on,
       '{{ env_var("REGION") }}' as region
from {{ ref('raw_orders') }}
""",
    "models/marts/revenue.sql": "select country, sum(amount) as revenue from {{ ref('orders') }} group by 1\n",
    "models/marts/days.sql": "select cast('2026-01-05' as date) as date_day\n",
    "models/docs.md": "{% docs country %}Where the order came from.{% enddocs %}\n",
    "macros/cents.sql": "{% macro cents(column) %} {{ column }} * 100 {% endmacro %}\n",
    "snapshots/orders_history.yml": """
snapshots:
  - name: orders_history
    relation: ref('raw_orders')
    config: {unique_key: id, strategy: check, check_cols: all}
""",
    "tests/revenue_is_positive.sql": "select * from {{ ref('revenue') }} where revenue < 0\n",
    "models/schema.yml": """
groups:
  - name: finance
    owner: {name: Finance, email: finance@example.com}

sources:
  - name: crm
    schema: raw
    tables:
      - name: people
        description: Everybody
        columns: [{name: id}]

models:
  - name: orders
    description: One row per order
    config: {group: finance, access: protected, meta: {owner: ana}}
    columns:
      - name: id
        data_type: integer
        constraints: [{type: not_null}]
        data_tests: [unique, not_null]
      - name: country
        description: "{{ doc('country') }}"
        config: {meta: {pii: false}}
        data_tests:
          - accepted_values:
              arguments: {values: [DE]}
              config: {severity: warn}
  - name: days
    time_spine: {standard_granularity_column: date_day}
    columns: [{name: date_day, granularity: day}]

unit_tests:
  - name: sums_by_country
    model: revenue
    given:
      - {input: ref('orders'), rows: [{country: DE, amount: 1}, {country: DE, amount: 2}]}
    expect: {rows: [{country: DE, revenue: 3}]}

semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_on}
    entities: [{name: order, type: primary, expr: id}]
    dimensions:
      - {name: ordered_on, type: time, type_params: {time_granularity: day}}
      - {name: country, type: categorical}
    measures: [{name: amount, agg: sum}]

metrics:
  - name: revenue
    label: Revenue
    type: simple
    type_params: {measure: amount}
    config: {meta: {unit: EUR}}

saved_queries:
  - name: by_country
    query_params: {metrics: [revenue], group_by: ["Dimension('order__country')"]}

exposures:
  - name: weekly
    type: dashboard
    url: https://example.com/weekly
    maturity: high
    owner: {name: Ana, email: ana@example.com}
    depends_on: [ref('revenue'), metric('revenue')]
""",
}


def write(folder: Path, files: Mapping[str, str], **changes: str) -> Path:
    """Write a project; `changes` replace or add files."""
    for name, text in {**files, **changes}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def duckdb_at(folder: Path) -> Location:
    return Location(adapter="duckdb", schema="main", path=str(folder / "wh.duckdb"))


def tiny(tmp_path: Path, files: Mapping[str, str] = {}, **options: Any) -> Dbt:
    """The tiny project with `files` changed, ready for a command."""
    options.setdefault("location", duckdb_at(tmp_path / "v1"))
    folder = write(tmp_path / "project", {**TINY, **files})
    return Dbt(DbtProject(folder=folder, workdir=tmp_path / "run", target="prod", **options))


class Recorded:
    """Keeps commands and lines; says `stopped` as soon as a line holds `stop_at`."""

    def __init__(self, *, stop_at: str = "") -> None:
        self.commands: list[tuple[str, list[str]]] = []
        self.lines: list[str] = []
        self._stop_at = stop_at

    def begin(self, name: str, argv: Sequence[str]) -> Callable[[str], None]:
        self.commands.append((name, list(argv)))
        return self.lines.append

    def finish(self, finished: Finished) -> None:
        pass

    def stopped(self) -> bool:
        return bool(self._stop_at) and any(self._stop_at in line for line in self.lines)
