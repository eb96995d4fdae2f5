"""Every function that a formula may use, under every name that people know it by.

To add a row function, add one `Function` here, its SQL where SQL is generated and its words in `phrases`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import get_args

from semantic.definitions import Aggregation, Grain
from semantic.formula.function import Function, FunctionDoc
from semantic.formula.function import conditional as _conditional
from semantic.formula.function import rewritten as _rewritten
from semantic.formula.function import row as _row
from semantic.formula.function import timed as _timed
from semantic.formula.function import total as _total

TOTALS: Mapping[str, Aggregation] = {
    "SUM": "sum",
    "AVERAGE": "average",
    "MIN": "min",
    "MAX": "max",
    "MEDIAN": "median",
    "PERCENTILE": "percentile",
    "COUNT": "count",
    "COUNTDISTINCT": "count_distinct",
}
# SUMIF(amount, condition) is SUM(amount) WHERE condition
CONDITIONAL: Mapping[str, str] = {
    "SUMIF": "SUM",
    "AVERAGEIF": "AVERAGE",
    "MINIF": "MIN",
    "MAXIF": "MAX",
    "COUNTIF": "COUNT",
    "DISTINCTIF": "COUNTDISTINCT",
}


FUNCTIONS: tuple[Function, ...] = (
    _total("SUM", "value:number", "Adds up a field over all rows.", "SUM(amount)"),
    _total(
        "AVERAGE",
        "value:number",
        "The mean of a field; blanks are left out.",
        "AVERAGE(amount)",
        "AVG",
        "MEAN",
    ),
    _total("MIN", "value:same", "The smallest or earliest value.", "MIN(amount)", "MINIMUM"),
    _total("MAX", "value:same", "The largest or latest value.", "MAX(amount)", "MAXIMUM"),
    _total("MEDIAN", "value:number", "The value in the middle.", "MEDIAN(amount)"),
    _total(
        "PERCENTILE",
        "value:number, fraction:number",
        "The value that this share of the rows does not exceed.",
        "PERCENTILE(amount, 0.9)",
        "PERCENTILE_CONT",
    ),
    _total(
        "COUNT",
        "[value]:any",
        "Counts rows, or the rows where a field is filled in; DISTINCT counts different values.",
        "COUNT(DISTINCT customer_id)",
        "COUNTA",
        "COUNTROWS",
    ),
    _total(
        "COUNTDISTINCT",
        "value:any",
        "Counts the different values of a field.",
        "COUNTDISTINCT(customer_id)",
        "COUNTD",
        "COUNTUNIQUE",
        "COUNT_DISTINCT",
        "DISTINCTCOUNT",
        "DISTINCT",
    ),
    _conditional(
        "SUMIF",
        "value:number, condition:condition",
        "Adds up a field over the rows that fulfil a condition.",
        "SUMIF(amount, status = 'paid')",
    ),
    _conditional(
        "AVERAGEIF",
        "value:number, condition:condition",
        "The mean over the rows that fulfil a condition.",
        "AVERAGEIF(amount, status = 'paid')",
        "AVGIF",
    ),
    _conditional(
        "MINIF",
        "value:same, condition:condition",
        "The smallest value among the rows that fulfil a condition.",
        "MINIF(amount, status = 'paid')",
    ),
    _conditional(
        "MAXIF",
        "value:same, condition:condition",
        "The largest value among the rows that fulfil a condition.",
        "MAXIF(amount, status = 'paid')",
    ),
    _conditional(
        "COUNTIF",
        "condition:condition",
        "Counts the rows that fulfil a condition.",
        "COUNTIF(status = 'paid')",
        "COUNT_IF",
    ),
    _conditional(
        "DISTINCTIF",
        "value:any, condition:condition",
        "Counts different values among the rows that fulfil a condition.",
        "DISTINCTIF(customer_id, status = 'paid')",
        "COUNTDISTINCTIF",
    ),
    _timed(
        "ROLLING(total:total, length:length, [day]:day)",
        "The total of the last days, weeks or months up to each day; of a longer period its last day counts.",
        "ROLLING(SUM(amount), 30 days)",
        "MOVINGTOTAL",
    ),
    _timed(
        "TODATE(total:total, unit:unit, [day]:day)",
        "The total since the first day of the week, month, quarter or year.",
        "TODATE(SUM(amount), month)",
        "PERIODTODATE",
    ),
    _timed(
        "CUMULATIVE(total:total, [day]:day)",
        "The total of everything up to each day.",
        "CUMULATIVE(COUNT(*))",
        "RUNNINGTOTAL",
    ),
    _timed(
        "PRIOR(total:total, length:length)",
        "The number as it was some days, weeks, months or years earlier.",
        "SUM(amount) - PRIOR(SUM(amount), 1 month)",
        "PREVIOUS",
    ),
    _timed(
        "CONVERSION(first:total, then:total, entity:entity, [within]:length)",
        "The share of the first events that the other one followed, for the same customer say.",
        "CONVERSION(COUNT(visits.*), COUNT(orders.*), customer, 7 days)",
    ),
    _rewritten(
        "Conditions",
        "IF(condition:condition, then:same, [otherwise]:same)",
        "One value where a condition holds, another where it does not.",
        "SUM(IF(status = 'paid', amount, 0))",
        "IIF",
        "IFF",
    ),
    _rewritten(
        "Conditions",
        "IFS(condition:condition, then:any+)",
        "The value of the first condition that holds; TRUE as the last condition means otherwise.",
        "SUM(IFS(status = 'paid', amount, status = 'open', 0))",
    ),
    _rewritten(
        "Conditions",
        "SWITCH(value:any, match:any, then:any+)",
        "The result that belongs to the first equal value; a last single one means otherwise.",
        "SUM(SWITCH(status, 'paid', amount, 'refunded', -amount, 0))",
    ),
    _rewritten(
        "Conditions",
        "AND(condition:condition+)",
        "Whether all conditions hold.",
        "COUNTIF(AND(status = 'paid', amount > 10))",
    ),
    _rewritten(
        "Conditions",
        "OR(condition:condition+)",
        "Whether at least one condition holds.",
        "COUNTIF(OR(status = 'paid', amount > 10))",
    ),
    _row(
        "Blanks",
        "COALESCE(value:same, instead:same+)",
        "same",
        "The first value that is not blank.",
        "COALESCE(SUM(amount), 0)",
        "IFNULL",
        "NVL",
        "IFBLANK",
        "IFERROR",
    ),
    _row(
        "Blanks",
        "NULLIF(value:same, unwanted:same)",
        "same",
        "Blank where the value is the unwanted one.",
        "SUM(NULLIF(amount, -1))",
    ),
    _rewritten(
        "Blanks",
        "ISBLANK(value:any)",
        "Whether a value is blank.",
        "COUNTIF(ISBLANK(status))",
        "ISNULL",
    ),
    _row(
        "Numbers",
        "DIVIDE(number:number, by:number, [instead]:number)",
        "number",
        "Divides; gives the third value where the result is blank, as it is when dividing by 0.",
        "DIVIDE(SUM(amount), COUNT(*), 0)",
        "SAFE_DIVIDE",
        "DIV0",
    ),
    _row("Numbers", "ABS(number:number)", "number", "Without the minus sign.", "SUM(ABS(amount))"),
    _row(
        "Numbers",
        "ROUND(number:number, [digits]:number)",
        "number",
        "Rounds to a number of decimals.",
        "ROUND(SUM(amount), 2)",
    ),
    _row(
        "Numbers",
        "CEILING(number:number)",
        "integer",
        "The next whole number above.",
        "SUM(CEILING(amount))",
        "CEIL",
    ),
    _row(
        "Numbers",
        "FLOOR(number:number)",
        "integer",
        "The next whole number below.",
        "SUM(FLOOR(amount))",
        "INT",
    ),
    _row("Numbers", "SQRT(number:number)", "number", "The square root.", "SQRT(SUM(amount))"),
    _rewritten(
        "Numbers",
        "POWER(number:number, exponent:number)",
        "To the power of; the same as number ^ exponent.",
        "SUM(POWER(amount, 2))",
        "POW",
    ),
    _row(
        "Numbers",
        "MOD(number:number, divisor:number)",
        "number",
        "The remainder of a division.",
        "COUNTIF(MOD(quantity, 2) = 0)",
    ),
    _row(
        "Numbers",
        "GREATEST(value:same+)",
        "same",
        "The largest of several values; blank if one is blank.",
        "SUM(GREATEST(amount, 0))",
    ),
    _row(
        "Numbers",
        "LEAST(value:same+)",
        "same",
        "The smallest of several values; blank if one is blank.",
        "SUM(LEAST(amount, 100))",
    ),
    _row(
        "Text",
        "CONTAINS(text:text, part:text)",
        "boolean",
        "Whether a text contains another.",
        "COUNTIF(CONTAINS(status, 'paid'))",
    ),
    _row(
        "Text",
        "STARTSWITH(text:text, part:text)",
        "boolean",
        "Whether a text starts with another.",
        "COUNTIF(STARTSWITH(status, 'paid'))",
        "STARTS_WITH",
        "BEGINSWITH",
    ),
    _row(
        "Text",
        "ENDSWITH(text:text, part:text)",
        "boolean",
        "Whether a text ends with another.",
        "COUNTIF(ENDSWITH(status, 'paid'))",
        "ENDS_WITH",
    ),
    _rewritten(
        "Text",
        "CONCAT(value:any+)",
        "Joins texts; the same as a & b. A blank counts as empty text.",
        "COUNT(DISTINCT CONCAT(status, customer_id))",
        "CONCATENATE",
    ),
    _row("Text", "UPPER(text:text)", "text", "In capital letters.", "COUNTIF(UPPER(status) = 'A')"),
    _row("Text", "LOWER(text:text)", "text", "In small letters.", "COUNTIF(LOWER(status) = 'a')"),
    _row(
        "Text",
        "TRIM(text:text)",
        "text",
        "Without spaces at both ends.",
        "COUNTIF(TRIM(status) = 'a')",
    ),
    _row(
        "Text",
        "LEN(text:text)",
        "integer",
        "How many characters a text has.",
        "AVERAGE(LEN(status))",
        "LENGTH",
    ),
    _row(
        "Text",
        "LEFT(text:text, count:number)",
        "text",
        "The first characters of a text.",
        "COUNTIF(LEFT(status, 1) = 'p')",
    ),
    _row(
        "Text",
        "RIGHT(text:text, count:number)",
        "text",
        "The last characters of a text.",
        "COUNTIF(RIGHT(status, 1) = 'd')",
    ),
    _row(
        "Dates",
        "TODAY()",
        "date",
        "The current date.",
        "COUNTIF(order_date = TODAY())",
        "CURRENT_DATE",
    ),
    _row("Dates", "YEAR(date:date)", "integer", "The year.", "COUNTIF(YEAR(order_date) = 2026)"),
    _row(
        "Dates",
        "QUARTER(date:date)",
        "integer",
        "The quarter, 1 to 4.",
        "COUNTIF(QUARTER(order_date) = 1)",
    ),
    _row(
        "Dates",
        "MONTH(date:date)",
        "integer",
        "The month, 1 to 12.",
        "COUNTIF(MONTH(order_date) = 1)",
    ),
    _row(
        "Dates",
        "DAY(date:date)",
        "integer",
        "The day of the month.",
        "COUNTIF(DAY(order_date) = 1)",
    ),
    _rewritten(
        "Dates",
        "DATE(year:number, [month]:number, [day]:number)",
        "A fixed date.",
        "COUNTIF(order_date >= DATE(2026, 1, 31))",
    ),
    _row(
        "Dates",
        "DATEDIFF(from:date, to:date, [unit]:unit)",
        "integer",
        "How many days (or weeks, months …) lie between two dates.",
        "AVERAGE(DATEDIFF(order_date, delivered_at, day))",
    ),
    _row(
        "Dates",
        "DATEADD(date:date, count:number, unit:unit)",
        "same",
        "A date some days (or weeks, months …) later.",
        "COUNTIF(DATEADD(order_date, 1, month) < TODAY())",
    ),
    _row(
        "Dates",
        "STARTOF(date:date, unit:unit)",
        "date",
        "The first day of the week, month, quarter or year.",
        "COUNTIF(STARTOF(order_date, month) = '2026-01-01')",
        "DATETRUNC",
        "DATE_TRUNC",
    ),
)

_UNITS: Mapping[str, Grain] = {spelling: unit for unit in get_args(Grain) for spelling in (unit, f"{unit}s")}
_BY_NAME: Mapping[str, Function] = {
    name: function for function in FUNCTIONS for name in (function.name, *function.aliases)
}


def find_function(name: str) -> Function | None:
    """The function of this name or alias, in any case of letters."""
    return _BY_NAME.get(name.upper())


def similar_function(name: str) -> str:
    """The name that was probably meant; "" where nothing is near."""
    near = difflib.get_close_matches(name.upper(), _BY_NAME, n=1, cutoff=0.6)
    return near[0] if near else ""


def find_unit(word: str) -> Grain | None:
    """`Days` → "day"."""
    return _UNITS.get(word.lower())


def functions() -> tuple[FunctionDoc, ...]:
    """Every available function, for the editor's help and its suggestions."""
    return tuple(
        FunctionDoc(
            function.name,
            function.aliases,
            function.signature,
            function.summary,
            function.example,
            function.category,
        )
        for function in FUNCTIONS
    )
