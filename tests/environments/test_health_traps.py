"""What dbt accepts and MetricFlow refuses, or computes otherwise than it reads, is found after a pull."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog.ingest import ingest, read
from catalog.models import Column, Node, Snapshot
from catalog.outcomes import Found as Told
from catalog.outcomes import keep
from environments import health, rejections
from environments.findings import BAD, KINDS, Found
from environments.models import Deployment, Finding
from governance.models import Project
from tests.environments.test_project_health import Files
from tests.factories import make_environment, make_project, work_off
from tests.ready import PROJECT_FILES, Ready
from workspace import runs
from workspace.models import Artifact

pytestmark = pytest.mark.django_db
Manifest = dict[str, Any]
DBT = Path(__file__).parent.parent / "fixtures" / "dbt"


@pytest.fixture
def project(ready: Ready, data_dir: Any) -> Project:
    project = make_project(slug="shop")
    ready.pulled(project)
    ready.live(make_environment(project))
    return project


@pytest.fixture
def semantic(ready: Ready) -> Manifest:
    found: Manifest = json.loads(ready.built.semantic_manifest)
    return found


def metric(manifest: Manifest, name: str) -> Any:
    metrics = manifest["metrics"]
    every = metrics.values() if isinstance(metrics, dict) else metrics
    return next(one for one in every if one["name"] == name)


def pulled(project: Project, manifest: Manifest | None = None, semantic: Manifest | None = None) -> None:
    """As after a pull of other artefacts, with the same commit."""
    snapshot = project.snapshots.get()
    if manifest is not None:
        snapshot.manifest = Artifact.keep("manifest.json", json.dumps(manifest).encode())
        ingest(snapshot, read(snapshot.manifest.content()))
    if semantic is not None:
        snapshot.semantic_manifest = Artifact.keep("semantic_manifest.json", json.dumps(semantic).encode())
    snapshot.save()


def looked(project: Project, **files: str) -> dict[str, list[Found]]:
    code = Files({f"models/{name}.yml": text for name, text in files.items()})
    kinds: dict[str, list[Found]] = {}
    for one in health.placed(health.check(project, health.live_of(project), code), code.read):
        kinds.setdefault(one.kind, []).append(one)
    return kinds


def rejected(project: Project) -> dict[str, list[Found]]:
    kinds: dict[str, list[Found]] = {}
    for one in rejections.check(project.snapshots.get(), health.live_of(project)):
        kinds.setdefault(one.kind, []).append(one)
    return kinds


# -- What MetricFlow says -------------------------------------------------------------------------------


def test_nothing_is_said_against_metrics_that_can_be_computed(project: Project) -> None:
    assert rejected(project) == {}


def test_a_metric_that_metricflow_refuses_is_told_and_those_made_of_it_are_not(
    project: Project, semantic: Manifest
) -> None:
    sql = "{{ Dimension('order__no_such_dimension') }} = 1"
    metric(semantic, "revenue")["filter"] = {"where_filters": [{"where_sql_template": sql}]}
    pulled(project, semantic=semantic)

    (one,) = rejected(project)["refused"]

    assert (one.name, one.file) == ("revenue", "models/metrics.yml")
    assert one.params["why"] == (
        "The given input does not match any of the available group-by-items for SimpleMetric('revenue'): "
        "Dimension('order__no_such_dimension')."
    )


def test_what_metricflow_has_rules_against_is_told_of_the_metric_or_the_semantic_model(
    project: Project, semantic: Manifest
) -> None:
    metric(semantic, "gifts")["label"] = metric(semantic, "buyers")["label"]
    metric(semantic, "average_order")["type_params"]["metrics"][0]["name"] = "no_such_metric"
    customers = next(one for one in semantic["semantic_models"] if one["name"] == "customers")
    customers["dimensions"][1]["name"] = "select"
    pulled(project, semantic=semantic)

    told = rejected(project)

    assert {(one.unique_id, one.name) for one in told["refused"]} == {
        ("metric.gifts", "gifts"),
        ("metric.average_order", "average_order"),
        ("semantic_model.shop.customers", "customers"),
    }
    (warned,) = told["doubted"]
    assert "'no_such_metric' is not used in `expr`" in warned.params["why"]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (
            "{{ Dimension('status') }} = 1",
            (
                "Name is in an incorrect format: 'status'. It should be of the form: "
                "<primary entity name>__<dimension_name>."
            ),
        ),
        (
            "{{ Dimension(name='order__status') ",
            "Error while parsing Jinja template: {{ Dimension(name='order__status').",
        ),
        ("{{ Dimension(order) }} = 1", "'order' is undefined."),
    ],
)
def test_a_filter_that_cannot_be_read_is_told_with_what_is_wrong_with_it(
    project: Project, semantic: Manifest, sql: str, why: str
) -> None:
    metric(semantic, "revenue")["filter"] = {"where_filters": [{"where_sql_template": sql}]}
    pulled(project, semantic=semantic)

    (one,) = rejected(project)["refused"]

    assert one.params["why"] == f"An error occurred while trying to parse filter of metric `revenue`: {why}"


def test_what_packages_bring_is_theirs_to_mend(project: Project, ready: Ready, semantic: Manifest) -> None:
    manifest = ready.manifest
    for one in (manifest, semantic):
        metric(one, "completed_share")["type_params"]["numerator"]["alias"] = None
        metric(one, "average_order")["type_params"]["expr"] = "revenue / orders_total"
        metric(one, "revenue")["filter"] = {"where_filters": [{"where_sql_template": "{{ Dimension(x) }}"}]}
    again = {"name": "presents", "label": "Presents", "unique_id": "metric.shop.presents"}
    manifest["metrics"]["metric.shop.presents"] = metric(manifest, "gifts") | again
    semantic["metrics"].append(metric(semantic, "gifts") | again)
    pulled(project, manifest, semantic)
    before = looked(project)
    assert {one.name for one in before["wrong-ratio"]} == {"completed_share"}
    assert {one.name for one in rejected(project)["refused"]} == {"revenue"}
    assert "same-metric" in before

    theirs = Node.objects.filter(project=project, resource_type="metric")
    theirs.exclude(name="revenue_growth").update(package="elsewhere")

    assert {"wrong-ratio", "bare-division", "same-metric", "contradiction"}.isdisjoint(looked(project))
    # It is made of theirs, and they do not hear of it.
    (one,) = rejected(project)["refused"]
    assert one.name == "revenue_growth"
    assert one.params["why"] == "Error parsing where filter: '{{ Dimension(x) }}': 'x' is undefined."


def test_a_manifest_that_metricflow_cannot_read_is_one_finding_and_an_uploaded_one_none(
    project: Project, semantic: Manifest
) -> None:
    pulled(project, semantic={"semantic_models": 1})
    (one,) = rejected(project)["refused"]
    assert one.name == "semantic_manifest.json"

    pulled(project, semantic={})
    assert rejected(project) == {}


@pytest.mark.dbt
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_a_pull_brings_is_looked_at_and_told_with_its_lines(
    ready: Ready, tmp_path: Path, data_dir: Path, settings: Settings
) -> None:
    """dbt reads all of this without a word."""
    settings.BISYNC_COMPILE = False
    origin = ready.origin(tmp_path / "git")
    project = ready.connected(make_project(url=origin.url)).project
    metrics, schema = PROJECT_FILES["models/metrics.yml"], PROJECT_FILES["models/schema.yml"]
    origin.commit(
        {
            "models/metrics.yml": metrics.replace(
                "Dimension('customer__country')", "Dimension('customer__shoe')"
            )
            .replace(", alias: completed}", "}")
            .replace("nullif(orders_total, 0)", "orders_total"),
            "models/schema.yml": schema.replace("One row for each", "\"{{ env_var('A', 'a') }}\" #"),
        }
    )
    runs.request(kind="pull", project=project)
    test = project.node_tests.get(node__unique_id="model.shop.fct_orders", column="order_id", kind="unique")
    keep(project, "prod", 0, [Told(test.unique_id, "fail", timezone.now())])

    _pull, run = work_off(lineage=True)

    assert run.status == "succeeded", run.error
    found = {one.name: one for one in Finding.objects.filter(project=project).exclude(kind="same-metric")}
    assert {name: one.kind for name, one in found.items()} == {
        "german_revenue": "refused",
        "completed_share": "wrong-ratio",
        "average_order": "bare-division",
        "fct_orders": "environment-in-words",
    }
    assert {one.level for one in found.values()} == {"bad", "warn"}
    for name, one in found.items():
        text = schema if name == "fct_orders" else metrics
        assert f"- name: {name}" in text.splitlines()[one.line - 1]
    assert run.result["lines"].keys() == {test.unique_id}
    assert schema.splitlines()[run.result["lines"][test.unique_id] - 1] == "      - name: order_id"
    assert run.result["findings"] == Finding.objects.filter(project=project).count()


# -- Metrics that are not what they look like -----------------------------------------------------------


def test_two_inputs_of_one_name_are_told_for_metricflow_takes_one_for_the_other(
    project: Project, ready: Ready, semantic: Manifest
) -> None:
    from semantic.query.engine import engine_for

    live = Deployment.objects.get()

    def value() -> float:
        with duckdb.connect(str(live.file)) as connection:
            sql = engine_for(semantic, "duckdb").sql("completed_share")
            ((found,),) = connection.execute(sql).fetchall()
        return float(found)

    right = value()
    assert "wrong-ratio" not in looked(project)
    manifest = ready.manifest
    for one in (manifest, semantic):
        metric(one, "completed_share")["type_params"]["numerator"]["alias"] = None
    pulled(project, manifest)

    (told,) = looked(project)["wrong-ratio"]

    assert (told.name, told.params) == ("completed_share", {"input": "revenue"})
    assert (right < 1, value()) == (True, 1.0)


@pytest.mark.parametrize(
    ("expr", "adapter", "kind", "params"),
    [
        ("orders_total / customers_total", "postgres", "whole-division", {"adapter": "postgres"}),
        ("orders_total / nullif(customers_total, 0) * 100", "postgres", "whole-division", {}),
        ("orders_total / customers_total", "duckdb", "bare-division", {"divisor": "customers_total"}),
        ("100.0 * orders_total / customers_total", "postgres", "bare-division", {}),
        ("cast(orders_total as double precision) / nullif(customers_total, 0)", "postgres", "", {}),
        ("case when customers_total > 0 then orders_total * 1.0 / customers_total end", "postgres", "", {}),
        ("orders_total / 100", "duckdb", "", {}),
        ("orders_total / 100", "postgres", "whole-division", {}),
        ("no sql at all (", "duckdb", "", {}),
    ],
)
def test_a_division_that_is_not_exact_or_not_safe_is_told(
    project: Project, ready: Ready, expr: str, adapter: str, kind: str, params: dict[str, str]
) -> None:
    manifest = ready.manifest
    one = metric(manifest, "average_order")
    inputs = [
        {**one["type_params"]["metrics"][0], "name": name} for name in ("orders_total", "customers_total")
    ]
    one["type_params"] |= {"expr": expr, "metrics": inputs}
    pulled(project, manifest)
    project.snapshots.update(adapter=adapter)

    told = [
        one
        for kind_ in ("whole-division", "bare-division")
        for one in looked(project).get(kind_, ())
        if one.name == "average_order"
    ]

    assert [one.kind for one in told] == ([kind] if kind else [])
    assert all(params.items() <= one.params.items() for one in told)


def test_a_date_without_granularity_and_an_approximate_percentile_are_told_with_their_lines(
    project: Project, ready: Ready
) -> None:
    assert {"no-granularity", "approximate"}.isdisjoint(looked(project))
    manifest = ready.manifest
    orders = manifest["semantic_models"]["semantic_model.shop.orders"]
    orders["dimensions"][1]["type_params"] = None
    high = next(one for one in orders["measures"] if one["name"] == "high_amount")
    high["agg_params"]["use_approximate_percentile"] = True
    pulled(project, manifest)
    text = "semantic_models:\n  - name: orders\n    dimensions:\n      - name: delivered_on\n    measures:\n      - name: high_amount\n"

    told = looked(project, semantics=text)

    (date,), (percentile,) = told["no-granularity"], told["approximate"]
    assert (date.params, date.file, date.line) == (
        {"dimension": "delivered_on"},
        "models/semantics.yml",
        4,
    )
    assert (percentile.params, percentile.line) == ({"measure": "high_amount"}, 6)


# -- What dbt left out ----------------------------------------------------------------------------------


def test_a_setting_that_dbt_left_out_of_a_metric_is_told() -> None:
    """dbt 1.12 wrote this manifest: it knows no `fill_nulls_with` of what is written inside a model."""
    project = make_project(slug="spelling")
    content = gzip.decompress((DBT / "manifest-1.12-in-model.json.gz").read_bytes())
    snapshot = Snapshot.objects.create(
        project=project,
        commit="c" * 40,
        adapter="duckdb",
        manifest=Artifact.keep("manifest.json", content),
        semantic_manifest=Artifact.keep("semantic_manifest.json", b"{}"),
    )
    ingest(snapshot, read(content))
    written = (DBT / "in_model/models/semantic.yml").read_text()
    assert looked(project, semantic=written) == {}
    orders = "name: orders, type: simple,"
    assert orders in written

    told = looked(project, semantic=written.replace(orders, f"{orders} fill_nulls_with: 0,"))

    ((one,),) = told.values()
    assert (one.kind, one.name, one.params) == ("setting-lost", "orders", {"setting": "fill_nulls_with: 0"})
    assert written.splitlines()[one.line - 1].strip().startswith("- {name: orders")


def test_semantics_of_a_versioned_model_that_dbt_left_out_are_told(project: Project, ready: Ready) -> None:
    manifest = ready.manifest
    model = manifest["nodes"]["model.shop.days"]
    model |= {"version": 2, "latest_version": 2}
    pulled(project, manifest)
    text = "models:\n  - name: days\n    versions: [{v: 2}]\n"

    assert "semantics-lost" not in looked(project, schema=text)
    (told,) = looked(project, schema=f"{text}    semantic_model: {{enabled: true}}\n")["semantics-lost"]

    assert (told.name, told.line) == ("days", 2)


def test_words_that_are_made_with_a_variable_of_the_machine_are_told(project: Project) -> None:
    text = """models:
  - name: fct_orders
    description: "Orders of {{ env_var('SHOP', 'the shop') }}"
    config: {enabled: "{{ env_var('ON', 'true') }}"}
    columns:
      - name: order_id
        description: "{{ doc('order') }}"
      - {name: status, meta: {owner: "{{ env_var('OWNER', 'me') }}"}}
