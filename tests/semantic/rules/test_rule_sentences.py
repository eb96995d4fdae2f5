from __future__ import annotations

import inspect
import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic.formula.printer import print_formula
from semantic.formula.tree import (
    Between,
    Binary,
    Call,
    Case,
    ColumnRef,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    Node,
    Unary,
    shape,
    walk,
)
from semantic.rules import clauses, operands, sentences
from semantic.rules.constants import literal
from semantic.rules.phrasing import denied, plain, write_sentence
from semantic.rules.sentences import CODES, SentenceReading, read_sentence, turned_round
from semantic.rules.tables import Decision, Mixed, to_case, to_table
from tests.semantic.health import MODEL, VOCABULARY, decided, evaluated, tree

quick = settings(max_examples=80, deadline=None)


def read(text: str) -> SentenceReading:
    return read_sentence(text, VOCABULARY, MODEL)


def meaning(condition: str) -> str:
    reading = read(f"customer is new when {condition}")
    assert reading.case, reading.problems
    assert read(reading.sentence).case == reading.case
    assert read(reading.sentence).sentence == reading.sentence
    return print_formula(reading.case.whens[0][0], model=MODEL)


def test_a_sentence_is_a_case() -> None:
    reading = read(
        "A customer is at risk when days since last order > 60 and orders in last 90 days < 2, otherwise healthy."
    )
    assert reading.case == shape(
        tree("IF(days_since_last_order > 60 AND orders_90d < 2, 'at risk', 'healthy')")
    )
    assert reading.subject == "customer"
    assert reading.sentence == (
        "customer is at risk when days since last order is more than 60 and orders in last 90 days is less than 2,"
        " otherwise healthy"
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("is more than 60 days ago", "< TODAY() - 60 days"),
        ("is over 2 months ago", "< TODAY() - 2 months"),
        ("is at least 60 days ago", "<= TODAY() - 60 days"),
        ("is 60 days ago or more", "<= TODAY() - 60 days"),
        ("is less than 7 days ago", "> TODAY() - 7 days"),
        ("is no more than 7 days ago", ">= TODAY() - 7 days"),
        ("is older than 30 days ago", "< TODAY() - 30 days"),
        ("is older than 2026-01-31", "< DATE '2026-01-31'"),
        ("is younger than 2026-01-31", "> DATE '2026-01-31'"),
        ("is after 30 days ago", "> TODAY() - 30 days"),
        ("is earlier than 30 days ago", "< TODAY() - 30 days"),
        ("is 60 days ago or later", ">= TODAY() - 60 days"),
        ("is on or before 30 days ago", "<= TODAY() - 30 days"),
        ("> 30 days ago", "> TODAY() - 30 days"),
    ],
)
def test_more_days_ago_is_earlier(typed: str, meant: str) -> None:
    assert meaning(f"signed up on {typed}") == f"signed_up_on {meant}"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("recency is null", "days_since_last_order IS BLANK"),
        ("recency is not null", "days_since_last_order IS NOT BLANK"),
        ("recency => 5", "days_since_last_order >= 5"),
        ("recency is more then 5", "days_since_last_order > 5"),
    ],
)
def test_other_spellings_are_understood(typed: str, meant: str) -> None:
    assert meaning(typed) == meant


@pytest.mark.parametrize(
    ("typed", "turned"),
    [
        ("If VIP, it is big.", "it is big when VIP"),
        (
            "If days since last order > 60, then the customer is at risk. Otherwise it is healthy.",
            "the customer is at risk when days since last order > 60, otherwise healthy",
        ),
        (
            "when tier is one of gold, silver, customer is dear;\nif VIP, customer is known\notherwise new",
            "customer is dear when tier is one of gold, silver, is known when VIP, otherwise new",
        ),
    ],
)
def test_a_sentence_that_begins_with_its_condition_can_be_turned_round(typed: str, turned: str) -> None:
    (problem,) = read(typed).problems

    assert problem.code == "missing-outcome"
    assert [fix.text for fix in problem.fixes] == [turned]
    assert read(turned).ok


@pytest.mark.parametrize("typed", ["If VIP", "if VIP it is big", "If VIP, big", "when, is a"])
def test_other_sentences_that_begin_so_are_not(typed: str) -> None:
    assert [fix for problem in read(typed).problems for fix in problem.fixes] == []


