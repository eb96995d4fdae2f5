from __future__ import annotations

import re
from dataclasses import replace

import pytest

from semantic.definitions import Column, Entity, Metric, Model, SemanticModel, Vocabulary
from semantic.formula import CODES, Analysis, Problem, analyse, analyse_row
from tests.semantic import shop

# Formula with ⟦ ⟧ around the place that the message points at; code; message; part of the hint.
# A model to start from stands in front of “|”.
ERRORS = [
    ("⟦⟧", "empty", "The formula is empty.", "Start with a total"),
    ("⟦  ⟧", "empty", "The formula is empty.", "Start with a total"),
    ("SUM(amount) ⟦\u202e⟧", "unsafe-text", "There is an invisible character here", "Remove it"),
    ("SUM(amount)⟦\x00⟧", "unsafe-text", "There is an invisible character here", "Remove it"),
    (
        "SUM(amount) WHERE channel = '⟦{{⟧ x }}'",
        "unsafe-text",
        "{{ has a meaning in dbt's templates",
        "directly",
    ),
    ("⟦{%⟧ x %}", "unsafe-text", "{% has a meaning in dbt's templates", "directly"),
    ("COUNT(*) WHERE channel = 'a⟦\\⟧'", "unsafe-text", "A backslash cannot be used", "type it twice"),
    ("SUM(amount) ⟦#⟧", "bad-character", "The character # cannot be used here.", ""),
    ("SUM(⟦`⟧amount`)", "bad-character", "The character ` cannot be used here.", "[Net amount]"),
    ("SUM(amount)⟦:⟧:int", "bad-character", "The character : cannot be used here.", "fixed in dbt"),
    (
        "SUM(amount) > ⟦9999999999999999999999999999999⟧",
        "bad-number",
        "This number is too large.",
        "30 digits",
    ),
    ("COUNTIF(channel = ⟦'web)⟧", "unclosed-text", "This text never ends", "Add '"),
    ("SUM(⟦[Net amount)⟧", "unclosed-name", "This name never ends", "[Net amount]"),
    ("SUM(amount) /⟦⟧  ", "unexpected-end", "The formula stops too early.", "missing at the end"),
    (
        "SUM(amount) WHERE order_date IN LAST 3⟦⟧",
        "unexpected-end",
        "The formula stops too early.",
        "A unit is missing",
    ),
    (
        "COUNT(*) WHERE CASE WHEN is_gift⟦⟧",
        "unexpected-end",
        "The formula stops too early.",
        "THEN is missing",
    ),
    ("SUM(⟦*⟧ amount)", "unexpected-token", "A value or a field is missing before “*”.", ""),
    ("SUM(amount) + ⟦END⟧", "unexpected-token", "A value or a field is missing before “END”.", "[END]"),
    ("SUM(amount)⟦;⟧", "unexpected-token", "“;” has nothing to separate here.", ""),
    ("⟦SUM(amount * 1,19)⟧", "wrong-arguments", "SUM() needs 1 value; this has 2.", "decimals have a point"),
    ("SUM(amount) / 1⟦,⟧000", "unexpected-token", "“,” has nothing to separate here.", "thousands"),
    (
        "SUM(amount) WHERE discount IS ⟦5⟧",
        "unexpected-token",
        "After IS comes BLANK, TRUE or FALSE.",
        "use =",
    ),
    (
        "COUNTIF(discount BETWEEN 1 ⟦OR⟧ 2)",
        "unexpected-token",
        "AND is missing before “OR”.",
        "BETWEEN 1 AND 10",
    ),
    (
        "SUM(⟦net amount⟧)",
        "missing-operator",
        "Something is missing between “net” and “amount”.",
        "[net amount]",
    ),
    (
        "⟦SUM amount⟧",
        "missing-operator",
        "Something is missing between “SUM” and “amount”.",
        "stand in brackets",
    ),
    ("⟦2 SUM⟧(amount)", "missing-operator", "Something is missing between “2” and “SUM”.", "operator"),
    ("ROUND⟦(⟧SUM(amount)", "missing-bracket", "A closing bracket ) is missing.", "this opening bracket"),
    ("SUM(amount)⟦)⟧", "extra-bracket", "There is one closing bracket ) too many.", ""),
    ("⟦SELECT⟧ amount", "sql-keyword", "SELECT belongs to SQL queries.", "by itself"),
    ("SUM(amount) ⟦GROUP⟧ BY tier", "sql-keyword", "GROUP belongs to SQL queries.", "by itself"),
    ("SUM(amount) ⟦OVER⟧ (PARTITION BY tier)", "sql-keyword", "OVER belongs to SQL queries.", "windows"),
    ("COUNTIF(⟦0 < amount < 10⟧)", "chained-comparison", "Two comparisons in a row", "0 < x AND x < 10"),
    ("SUM(amount) / 10 ⟦%⟧ 3", "percent-remainder", "% means “percent” here", "MOD(a, b)"),
    ("COUNTIF(quantity ⟦%⟧ 2 = 0)", "percent-remainder", "% means “percent” here", "MOD(a, b)"),
    ("COUNTIF(⟦channel LIKE '%web%'⟧)", "like-pattern", "LIKE is not part of formulas.", "CONTAINS"),
    ("COUNTIF(⟦channel NOT LIKE 'web%'⟧)", "like-pattern", "LIKE is not part of formulas.", "STARTSWITH"),
    ("COUNTIF(order_date IN LAST 3 ⟦hours⟧)", "unknown-unit", "“hours” is no unit of time here.", "Use days"),
    ("SUM(DATEDIFF(order_date, TODAY(), ⟦amount⟧))", "unknown-unit", "DATEDIFF() needs a unit", "Use day"),
    ("COUNTIF(order_date > TODAY() - ⟦0⟧ days)", "unknown-unit", "0 is no length of time.", "1 to 10,000"),
    ("COUNTIF(order_date > ⟦DATE '2026-02-30'⟧)", "invalid-date", "'2026-02-30' is no date.", "'2026-01-31'"),
    ("COUNTIF(order_date = ⟦'31.1.2026'⟧)", "invalid-date", "'31.1.2026' is no date.", "'2026-01-31'"),
    ("COUNTIF(order_date > ⟦2026-02-01⟧)", "invalid-date", "A date stands in quotes.", "'2026-01-31'"),
    ("COUNTIF(order_date IN (⟦'soon'⟧))", "invalid-date", "'soon' is no date.", "'2026-01-31'"),
    ("⟦SUMM⟧(amount)", "unknown-function", "There is no function SUMM().", "Did you mean SUM()?"),
    ("⟦VLOOKUP⟧(amount, 2)", "unsupported-function", "There is no VLOOKUP() in formulas.", "related model"),
    ("⟦SUMIFS⟧(amount, channel, 'x')", "unsupported-function", "There is no SUMIFS() in formulas.", "WHERE"),
    (
        "CONVERSION(⟦SUM(amount)⟧, COUNT(*), customer)",
        "conversion-events",
        "CONVERSION() compares rows that are counted.",
        "COUNT(orders.*)",
    ),
    (
        "CONVERSION(COUNT(*), ⟦COUNT(DISTINCT order_id) WHERE amount > 1⟧, customer)",
        "conversion-events",
        "dbt cannot count only some of the rows that follow.",
        "IF(amount > 1, order_id)",
    ),
    (
        "CONVERSION(⟦COUNT(orders.*)⟧, COUNT(orders.*), nobody)",
        "conversion-events",
        "orders has no entity “nobody” in dbt.",
        "",
    ),
    (
        "CONVERSION(COUNT(*), COUNT(*), ⟦7⟧)",
        "wrong-arguments",
        "CONVERSION() needs an entity here.",
        "customer",
    ),
    ("ROLLING(SUM(amount), ⟦30⟧)", "unknown-unit", "ROLLING() needs a length of time here.", "30 days"),
    ("TODATE(SUM(amount), ⟦day⟧)", "unknown-unit", "TODATE() needs a unit of time here.", "week, month"),
    (
        "⟦CUMULATIVE(SUM(amount), 3)⟧",
        "wrong-arguments",
        "The last value says which day counts.",
        "first, last or average",
    ),
    ("PRIOR(⟦amount⟧, 1 month)", "row-level", "PRIOR() needs a total or a metric.", "PRIOR(SUM(amount), …)"),
    (
        "PRIOR(⟦ROLLING(SUM(amount), 30 days)⟧, 1 month)",
        "nested-time",
        "PRIOR() of something that runs along with time already.",
        "a metric of its own",
    ),
    (
        "ROLLING(⟦SUM(amount) / COUNT(*)⟧, 30 days)",
        "running-calculation",
        "ROLLING() takes one total or one metric.",
        "by itself",
    ),
    ("TODATE(⟦MAX(channel)⟧, month)", "wrong-type", "TODATE() needs a number, but this is text.", ""),
    ("SUM(⟦LEFT(channel)⟧)", "wrong-arguments", "LEFT() needs 2 values; this has 1.", "LEFT(text, count)"),
    ("⟦SUM(*)⟧", "wrong-arguments", "* only has a meaning in COUNT().", "Name a field"),
    (
        "⟦SUM(DISTINCT amount)⟧",
        "wrong-arguments",
        "DISTINCT only has a meaning in COUNT().",
        "COUNT(DISTINCT",
    ),
    (
        "⟦COUNTIF(channel, 'web')⟧",
        "wrong-arguments",
        "COUNTIF() needs 1 value; this has 2.",
        "COUNTIF(condition)",
    ),
    ("⟦MAX(amount, 0)⟧", "wrong-arguments", "MAX() needs 1 value; this has 2.", "MAX(value)"),
    ("⟦PERCENTILE(amount, 90)⟧", "wrong-arguments", "The second value of PERCENTILE()", "90%"),
    ("SUM(⟦IFS(is_gift, 1, 2)⟧)", "wrong-arguments", "IFS() takes conditions and values in pairs.", "TRUE"),
    ("SUM(⟦ammount⟧)", "unknown-field", "There is no field or metric “ammount”.", "Did you mean amount?"),
    ("SUM(⟦orders.ammount⟧)", "unknown-field", "orders has no field “ammount”.", "orders.amount"),
    ("COUNTIF(channel = ⟦web⟧)", "unknown-field", "There is no field or metric “web”.", "in quotes: 'web'"),
    ("⟦metric.nothing⟧ + 1", "unknown-field", "There is no field or metric “nothing”.", ""),
    (
        "SUM(⟦ordrs⟧.amount)",
        "unknown-model",
        "There is no model “ordrs” in this project.",
        "Did you mean orders?",
    ),
    ("gone|⟦COUNT(*)⟧", "unknown-model", "There is no model “gone” in this version", "Choose another model"),
    (
        "COUNT(DISTINCT ⟦status⟧)",
        "ambiguous-field",
        "“status” exists in several models: customers, orders.",
        "from",
    ),
    ("⟦COUNT(*)⟧", "model-needed", "Nothing says which rows to count.", "Choose a model"),
    ("SUM(amount) - ⟦discount⟧", "mixed-levels", "This mixes single rows and totals.", "inside SUM"),
    (
        "IF(⟦is_gift⟧, SUM(amount), 0)",
        "mixed-levels",
        "This mixes single rows and totals.",
        "behind the total",
    ),
    ("⟦amount * quantity⟧", "row-level", "This is a value for each row, not one number.", "with SUM"),
    ("⟦5 * 2⟧", "no-total", "This is always the same value", "SUM(amount)"),
    ("SUM(⟦SUM(amount)⟧)", "nested-total", "SUM() of something that is a total already.", "Leave one"),
    (
        "SUM(⟦revenue⟧)",
        "metric-in-total",
        "SUM() needs fields, but revenue is a metric",
        "without another total",
    ),
    (
        "SUM(amount) WHERE channel = 'web' / ⟦COUNT(*)⟧",
        "total-in-where",
        "The WHERE part must look at single rows, so it cannot contain COUNT().",
        "To divide a filtered number, put brackets around it: (SUM(amount) WHERE …) / …",
    ),
    (
        "SUM(amount) WHERE amount > ⟦AVERAGE(amount)⟧",
        "total-in-where",
        "The WHERE part must look at",
        "with values",
    ),
    (
        "SUM(amount) WHERE is_gift - ⟦revenue⟧",
        "metric-in-where",
        "so it cannot contain the metric revenue.",
        "brackets",
    ),
    (
        "⟦amount⟧ WHERE is_gift",
        "where-without-total",
        "WHERE can only follow a total or a metric.",
        "SUM(amount)",
    ),
    ("SUM(⟦channel⟧)", "wrong-type", "SUM() needs a number, but this is text.", "fixed in dbt"),
    ("SUM(⟦is_gift⟧)", "wrong-type", "SUM() needs a number, but this is yes/no.", ""),
    ("COUNTIF(LEFT(channel, ⟦1.5⟧) = 'a')", "wrong-type", "value of LEFT() needs a whole number", ""),
    ("IF(MIN(⟦is_gift⟧), 1, 0)", "wrong-type", "MIN() needs something with an order", "where it does not"),
    (
        "SUM(amount) WHERE ⟦channel⟧",
        "wrong-type",
        "WHERE needs a yes/no condition, but this is text.",
        "Compare",
    ),
    (
        "SUM(amount) WHERE ⟦amount⟧ IN LAST 3 DAYS",
        "wrong-type",
        "IN LAST needs a date, but this is a number.",
        "",
    ),
    ("COUNT(DISTINCT ⟦channel + 'x'⟧)", "wrong-type", "Text cannot be added with +.", "use &"),
    ("COUNTIF(order_date > TODAY() - ⟦0.5⟧)", "wrong-type", "Moving a date by days needs a whole number", ""),
    ("COUNTIF(⟦channel = 5⟧)", "compare-types", "You compare text with a number.", "Put quotes around text"),
    (
        "COUNTIF(⟦quantity = '5'⟧)",
        "compare-types",
        "You compare a number with text.",
        "Put quotes around text",
    ),
    (
        "COUNTIF(⟦is_gift = 'yes'⟧)",
        "compare-types",
        "You compare yes/no with text.",
        "Put quotes around text",
    ),
    (
        "COUNTIF(channel IN ('a', ⟦5⟧))",
        "compare-types",
        "You compare text with a number.",
        "Put quotes around text",
    ),
    (
        "COUNTIF(channel BETWEEN 'a' AND ⟦5⟧)",
        "compare-types",
        "You compare text with a number.",
        "Put quotes",
    ),
    (
        "COUNTIF(⟦channel = BLANK⟧)",
        "compare-blank",
        "A comparison with BLANK is never true.",
        "Write IS BLANK",
    ),
    ("COUNTIF(⟦NULL <> channel⟧)", "compare-blank", "A comparison with BLANK is never true.", "IS NOT BLANK"),
    (
        "COUNTIF(channel IN ('a', ⟦BLANK⟧))",
        "blank-in-list",
        "BLANK in a list never matches.",
        "OR field IS BLANK",
    ),
    (
        "SUM(IF(is_gift, 0, ⟦'a'⟧))",
        "branch-types",
        "The results are of different kinds: a number and text.",
        "same",
    ),
    (
        "SUM(amount) * ⟦30 days⟧",
        "misplaced-period",
        "A length of time can only be added to a date",
        "TODAY()",
    ),
    ("⟦MAX(channel)⟧", "not-a-number", "This formula gives a text; a metric is a number.", "COUNT(*)"),
    (
        "⟦MAX(order_date)⟧",
        "not-a-number",
        "This formula gives a date; a metric is a number.",
        "TODAY() - MAX",
    ),
    (
        "⟦MIN(delivered_at)⟧",
        "not-a-number",
        "This formula gives a date with time; a metric is a number.",
        "TODAY() - MAX",
    ),
    ("⟦SUM(amount) > 5⟧", "not-a-number", "This formula gives yes or no; a metric is a number.", "COUNT(*)"),
    ("SUM(amount) / ⟦0⟧", "divides-by-zero", "This divides by zero.", "something else"),
    ("DIVIDE(SUM(amount), ⟦0⟧, 1)", "divides-by-zero", "This divides by zero.", "something else"),
    (
        "⟦SUM(amount * user_id)⟧",
        "fan-out",
        "This total uses fields of several models: orders, web_events.",
        "twice",
    ),
    (
        "COUNT(DISTINCT tier) WHERE ⟦amount⟧ > 5",
        "filter-unreachable",
        "Filtering customers by orders.amount would repeat rows: one row of customers has many rows of orders.",
        "Total orders instead",
    ),
    (
        "SUM(amount) WHERE ⟦kind⟧ = 'buy'",
        "filter-unreachable",
        "dbt does not know how orders and web_events belong together.",
        "Ask for an entity",
    ),
    (
        "SUM(amount) WHERE ⟦city⟧ = 'Rome'",
        "needs-dimension",
        "dbt cannot filter orders by city: it is no dimension of customers yet.",
        "Ask for city",
    ),
    (
        "revenue WHERE ⟦channel⟧ = 'web'",
        "needs-dimension",
        "dbt cannot filter the metric revenue by channel: it is no dimension of orders yet.",
        "Ask for channel",
    ),
]
ERRORS += [
    ("COUNTIF(is_gift ⟦&&⟧ channel = 'web')", "unexpected-token", "&& does not join", "AND or OR"),
    ('SUM(⟦"amount"⟧)', "wrong-type", "SUM() needs a number, but this is text.", "without quotes"),
]
WARNINGS = [
    (
        "SUM(amount) WHERE ⟦order_date IN LAST 30 DAYS⟧",
        "relative-date",
        "This number depends on today",
        "ROLLING",
    ),
    (
        "SUM(amount) WHERE order_date > ⟦TODAY()⟧ - 30 days",
        "relative-date",
        "This number depends on today",
        "ROLLING",
    ),
    (
        "COUNTIF(⟦channel <> 'web'⟧)",
        "not-equal-drops-blanks",
        "This leaves out rows where channel is blank.",
        "Include",
    ),
    (
        "COUNTIF(⟦channel NOT IN ('a')⟧)",
        "not-equal-drops-blanks",
        "This leaves out rows where",
        "IS NOT BLANK",
    ),
    (
        "⟦SUM(amount) / SUM(discount) * 100⟧",
        "percent-scale",
        "This multiplies a share by 100.",
        "Show as percent",
    ),
    (
        "⟦100 * SUM(amount)⟧ / SUM(discount)",
        "percent-scale",
        "This multiplies a share by 100.",
        "Show as percent",
    ),
    (
        "ROUND(⟦100 * (revenue / visits)⟧, 1)",
        "percent-scale",
        "This multiplies a share by 100.",
        "Show as percent",
    ),
    (
        "revenue / ⟦gross⟧",
        "leaving",
        "Gross sales goes on 31 March 2027.",
        "Revenue takes its place.",
    ),
    (
        "⟦old_visits⟧ * 2",
        "leaving",
        "old_visits is deprecated.",
        "Ask its owner what to use instead.",
    ),
    (
        "⟦COUNT(DISTINCT user_id) / COUNT(orders.*)⟧",
        "subset-of",
        "The upper part counts rows of web_events, the lower part rows of orders.",
        "same rows",
    ),
    (
        "⟦COUNT(orders.*) / COUNTIF(is_gift)⟧",
        "subset-of",
        "The lower part has a condition that the upper part has not.",
        "same rows",
    ),
    (
        'COUNTIF(channel = ⟦"discount"⟧)',
        "text-like-field",
        "“discount” in quotes is a text.",
        "without quotes",
    ),
    ("SUM(amount) WHERE amount > ⟦1.000⟧", "thousands-point", "1.000 is 1 here", "without a separator"),
    ("⟦COUNT(channel = 'web')⟧", "count-of-condition", "COUNT counts every row", "use COUNTIF"),
    (
        "orders|⟦refunds⟧ / COUNT(*)",
        "name-shadowed",
        "“refunds” is a field of orders and also a metric",
        "metric.refunds",
    ),
]


