"""What was written in dbt's latest spec, as dbt 1.12 read it once: the files, the formulas and the numbers.

The manifests, and the files that they were made of, are kept in tests/fixtures/dbt by its make_manifests, which
also has dbt 1.12 build them and read them again with what it remembers of the files before.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from semantic.codegen.metrics import compile_metric
from semantic.definitions import Vocabulary
from semantic.importer import vocabulary
from semantic.query.engine import Engine, engine_for, with_relations
from semantic.query.spec import PeriodsOnly, QuerySpec, Unsupported
from semantic.query.sql import metric_sql
from tests.semantic import latest_shop
from tests.semantic.published import ALONG, PUBLISHED, TOTALS, draft_of, require_as_read
from tests.semantic.shop import RELATIONS, day, plain

FIXTURES = Path(__file__).parents[2] / "fixtures" / "dbt" / "latest"


def kept(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(gzip.decompress((FIXTURES / f"{name}.json.gz").read_bytes()))
    return data


@pytest.fixture(scope="module")
def before() -> Vocabulary:
    """The shop as its analysts left it."""
    return vocabulary(kept("before"), kept("semantic"), latest_shop.columns())


@pytest.fixture(scope="module")
def after() -> Vocabulary:
    """The shop as dbt 1.12 read it after every formula had been written into it."""
    return vocabulary(kept("after"), kept("semantic"), latest_shop.columns())


@pytest.fixture(scope="module")
def engine(after: Vocabulary) -> Engine:
    places = {name: f"main.{name}" for name in RELATIONS}
    return engine_for(with_relations(kept("semantic"), places, after), "duckdb")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with latest_shop.tables() as connection:
        yield connection


def test_the_files_are_those_that_dbt_read(before: Vocabulary) -> None:
    files = latest_shop.written(before)

    found = {
        path: text for path, text in files.items() if path.startswith("models/") and path.endswith(".yml")
    }
    read = {
        str(file.relative_to(FIXTURES / "written")): file.read_text(encoding="utf-8")
        for file in FIXTURES.glob("written/models/*.yml")
    }
    assert found == read
    assert latest_shop.written(before) == files


def test_no_line_of_the_analysts_is_touched(before: Vocabulary) -> None:
    files = latest_shop.written(before)

    for path in ("models/schema.yml", "models/metrics.yml"):
        rest = iter(files[path].splitlines())
        assert all(line in rest for line in latest_shop.FILES[path].lstrip().splitlines()), path


def test_what_was_written_comes_back_as_it_was_meant(before: Vocabulary, after: Vocabulary) -> None:
    assert {name: after.metrics[name].formula for name in PUBLISHED} == {
        name: formula for name, (formula, _model, _time) in PUBLISHED.items()
    }
    assert {metric.spec for metric in after.metrics.values()} == {"latest"}
    assert after.metrics["big_order_share_numerator"].helper_of == "big_order_share"
    assert (after.metrics["gift_share"].group, after.metrics["gift_share"].label) == ("sales", "Gift Share")
    visits = after.models["fct_visits"].semantic
    assert visits is not None
    assert (visits.spec, visits.own_entity, visits.agg_time_dimension) == (
        "latest",
        "visits_row",
        "visited_on",
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_there_will_be_is_known_before_dbt_reads_it(
    before: Vocabulary, after: Vocabulary, name: str
) -> None:
    code = compile_metric(draft_of(name, before), before, keys=before.keys)

    require_as_read(code, after)


@pytest.mark.parametrize("grain", [None, "day", "week", "month", "quarter"])
def test_metricflow_computes_what_the_formula_says(
    before: Vocabulary, engine: Engine, warehouse: duckdb.DuckDBPyConnection, grain: Any
) -> None:
    apart, compared = {}, 0
    for name, (_formula, _model, time) in PUBLISHED.items():
        tree = draft_of(name, before).formula.tree
        assert tree is not None
        spec = QuerySpec(grain=grain)
        try:
            ours = metric_sql(tree, before, RELATIONS, dialect="duckdb", spec=spec, time_column=time)
        except (PeriodsOnly, Unsupported):
            continue
        found = [answer(warehouse, sql) for sql in (ours, engine.sql(name, grain=grain))]
        compared += 1
        if found[0] != found[1]:
            apart[name] = found
    assert apart == {}
    assert compared >= 30


def test_the_totals_are_those_counted_by_hand(engine: Engine, warehouse: duckdb.DuckDBPyConnection) -> None:
    found = {name: answer(warehouse, engine.sql(name)).get(None) for name in TOTALS}

    assert found == {name: value if value is None else plain(value) for name, value in TOTALS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("grain", [None, "month"])
def test_the_same_files_give_the_same_numbers_on_postgresql(
    after: Vocabulary,
    warehouse: duckdb.DuckDBPyConnection,
    engine: Engine,
    postgres: psycopg.Connection[Any],
    grain: Any,
) -> None:
    places = {name: f"public.{name}" for name in RELATIONS}
    there = engine_for(with_relations(kept("semantic"), places, after), "postgres")
    apart = {}
    for name in PUBLISHED.keys() - (set() if grain else ALONG):
        rows = postgres.execute(there.sql(name, grain=grain).encode()).fetchall()
        found = answer(warehouse, engine.sql(name, grain=grain)), answer_of(rows)
        if found[0] != found[1]:
            apart[name] = found
    assert apart == {}


def answer(warehouse: duckdb.DuckDBPyConnection, sql: str) -> dict[Any, Any]:
    return answer_of(warehouse.execute(sql).fetchall())


def answer_of(rows: list[tuple[Any, ...]]) -> dict[Any, Any]:
    """Period → value, or the one value; blanks left out."""
    pairs = [(day(row[0]) if len(row) > 1 else None, plain(row[-1])) for row in rows if row[0] is not None]
    return {period: value for period, value in pairs if value is not None}
