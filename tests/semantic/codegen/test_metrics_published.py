"""What was written to a dbt project, read back by dbt and computed by MetricFlow: the formula's own numbers."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from semantic.codegen.entries import Refused
from semantic.codegen.metrics import MetricDraft
from semantic.formula.tree import MetricRef
from semantic.query.engine import engine_for, with_relations
from semantic.query.spec import PeriodsOnly, QuerySpec, Unsupported
from semantic.query.sql import metric_sql
from tests.semantic.conftest import Known
from tests.semantic.published import ALONG, PUBLISHED, TOTALS, draft_of, require_as_read
from tests.semantic.shop import RELATIONS, Shop, day, plain

pytestmark = [pytest.mark.dbt, pytest.mark.slow]


@pytest.fixture(scope="session")
def published(known: Known, copied: Shop) -> Known:
    """The shop after every formula above has been written into it and built."""
    for name in PUBLISHED:
        draft_ = draft_of(name, known.vocabulary)
        for change in known.compiled(draft_).changes:
            copied.write(change.path, change.apply(copied.read(change.path)))
    outcomes = copied.build()
    failed = {name for name, outcome in outcomes.items() if outcome not in ("success", "pass")}
    # May sells for 75 on average; March has no amount at all, and so no share.
    assert failed == {"average_amount_range", "gift_share_not_null"}
    assert {"average_amount_positive", "gift_share_percentage", "minutes_per_web_visit_positive"} < set(
        outcomes
    )
    return Known(copied)


@pytest.mark.parametrize("grain", [None, "day", "week", "month", "quarter"])
def test_what_was_published_computes_what_the_formula_says(
    known: Known, published: Known, grain: Any
) -> None:
    asked = published.shop.series if grain else published.shop.value
    apart = {}
    for name, (formula, model, time) in PUBLISHED.items():
        tree = known.analysed(formula, model).tree
        assert tree is not None
        try:
            ours = metric_sql(
                tree,
                known.vocabulary,
                published.relations,
                dialect="duckdb",
                spec=QuerySpec(grain=grain),
                time_column=time,
            )
        except PeriodsOnly:
            assert (grain, name in ALONG) == (None, True)
            continue
        except Unsupported as error:
            assert re.search({"week": "whole weeks", "quarter": "whole quarters"}[grain], str(error)), name
            continue
        theirs = published.engine.sql(name, grain=grain)
        if asked(ours) != asked(theirs):
            apart[name] = (asked(ours), asked(theirs))
    assert apart == {}


@pytest.mark.parametrize("grain", [None, "month"])
def test_the_same_files_give_the_same_numbers_on_postgresql(
    known: Known, published: Known, postgres: psycopg.Connection[Any], grain: Any
) -> None:
    places = {name: f"public.{name}" for name in RELATIONS}
    manifest = with_relations(published.shop.semantic_manifest, places, published.vocabulary)
    engine = engine_for(manifest, "postgres")
    apart = {}
    for name in PUBLISHED.keys() - (set() if grain else ALONG):
        here, there = published.engine.sql(name, grain=grain), engine.sql(name, grain=grain)
        ours = metric_sql(
            MetricRef(name), published.vocabulary, places, dialect="postgres", spec=QuerySpec(grain=grain)
        )
        answers = [postgres.execute(sql.encode()).fetchall() for sql in (there, ours)]
        found = [answer_of(rows) for rows in (published.shop.query(here), *answers)]
        if found != [found[0]] * 3:
            apart[name] = found
    assert apart == {}


def answer_of(rows: list[tuple[Any, ...]]) -> dict[Any, Any]:
    """Period → value, or the one value; blanks left out."""
    pairs = [(day(row[0]) if len(row) > 1 else None, plain(row[-1])) for row in rows if row[0] is not None]
    return {period: value for period, value in pairs if value is not None}


def test_published_numbers_are_those_counted_by_hand(published: Known) -> None:
    found = {name: published.shop.value(published.engine.sql(name)) for name in TOTALS}

    assert found == {name: value if value is None else plain(value) for name, value in TOTALS.items()}


def test_what_was_published_comes_back_as_it_was_written(published: Known) -> None:
    metrics = published.vocabulary.metrics

    assert {name: metrics[name].formula for name in PUBLISHED} == {
        name: formula for name, (formula, _model, _time) in PUBLISHED.items()
    }
    assert published.shop.manifest["metrics"]["metric.shop.gift_share"]["config"]["group"] == "sales"
    assert metrics["gift_share"].description == 'What "gift_share" means: a test.'
    assert metrics["big_order_share_numerator"].meta == {"bisync": {"helper_of": "big_order_share"}}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_there_will_be_is_known_before_dbt_reads_it(known: Known, published: Known, name: str) -> None:
    require_as_read(known.compiled(draft_of(name, known.vocabulary)), published.vocabulary)


def test_a_published_metric_is_published_only_once(published: Known) -> None:
    found = MetricDraft("gift_share", "Another name", "", published.analysed("SUM(discount)", "fct_orders"))

    with pytest.raises(Refused, match="gift_share already"):
        published.compiled(found)
