"""MetricFlow in process: its numbers are the same as those of our own SQL."""

from __future__ import annotations

from copy import deepcopy
from datetime import date

import pytest

from semantic.formula.tree import MetricRef
from semantic.importer import vocabulary
from semantic.query.engine import NotComputable, engine_for, with_relations
from semantic.query.spec import QuerySpec
from semantic.query.sql import metric_sql
from tests.semantic.conftest import Known

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

# Moved or growing in time: only by period.
ONLY_BY_PERIOD = {"revenue_growth", "revenue_30d", "revenue_this_month"}
QUESTIONS = [
    QuerySpec(),
    QuerySpec(grain="day"),
    QuerySpec(grain="week"),
    QuerySpec(grain="month"),
    QuerySpec(grain="quarter"),
    QuerySpec(grain="year"),
    QuerySpec(start=date(2026, 1, 6), end=date(2026, 2, 14)),
    QuerySpec(grain="month", start=date(2026, 1, 20), end=date(2026, 2, 1)),
]


def question(spec: QuerySpec) -> str:
    return f"{spec.grain or 'total'}{' within days' if spec.start else ''}"


@pytest.mark.parametrize("spec", QUESTIONS, ids=question)
def test_both_computations_of_every_metric_agree(known: Known, spec: QuerySpec) -> None:
    apart = {}
    for name in known.vocabulary.metrics:
        # MetricFlow's own SQL for a total that grows, between two days, names a column that is not there.
        growing = name == "revenue_so_far" and spec.start and not spec.grain
        # Weeks moved by months begin on no Monday: MetricFlow compares hardly any, we none.
        uneven = name == "revenue_growth" and spec.grain == "week"
        if growing or uneven or (name in ONLY_BY_PERIOD and not spec.grain):
            continue
        ours = metric_sql(MetricRef(name), known.vocabulary, known.relations, dialect="duckdb", spec=spec)
        theirs = known.engine.sql(name, grain=spec.grain, start=spec.start, end=spec.end)
        asked = known.shop.series if spec.grain else known.shop.value
        if asked(ours) != asked(theirs):
            apart[name] = (asked(ours), asked(theirs))
    assert apart == {}


def test_a_metric_that_needs_periods_says_so(known: Known) -> None:
    with pytest.raises(NotComputable, match=r"'revenue_growth' that specifies a time offset in [a-z ]+\.$"):
        known.engine.sql("revenue_growth")


def test_an_unknown_metric_is_named(known: Known) -> None:
    with pytest.raises(NotComputable):
        known.engine.sql("revenues")


def test_an_engine_is_built_once_for_each_manifest_and_dialect(known: Known) -> None:
    manifest = known.shop.semantic_manifest

    assert engine_for(manifest, "duckdb") is engine_for(dict(manifest), "duckdb")
    assert engine_for(manifest, "duckdb") is not engine_for(manifest, "postgres")
    with pytest.raises(NotComputable, match="oracle"):
        engine_for(manifest, "oracle")


def test_a_manifest_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(NotComputable):
        engine_for(b'{"semantic_models": 1}', "duckdb")


def test_the_same_metrics_can_be_asked_of_other_tables(known: Known) -> None:
    moved = with_relations(
        known.shop.semantic_manifest,
        {"fct_orders": '"candidate"."fct_orders"', "days": '"candidate"."days"'},
        known.vocabulary,
    )

    sql = engine_for(moved, "duckdb").sql("revenue_every_month", grain="month")

    assert '"candidate"."fct_orders"' in sql
    assert '"candidate"."days"' in sql
    assert engine_for(moved, "duckdb").sql("customers_total").count("candidate") == 0


def test_so_can_they_where_dbt_tells_of_the_days_as_it_did_before_models_could(known: Known) -> None:
    told = deepcopy(known.shop.semantic_manifest)
    (spine,) = told["project_configuration"].pop("time_spines")
    told["project_configuration"]["time_spine_table_configurations"] = [
        {"location": spine["node_relation"]["relation_name"], "column_name": "date_day", "grain": "day"}
    ]
    names = vocabulary(known.shop.manifest, told)

    moved = with_relations(told, {"days": '"candidate"."days"'}, names)

    assert names.time_spine == "days.date_day"
    assert '"candidate"."days"' in engine_for(moved, "duckdb").sql("revenue_every_month", grain="month")