@pytest.mark.parametrize("filler", [" ", "\n", ",", ". ", "if ", "is "])
def test_long_sentences_that_begin_so_are_answered_at_once(filler: str) -> None:
    """They would take minutes if the search went back and forth."""
    assert turned_round(f"if a,{(filler * 4_000)[:3_900]}x") is not None


def test_a_sentence_may_have_several_clauses() -> None:
    reading = read(
        'customer is a VIP when VIP; and it is "so, so" when tier is one of gold, silver, lost if recency > 90'
    )
    assert reading.case
    assert print_formula(reading.case) == (
        "CASE WHEN is_vip THEN 'VIP' WHEN tier IN ('gold', 'silver') THEN 'so, so'"
        " WHEN days_since_last_order > 90 THEN 'lost' END"
    )


@pytest.mark.parametrize(
    ("outcome", "value"),
    [
        ("5", 5),
        ("15%", 0.15),
        ("yes", True),
        ('"yes"', "yes"),
        ("the best", "best"),
        ("blank", None),
        ('"5"', "5"),
    ],
)
def test_an_outcome_is_a_text_a_number_or_yes_and_no(outcome: str, value: Any) -> None:
    reading = read(f"rate becomes {outcome} when VIP")
    assert reading.case
    assert reading.case.whens[0][1] == literal(value)
    assert read(reading.sentence).case == reading.case


@pytest.mark.parametrize(
    ("condition", "formula"),
    [
        ("days since last order is at least 60 days", "days_since_last_order >= 60"),
        ("days_since_last_order is 60 or more", "days_since_last_order >= 60"),
        ("the days since last order are no more than sixty", "days_since_last_order <= 60"),
        ("recency is over 60 and below 90", "days_since_last_order > 60 AND days_since_last_order < 90"),
        ("[days since last order] = ten", "days_since_last_order = 10"),
        ("orders in last 90 days is between 5 and 10", "orders_90d BETWEEN 5 AND 10"),
        ("lifetime value is more than $10k", "lifetime_value > 10000"),
        ("lifetime value is less than 1,500 euros", "lifetime_value < 1500"),
        ("lifetime value is at least two hundred", "lifetime_value >= 200"),
        ("discount is 15%", "discount = 0.15"),
        ("lifetime value is -5", "lifetime_value = -5"),
        ("tier is Gold", "tier = 'Gold'"),
        ("tier is a gold", "tier = 'gold'"),
        ("tier is at risk", "tier = 'at risk'"),
        ("tier is “so, so”", "tier = 'so, so'"),
        ("tier is one of gold, silver or new", "tier IN ('gold', 'silver', 'new')"),
        ("tier in (gold, silver)", "tier IN ('gold', 'silver')"),
        ("tier is not gold", "tier <> 'gold' OR tier IS BLANK"),
        ("tier is not one of a or b", "tier NOT IN ('a', 'b') OR tier IS BLANK"),
        ("tier is something other than gold", "tier <> 'gold'"),
        ("tier <> gold", "tier <> 'gold'"),
        ("tier is blank or tier is filled in", "tier IS BLANK OR tier IS NOT BLANK"),
        ("market isn't blank", "country IS NOT BLANK"),
        ("name starts with Ann or ends with x", "STARTSWITH(name, 'Ann') OR ENDSWITH(name, 'x')"),
        ("name does not contain the end", "NOT CONTAINS(name, 'the end') OR name IS BLANK"),
        ("name is something that does not contain x", "NOT CONTAINS(name, 'x')"),
        ("VIP", "is_vip"),
        ("VIP is no", "NOT is_vip"),
        ("vip is not yes", "NOT is_vip OR is_vip IS BLANK"),
        ("not VIP", "NOT is_vip OR is_vip IS BLANK"),
        ("signed up on is after 31 January 2026", "signed_up_on > DATE '2026-01-31'"),
        ("signed up on is on or before '2026-01-31'", "signed_up_on <= DATE '2026-01-31'"),
        ("last seen is before 30 days ago", "last_seen < TODAY() - 30 days"),
        ("signed up on is today", "signed_up_on = TODAY()"),
        ("signed up on is in the last 3 complete months", "signed_up_on IN LAST 3 COMPLETE MONTHS"),
        ("signed up on is not in this year", "signed_up_on NOT IN THIS YEAR OR signed_up_on IS BLANK"),
        ("VIP unless tier is gold or tier is new", "is_vip AND (tier <> 'gold' OR tier IS BLANK) AND (tier <> 'new' OR tier IS BLANK)"),
        ("not (VIP and recency > 5)", "NOT is_vip OR is_vip IS BLANK OR days_since_last_order <= 5 OR days_since_last_order IS BLANK"),
        ("(VIP or tier is new) and recency > 5", "(is_vip OR tier = 'new') AND days_since_last_order > 5"),
        ("tier is one of gold or silver or VIP", "tier IN ('gold', 'silver') OR is_vip"),
        ("score is 5", "score = 5"),
        ("score is five", "score = 'five'"),
    ],
)  # fmt: skip
def test_a_condition_in_words_is_a_formula(condition: str, formula: str) -> None:
    assert meaning(condition) == formula


