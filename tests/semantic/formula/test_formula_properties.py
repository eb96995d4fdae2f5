from __future__ import annotations

import string
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semantic.definitions import Vocabulary
from semantic.formula import CODES, Analysis, FormulaError, analyse, parse, print_formula
from semantic.formula.registry import FUNCTIONS, Function
from semantic.formula.tree import (
    Between,
    Binary,
    Call,
    Case,
    Conversion,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    Name,
    Node,
    Period,
    Prior,
    Running,
    Total,
    Unary,
    Where,
    shape,
    walk,
)

quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# -- trees as the parser makes them

NAMES = st.one_of(
    st.sampled_from(
        ["amount", "Net amount", "end", "case", "not", "date", "sum", "day", "x]y", "Größe", "1st"]
    ),
    st.text(string.ascii_letters + "_ .,'\"-0", min_size=1).map(str.strip).filter(bool),
)
UNITS = st.sampled_from(["day", "week", "month", "quarter", "year"])
LENGTHS = st.builds(Period, st.integers(1, 10_000), UNITS)
KEPT = st.sampled_from(["first", "last", "average"])
LITERALS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 10**20),
    st.floats(0, 1e15, allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\\{}%#", exclude_categories=["C", "Zl", "Zp"])),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
).map(Literal_)
LEAVES = st.one_of(
    LITERALS,
    st.builds(Name, NAMES, st.one_of(st.just(""), NAMES)),
    st.builds(Total, st.just("COUNT"), model=st.one_of(st.just(""), NAMES)),
)
OPERATORS = st.sampled_from(["+", "-", "*", "/", "^", "&", "=", "<>", "<", "<=", ">", ">=", "AND", "OR"])
ROW_FUNCTIONS = [f for f in FUNCTIONS if f.role == "row" and f.name != "DIVIDE"]


@st.composite
def calls(draw: st.DrawFn, inner: st.SearchStrategy[Node]) -> Call:
    function: Function = draw(st.sampled_from(ROW_FUNCTIONS))
    unit = bool(function.parameters) and function.parameters[-1].kind == "unit"
    count = len(function.parameters) - unit
    args = tuple(draw(inner) for _ in range(count))
    return Call(function.name, (*args, Period(1, draw(UNITS))) if unit else args)


@st.composite
def totals(draw: st.DrawFn, inner: st.SearchStrategy[Node]) -> Total:
    arg = draw(inner.filter(lambda node: not isinstance(node, Where | Literal_)))
    name = draw(
        st.sampled_from(["SUM", "AVERAGE", "MIN", "MAX", "MEDIAN", "COUNT", "COUNTDISTINCT", "PERCENTILE"])
    )
    return Total(name, arg, draw(st.floats(0, 1)) if name == "PERCENTILE" else None)


def parts(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    whens = st.lists(st.tuples(inner, inner), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Binary, OPERATORS, inner, inner),
        st.builds(Binary, st.sampled_from("+-"), inner, LENGTHS),
        st.builds(Unary, st.sampled_from(["-", "NOT"]), inner),
        st.builds(IsBlank, inner, st.booleans()),
        st.builds(In, inner, st.lists(inner, min_size=1, max_size=3).map(tuple), st.booleans()),
        st.builds(Between, inner, inner, inner, st.booleans()),
        st.builds(InPeriod, inner, st.just(0), UNITS),
        st.builds(InPeriod, inner, st.integers(1, 99), UNITS, st.booleans()),
        st.builds(Case, whens, st.one_of(st.none(), inner)),
        st.builds(Where, inner, inner),
        st.builds(Running, inner, LENGTHS, st.none(), KEPT),
        st.builds(Running, inner, st.none(), UNITS.filter(lambda unit: unit != "day"), KEPT),
        st.builds(Running, inner, keep=KEPT),
        st.builds(Prior, inner, LENGTHS),
        st.builds(Conversion, inner, LEAVES, NAMES.map(str.lower), st.one_of(st.none(), LENGTHS)),
        calls(inner),
        totals(inner),
    )


TREES = st.recursive(LEAVES, parts, max_leaves=12)


@settings(quick, max_examples=250)
@given(TREES)
def test_a_printed_tree_is_read_as_the_same_tree(tree: Node) -> None:
    assert shape(parse(print_formula(tree))) == shape(tree)


# -- texts

WORDS = [
    "ROLLING(",
    "PRIOR(",
    "SUM(",
    "COUNT(",
    "COUNT(*)",
    "(",
    ")",
    ",",
    ";",
    "amount",
    "[Net",
    "amount]",
    "revenue",
    "orders.",
    "'x'",
    '"paid"',
    "5",
    "5%",
    "30",
    "days",
    "+",
    "-",
    "*",
    "/",
    "^",
    "&",
    "=",
    "<>",
    "<",
    ">=",
    "AND",
    "OR",
    "NOT",
    "WHERE",
    "FILTER(",
    "IN(",
    "IN",
    "LAST",
    "3",
    "THIS",
    "MONTH",
    "BETWEEN",
    "IS",
    "BLANK",
    "TRUE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "IF(",
    "DIVIDE(",
    "COALESCE(",
    "STARTOF(",
    "day",
    "order_date",
    "'2026-01-01'",
    "DATE",
    "TODAY()",
    "LIKE",
    "%",
    "DISTINCT",
    "SUMIF(",
    "tier",
    "]",
    "[",
    "'",
    '"',
    "{",
    "\\",
    "orders.*",
    "OVER",
]
TYPED = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=12).map("".join),
)


