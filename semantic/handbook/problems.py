"""Every problem that a formula can have: a formula that has it, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from semantic.formula import Problem, analyse, analyse_row
from semantic.formula.lexer import MAX_LENGTH
from semantic.handbook.shop import SHOP, START

# More of an example than this is not worth reading.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Example:
    """A formula about the shop that has a problem, starting from a model or from whatever it names."""

    formula: str
    remedy: str
    model: str = START
    rows: bool = False  # whether it is a value of each row

    def problem(self, code: str) -> Problem:
        """The problem as an author would be told of it; KeyError where the formula has no such problem."""
        read = analyse_row if self.rows else analyse
        for found in read(self.formula, SHOP, model=self.model).problems:
            if found.code == code:
                return found
        raise KeyError(code)

    @property
    def shown(self) -> str:
        """The formula, cut where it only goes on."""
        return self.formula if len(self.formula) <= _SHOWN else f"{self.formula[: _SHOWN - 1]}…"


EXAMPLES: Mapping[str, Example] = {
    "empty": Example("", "Start with a total, such as SUM(amount), or with the name of a metric."),
    "too-long": Example(
        " + ".join(["SUM(amount)"] * (MAX_LENGTH // 12)),
        "Propose parts of it as metrics of their own, and use these by name.",
    ),
    "too-complex": Example(
        " + ".join(["SUM(amount)"] * 150),
        "Propose parts of it as metrics of their own, and use these by name.",
    ),
    "unsafe-text": Example(
        "COUNTIF(status = '{{ status }}')", "Write the value itself; formulas have no templates."
    ),
    "bad-character": Example(
        "SUM(amount) # net", "Leave the character out. Names with spaces stand in square brackets."
    ),
    "bad-number": Example(
        f"SUM(amount) / 1{'0' * 31}", "Use at most 30 digits, or show the metric in another format."
    ),
    "unclosed-text": Example(
        "COUNTIF(status = 'paid)", "Add the closing quote; an apostrophe in a text is typed twice."
    ),
    "unclosed-name": Example("COUNTIF([Promo code = 'SPRING')", "Add the closing square bracket."),
    "unexpected-end": Example("SUM(amount) /", "Write what is missing at the end, or remove the operator."),
    "unexpected-token": Example(
        "SUM(amount) / 1,000",
        "Remove it, or put what is missing before it. Decimals have a point, thousands nothing.",
    ),
    "missing-operator": Example(
        "SUM(amount) SUM(discount)",
        "Put an operator or a comma between them, or brackets around a name with spaces.",
    ),
    "missing-bracket": Example("ROUND(SUM(amount), 2", "Add the closing bracket."),
    "extra-bracket": Example("SUM(amount))", "Remove the bracket."),
    "sql-keyword": Example(
        "SELECT SUM(amount)", "Write only the calculation; tables, joins and grouping come by themselves."
    ),
    "chained-comparison": Example("COUNTIF(10 < amount < 20)", "Write two comparisons with AND, or BETWEEN."),
    "percent-remainder": Example("COUNTIF(quantity % 2 = 0)", "Use MOD for a remainder."),
    "like-pattern": Example(
        "COUNTIF(channel LIKE 'web%')", "Use CONTAINS, STARTSWITH or ENDSWITH, without % signs."
    ),
    "unknown-unit": Example(
        "COUNTIF(order_date IN LAST 48 HOURS)", "Use days, weeks, months, quarters or years."
    ),
    "invalid-date": Example(
        "COUNTIF(order_date >= '31.1.2026')", "Write dates as year, month and day: '2026-01-31'."
    ),
    "unknown-function": Example(
        "SUMM(amount)", "Take the function that is offered, or look for it on the page of functions."
    ),
    "unsupported-function": Example(
        "VLOOKUP(customer_id, tier)", "Do what the message says; the page of functions lists every such name."
    ),
    "wrong-arguments": Example(
        "COUNTIF(status, 'paid')", "Write the values that the signature of the function names."
    ),
    "unknown-field": Example(
        "SUM(ammount)", "Take the name that is offered. Texts stand in quotes, names without."
    ),
    "unknown-model": Example("SUM(ordres.amount)", "Take the name that is offered, or choose another model."),
    "ambiguous-field": Example(
        "COUNT(DISTINCT country)", "Say which one: write the model and a full stop before it.", model=""
    ),
    "model-needed": Example(
        "COUNT(*)", "Choose the model to start from, or write COUNT(orders.*).", model=""
    ),
    "name-shadowed": Example("discount / COUNT(*)", "To use the metric, write metric. before its name."),
    "mixed-levels": Example("SUM(amount) - refund_amount", "Put the field inside a total as well."),
    "row-level": Example("amount * quantity", "Put it inside a total, such as SUM."),
    "total-in-row": Example(
        "amount / SUM(amount)", "Name fields of the row, or propose a metric instead of a column.", rows=True
    ),
    "no-field": Example("5 * 2", "Use at least one field of the row.", rows=True),
    "foreign-field": Example(
        "amount * minutes", "Use fields of one model, or have the field added to it in dbt.", rows=True
    ),
    "no-total": Example("5 * 2", "Use a field inside a total, or a metric."),
    "nested-total": Example("SUM(MAX(amount))", "Leave one of the two totals out."),
    "nested-time": Example(
        "PRIOR(ROLLING(SUM(amount), 30 days), 1 month)",
        "Define the inner part as a metric of its own, or leave one of the two out.",
    ),
    "running-calculation": Example(
        "ROLLING(SUM(amount) / COUNT(*), 30 days)", "Let each total of the calculation run along by itself."
    ),
    "conversion-events": Example(
        "CONVERSION(SUM(amount), COUNT(visits.*), customer)",
        "Count rows or different values, of two models that have the entity in dbt.",
    ),
    "metric-in-total": Example("SUM(revenue)", "Use the metric without another total around it."),
    "total-in-where": Example(
        "SUM(amount) WHERE status = 'paid' / COUNT(*)",
        "Put brackets around the total and its WHERE, and compare fields with values.",
    ),
    "metric-in-where": Example(
        "COUNT(*) WHERE amount > revenue",
        "Compare the field with a value; a metric is one number of many rows.",
    ),
    "where-without-total": Example(
        "amount WHERE status = 'paid'", "Put the field inside a total, such as SUM."
    ),
    "wrong-type": Example(
        "SUM(status)", "Use a field of the kind that is asked for, or a function that takes this kind."
    ),
    "compare-types": Example(
        "COUNTIF(quantity = '5')", "Compare like with like: quotes around texts, none around numbers."
    ),
    "compare-blank": Example("COUNTIF(delivered_at = BLANK)", "Write IS BLANK or IS NOT BLANK."),
    "blank-in-list": Example(
        "COUNTIF(status IN ('open', BLANK))", "Take BLANK out of the list and add OR field IS BLANK."
    ),
    "branch-types": Example(
        "SUM(IF(is_gift, amount, 'none'))",
        "Let every result be of the same kind; leave one out to get blank.",
    ),
    "misplaced-period": Example(
        "SUM(amount) * 30 days", "Add it to a date or take it from one; for a count write the number alone."
    ),
    "not-a-number": Example(
        "MAX(order_date)", "Count or total something; for a date, count the days since then."
    ),
    "divides-by-zero": Example("SUM(amount) / 0", "Divide by something else, or leave the division out."),
    "fan-out": Example(
        "SUM(amount * minutes)", "Total each model by itself, or have the field added to one model in dbt."
    ),
    "filter-unreachable": Example(
        "COUNT(DISTINCT tier) WHERE amount > 100",
        "Total the model that has the condition, or have the information added in dbt.",
        model="customers",
    ),
    "needs-dimension": Example(
        "SUM(amount) WHERE city = 'Rome'", "Ask the data team to make the column a dimension in dbt."
    ),
    "relative-date": Example(
        "SUM(amount) WHERE order_date IN LAST 30 DAYS",
        "Leave the dates out if you want a chart, and choose the period where the metric is used.",
    ),
    "not-equal-drops-blanks": Example(
        "COUNTIF(channel <> 'web')", "Add OR field IS BLANK to include these rows, or IS NOT BLANK to say it."
    ),
    "percent-scale": Example(
        "SUM(refund_amount) / SUM(amount) * 100", "Leave the 100 out and show the metric as percent."
    ),
    "leaving": Example("turnover / order_count", "Use the metric that takes its place."),
    "subset-of": Example(
        "COUNT(*) / COUNTIF(is_gift)",
        "Give both parts the same rows and conditions, if it is meant as a share.",
    ),
    "text-like-field": Example(
        'COUNTIF(channel = "status")', "Write names of fields without quotes, or in square brackets."
    ),
    "thousands-point": Example("SUM(amount) / 1.000", "Write the one that you mean."),
    "count-of-condition": Example("COUNT(status = 'paid')", "Use COUNTIF to count the rows that fulfil it."),
}
