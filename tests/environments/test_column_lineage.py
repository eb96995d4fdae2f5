"""Column lineage of a project: read from what builds made, and compiled where nothing was built."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from catalog.models import NodeLineage
from environments.models import Environment
from tests.factories import make_project, work_off
from tests.fakes.git_remote import Origin
from tests.ready import Ready
from workspace import runs
from workspace.models import Run, RunCommand

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]


@pytest.fixture
def origin(ready: Ready, tmp_path: Path, data_dir: Path) -> Origin:
    return ready.origin(tmp_path / "git")


@pytest.fixture
def production(ready: Ready, origin: Origin) -> Environment:
    """Version 1 is live there."""
    return ready.connected(make_project(url=origin.url))


def traced(environment: Environment) -> Run:
    """The run that brings lineage in step."""
    runs.request(kind="catalog.lineage", project=environment.project)
    (run,) = work_off(lineage=True)
    assert run.status == "succeeded", run.error
    return run


def lineage(name: str) -> NodeLineage:
    return NodeLineage.objects.get(node__name=name, node__resource_type="model")


def test_lineage_is_read_from_what_a_build_made_without_any_work_of_dbts(production: Environment) -> None:
    run = traced(production)

    assert (run.result["models"], run.result["traced"], run.result["problems"]) == (4, 4, {})
    assert not RunCommand.objects.filter(run=run).exists()
    orders = lineage("fct_orders")
    assert "order_id" in [name for name, _parents, _known in orders.columns]
    assert "select" in orders.code.lower()

    assert traced(production).result["traced"] == 0
    assert lineage("fct_orders").changed_at == orders.changed_at


def test_what_was_pulled_and_not_built_is_compiled_and_what_fails_is_left_out(
    production: Environment, origin: Origin, settings: Settings
) -> None:
    traced(production)
    before = lineage("fct_orders").changed_at
    settings.BISYNC_COMPILE = True
    origin.commit(
        {
            "models/big_orders.sql": "select order_id as big_id, net_amount * 2 as twice\n"
            "from {{ ref('fct_orders') }}\nwhere status = {{ quoted('paid') }}\n",
            "models/refuses.sql": "{% if execute %}{{ exceptions.raise_compiler_error('No.') }}{% endif %}"
            "select 1 as one\n",
            "models/asks.sql": "select {{ run_query('select 1').columns[0].values()[0] if execute else 1 }} as one\n",
            "macros/quoted.sql": "{% macro quoted(text) %}'{{ text }}'{% endmacro %}\n",
        }
    )
    runs.request(kind="pull", project=production.project)

    pull, run = work_off(lineage=True)

    assert (pull.status, run.kind, run.status) == ("succeeded", "catalog.lineage", "succeeded")
    compiled = RunCommand.objects.filter(run=run, name="dbt compile")
    assert [c.argv[c.argv.index("--select") + 1 :][:2] for c in compiled] == [["big_orders", "refuses"]] * 2
    found = lineage("big_orders")
    orders = "model.shop.fct_orders"
    assert found.columns == [
        ["big_id", [[orders, "order_id", 0]], True],
        ["twice", [[orders, "net_amount", 1]], True],
    ]
    assert found.rows == [[orders, "status"]]
    assert "status = 'paid'" in found.code
    assert (lineage("refuses").problem, lineage("asks").problem) == ("not-compiled", "asks-warehouse")
    assert run.result["problems"] == {"not-compiled": 1, "asks-warehouse": 1}
    assert lineage("fct_orders").changed_at == before

    # Another macro makes other SQL of the same model; here the operator wants no more work after a pull.
    settings.BISYNC_COMPILE = False
    origin.commit({"macros/quoted.sql": "{% macro quoted(text) %}upper('{{ text }}'){% endmacro %}\n"})
    runs.request(kind="pull", project=production.project)
    _pull, run = work_off(lineage=True)
    assert not RunCommand.objects.filter(run=run).exists()
    assert (lineage("big_orders").problem, lineage("big_orders").columns) == ("not-compiled", [])
    assert lineage("fct_orders").problem == ""