# The same of values of each row of orders.
OF_ROWS = [
    ("amount / ⟦SUM(amount)⟧", "total-in-row", "A value of each row holds no totals", "is a metric"),
    ("amount - ⟦revenue⟧", "total-in-row", "A value of each row holds no totals", "is a metric"),
    (
        "⟦amount WHERE channel = 'web'⟧",
        "where-without-total",
        "WHERE filters totals",
        "IF(condition, value)",
    ),
    ("⟦nosuch⟧ * 2", "unknown-field", "There is no field “nosuch”.", "list of fields"),
    ("⟦5 * 2⟧", "no-field", "This is the same in every row", "amount * 2"),
    (
        "amount * ⟦customers.customer_id⟧",
        "foreign-field",
        "is a field of customers, not of orders",
        "added to it",
    ),
]


def _marked(marked: str) -> tuple[str, str, int, int]:
    model, bar, formula = marked.rpartition("|")
    start = formula.index("⟦")
    end = formula.index("⟧") - 1
    return formula.replace("⟦", "").replace("⟧", ""), model if bar else "", start, end


def _analysed(marked: str, vocabulary: Vocabulary) -> tuple[Analysis, tuple[int, int]]:
    text, model, start, end = _marked(marked)
    return analyse(text, vocabulary, model=model), (start, end)


