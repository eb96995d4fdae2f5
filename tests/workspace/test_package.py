"""The dbt package: annotations are plain SQL on both warehouses, and arrive as what columns are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.ingest import read
from catalog.reading import NodeRecord, node_record
from semantic.importer import vocabulary
from tests.workspace.projects import duckdb_at, tiny
from workspace.dbt import artifacts, packages
from workspace.dbt.errors import BisyncError
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location

pytestmark = pytest.mark.dbt

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dbt_package"
CUSTOMERS = """
select 1 as customer_id, 'Ann' as customer_name, cast('2026-01-02' as date) as registration_date,
    'gold' as customer_tier, 1200 as lifetime_value, 40.5 as avg_order_value
"""
# As people write it down: two names for each macro, docs at the end of a model.
ANALYTICS = """
{{ config(
    materialized='table',
    omni_sync=true,
    omni_semantic_layer='customer_analytics'
) }}

WITH customer_base AS (
  SELECT
    customer_id,
    customer_name,
    registration_date,
    {{ omni_dimension('customer_tier', 'Customer value classification') }},
    {{ omni_measure('lifetime_value', 'Total customer lifetime value', 'sum') }},
    {{ omni_measure('avg_order_value', 'Average order value per customer', 'average') }}
  FROM {{ ref('raw_customers') }}
),

enriched_customer_data AS (
  SELECT
    cb.*,
    {{ omni_generated_calculation('customer_health_score') }},
    {{ bisync_generated_calculation('churn_risk_indicator') }},
    {{ bisync.generated_calculation('next_best_action') }},
    {{ bisync_measure('doubled', agg='sum', expr='lifetime_value * 2') }}
  FROM customer_base cb
)

SELECT * FROM enriched_customer_data