@quick
@given(
    TYPED, st.sampled_from(["", "orders", "customers", "nothing"]), st.one_of(st.none(), st.integers(0, 60))
)
def test_any_text_gets_an_answer(vocabulary: Vocabulary, text: str, model: str, caret: int | None) -> None:
    analysis = analyse(text, vocabulary, model=model, caret=caret)
    assert analysis.ok or analysis.incomplete or analysis.problems[0].level == "error"
    assert_consistent(analysis, vocabulary)


@quick
@given(st.text())
def test_parsing_only_ever_raises_the_error_with_a_place(text: str) -> None:
    try:
        parse(text)
    except FormulaError as error:
        assert 0 <= error.problem.start <= error.problem.end <= len(text)


# -- formulas that are nearly right, where most rules meet

FIELDS = st.sampled_from(
    [
        "amount",
        "quantity",
        "channel",
        "order_date",
        "is_gift",
        "payload",
        "tier",
        "user_id",
        "refunds",
        "revenue",
        "5",
        "0.5",
        "'x'",
        "'5'",
        "BLANK",
        "TODAY()",
    ]
)


def rows(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def fill(template: str) -> st.SearchStrategy[str]:
        return st.tuples(*[inner] * template.count("{}")).map(lambda values: template.format(*values))

    templates = [
        "{} + {}",
        "{} - {}",
        "{} / {}",
        "({} * {})",
        "{} & {}",
        "{} = {}",
        "{} <> {}",
        "{} > {}",
        "{} AND {}",
        "NOT {}",
        "{} IN ({}, {})",
        "{} NOT IN ({})",
        "{} BETWEEN {} AND {}",
        "{} IS BLANK",
        "{} IN LAST 3 MONTHS",
        "IF({}, {}, {})",
        "COALESCE({}, {})",
        "{} + 3 days",
        "-{}",
        "SWITCH({}, {}, {}, {})",
        "DIVIDE({}, {}, {})",
        "CONTAINS({}, {})",
        "DATEDIFF({}, {})",
        "DATEADD({}, {}, day)",
    ]
    return st.sampled_from(templates).flatmap(fill)


ROWS = st.recursive(FIELDS, rows, max_leaves=5)
ONE_NUMBER = st.one_of(
    ROWS.map("SUM({})".format),
    ROWS.map("COUNT(DISTINCT {})".format),
    ROWS.map("COUNTIF({})".format),
    st.tuples(ROWS, ROWS).map(lambda pair: "SUM({}) FILTER (WHERE {})".format(*pair)),
    st.sampled_from(["COUNT(*)", "revenue", "metric.refunds", "refunds", "100", "amount"]),
)
FORMULAS = st.recursive(
    ONE_NUMBER,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: "{} / {}".format(*pair)),
        st.tuples(inner, inner).map(lambda pair: "({} - {})".format(*pair)),
        st.tuples(inner, ROWS).map(lambda pair: "({} WHERE {})".format(*pair)),
        st.tuples(inner, ROWS).map(lambda pair: "{} WHERE {}".format(*pair)),
        inner.map("COALESCE({}, 0)".format),
    ),
    max_leaves=4,
)


@settings(quick, max_examples=300)
@given(FORMULAS, st.sampled_from(["", "orders", "customers"]))
def test_every_answer_is_consistent_and_every_fix_a_step_forward(
    vocabulary: Vocabulary, text: str, model: str
) -> None:
    analysis = analyse(text, vocabulary, model=model)
    assert_consistent(analysis, vocabulary)
    for problem in analysis.problems:
        for fix in problem.fixes:
            left = analyse(fix.text, vocabulary, model=model).problems
            same = [
                p
                for p in left
                if (p.code, p.message, p.start) == (problem.code, problem.message, problem.start)
            ]
            assert not same, (text, fix)


def assert_consistent(analysis: Analysis, vocabulary: Vocabulary) -> None:
    for problem in analysis.problems:
        assert problem.code in CODES
        assert 0 <= problem.start <= problem.end <= len(analysis.text)
    if analysis.tree is None:
        return
    assert not any(isinstance(part, Name) for part in walk(analysis.tree))
    assert all(part.model for part in walk(analysis.tree) if isinstance(part, Total))
    again = analyse(analysis.canonical, vocabulary, model=analysis.model)
    assert again.tree is not None, (analysis.canonical, again.problems)
    assert shape(again.tree) == shape(analysis.tree)
    assert (again.canonical, again.reads_as) == (analysis.canonical, analysis.reads_as)