@pytest.mark.parametrize(("marked", "code", "message", "hint"), ERRORS)
def test_an_error_says_what_is_wrong_and_where_and_what_to_do(
    vocabulary: Vocabulary, marked: str, code: str, message: str, hint: str
) -> None:
    analysis, place = _analysed(marked, vocabulary)
    problem = analysis.problems[0]
    assert not analysis.ok
    assert (problem.code, problem.level) == (code, "error")
    assert message in problem.message
    assert hint in problem.hint
    assert (problem.start, problem.end) == place


@pytest.mark.parametrize(("marked", "code", "message", "hint"), OF_ROWS)
def test_an_error_in_a_value_of_each_row_says_so_too(
    vocabulary: Vocabulary, marked: str, code: str, message: str, hint: str
) -> None:
    text, _model, start, end = _marked(marked)
    problem = analyse_row(text, vocabulary, model="orders").problems[0]
    assert (problem.code, problem.level) == (code, "error")
    assert message in problem.message
    assert hint in problem.hint
    assert (problem.start, problem.end) == (start, end)


def test_a_value_of_each_row_is_read_and_told(vocabulary: Vocabulary) -> None:
    analysis = analyse_row("amount - COALESCE(discount, 0)", vocabulary, model="orders")
    assert analysis.value_type == "number"
    assert analysis.models == {"orders"}
    assert analysis.reads_as.endswith(".")
    assert not analyse_row("", vocabulary, model="orders").ok


