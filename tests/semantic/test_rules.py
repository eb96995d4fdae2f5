"""What people may type, which metrics are alike, and which values keep a promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic.definitions import (
    Column,
    ConversionParams,
    Entity,
    Measure,
    Metric,
    MetricInput,
    Model,
    SemanticModel,
    Vocabulary,
)
from semantic.fields import RULES, TEXTS, MetricFields, RuleKind, ValueRule, name_from
from semantic.formula import analyse
from semantic.formulas import dated_meaning, full_meaning, meaning
from semantic.rules.metric import LIMITS, sending_problems, typing_problems
from semantic.rules.similar import called_alike, likeness, similar
from semantic.rules.text import name_problems, text_problems
from semantic.rules.values import breach
from tests.semantic import shop
from tests.semantic.codegen.quality_rules import SERIES_RULES

HOSTILE = {
    "a variable": "Revenue {{ env_var('SECRET_KEY') }}",
    "a statement": "{% set x = 1 %}",
    "a comment": "a {# b",
    "an open variable": "{{ oops",
    "an open statement": "50 {% off",
    "a closing variable": "oops }}",
    "a closing statement": "50 %} off",
    "a closing comment": "a #} b",
    "marks side by side": "{{{{}}}}",
    "a hidden mark": "{\u200b{ x }}",
    "NUL": "a\x00b",
    "escape": "\x1b[31mred",
    "bell": "a\x07",
    "delete": "a\x7f",
    "next line": "a\x85b",
    "right to left": "abc\u202ecba",
    "isolate": "\u2066abc\u2069",
    "Arabic mark": "a\u061c",
    "zero width space": "re\u200bvenue",
    "byte order mark": "\ufeffRevenue",
    "soft hyphen": "re\u00advenue",
    "word joiner": "a\u2060b",
    "half a character": "a\ud800",
    "private use": "a\ue000",
    "nobody's": "a\uffff",
    "too long": "x" * 10_001,
}
HARMLESS = {
    "nothing": "",
    "words": "Revenue after discounts, and before refunds.",
    "one bracket": "{a} % b # c } {",
    "percent": "50 % {off}",
    "YAML": "- a: 'b' | \"c\" # d > e & f * g ! h",
    "Umlauts": "Umsatz für Bäcker & Söhne (“brutto”)",
    "Arabic": "الإيرادات",
    "Chinese": "收入",
    "emoji": "Revenue 🚀",
    "family": "👩‍👩‍👧",
    "a combining accent": "cafe\u0301",
    "markup": "<script>alert(1)</script>",
    "SQL": "'; DROP TABLE orders; --",
    "just fits": "x" * 10_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_could_do_harm_in_dbts_files_is_refused_with_a_reason(text: str) -> None:
    problems = text_problems(text, limit=10_000)

    assert problems
    assert all(sentence.endswith(".") for sentence in problems)


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_people_write_is_taken(text: str) -> None:
    assert text_problems(text, limit=10_000) == []


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\tb"])
def test_several_lines_belong_only_where_there_is_room_for_them(text: str) -> None:
    assert text_problems(text, limit=100) == []
    assert text_problems(text, limit=100, lines=False) == ["This has to be a single line."]


def test_too_long_is_said_in_figures() -> None:
    assert text_problems("x" * 10_001, limit=10_000) == [
        "This is 10,001 characters long; 10,000 is the most."
    ]


@pytest.mark.parametrize("field", [*LIMITS, "formula"])
@pytest.mark.parametrize("text", [HOSTILE["a variable"], HOSTILE["NUL"], HOSTILE["right to left"]])
def test_every_text_of_a_metric_is_looked_at(field: str, text: str) -> None:
    fields = replace(MetricFields(), **{field: text})

    assert list(typing_problems(fields)) == [field]


@pytest.mark.parametrize("field", [*LIMITS, "formula"])
def test_every_text_of_a_metric_has_an_end(field: str) -> None:
    assert typing_problems(replace(MetricFields(), **{field: "x" * 10_001}))


def test_no_text_of_a_metric_was_forgotten() -> None:
    assert {*LIMITS, "formula", "name"} == set(TEXTS)


@pytest.mark.parametrize("field", ["label", "owner", "group", "model", "time"])
def test_names_are_single_lines(field: str) -> None:
    assert list(typing_problems(replace(MetricFields(), **{field: "a\nb"}))) == [field]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "letters"),
        ("5_apples", "digit"),
        ("Revenue", "lower-case"),
        ("net revenue", "lower-case"),
        ("net-revenue", "lower-case"),
        ("_revenue", "begins with a letter"),
        ("umsatz_für", "lower-case"),
        ("net__revenue", "double underscore"),
        ("revenue_", "end"),
        ("a", "two letters"),
        ("x" * 61, "60"),
        ("a{{b", "curly"),
        ("revenue\n", "single line"),
        ("\u0430_cyrillic", "lower-case"),
    ],
)
def test_a_name_that_dbt_could_not_use_is_refused_with_a_reason(name: str, word: str) -> None:
    (problem,) = name_problems(name)

    assert word in problem


@pytest.mark.parametrize("name", ["ab", "refund_share", "revenue_2026", "x" * 60])
def test_a_name_that_dbt_can_use_is_taken(name: str) -> None:
    assert name_problems(name) == []


@given(st.text(max_size=120))
def test_the_name_that_a_label_suggests_can_be_used_or_is_missing(label: str) -> None:
    name = name_from(label)

    assert len(name) < 2 or name_problems(name) == []


def test_the_name_that_a_label_suggests() -> None:
    assert name_from("Net revenue per customer") == "net_revenue_per_customer"
    assert name_from("5 + apples!") == "m_5_apples"
    assert name_from("€€€") == ""


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (ValueRule("range"), "needs a lowest or a highest"),
        (ValueRule("range", 2, 1), "above its highest"),
        (ValueRule("range", 1, 1), ""),
        (ValueRule("range", low=0), ""),
        (ValueRule("range", high=0), ""),
        (ValueRule("range", low=float("nan")), "have to be numbers"),
        (ValueRule("range", high=float("inf")), "have to be numbers"),
        (ValueRule("positive"), ""),
        (ValueRule("positive", low=5), "Only a range"),
        (ValueRule("odd"), "Choose what always holds"),  # type: ignore[arg-type]
    ],
)
def test_a_rule_has_to_make_sense(rule: ValueRule, problem: str) -> None:
    found = typing_problems(MetricFields(rules=(rule,)))

    assert problem in " ".join(found.get("rules", []))
    assert bool(found) is bool(problem)


def test_a_format_that_nobody_offers_is_refused() -> None:
    assert list(typing_problems(MetricFields(value_format="<b>"))) == ["value_format"]  # type: ignore[arg-type]


# -- Before others read it ------------------------------------------------------------------------------

WHOLE = MetricFields(
    name="refunds", label="Refunds", meaning="What went back.", owner="Maya", formula="SUM(amount)"
)
EXISTING = Vocabulary(
    models={
        "fct_orders": Model(
            "fct_orders",
            "model.shop.fct_orders",
            columns=(Column("amount", "number"), Column("ordered_on", "date")),
            semantic=SemanticModel("orders", "fct_orders"),
        )
    },
    metrics={"revenue": Metric("revenue", "simple", label="Net revenue")},
)


def sending(fields: MetricFields, **options: Any) -> dict[str, list[str]]:
    return sending_problems(fields, analyse(fields.formula, EXISTING), EXISTING, **options)


@pytest.mark.parametrize("field", ["label", "meaning", "owner", "formula"])
def test_what_is_missing_is_said_beside_its_field(field: str) -> None:
    assert list(sending(replace(WHOLE, **{field: ""}))) == [field]


def test_a_formula_that_cannot_be_read_is_told_in_its_own_words() -> None:
    problems = sending(replace(WHOLE, formula="SUM(nothing)"))

    assert list(problems) == ["formula"]
    assert "nothing" in problems["formula"][0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "revenue"}, "There is a metric revenue already"),
        ({"name": "fct_orders"}, "There is a model fct_orders already"),
        ({"label": "net REVENUE"}, "is the name of the metric revenue"),
        ({"name": ""}, "letters in it"),
    ],
)
def test_a_name_that_is_taken_is_said_beside_the_label(fields: dict[str, str], words: str) -> None:
    problems = sending(replace(WHOLE, **fields))

    assert words in problems["label"][0]


def test_a_metric_may_keep_its_own_name() -> None:
    fields = replace(WHOLE, name="revenue", label="Net revenue", meaning="Else.")

    assert "label" not in sending(fields, base=replace(fields, label="Old"))


# -- Alike ----------------------------------------------------------------------------------------------

ROWS = SemanticModel("orders", "fct_orders", measures=(Measure("rows", "count", "1"),))
ALIKE = Vocabulary(
    models={
        "fct_orders": Model("fct_orders", "model.shop.fct_orders", semantic=ROWS),
        "fct_visits": Model("fct_visits", "model.shop.fct_visits"),
    },
    metrics={
        name: Metric(name, "simple", label=label, measure="rows" if name == "orders" else "")
        for name, label in {
            "net_revenue": "Net revenue",
            "revenue_net": "Revenue, net",
            "net_revenue_eu": "Net revenue EU",
            "net_revenues": "Net revenues",
            "orders": "Orders",
            "unlabelled_orders": "",
        }.items()
    },
)


def found(label: str, formula: str = "", model: str = "", **options: Any) -> list[tuple[str, str]]:
    tree = analyse(formula, ALIKE, model=model).tree
    said = meaning(tree, ALIKE, dialect="duckdb") if tree else ""
    alike = similar(label=label, meaning=said, vocabulary=ALIKE, dialect="duckdb", **options)
    return [(one.name, one.why) for one in alike]


def test_the_same_total_by_another_date_is_another_metric() -> None:
    measures = (
        Measure("signed_up", "count", "1"),
        Measure("signed_up_too", "count", "1", agg_time_dimension="signed_up_on"),
        Measure("left", "count", "1", agg_time_dimension="left_on"),
    )
    people = SemanticModel("people", "people", measures=measures, agg_time_dimension="signed_up_on")
    simple = [Metric(one.name, "simple", measure=one.name) for one in measures]
    ratios = [
        Metric(f"{one}_of_{two}", "ratio", numerator=MetricInput(one), denominator=MetricInput(two))
        for one, two in (("left", "signed_up"), ("signed_up", "left"), ("signed_up_too", "left"))
    ]
    names = Vocabulary(
        models={"people": Model("people", "model.shop.people", semantic=people)},
        metrics={one.name: one for one in (*simple, *ratios)},
    )
    means = {name: dated_meaning(one, names, dialect="duckdb") for name, one in names.metrics.items()}

    assert means["signed_up"] == means["signed_up_too"] != means["left"]
    assert means["signed_up_of_left"] == means["signed_up_too_of_left"] != means["left_of_signed_up"]
    assert all(means.values())
    digests = {full_meaning(names.metrics[name], names, dialect="duckdb") for name in ("signed_up", "left")}
    assert len(digests) == 2


@pytest.mark.parametrize("calculation", ["conversion_rate", "conversions"])
def test_a_conversion_is_another_number_once_its_measures_are_others(calculation: str) -> None:
    def said(then: Measure) -> str:
        measures = (Measure("signed_up", "count", "1"), then)
        person = Entity("person", "primary", "person_id")
        people = SemanticModel("people", "people", (person,), (), measures, agg_time_dimension="signed_up_on")
        converted = ConversionParams("signed_up", "left", "person", calculation=calculation)
        names = Vocabulary(
            models={"people": Model("people", "model.shop.people", semantic=people)},
            metrics={"lost": Metric("lost", "conversion", conversion=converted)},
        )
        return full_meaning(names.metrics["lost"], names, dialect="duckdb")

    usual = said(Measure("left", "count", "1"))
    by_date = said(Measure("left", "count", "1", agg_time_dimension="left_on"))
    of_people = said(Measure("left", "count_distinct", "person_id"))

    assert len({usual, by_date, of_people}) == 3


def test_what_is_earlier_than_something_earlier_is_neither_of_both() -> None:
    known = shop.vocabulary()
    year_ago = Metric(
        "a_year_ago",
        "derived",
        expr="revenue",
        inputs=(MetricInput("revenue", alias="revenue", offset_window="1 year"),),
    )
    known = replace(known, metrics={**known.metrics, "a_year_ago": year_ago})
    formulas = ["a_year_ago", "PRIOR(a_year_ago, 1 month)", "PRIOR(a_year_ago, 2 months)"]
    trees = [analyse(formula, known).tree for formula in formulas]

    assert len({meaning(tree, known, dialect="duckdb") for tree in trees if tree}) == 3


def test_the_same_formula_comes_first_whatever_its_name() -> None:
    assert found("Net revenue", "COUNT(*)", "fct_orders")[0] == ("orders", "formula")
    assert found("", "COUNT(fct_orders.*)") == [("orders", "formula")]


def test_counting_the_rows_of_another_model_is_another_calculation() -> None:
    assert found("", "COUNT(*)", "fct_visits") == []


def test_names_that_are_nearly_the_same_are_found_the_nearest_first_and_three_at_most() -> None:
    alike = found("Net revenue")

    assert len(alike) == 3
    assert {name for name, _why in alike[:2]} == {"net_revenue", "revenue_net"}
    assert {why for _name, why in alike} == {"name"}


def test_what_a_metric_is_made_of_is_another_one() -> None:
    assert "net_revenue_eu" in [name for name, _why in found("Net revenue EU share")]
    assert "net_revenue_eu" not in [
        name for name, _why in found("Net revenue EU share", used=["net_revenue_eu"])
    ]


def test_a_metric_without_a_label_is_known_by_its_name() -> None:
    assert ("unlabelled_orders", "name") in found("Unlabelled orders")


@pytest.mark.parametrize("label", ["", "Customers", "of the", "収入"])
def test_names_that_have_nothing_in_common_are_not(label: str) -> None:
    assert found(label) == []


def test_a_metric_is_not_like_itself() -> None:
    assert "net_revenue" not in [name for name, _why in found("Net revenue", own_name="net_revenue")]
    assert found("", "COUNT(*)", "fct_orders", own_name="orders") == []


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_is_between_nothing_and_all_and_the_same_either_way_round(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, one) in (0, 1)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Net revenue", "Revenue, net", True),
        ("Net revenue", "The net revenues", True),
        ("Revenue per customer", "Revenue per custommer", True),
        ("収入", "収入", True),
        ("Food revenue", "Food revenue %", False),
        ("Response time p95", "Response time p99", False),
        ("Orders of the last 7 days", "Orders of the last 30 days", False),
        ("Monthly active customers", "Monthly inactive customers", False),
        ("Weekly returning customers orders", "Weekly returning customers orders online", False),
        ("", "", False),
    ],
)
def test_names_are_one_but_for_order_plurals_and_slips(one: str, other: str, alike: bool) -> None:
    assert called_alike(one, other) is called_alike(other, one) is alike


# -- Promises about values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "value", "percent", "words"),
    [
        (ValueRule("not_null"), None, False, "is blank"),
        (ValueRule("not_null"), 0.0, False, ""),
        (ValueRule("positive"), 0.0, False, ""),
        (ValueRule("positive"), -0.01, False, "is -0.01, below 0"),
        (ValueRule("positive"), None, False, ""),
        (ValueRule("percentage"), 100.0, False, ""),
        (ValueRule("percentage"), 100.5, False, "is 100.5, above 100"),
        (ValueRule("percentage"), -1.0, False, "is -1, below 0"),
        (ValueRule("percentage"), 1.0, True, ""),
        (ValueRule("percentage"), 1.2, True, "is 120 %, above 100 %"),
        (ValueRule("range", 1, 2), 1.0, False, ""),
        (ValueRule("range", 1, 2), 2.0, False, ""),
        (ValueRule("range", 1, 2), 0.9, False, "is 0.9, below 1"),
        (ValueRule("range", 1, 2), 2.1, False, "is 2.1, above 2"),
        (ValueRule("range", low=1), 1e9, False, ""),
        (ValueRule("range", high=1), -1e9, False, ""),
        (ValueRule("range", 1, 2), None, False, ""),
    ],
)
def test_a_value_keeps_or_breaks_a_promise(
    rule: ValueRule, value: float | None, percent: bool, words: str
) -> None:
    assert breach(rule, value, percent=percent) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ValueRule("not_null"), "never blank"),
        (ValueRule("positive"), "never below zero"),
        (ValueRule("percentage"), "0 to 100 %"),
        (ValueRule("range", 1, 2.5), "from 1 to 2.5"),
        (ValueRule("range", low=1), "at least 1"),
        (ValueRule("range", high=2), "at most 2"),
    ],
)
def test_a_promise_reads_as_words(rule: ValueRule, words: str) -> None:
    assert str(rule) == words


@pytest.mark.parametrize("kind", RULES)
def test_a_kind_of_rule_is_there_once(kind: RuleKind) -> None:
    """The form has one place for each, and would drop another one without a word."""
    rule = next((one for one in SERIES_RULES if one.kind == kind), ValueRule(kind))
    rule = replace(rule, low=0.0) if kind == "range" else rule
    once, twice = (MetricFields(rules=(rule,) * times) for times in (1, 2))

    assert typing_problems(once) == {}
    assert typing_problems(twice) == {"rules": ["Each kind of rule can be there once."]}


@given(
    st.builds(
        MetricFields,
        **{name: st.text(max_size=20) for name in TEXTS},
        value_format=st.sampled_from(["number", "percent"]),
        rules=st.lists(
            st.one_of(
                st.builds(ValueRule, st.just("range"), st.floats(-9, 0), st.floats(0, 9)),
                st.sampled_from(SERIES_RULES),
            )
        ).map(tuple),
    )
)
def test_fields_survive_the_way_through_the_database(fields: MetricFields) -> None:
    again = MetricFields.from_json(fields.to_json())

    assert again == fields
    assert again.content_hash == fields.content_hash


@pytest.mark.parametrize("name", [*TEXTS, "value_format"])
def test_an_approval_is_bound_to_all_but_the_reason(name: str) -> None:
    changed = replace(WHOLE, **{name: "percent"})

    assert (changed.content_hash != WHOLE.content_hash) is (name != "why")
