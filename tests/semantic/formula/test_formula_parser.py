from __future__ import annotations

import pytest

from semantic.formula import parse, print_formula
from semantic.formula.tree import (
    Binary,
    Call,
    Case,
    InPeriod,
    IsBlank,
    Literal_,
    Name,
    Node,
    Period,
    Total,
    Unary,
    Where,
    shape,
)

A, B, C = Name("a"), Name("b"), Name("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c", Binary("+", A, Binary("*", B, C))),
        ("(a + b) * c", Binary("*", Binary("+", A, B), C)),
        ("a - b - c", Binary("-", Binary("-", A, B), C)),
        ("a / b / c", Binary("/", Binary("/", A, B), C)),
        ("a ^ b ^ c", Binary("^", A, Binary("^", B, C))),
        ("-a ^ b", Unary("-", Binary("^", A, B))),
        ("a ^ -b", Binary("^", A, Unary("-", B))),
        ("-a * b", Binary("*", Unary("-", A), B)),
        ("+a", A),
        ("a & b + c", Binary("&", A, Binary("+", B, C))),
        ("a & b = c", Binary("=", Binary("&", A, B), C)),
        ("a OR b AND c", Binary("OR", A, Binary("AND", B, C))),
        ("NOT a AND b", Binary("AND", Unary("NOT", A), B)),
        ("NOT a = b", Unary("NOT", Binary("=", A, B))),
        ("NOT (a) OR b", Binary("OR", Unary("NOT", A), B)),
        ("a IS BLANK AND b", Binary("AND", IsBlank(A), B)),
        ("a + b IS NOT NULL", IsBlank(Binary("+", A, B), negated=True)),
    ],
)
def test_operators_hold_together_as_in_sql(text: str, tree: Node) -> None:
    assert shape(parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("SUM(a) / SUM(b) WHERE c", "SUM(a) / SUM(b) WHERE c"),
        ("(SUM(a) WHERE c) / SUM(b)", "(SUM(a) WHERE c) / SUM(b)"),
        ("SUM(a) / (SUM(b) WHERE c)", "SUM(a) / (SUM(b) WHERE c)"),
        ("SUM(a WHERE c) / SUM(b)", "(SUM(a) WHERE c) / SUM(b)"),
        ("SUM(a) FILTER (WHERE c) / SUM(b)", "(SUM(a) WHERE c) / SUM(b)"),
        ("SUM(a) WHERE b OR c", "SUM(a) WHERE b OR c"),
        ("SUM(a) WHERE b WHERE c", "(SUM(a) WHERE b) WHERE c"),
    ],
)
def test_where_covers_everything_before_it_and_filter_only_one_total(text: str, canonical: str) -> None:
    assert print_formula(parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("=SUM(a)", "SUM(a)"),
        ("sum( a )", "SUM(a)"),
        ("SUMIF(a; b = “paid”)", "SUM(a) WHERE b = 'paid'"),
        (
            "SUM(a) WHERE b = \N{LEFT SINGLE QUOTATION MARK}x\N{RIGHT SINGLE QUOTATION MARK}",
            "SUM(a) WHERE b = 'x'",
        ),
        ("b = 'paid\N{RIGHT SINGLE QUOTATION MARK}", "b = 'paid'"),
        ("b = 'Int\N{RIGHT SINGLE QUOTATION MARK}l'", "b = 'Int\N{RIGHT SINGLE QUOTATION MARK}l'"),
        ("b = «x»", "b = 'x'"),
        ('b = "it\'s"', "b = 'it''s'"),
        ("b = 'it''s'", "b = 'it''s'"),
        ('b = "say ""yes"""', "b = 'say \"yes\"'"),
        ("a \N{MULTIPLICATION SIGN} b \N{DIVISION SIGN} c", "a * b / c"),
        ("a \N{EN DASH} b \N{MINUS SIGN} c", "a - b - c"),
        ("a ≥ b AND b ≤ c AND c ≠ a", "a >= b AND b <= c AND c <> a"),
        ("a != b", "a <> b"),
        ("a == b", "a = b"),
        ("a || b", "a & b"),
        ("a\N{NO-BREAK SPACE}+\n\tb", "a + b"),
        ("5%", "5%"),
        ("12.5% * a", "12.5% * a"),
        ("[Net amount] + [b]", "[Net amount] + b"),
        ("[a ]]odd]] name]", "[a ]]odd]] name]"),
        ("orders.status = orders.[Net amount]", "orders.status = orders.[Net amount]"),
        ("Orders[Amount]", "Orders.Amount"),
        ("[case] = [end]", "[case] = [end]"),
        ("current_date", "TODAY()"),
        ("TRUE() = FALSE", "TRUE = FALSE"),
        ("a IS NULL", "a IS BLANK"),
        ("a IS TRUE", "a = TRUE"),
        ("a IS NOT TRUE", "a <> TRUE OR a IS BLANK"),
        ("a not in (1; 2)", "a NOT IN (1, 2)"),
        ("a IN LAST 30 DAYS", "a IN LAST 30 DAYS"),
        ("a in the last month", "a IN LAST 1 MONTH"),
        ("a NOT IN LAST 3 COMPLETE MONTHS", "a NOT IN LAST 3 COMPLETE MONTHS"),
        ("a in this quarter", "a IN THIS QUARTER"),
        ("a + 1 day - 30 days", "a + 1 day - 30 days"),
        ("a CONTAINS 'x' AND b NOT STARTSWITH 'y'", "CONTAINS(a, 'x') AND NOT STARTSWITH(b, 'y')"),
        ("AND(a, b, OR(c, a))", "a AND b AND (c OR a)"),
        ("DATE(2026; 1; 31)", "DATE '2026-01-31'"),
        ("DATE('2026-01-31')", "DATE '2026-01-31'"),
    ],
)
def test_what_people_type_is_read_as_they_meant_it(text: str, canonical: str) -> None:
    assert print_formula(parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("AVG(a)", "AVERAGE(a)"),
        ("COUNT()", "COUNT(*)"),
        ("COUNT(1)", "COUNT(*)"),
        ("COUNT(orders.*)", "COUNT(orders.*)"),
        ("COUNT(DISTINCT a)", "COUNT(DISTINCT a)"),
        ("COUNT(DISTINCT (a))", "COUNT(DISTINCT a)"),
        ("DISTINCT(a)", "COUNT(DISTINCT a)"),
        ("COUNTIF(a = 1)", "COUNT(*) WHERE a = 1"),
        ("AVERAGEIF(a, b)", "AVERAGE(a) WHERE b"),
        ("MINIF(a, b) + MAXIF(a, b)", "(MIN(a) WHERE b) + (MAX(a) WHERE b)"),
        ("DISTINCTIF(a, b)", "COUNT(DISTINCT a) WHERE b"),
        ("PERCENTILE(a, 90%)", "PERCENTILE(a, 0.9)"),
        ("IF(a, b)", "IF(a, b)"),
        ("IIF(a, b, c)", "IF(a, b, c)"),
        ("IFS(a, 1, b, 2, TRUE, 3)", "CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END"),
        ("CASE WHEN a THEN 1 END", "IF(a, 1)"),
        ("CASE a WHEN 1 THEN b WHEN 2 THEN c END", "CASE WHEN a = 1 THEN b WHEN a = 2 THEN c END"),
        ("SWITCH(a, 1, b, 2, c, 0)", "CASE WHEN a = 1 THEN b WHEN a = 2 THEN c ELSE 0 END"),
        ("NVL(a, 0)", "COALESCE(a, 0)"),
        ("IFERROR(a / b, 0)", "COALESCE(a / b, 0)"),
        ("ISBLANK(a)", "a IS BLANK"),
        ("DIVIDE(a, b)", "a / b"),
        ("DIVIDE(a, b, 0)", "DIVIDE(a, b, 0)"),
        ("DIV0(a, b)", "DIVIDE(a, b, 0)"),
        ("POWER(a, 2)", "a ^ 2"),
        ("CONCAT(a, b, c)", "a & b & c"),
        ("LENGTH(a)", "LEN(a)"),
        ("DATEDIFF(a, b)", "DATEDIFF(a, b, day)"),
        ("DATEDIFF('month', a, b)", "DATEDIFF(a, b, month)"),
        ("DATEADD(day, 3, a)", "DATEADD(a, 3, day)"),
        ("DATE_TRUNC('month', a)", "STARTOF(a, month)"),
        ("STARTOF(a, Weeks)", "STARTOF(a, week)"),
    ],
)
def test_every_spelling_of_a_function_becomes_one(text: str, canonical: str) -> None:
    assert print_formula(parse(text)) == canonical
    assert shape(parse(canonical)) == shape(parse(text))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("COUNT(*)", Total("COUNT")),
        ("COUNT(web.*)", Total("COUNT", model="web")),
        ("PERCENTILE(a, 0.5)", Total("PERCENTILE", A, 0.5)),
        ("SUMIF(a, b)", Where(Total("SUM", A), B)),
        ("a IN THIS WEEK", InPeriod(A, 0, "week")),
        ("a IN LAST 2 COMPLETE YEARS", InPeriod(A, 2, "year", complete=True)),
        ("STARTOF(a, month)", Call("STARTOF", (A, Period(1, "month")))),
        ("IF(a, b, BLANK)", Case(((A, B),), Literal_(None))),
    ],
)
def test_generators_can_rely_on_these_trees(text: str, tree: Node) -> None:
    assert shape(parse(text)) == tree


def test_every_node_knows_its_place_brackets_included() -> None:
    text = "  (SUM(a) - 1) / COUNT(*)"
    tree = parse(text)
    assert isinstance(tree, Binary)
    assert text[tree.start : tree.end] == "(SUM(a) - 1) / COUNT(*)"
    assert text[tree.left.start : tree.left.end] == "(SUM(a) - 1)"
    assert text[tree.right.start : tree.right.end] == "COUNT(*)"


@pytest.mark.parametrize(
    ("text", "value"), [("7%", 0.07), ("0.1%", 0.001), (".5", 0.5), ("1e3", 1000.0), ("007", 7)]
)
def test_numbers_have_their_exact_value(text: str, value: float) -> None:
    tree = parse(text)
    assert isinstance(tree, Literal_)
    assert tree.value == value