@pytest.mark.parametrize(("marked", "code", "message", "hint"), WARNINGS)
def test_a_remark_says_what_may_not_be_meant_and_where(
    vocabulary: Vocabulary, marked: str, code: str, message: str, hint: str
) -> None:
    analysis, place = _analysed(marked, vocabulary)
    problem = next(problem for problem in analysis.problems if problem.code == code)
    assert problem.level == "warning"
    assert message in problem.message
    assert hint in problem.hint
    assert (problem.start, problem.end) == place


def test_every_documented_code_has_an_example_here() -> None:
    tested = {code for _, code, _, _ in (*ERRORS, *OF_ROWS, *WARNINGS)}
    assert set(CODES) - tested == {"too-long", "too-complex"}


def test_messages_are_sentences() -> None:
    assert all(meaning.endswith(".") for meaning in CODES.values())
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in CODES)


FIXES = [
    ("SUM(amount)\u202e", "SUM(amount)"),
    ("COUNTIF(channel = 'web)", "COUNTIF(channel = 'web')"),
    ("SUM(amount) WHERE channel = 'web", "SUM(amount) WHERE channel = 'web'"),
    ("ROUND(SUM(amount", "ROUND(SUM(amount))"),
    ("SUM(amount))", "SUM(amount)"),
    ("IF(MAX(is_gift), 1, 0)", "IF((COUNTIF(is_gift) > 0), 1, 0)"),
    ("SUM(amount);", "SUM(amount)"),
    ("SUM(amount) / 1,000", "SUM(amount) / 1000"),
    ("SUM(amount) * 1.000,50", "SUM(amount) * 1000.50"),
    ("SUM(amount) * 10,000.50", "SUM(amount) * 10000.50"),
    ("SUM(amount) / 1.000.000", "SUM(amount) / 1000000"),
    ("SUM(amount) * 1,19", "SUM(amount) * 1.19"),
    ("SUM(amount * 1,19)", "SUM(amount * 1.19)"),
    ("IF(SUM(amount) > 1,5, 1, 0)", "IF(SUM(amount) > 1.5, 1, 0)"),
    ("COUNTIF(amount BETWEEN 1,5 AND 2)", "COUNTIF(amount BETWEEN 1.5 AND 2)"),
    ("SUM(amount) / 2.500", "SUM(amount) / 2500"),
    ("COUNTIF(order_date > 31.1.2026)", "COUNTIF(order_date > '2026-01-31')"),
    ("COUNTIF(order_date > 1/31/2026)", "COUNTIF(order_date > '2026-01-31')"),
    ("COUNTIF(order_date > '31/1/2026')", "COUNTIF(order_date > DATE '2026-01-31')"),
    ("SUMME(amount)", "SUM(amount)"),
    ("SUM(WENN(is_gift, 0, 1))", "SUM(IF(is_gift, 0, 1))"),
    ("SUM(net amount)", "SUM([net amount])"),
    ("SUM amount", "SUM(amount)"),
    ("COUNTIF(0 < amount < 10)", "COUNTIF(0 < amount AND amount < 10)"),
    ("COUNTIF(quantity % 2 = 0)", "COUNTIF(MOD(quantity, 2) = 0)"),
    ("COUNTIF(channel LIKE '%web%')", "COUNTIF((CONTAINS(channel, 'web')))"),
    ("COUNTIF(channel NOT LIKE '%web')", "COUNTIF((NOT ENDSWITH(channel, 'web')))"),
    ("COUNTIF(order_date = '31.1.2026')", "COUNTIF(order_date = DATE '2026-01-31')"),
    ("COUNTIF(order_date = '2026/1/5')", "COUNTIF(order_date = DATE '2026-01-05')"),
    ("SUMM(amount)", "SUM(amount)"),
    ("COUNTIF(channel, 'web')", "COUNTIF(channel = 'web')"),
    ("SUMIF(channel, 'web', amount)", "SUMIF(amount, channel = 'web')"),
    ("MAX(SUM(amount), 0)", "GREATEST(SUM(amount), 0)"),
    ("SUM(ammount)", "SUM(amount)"),
    ("SUM(ordrs.amount)", "SUM(orders.amount)"),
    ("COUNTIF(channel = web)", "COUNTIF(channel = 'web')"),
    ("COUNT(DISTINCT status)", "COUNT(DISTINCT customers.status)"),
    ("COUNT(*)", "COUNT(customers.*)"),
    ("SUM(amount) - discount", "SUM(amount) - SUM(discount)"),
    ("amount * quantity", "SUM(amount * quantity)"),
    ("=amount", "=SUM(amount)"),
    ("channel", "COUNT(DISTINCT channel)"),
    ("is_gift", "COUNTIF(is_gift)"),
    ("order_date", "COUNT(DISTINCT order_date)"),
    ("SUM(SUM(amount))", "SUM(amount)"),
    ("SUM(revenue)", "revenue"),
    ("SUM(amount) WHERE channel = 'web' / COUNT(*)", "(SUM(amount) WHERE channel = 'web') / COUNT(*)"),
    ("1 + (SUM(amount) WHERE is_gift / COUNT(*))", "1 + ((SUM(amount) WHERE is_gift) / COUNT(*))"),
    ("amount WHERE is_gift", "SUM(amount) WHERE is_gift"),
    ("SUM(is_gift)", "COUNTIF(is_gift)"),
    ("SUM(channel)", "COUNT(DISTINCT channel)"),
    ("COUNT(DISTINCT channel + 'x')", "COUNT(DISTINCT channel & 'x')"),
    ("COUNTIF(channel = 5)", "COUNTIF(channel = '5')"),
    ("COUNTIF(quantity = '5')", "COUNTIF(quantity = 5)"),
    ("COUNTIF(is_gift = 'yes')", "COUNTIF(is_gift = TRUE)"),
    ("COUNTIF(channel = BLANK)", "COUNTIF(channel IS BLANK)"),
    ("COUNTIF((channel <> BLANK))", "COUNTIF((channel IS NOT BLANK))"),
    ("COUNTIF(channel IN ('a', BLANK))", "COUNTIF((channel IN ('a') OR channel IS BLANK))"),
    ("COUNTIF(channel NOT IN (BLANK, 'a'))", "COUNTIF((channel NOT IN ('a') AND channel IS NOT BLANK))"),
    ("COUNTIF(channel <> 'web')", "COUNTIF((channel <> 'web' OR channel IS BLANK))"),
    ("SUM(amount) / SUM(discount) * 100", "SUM(amount) / SUM(discount)"),
    ("(100 * SUM(amount)) / SUM(discount)", "(SUM(amount)) / SUM(discount)"),
    ('COUNTIF(channel = "status")', "COUNTIF(channel = status)"),
    ("COUNT(channel = 'web')", "COUNTIF(channel = 'web')"),
    ("COUNTIF(order_date IN LAST 30 DAYS)", "ROLLING(COUNT(orders.*), 30 days)"),
    ("SUMIF(amount, order_date IN LAST 2 WEEKS)", "ROLLING(SUM(amount), 2 weeks)"),
    ("SUM(amount WHERE order_date IN LAST 1 YEAR)", "ROLLING(SUM(amount), 1 year)"),
    ("COUNTIF(is_gift && channel = 'web')", "COUNTIF(is_gift AND channel = 'web')"),
    ("COUNTIF(channel = 'a'||channel = 'web')", "COUNTIF(channel = 'a' OR channel = 'web')"),
    ("SUM('amount')", "SUM(amount)"),
]