@pytest.mark.parametrize(
    ("text", "code", "says", "fixed"),
    [
        ("", "empty", "no sentence", ""),
        ("x" * 4001, "too-long", "4,001", ""),
        ("customer is new", "missing-when", "has no “when”", ""),
        ("customer is new when VIP old when tier is blank", "missing-separator", "comma is missing", ""),
        ("customer is when VIP", "missing-outcome", "outcome is missing", ""),
        ("customer is new when VIP, otherwise", "missing-outcome", "outcome is missing", ""),
        ("customer is new when VIP, otherwise 5", "outcome-kinds", "different kinds", 'customer is new when VIP, otherwise "5"'),
        ("customer is {{ x }} when VIP", "unsafe-text", "templates", ""),
        ('customer is new when tier is "a\\b"', "unsafe-text", "backslash", ""),
        ('customer is new when tier is "gold', "unclosed-text", "closing quote", ""),
        ("customer is new when", "missing-condition", "condition is missing", ""),
        ("customer is new when VIP and", "missing-condition", "condition is missing", ""),
        ("customer is new when (VIP", "missing-bracket", "closing bracket", ""),
        ("customer is new when tier in (a, b", "missing-bracket", "not closed", ""),
        ("customer is new when VIP, tier is new", "missing-joint", "Write “and” or “or”", ""),
        ("customer is new when tier", "missing-comparison", "neither yes nor no", ""),
        ("customer is new when tier rather gold", "missing-comparison", "tier is one of gold", ""),
        ("customer is new when tier is", "missing-value", "value is missing", ""),
        ("customer is new when recency is between 5", "missing-value", "between 5 and 10", ""),
        ("customer is new when signed up on is in the last 5 moons", "missing-value", "length of time", ""),
        ("customer is new when VIP) and tier is new", "unexpected-word", "cannot be read here", ""),
        ("customer is new when VIP unless tier is a unless tier is b", "unexpected-word", "second “unless”", ""),
        ("customer is new when days since last purchase > 60", "unknown-field", "Did you mean “days since last order”", "customer is new when days since last order > 60"),
        ("customer is new when tier is gold or silver", "unknown-field", "is one of", "customer is new when tier is one of gold or silver"),
        ("customer is new when recency is more than 6 weeks", "unknown-unit", "counts weeks", "customer is new when recency is more than 6"),
        ("customer is new when recency is many", "wrong-kind", "not a number", ""),
        ("customer is new when VIP is gold", "wrong-kind", "neither yes nor no", "customer is new when VIP is yes"),
        ("customer is new when signed up on is after Easter", "wrong-kind", "not a date", ""),
        ("customer is new when recency contains 5", "wrong-kind", "is no text", ""),
        ("customer is new when tier is in the last 5 days", "wrong-kind", "is no date", ""),
        ("customer is new when tier is more than gold", "text-order", "by size", ""),
        ("customer is new when recency is one of 100,200", "thousands-comma", "several values", "customer is new when recency is one of 100200"),
        ("customer is new when recency is more than 1,5", "thousands-comma", "one number or several", "customer is new when recency is more than 1.5"),
        ("customer is new when recency is more than 1.000,50", "thousands-comma", "Write 1000.50", "customer is new when recency is more than 1000.50"),
        ("customer is new when recency is 1.000 and VIP", "thousands-comma", "could be 1 or 1000", "customer is new when recency is 1000 and VIP"),
        ("rate is 1,5 when VIP, otherwise 2", "thousands-comma", "or a text", "rate is 1.5 when VIP, otherwise 2"),
        ("customer is new when signed up on is after 1.2.2026", "wrong-kind", "not a date", "customer is new when signed up on is after 2026-02-01"),
        ("customer is new when signed up on is 7 days after last seen", "wrong-kind", "as a formula", ""),
        ("customer is new when " + "(" * 21 + "VIP" + ")" * 21, "too-complex", "brackets", ""),
        ("customer is new when " + " or ".join(["VIP"] * 101), "too-complex", "as a table", ""),
        ("; ".join(["x when VIP"] * 51), "too-long", "50 clauses", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place_and_a_way_out(
    text: str, code: str, says: str, fixed: str
) -> None:
    (problem,) = read(text).problems
    assert problem.code == code
    assert says in f"{problem.message} {problem.hint}"
    assert 0 <= problem.start <= problem.end <= len(text)
    assert not fixed or problem.fixes[0].text == fixed
    if fixed:
        assert read(fixed).case


def test_every_code_is_listed() -> None:
    source = "".join(map(inspect.getsource, (clauses, operands, sentences)))
    used = set(re.findall(r'(?:FormulaError|_fail|_fail_here)\(\s*"([a-z-]+)"', source))
    assert used == set(CODES)


def test_and_beside_or_is_never_guessed() -> None:
    reading = read(
        "customer is new when VIP and tier is gold or recency is blank and score is 5, otherwise old"
    )
    assert reading.case is None
    assert [part.words for part in reading.readings] == [
        "(VIP and tier is gold) or (recency is blank and score is 5)",
        "VIP and (tier is gold or recency is blank) and score is 5",
    ]
    assert [print_formula(part.case.whens[0][0], model=MODEL) for part in reading.readings if part.case] == [
        "is_vip AND tier = 'gold' OR days_since_last_order IS BLANK AND score = 5",
        "is_vip AND (tier = 'gold' OR days_since_last_order IS BLANK) AND score = 5",
    ]
    assert reading.problems[0].fixes[1].text.endswith("and score is 5, otherwise old")


def test_two_unclear_clauses_are_asked_about_one_after_the_other() -> None:
    first = read("x is a when VIP and tier is b or score is 1, is c when VIP or tier is b and score is 1")
    second = read(first.readings[0].text)
    assert [part.case for part in first.readings] == [None, None]
    assert all(part.case for part in second.readings)


@pytest.mark.parametrize(
    "many", ["not " * 900 + "VIP", "(" * 1900, "VIP and " * 400, "is " * 1000, '"' * 3999, "or " * 900]
)
def test_no_sentence_is_too_much(many: str) -> None:
    reading = read(f"x is a when {many}")
    assert reading.case or reading.problems


def test_what_no_sentence_can_say_has_a_reason() -> None:
    for formula, because in [
        ("IF(lifetime_value / orders_90d > 5, 'x')", "other than a field"),
        ("IF(orders_90d > days_since_last_order, 'x')", "other than a value"),
        ("IF(is_vip, tier)", "an outcome is calculated"),
        ("IF(tier > 'b', 'x')", "texts by size"),
        ("IF(TRUE, 'x')", "no words"),
    ]:
        mixed = write_sentence(tree(formula), VOCABULARY, MODEL)
        assert isinstance(mixed, Mixed)
        assert because in mixed.message


def test_what_sql_leaves_out_is_said_as_something_other() -> None:
    said = write_sentence(tree("IF(NOT (tier = 'gold'), 'x')"), VOCABULARY, MODEL)
    assert said == "x when tier is something other than gold"


def test_a_sentence_becomes_a_table_and_the_table_the_sentence() -> None:
    said = "customer is lost when days since last order is more than 60 and tier is not gold, otherwise well"
    case = read(said).case
    assert case
    decision = to_table(case, VOCABULARY)
    assert isinstance(decision, Decision)
    assert write_sentence(to_case(decision), VOCABULARY, MODEL, "customer") == said


# -- there and back

TEXTS = st.sampled_from(
    ["gold", "so, so", "the end", "not", "more than 5", "VIP", "a and b", "is", 'say "x"', "it's", "5", "10k", "blank", "yes", "when", "tier", "x (y)", " a", "unless", "somewhere else", "Été", "", "at risk", "in this year"]
)  # fmt: skip
WORLD: dict[str, list[Any]] = {
    "days_since_last_order": [None, 0, 1, 2],
    "tier": [None, "gold", "so, so"],
    "is_vip": [None, True, False],
}
ROWS = [dict(zip(WORLD, row, strict=True)) for row in product(*WORLD.values())]
TIER, DAYS, VIP = (ColumnRef(MODEL, name) for name in ("tier", "days_since_last_order", "is_vip"))
NUMBERS = st.integers(-2, 3).map(literal)
TESTS = st.one_of(
    st.just(VIP),
    st.builds(IsBlank, st.sampled_from([TIER, DAYS, VIP]), st.booleans()),
    st.builds(Binary, st.sampled_from(["=", "<>"]), st.just(TIER), TEXTS.map(literal)),
    st.builds(Binary, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), st.just(DAYS), NUMBERS),
    st.builds(Binary, st.sampled_from(["<", "="]), NUMBERS, st.just(DAYS)),
    st.builds(Binary, st.sampled_from(["=", "<>"]), st.just(VIP), st.booleans().map(literal)),
    st.builds(
        In,
        st.just(TIER),
        st.lists(TEXTS.map(literal), min_size=2, max_size=3, unique=True).map(tuple),
        st.booleans(),
    ),
    st.builds(Between, st.just(DAYS), NUMBERS, NUMBERS, st.booleans()),
    st.builds(
        lambda name, text: Call(name, (TIER, literal(text))),
        st.sampled_from(["CONTAINS", "STARTSWITH", "ENDSWITH"]),
        TEXTS,
    ),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(["AND", "OR"]), inner, inner),
        st.builds(lambda node: Unary("NOT", node), inner),
        inner.map(denied),
    ),
    max_leaves=5,
)


