"""Rules of every kind, projects with different habits, and what both know of one model."""

from __future__ import annotations

from hypothesis import strategies as st

from semantic.codegen.quality.habits import Habits, Use
from semantic.codegen.quality.promises import (
    UNITS,
    AcceptedValues,
    AlwaysTrue,
    BelongsTo,
    Condition,
    Freshness,
    InRange,
    MatchesPattern,
    MostlyFilled,
    NotNull,
    Percentage,
    PositiveInteger,
    Promise,
    RowCount,
    Unique,
    UniqueTogether,
)
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.ways import WAYS
from semantic.definitions import Column, Model, Vocabulary
from semantic.fields import ValueRule

ORDERS = Model(
    "orders",
    "model.shop.orders",
    (
        Column("order_id", "integer"),
        Column("customer_id", "integer"),
        Column("amount", "number"),
        Column("quantity", "integer"),
        Column("status", "text"),
        Column("ordered_at", "timestamp"),
    ),
    file="models/schema.yml",
)
KNOWN = Vocabulary({"orders": ORDERS, "customers": Model("customers", "model.shop.customers")}, {})

PACKAGES = ("dbt_utils", "dbt_expectations")
EVERY_TEST = frozenset(test for tests in WAYS.values() for test in tests if "." in test)
# Projects that use neither package, each of them alone, and their tests as copies of their own.
PLAIN = Habits()
UTILS, EXPECTATIONS = (
    Habits(tests=frozenset(t for t in EVERY_TEST if t.startswith(one)), packages={one: 3}) for one in PACKAGES
)
COPIES = Habits(tests=frozenset(test.rpartition(".")[2] for test in EVERY_TEST))
EXPECTING = Habits(
    tests=EVERY_TEST,
    packages=dict.fromkeys(PACKAGES, 9),
    uses={test: Use(9, "models/a.yml") for test in EVERY_TEST if test.startswith("dbt_expectations")},
)
EVERY_HABIT = {
    "plain": PLAIN,
    "utils": UTILS,
    "expectations": EXPECTATIONS,
    "copies": COPIES,
    "expecting": EXPECTING,
}

CONDITIONS = (
    "amount > 0 OR status IS BLANK",
    "status IN ('open', 'it''s late')",
    "STARTSWITH(status, 'a')",
    "amount * quantity <= 10 / 3",
    "ordered_at >= DATE '2026-01-01'",
)
PROMISES: tuple[tuple[str, Promise], ...] = (
    ("status", NotNull()),
    ("status", MostlyFilled(0.95)),
    ("order_id", Unique()),
    ("", UniqueTogether(("order_id", "customer_id"))),
    ("status", AcceptedValues(("open", "1.50", "1e3", "[1,2]", "it's late"))),
    ("quantity", AcceptedValues((1, 2.5))),
    ("status", AcceptedValues(("lost",), negated=True)),
    ("quantity", AcceptedValues((0,), negated=True)),
    ("customer_id", BelongsTo("customers", "id")),
    ("customer_id", BelongsTo("crm.people", "id")),
    ("quantity", PositiveInteger()),
    ("quantity", PositiveInteger(1)),
    ("amount", PositiveInteger(0, integer=False)),
    ("amount", Percentage()),
    ("amount", Percentage(1)),
    ("amount", InRange(-5, 10.5)),
    ("amount", InRange(maximum=1000)),
    ("amount", InRange(0, 10, strict=True)),
    ("status", MatchesPattern("^[a-z]+$")),
    ("status", MatchesPattern(r"\d{3}", negated=True)),
    ("status", MatchesPattern("it's")),
    ("", Freshness("ordered_at", 24)),
    ("", Freshness("ordered_at", 2, "week")),
    ("", RowCount(1)),
    ("", RowCount(10, 20)),
    ("", RowCount(None, 7)),
    *(("", AlwaysTrue(Condition(formula))) for formula in CONDITIONS),
)
RULES = tuple((QualityRule(promise), Target("orders", column)) for column, promise in PROMISES)

# Promises about more than one value of a metric.
SERIES_RULES = (
    ValueRule("reasonable_growth_rate", increase=50.0, decrease=30.0, base=100.0),
    ValueRule("reasonable_growth_rate", increase=50.0, grain="week"),
    ValueRule("logical_cohort_progression", steps=("visits", "signups")),
    ValueRule("metric_consistency", other="booked", tolerance=2.0),
    ValueRule("metric_consistency", other="booked"),
    ValueRule("historical_trend_validation"),
    ValueRule("historical_trend_validation", sigma=4.0, periods=12, grain="month"),
    ValueRule("freshness", hours=24),
)

_names = st.from_regex(r"[a-z][a-z0-9]{1,20}", fullmatch=True)
_numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6, allow_nan=False))
_words = st.text("abc XYZ'01.\\_-äé", min_size=1, max_size=12)
_ranges = st.tuples(_numbers, _numbers).map(sorted)


def promises() -> st.SearchStrategy[tuple[str, Promise]]:
    """Any promise that makes sense, with the column that it is about."""
    of_column = st.one_of(
        st.just(NotNull()),
        st.just(Unique()),
        st.builds(MostlyFilled, st.floats(0.01, 1)),
        st.builds(
            AcceptedValues,
            st.one_of(
                st.lists(_words, min_size=1, unique=True).map(tuple),
                st.lists(st.integers(), min_size=1, unique=True).map(tuple),
            ),
            st.booleans(),
        ),
        st.builds(BelongsTo, st.one_of(_names, st.just("crm.people")), _names),
        st.builds(PositiveInteger, st.sampled_from((0, 1)), st.booleans()),
        st.builds(Percentage, st.sampled_from((1, 100))),
        st.builds(lambda ends, strict: InRange(*ends, strict), _ranges, st.booleans()),
        st.builds(InRange, _numbers),
        st.builds(MatchesPattern, _words, st.booleans()),
    )
    of_table = st.one_of(
        st.builds(UniqueTogether, st.lists(_names, min_size=2, max_size=4, unique=True).map(tuple)),
        st.builds(Freshness, _names, st.integers(1, 99_999), st.sampled_from(UNITS)),
        st.builds(RowCount, st.integers(0, 99), st.one_of(st.none(), st.integers(99, 999))),
        st.builds(AlwaysTrue, st.sampled_from(CONDITIONS).map(Condition)),
    )
    return st.one_of(
        st.tuples(st.sampled_from(("amount", "status")), of_column), st.tuples(st.just(""), of_table)
    )


def rules() -> st.SearchStrategy[tuple[QualityRule, Target]]:
    """Any rule with what it is of."""
    return st.builds(
        lambda promised, severity, where, name, owner: (
            QualityRule(promised[1], severity, where, name, owner),
            Target("orders", promised[0]),
        ),
        promises(),
        st.sampled_from(("error", "warn")),
        st.sampled_from((Condition(), *map(Condition, CONDITIONS))),
        st.sampled_from(("", "orders_keep_their_word")),
        st.sampled_from(("", "finance@example.org")),
    )