@pytest.mark.parametrize(("text", "fixed"), FIXES)
def test_one_click_gives_the_whole_corrected_formula(vocabulary: Vocabulary, text: str, fixed: str) -> None:
    problem = next(problem for problem in analyse(text, vocabulary).problems if problem.fixes)
    assert problem.fixes[0].text == fixed
    assert _solved(problem, fixed, vocabulary)


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("SUM(IF(is_gift, 0, amount))", "IF(is_gift, 0, amount)"),
        ("amount WHERE is_gift", "IF(is_gift, amount)"),
    ],
)
def test_so_does_one_click_in_a_value_of_each_row(vocabulary: Vocabulary, text: str, fixed: str) -> None:
    problem = analyse_row(text, vocabulary, model="orders").problems[0]
    assert [fix.text for fix in problem.fixes] == [fixed]
    assert analyse_row(fixed, vocabulary, model="orders").ok


@pytest.mark.parametrize(
    "text",
    ["SUM(amount) * 1.125", "SUM(amount) * 0.500", "COUNTIF(amount IN (1,5))", "SUM(2026 - 2 - 1 - amount)"],
)
def test_numbers_that_leave_no_doubt_are_taken_as_they_are(vocabulary: Vocabulary, text: str) -> None:
    assert analyse(text, vocabulary).problems == ()