@quick
@given(
    st.lists(st.tuples(CONDITIONS, TEXTS.map(literal)), min_size=1, max_size=3),
    TEXTS,
    st.sampled_from(["customer", ""]),
)
def test_a_written_rule_is_read_as_the_same_again(
    whens: list[tuple[Node, Node]], last: str, subject: str
) -> None:
    case = Case(tuple(whens), literal(last))
    written = write_sentence(case, VOCABULARY, MODEL, subject)
    assert isinstance(written, str)
    reading = read(written)
    assert reading.case, (written, reading.problems)
    assert reading.subject == subject
    assert reading.case.whens == tuple((plain(shape(condition)), outcome) for condition, outcome in whens)
    assert reading.sentence == written
    for row in ROWS:
        assert decided(reading.case, row) == decided(case, row)


@quick
@given(CONDITIONS)
def test_a_denial_holds_exactly_where_the_condition_is_not_true(condition: Node) -> None:
    for row in ROWS:
        assert evaluated(denied(condition), row) is (evaluated(condition, row) is not True)
        assert evaluated(plain(condition), row) is evaluated(condition, row)


@quick
@given(
    st.text("ab \"',()[]<>=-5.“”", max_size=25)
    | st.lists(
        st.sampled_from(
            [
                "customer",
                "is",
                "not",
                "VIP",
                "tier",
                "gold",
                "and",
                "or",
                "unless",
                "when",
                "otherwise",
                ",",
                ";",
                "(",
                ")",
                "5",
                "days",
                "more",
                "than",
                "one",
                "of",
                "between",
                "blank",
                "[tier]",
                '"x"',
                "today",
                "ago",
                "in",
                "the",
                "last",
            ]
        ),
        max_size=14,
    ).map(" ".join)
)
def test_any_words_are_read_or_refused(words: str) -> None:
    reading = read(f"customer is new when {words}")
    assert (reading.case is None) == bool(reading.problems)
    if reading.case:
        assert reading.sentence
        assert read(reading.sentence).case == reading.case
        assert not any(
            isinstance(part, InPeriod) and not isinstance(part.value, ColumnRef)
            for part in walk(reading.case)
        )
        assert not any(isinstance(part, Literal_) and part.value is None for part in walk(reading.case))