"""

    told = looked(project, schema=text)["environment-in-words"]

    assert [(one.name, one.params["field"], one.line) for one in told] == [
        ("fct_orders", "description", 2),
        ("fct_orders", "status.meta.owner", 8),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{%- set x = env_var('A') %}{{ x }}", True),
        ("{{ {'a': 1}['a'] ~ env_var('A') }}", True),
        (f"{'Long. ' * 200}{{{{ env_var('A') | upper }}}}", True),
        ("{# {{ env_var('A') }} #}", False),
        ("It is read by {% raw %}{{ env_var('A') }}{% endraw %}", False),
        ("{{ env_var('A') ", False),
        ("{{ 'env_var' }} {{ dbt.env_var('A') }}", False),
    ],
)
def test_words_depend_on_the_machine_where_a_variable_is_read_and_not_where_it_is_named(
    project: Project, text: str, told: bool
) -> None:
    entry = {"name": "fct_orders", "config": {"meta": {"owners": ["me", {"else": text}]}}}

    found = looked(project, schema=json.dumps({"models": [entry]}))

    assert [one.params["field"] for one in found.get("environment-in-words", ())] == ["meta.owners"] * told


# -- Contracts ------------------------------------------------------------------------------------------


def test_columns_otherwise_than_in_an_enforced_contract_are_told(project: Project, ready: Ready) -> None:
    manifest = ready.manifest
    customers = manifest["nodes"]["model.shop.dim_customers"]
    customers["contract"] = {"enforced": True, "alias_types": True, "checksum": None}
    types = {"customer_id": "varchar", "country": "varchar", "tier": "varchar", "gone": "date"}
    customers["columns"] = {
        name: {**customers["columns"]["customer_id"], "name": name, "data_type": kind}
        for name, kind in types.items()
    }
    pulled(project, manifest)

    told = looked(project)

    apart = {
        one.params["column"]: (one.params["declared"], one.params["found"]) for one in told["contract-broken"]
    }
    assert apart == {
        "customer_id": ("varchar", "INTEGER"),
        "gone": ("date", "no such column"),
        "signed_up_on": ("nothing", "DATE"),
    }
    assert "dim_customers" not in {one.name for one in told.get("type-drift", ())}


def test_a_column_that_only_the_yaml_knows_is_told_of_what_has_no_sql_to_read(project: Project) -> None:
    node = Node.objects.get(project=project, unique_id="model.shop.dim_customers")
    Column.objects.create(node=node, name="shoe_size", position=9)

    (told,) = looked(project)["column-absent"]

    assert (told.name, told.params["columns"]) == ("dim_customers", "shoe_size")
    Deployment.objects.update(commit="b" * 40)
    assert "column-absent" not in looked(project)


# -- The words ------------------------------------------------------------------------------------------


def test_every_kind_says_what_to_do_and_the_worst_come_first() -> None:
    levels = [kind.level for kind in KINDS.values()]

    assert levels == sorted(levels, key=lambda level: level != BAD)
    for slug, kind in KINDS.items():
        assert str(kind.remedy).endswith("."), slug
        assert str(kind.title)[0].isupper(), slug
