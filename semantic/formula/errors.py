"""What is wrong with a formula, where, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Severity = Literal["error", "warning", "hint"]

# Codes are stable: tests, help pages and saved remarks refer to them.
CODES: Mapping[str, str] = {
    # what was typed
    "empty": "There is no formula yet.",
    "too-long": "The formula has more characters than Bisync accepts.",
    "too-complex": "The formula has more parts, or more brackets inside brackets, than Bisync accepts.",
    "unsafe-text": "Jinja marks, backslashes, control and hidden characters are refused.",
    "bad-character": "A character that has no meaning in a formula.",
    "bad-number": "A number that is too large to be exact.",
    "unclosed-text": "A text without its closing quote.",
    "unclosed-name": "A name without its closing square bracket.",
    # how it is put together
    "unexpected-end": "The formula stops where a value, a field or a word is still missing.",
    "unexpected-token": "Something stands where it cannot stand.",
    "missing-operator": "Two values follow each other with nothing between them.",
    "missing-bracket": "A bracket is opened and never closed.",
    "extra-bracket": "A bracket is closed that was never opened.",
    "sql-keyword": "A word of SQL queries, which a formula does not need.",
    "chained-comparison": "Two comparisons in a row, such as 0 < x < 10.",
    "percent-remainder": "% used for a remainder; here it means percent.",
    "like-pattern": "LIKE, which formulas replace by CONTAINS, STARTSWITH and ENDSWITH.",
    "unknown-unit": "A length of time in something other than days, weeks, months, quarters or years.",
    "invalid-date": "A text that should be a date and is none, or a date without quotes.",
    # functions
    "unknown-function": "A function that does not exist.",
    "unsupported-function": "A function of spreadsheets or databases that formulas replace by something.",
    "wrong-arguments": "A function with too few, too many or unsuitable values.",
    # names
    "unknown-field": "A name that is neither a field nor a metric.",
    "unknown-model": "A model that this version of the project does not have.",
    "ambiguous-field": "A field that several models have.",
    "model-needed": "Rows are counted, but nothing says of which model.",
    "name-shadowed": "A name that is a field and also a metric; the field was taken.",
    # rows and totals
    "mixed-levels": "Single rows and totals in one calculation.",
    "row-level": "A value for every row where one number is wanted.",
    "total-in-row": "A total or a metric where a value of each row is wanted.",
    "no-field": "A value that is the same in every row, where a column is to be calculated.",
    "foreign-field": "A field of another model in a value of each row.",
    "no-total": "A constant where a total or a metric is wanted.",
    "nested-total": "A total of a total.",
    "nested-time": "A function over time inside another one.",
    "conversion-events": "A conversion of something that is not counted, or that no entity of dbt connects.",
    "running-calculation": "A calculation that is to run along with time, where only single totals can.",
    "metric-in-total": "A total of a metric.",
    "total-in-where": "A total inside a condition on rows.",
    "metric-in-where": "A metric inside a condition on rows.",
    "where-without-total": "WHERE behind something that is not a total.",
    # kinds of values
    "wrong-type": "A value of the wrong kind.",
    "compare-types": "A comparison of two different kinds of values.",
    "compare-blank": "A comparison with BLANK, which is never true.",
    "blank-in-list": "BLANK in a list, which never matches.",
    "branch-types": "Results of different kinds in IF, CASE, COALESCE and the like.",
    "misplaced-period": "A length of time where it means nothing.",
    "not-a-number": "A formula whose result is no number.",
    "divides-by-zero": "A division by the constant 0.",
    # several models
    "fan-out": "One total over columns of several models.",
    "filter-unreachable": "A condition on a model that the rows do not lead to.",
    "needs-dimension": "A condition on a column that dbt does not know as a dimension.",
    # remarks
    "relative-date": "A metric that depends on today.",
    "not-equal-drops-blanks": "A comparison that leaves out rows where the field is blank.",
    "percent-scale": "A share multiplied by 100.",
    "leaving": "A metric that is deprecated.",
    "subset-of": "A share whose upper part is not contained in its lower part.",
    "thousands-point": "A number like 1.000, which is a thousand in some countries and 1 in a formula.",
    "text-like-field": "A quoted text that is also the name of a field.",
    "count-of-condition": "COUNT of a condition, which counts the rows that do not fulfil it as well.",
}


class Span(Protocol):
    """Anything that knows its place in the text."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Fix:
    """One click: `text` is the whole formula as it would be afterwards."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A message for the author; `code` is one of CODES, `start` and `end` point into the text."""

    code: str
    message: str
    start: int
    end: int
    hint: str = ""
    fixes: tuple[Fix, ...] = ()
    level: Severity = "error"


class FormulaError(ValueError):
    """The first thing that keeps a formula from being understood."""

    def __init__(
        self, code: str, message: str, where: Span, hint: str = "", fixes: tuple[Fix, ...] = ()
    ) -> None:
        super().__init__(message)
        self.problem = Problem(code, message, where.start, where.end, hint, fixes)


@dataclass(frozen=True, slots=True)
class Place:
    """A span that belongs to no node and no token."""

    start: int
    end: int


def source(text: str, where: Span) -> str:
    """What the author typed there."""
    return text[where.start : where.end]


def replaced(text: str, where: Span, new: str) -> str:
    """The whole text with one span replaced; what stood in brackets stands in brackets again."""
    if text.startswith("(", where.start):
        new = f"({new})"
    return text[: where.start] + new + text[where.end :]