def test_of_a_date_that_names_two_days_both_are_offered(vocabulary: Vocabulary) -> None:
    (problem,) = analyse("COUNTIF(order_date > 2/1/2026)", vocabulary).problems
    assert [fix.label for fix in problem.fixes] == ["Write '2026-02-01'", "Write '2026-01-02'"]


def test_every_fix_that_is_offered_solves_its_problem(vocabulary: Vocabulary) -> None:
    offered = 0
    for marked, *_ in (*ERRORS, *WARNINGS):
        text, model, _, _ = _marked(marked)
        for problem in analyse(text, vocabulary, model=model).problems:
            for fix in problem.fixes:
                offered += 1
                assert _solved(problem, fix.text, vocabulary, model), (text, fix)
    assert offered > 50


def _solved(problem: Problem, text: str, vocabulary: Vocabulary, model: str = "") -> bool:
    left = analyse(text, vocabulary, model=model).problems
    return (problem.code, problem.message) not in {(other.code, other.message) for other in left}


@pytest.mark.parametrize(
    "text",
    [
        "COUNTIF(channel <> 'web' OR channel IS BLANK)",
        "COUNTIF(channel <> 'web' AND channel IS NOT BLANK)",
        "COUNTIF(channel = 'discount')",
        "SUM(amount) * 100",
        "SUM(amount / quantity * 100)",
        "SUM(amount) / COUNT(DISTINCT customer_id)",
        "COUNTIF(is_gift AND channel = 'web') / COUNTIF(channel = 'web')",
        "SUM(amount) / COUNT(*) WHERE is_gift",
        "SUM(amount) WHERE order_date >= '2026-01-01'",
    ],
)
def test_sound_formulas_get_no_remarks(vocabulary: Vocabulary, text: str) -> None:
    analysis = analyse(text, vocabulary)
    assert analysis.ok
    assert analysis.problems == ()