{% docs customer_analytics_table %}
Customer analytics.
{% enddocs %}
"""
CALCULATIONS = """
{% macro bisync_calculation_customer_health_score() %}case when lifetime_value > 1000 then 100 else 50 end{% endmacro %}
{% macro bisync_calculation_churn_risk_indicator() %}'low'{% endmacro %}
{% macro bisync_calculation_next_best_action() %}case customer_tier when 'gold' then 'call' end{% endmacro %}
"""


def files(**more: str) -> dict[str, str]:
    package = {
        f"packages/bisync/{file.relative_to(PACKAGE)}": file.read_text()
        for file in PACKAGE.rglob("*")
        if file.is_file()
    }
    return {
        **package,
        "packages.yml": "packages: [{local: packages/bisync}]\n",
        "macros/bisync.sql": (PACKAGE / "shims" / "bisync.sql").read_text(),
        "macros/bisync_calculations.sql": CALCULATIONS,
        "models/raw_customers.sql": CUSTOMERS,
        "models/customer_analytics.sql": ANALYTICS,
        **more,
    }


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    return request.getfixturevalue("postgres") if request.param == "postgres" else duckdb_at(tmp_path / "v1")


def record(manifest: bytes) -> NodeRecord:
    return node_record(read(manifest).nodes["model.tiny.customer_analytics"])


def test_annotations_build_and_arrive(place: Location, tmp_path: Path) -> None:
    dbt = tiny(tmp_path, files(), location=place)
    dbt.deps()
    manifest = (dbt.build().require_success().target_path / "manifest.json").read_bytes()

    with open_warehouse(place) as warehouse:
        table = f'"{place.schema}"."customer_analytics"'
        wanted = "customer_tier, lifetime_value, customer_health_score, churn_risk_indicator, next_best_action, doubled"
        (row,) = warehouse.query(f"select {wanted} from {table}", limit=2).rows
    assert [*row] == ["gold", 1200, 100, "low", "call", 2400]

    node = record(manifest)
    told = {column.name: (column.fields["annotation"], column.description) for column in node.columns}
    assert told == {
        "customer_tier": ({"kind": "dimension"}, "Customer value classification"),
        "lifetime_value": ({"kind": "measure", "agg": "sum"}, "Total customer lifetime value"),
        "avg_order_value": ({"kind": "measure", "agg": "average"}, "Average order value per customer"),
        "customer_health_score": ({"kind": "calculation"}, ""),
        "churn_risk_indicator": ({"kind": "calculation"}, ""),
        "next_best_action": ({"kind": "calculation"}, ""),
        "doubled": ({"kind": "measure", "agg": "sum"}, ""),
    }
    assert node.meta == {}
    names = vocabulary(artifacts.read_manifest(manifest), {})
    columns = {column.name: column.description for column in names.models["customer_analytics"].columns}
    assert columns["customer_tier"] == "Customer value classification"


def vendored(**more: str) -> dict[str, str]:
    """The project with the package already where dbt looks for it."""
    there = {name.replace("packages/", "dbt_packages/", 1): text for name, text in files(**more).items()}
    return {name: text for name, text in there.items() if name != "packages.yml"}


def test_the_entry_says_it_better_and_a_model_may_say_no(tmp_path: Path) -> None:
    entry = "models: [{name: customer_analytics, columns: [{name: LIFETIME_VALUE, description: Mine}]}]"
    off = ANALYTICS.replace("omni_sync=true", "omni_sync=false")
    off = off.replace("customer_analytics_table", "another")
    dbt = tiny(tmp_path, vendored(**{"models/schema.yml": entry, "models/silent.sql": off}))
    manifest = (dbt.parse() / "manifest.json").read_bytes()

    columns = {one.name: one for one in record(manifest).columns}
    assert columns["LIFETIME_VALUE"].description == "Mine"
    assert columns["LIFETIME_VALUE"].fields["annotation"] == {"kind": "measure", "agg": "sum"}
    assert "lifetime_value" not in columns
    assert node_record(read(manifest).nodes["model.tiny.silent"]).columns == ()


def test_a_calculation_that_nobody_published_is_told_by_name(tmp_path: Path) -> None:
    dbt = tiny(tmp_path, vendored(**{"macros/bisync_calculations.sql": ""}))

    with pytest.raises(BisyncError) as told:
        dbt.parse()

    assert "no calculation customer_health_score" in str(told.value)


def test_the_example_has_the_package_as_it_is() -> None:
    example = ROOT / "examples" / "outdoor"

    assert (example / "packages" / "bisync").resolve() == PACKAGE
    assert (example / "macros" / "bisync.sql").read_text() == (PACKAGE / "shims" / "bisync.sql").read_text()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("packages:\n  - local: packages/bisync\n  - package: dbt-labs/dbt_utils\n    version: 1.0.0\n",
         ["packages/bisync", "dbt-labs/dbt_utils"]),
        ("packages: [{local: packages/bisync}, {git: 'https://x.org/a/b-c.git', revision: v1}]",
         ["packages/bisync", "https://x.org/a/b-c.git"]),
        ("packages:\n  - git: {{ env_var('WHERE') }}/a.git\n", ["{{ env_var('WHERE') }}/a.git"]),
        ("packages: 1", []),
        ("packages: [{local: " + "x" * 5000 + "}]", ["x" * 5000]),
        ("packages:\n - package: a" + " " * 200_000 + "x\n - {\n", ["a" + " " * 200_000 + "x"]),
        ("", []),
    ],
)  # fmt: skip
def test_packages_are_found_however_the_list_is_written(tmp_path: Path, text: str, names: list[str]) -> None:
    (tmp_path / "packages.yml").write_text(text)

    assert packages.listed(tmp_path) == packages.missing(tmp_path) == names


def test_a_package_of_the_repository_has_the_name_that_it_says(tmp_path: Path) -> None:
    (tmp_path / "packages.yml").write_text("packages: [{local: packages/ours}]")
    (tmp_path / "packages" / "ours").mkdir(parents=True)
    (tmp_path / "packages" / "ours" / "dbt_project.yml").write_text("name: bisync")
    (tmp_path / "dbt_packages" / "bisync").mkdir(parents=True)

    assert packages.missing(tmp_path) == []


def test_only_what_lies_in_the_repository_is_linked_where_the_project_wants_it(tmp_path: Path) -> None:
    project = tmp_path / "transform"
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "dbt_project.yml").write_text("name: shared_macros")
    project.mkdir()
    (project / "dbt_project.yml").write_text("name: shop\npackages-install-path: vendor/dbt\n")
    (project / "packages.yml").write_text("packages: [{local: ../ours}, {package: a/b, version: 1.0.0}]")

    assert not packages.link_local(project)
    assert not (project / "vendor").exists()

    (project / "packages.yml").write_text("packages: [{local: ../ours}]")
    assert packages.link_local(project)
    link = project / "vendor" / "dbt" / "shared_macros"
    assert (link.is_symlink(), link.resolve()) == (True, tmp_path / "ours")
    assert packages.missing(project) == []

    (project / "packages.yml").write_text("packages: [{local: ../nowhere}]")
    assert not packages.link_local(project)