def test_an_error_comes_first_and_remarks_stay(vocabulary: Vocabulary) -> None:
    analysis = analyse("SUM(amount) + discount WHERE channel <> 'web'", vocabulary)
    assert [problem.code for problem in analysis.problems] == ["mixed-levels", "not-equal-drops-blanks"]
    assert (analysis.tree, analysis.canonical, analysis.reads_as) == (None, "", "")


@pytest.mark.parametrize("text", ["CUMULATIVE(filled)", "ROLLING(filled WHERE is_gift, 30 days)"])
def test_what_is_filled_does_not_run_along_as_dbt_would_leave_it_blank(text: str) -> None:
    known = shop.vocabulary()
    filled = Metric("filled", "simple", measure="net_amount_total", fill_nulls_with=0.0)
    analysis = analyse(text, replace(known, metrics={**known.metrics, "filled": filled}))

    assert [problem.code for problem in analysis.problems] == ["running-calculation"]
    assert "filled has a number where nothing happened" in analysis.problems[0].message
    assert "COALESCE" in analysis.problems[0].hint


@pytest.mark.parametrize(
    "text", ["CUMULATIVE(p90)", "ROLLING(p90 WHERE is_gift, 30 days) / 2", "TODATE(p90, month)"]
)
def test_what_formulas_cannot_say_does_not_run_along(text: str) -> None:
    """As a percentile that need not be exact, which is no measure that Bisync knows."""
    known = shop.vocabulary()
    p90 = Metric("p90", "simple", measure="p90_roughly")
    analysis = analyse(text, replace(known, metrics={**known.metrics, "p90": p90}))

    assert [problem.code for problem in analysis.problems] == ["running-calculation"]
    assert "p90 totals its rows in a way that formulas cannot say" in analysis.problems[0].message


def test_a_way_over_another_model_is_named() -> None:
    known = shop.vocabulary()
    customers, orders = known.models["dim_customers"], known.models["fct_orders"]
    assert customers.semantic
    assert orders.semantic
    region = Entity("region", "foreign", "tier")
    regions = SemanticModel("regions", "dim_regions", entities=(Entity("region", "primary", "region_id"),))
    known = replace(
        known,
        models={
            **known.models,
            "dim_customers": replace(
                customers,
                semantic=replace(customers.semantic, entities=(*customers.semantic.entities, region)),
            ),
            "dim_regions": Model(
                "dim_regions", "model.shop.dim_regions", (Column("climate", "text"),), semantic=regions
            ),
        },
    )

    (problem,) = analyse("COUNT(fct_orders.*) WHERE climate = 'dry'", known).problems

    assert problem.message == (
        "fct_orders leads to dim_regions only by way of dim_customers, and a formula takes one step."
    )
    assert problem.hint.startswith("Ask for climate to be added to dim_customers or fct_orders in dbt")
