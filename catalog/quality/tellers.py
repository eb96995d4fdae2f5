"""One function for each way to say a rule: from a test's arguments, under Bisync's names, to a sentence.

Each gives the rule's kind with its sentence, or None where the arguments do not say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any, TypeAlias

from catalog.quality.values import (
    counted,
    duration,
    is_set,
    joined,
    number,
    object_of,
    percent,
    said,
    several,
    short,
)
from catalog.quality.values import table as table_of

# From a condition in SQL to the same as a formula, or "".
Reads: TypeAlias = Callable[[str], str]
Told: TypeAlias = tuple[str, str] | None
Teller: TypeAlias = Callable[["Given"], Told]

_NUMBER = r"-?\d+(?:\.\d+)?"
_COLUMN = r"[A-Za-z_]\w*"
_LIMIT = re.compile(rf"({_COLUMN})?\s*(>=|<=|>|<)\s*({_NUMBER})")
_BETWEEN = re.compile(rf"({_COLUMN})?\s*between\s+({_NUMBER})\s+and\s+({_NUMBER})", re.IGNORECASE)
_ORDER = re.compile(rf"({_COLUMN})\s*(>=|<=|>|<)\s*({_COLUMN})")
_ORDERED = {">=": "never below", "<=": "never above", ">": "always above", "<": "always below"}
# What a metric's test is called: the metric, and which of its promises the test keeps.
_PROMISES = (
    *("not_null", "positive", "percentage", "range", "reasonable_growth_rate", "logical_cohort_progression"),
    *("metric_consistency", "historical_trend_validation", "freshness"),
)
_PROMISE = re.compile(rf"(.+)_(?:{'|'.join(_PROMISES)})(?:_\d+)?")
_GRAINS = frozenset({"day", "week", "month", "quarter", "year"})


@dataclass(frozen=True, slots=True)
class Given:
    """A test: what it is about, which column of it, its own name, its arguments under Bisync's names."""

    about: str
    column: str
    name: str
    values: Mapping[str, Any]
    reads: Reads

    @property
    def subject(self) -> str:
        """What the sentence begins with."""
        return self.column or self.about

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def word(self, name: str, between: str) -> str:
        """What stands for a name in a phrase; "" where it is not given."""
        own = {"about": self.about, "column": self.column, "subject": self.subject}
        if name in own:
            return own[name]
        return table_of(self.get(name)) if name == "to" else joined(several(self.get(name)), between)


def told_condition(sql: object, reads: Reads) -> str:
    """A condition in SQL as a formula where it is one, else as it is; "" where there is none."""
    if not isinstance(sql, str) or not sql.strip():
        return ""
    return short(reads(sql) or sql)


def plain(kind: str, phrase: str, *, word: str = "and") -> Teller:
    """A teller of one phrase; what it names in braces has to be given. Lists are joined by `word`."""
    needed = [field for _text, field, _spec, _conversion in Formatter().parse(phrase) if field]

    def tell(given: Given) -> Told:
        words = {name: given.word(name, word) for name in needed}
        return (kind, phrase.format(**words)) if all(words.values()) else None

    return tell


def either(*tellers: Teller) -> Teller:
    """The first of the tellers that has something to say."""

    def tell(given: Given) -> Told:
        return next((told for teller in tellers if (told := teller(given)) is not None), None)

    return tell


# -- Blanks and repetition ------------------------------------------------------------------------------


def mostly_filled(given: Given) -> Told:
    least, most = percent(given.get("at_least")), percent(given.get("at_most"))
    if number(given.get("at_most")) == 1:
        most = ""
    if not least and not most:
        return None
    share = (
        f"between {least} and {most}"
        if least and most
        else f"at least {least}"
        if least
        else f"at most {most}"
    )
    return "mostly_filled", f"{given.subject} is filled in {share} of the rows"


def usual(given: Given) -> Told:
    """How often a column is blank, where that is what is watched of it."""
    watched = several(given.get("watched"))
    if not watched or not all(one.startswith("null_") for one in watched):
        return None
    return "mostly_filled", f"{given.subject} is blank about as often as before"


def mostly_unique(given: Given) -> Told:
    least = percent(given.get("at_least"))
    return ("unique", f"at least {least} of the values of {given.subject} are different") if least else None


def together(given: Given) -> Told:
    columns = several(given.get("columns"))
    if len(columns) == 1:
        return "unique", f"no {columns[0]} appears twice"
    return (
        ("unique_together", f"no combination of {joined(columns, 'and')} appears twice") if columns else None
    )


# -- Values ---------------------------------------------------------------------------------------------


def accepted(given: Given) -> Told:
    values = several(given.get("values"))
    if not values:
        return None
    words = "is never" if is_set(given.get("negated")) else "is always" if len(values) == 1 else "is one of"
    blank = ", and never blank" if is_set(given.get("filled")) else ""
    return "accepted_values", f"{given.subject} {words} {joined(values, 'or')}{blank}"


def belongs(given: Given) -> Told:
    there, field = table_of(given.get("to")), given.get("field")
    if not there:
        return None
    named = f" as {said(field)}" if isinstance(field, str) and field and field != given.column else ""
    limited = told_condition(given.get("to_where"), given.reads)
    among = f", among those where {limited}" if limited and limited != "1=1" else ""
    return "belongs_to", f"every {given.subject} exists in {there}{named}{among}"


def limits(given: Given) -> Told:
    """A lowest or a highest value, of the column or of what `of` names."""
    of = given.get("of")
    subject = f"the {of} of {given.subject}" if of else given.subject
    told = bounded(subject, given.get("minimum"), given.get("maximum"), strict=_is_strict(given), of=bool(of))
    return (told[0], f"{told[1]} and always whole") if told and is_set(given.get("integer")) else told


def expression_limits(given: Given) -> Told:
    expression = told_condition(given.get("expression"), given.reads)
    if not expression:
        return None
    return bounded(expression, given.get("minimum"), given.get("maximum"), strict=_is_strict(given), of=True)


def _is_strict(given: Given) -> bool:
    inclusive = given.get("inclusive")
    excluded = inclusive is False or (isinstance(inclusive, str) and inclusive.strip().lower() == "false")
    return excluded or is_set(given.get("strictly"))


def bounded(subject: str, low: object, high: object, *, strict: bool = False, of: bool = False) -> Told:
    """The rule that something keeps between two values, of which one may be missing."""
    least, most = (None if value in (None, "") else value for value in (low, high))
    if least is None and most is None:
        return None
    kind = "in_range" if of else range_kind(least, most)
    if least is not None and most is not None:
        if said(least) == said(most) and not strict:
            return kind, f"{subject} is {said(least)}"
        return (
            kind,
            f"{subject} is between {said(least)} and {said(most)}{', both excluded' if strict else ''}",
        )
    if least is None:
        return kind, f"{subject} is {'below' if strict else 'at most'} {said(most)}"
    if number(least) == 0 and not strict:
        return kind, f"{subject} is never below 0"
    return kind, f"{subject} is {'above' if strict else 'at least'} {said(least)}"


def range_kind(low: object, high: object) -> str:
    """The rule's name in the catalogue: some ranges have names of their own."""
    least, most = number(low), number(high)
    if high is None and least in (0, 1):
        return "positive_integer"
    return "percentage_0_to_100" if least == 0 and most in (1, 100) else "in_range"


def pattern(given: Given) -> Told:
    values = several(given.get("patterns"))
    if not values:
        return None
    negated, every = is_set(given.get("negated")), given.get("match_on") == "all"
    if len(values) == 1:
        matches = "never matches the pattern" if negated else "matches the pattern"
    elif negated:
        matches = "matches none of the patterns" if every else "never matches all of the patterns"
    else:
        matches = "matches all of the patterns" if every else "matches one of the patterns"
    return (
        "matches_pattern",
        f"{given.subject} {matches} {joined(values, 'and' if every or negated else 'or')}",
    )


# -- Conditions -----------------------------------------------------------------------------------------


def holds(given: Given) -> Told:
    """A condition in SQL: a limit, an order, a formula, or SQL that only the warehouse understands."""
    expression, condition = given.get("expression"), given.get("test_condition")
    if not isinstance(expression, str) or not expression.strip():
        return None
    sql = f"{given.column} {expression}" if given.column else expression
    if isinstance(condition, str) and condition.replace(" ", "").lower() not in ("=true", ""):
        sql = f"({sql}) {condition}"
    line = " ".join(sql.split())
    if limit := _LIMIT.fullmatch(line):
        column, sign, value = limit[1] or given.subject, limit[2], limit[3]
        low, high = (value, None) if sign[0] == ">" else (None, value)
        return bounded(column, low, high, strict="=" not in sign)
    if between := _BETWEEN.fullmatch(line):
        return bounded(between[1] or given.subject, between[2], between[3])
    if order := _ORDER.fullmatch(line):
        return "logical_cohort_progression", f"{order[1]} is {_ORDERED[order[2]]} {order[3]}"
    if formula := given.reads(sql):
        return "always_true", f"{short(formula)} is true in every row"
    return "always_true", f"custom SQL is true in every row: {short(sql)}"


def in_order(given: Given) -> Told:
    left, right = given.get("left"), given.get("right")
    if not (left and right):
        return None
    words = "never below" if is_set(given.get("or_equal")) else "always above"
    return "logical_cohort_progression", f"{said(left)} is {words} {said(right)}"


# -- Rows, order and time -------------------------------------------------------------------------------


def rows(given: Given) -> Told:
    low, high = given.get("minimum"), given.get("maximum")
    if number(low) == 1 and high is None:
        return "not_empty", f"{given.about} has at least one row"
    if low is not None and high is not None:
        exact = said(low) == said(high)
        words = counted(low, "row") if exact else f"between {said(low)} and {counted(high, 'row')}"
        return "row_count_between", f"{given.about} has {words}"
    if low is None and high is None:
        return None
    words = f"at most {counted(high, 'row')}" if low is None else f"at least {counted(low, 'row')}"
    return "row_count_between", f"{given.about} has {words}"


def recent(given: Given) -> Told:
    age, field = duration(given.get("interval"), given.get("unit")), given.get("field") or given.column
    if not age:
        return None
    newest = (
        f"the newest {said(field)}"
        if isinstance(field, str) and field
        else f"the newest row of {given.about}"
    )
    return "freshness", f"{newest} is at most {age} old"


def by_the_hour(given: Given) -> Told:
    hour = given.get("hour")
    zone = given.get("zone")
    if not isinstance(hour, str | int) or isinstance(hour, bool) or hour == "":
        return None
    where = f" ({said(zone)})" if isinstance(zone, str) and zone else ""
    return "freshness", f"{given.about} is up to date by {said(hour)}{where}"


def one_by_one(given: Given) -> Told:
    step, unit = given.get("interval"), given.get("unit")
    apart = duration(1 if step is None else step, unit) or ("" if step is None else said(step))
    return "no_gaps", f"each {given.subject} follows the one before{f' by {apart}' if apart else ''}"


def every_period(given: Given) -> Told:
    step, unit = given.get("interval"), given.get("unit") or "day"
    every = duration(1 if step is None else step, unit)
    field = given.get("field")
    if not every or not isinstance(field, str):
        return None
    return "no_gaps", f"there is a row for every {every.removeprefix('1 ')} of {said(field)}"


def rising(given: Given) -> Told:
    way = "falls" if is_set(given.get("falling")) else "rises"
    strict = given.get("strictly")
    never = "never rises" if way == "falls" else "never falls"
    words = never if strict is False else f"always {way}"
    along = given.get("along")
    by = f", along {said(along)}" if isinstance(along, str) and along and along != given.column else ""
    return "no_gaps", f"{given.subject} {words}{by}"


def apart(given: Given) -> Told:
    low, high = given.get("low"), given.get("high")
    if not (isinstance(low, str) and isinstance(high, str)):
        return None
    gaps = {"not_allowed": " nor leave gaps", "required": " and leave gaps"}.get(str(given.get("gaps")), "")
    by = several(given.get("by"))
    each = f", for each {joined(by, 'and')}" if by else ""
    return "no_gaps", f"the spans from {said(low)} to {said(high)} do not overlap{gaps}{each}"


# -- Other tables, history, structure -------------------------------------------------------------------


def as_before(given: Given) -> Told:
    sigma, over = given.get("sigma"), " over time" if given.get("moving") else ""
    if number(sigma) is None:
        return None
    return (
        "historical_trend_validation",
        f"{given.subject} stays within {said(sigma)} standard deviations{over}",
    )


def column_count(given: Given) -> Told:
    told = bounded(
        f"the number of columns of {given.about}", given.get("minimum"), given.get("maximum"), of=True
    )
    return told and ("structure", told[1])


# -- Metrics --------------------------------------------------------------------------------------------


def _metric(given: Given) -> str:
    """The metric for which our own test is named."""
    return metric_of(given.name) or "the value"


def metric_limits(given: Given) -> Told:
    """Our own test of a metric's value: it is named for the metric and the promise."""
    metric, grain = _metric(given), given.get("grain")
    timed = isinstance(grain, str) and grain and given.get("time_column")
    every = f", {said(grain)} by {said(grain)}" if timed else ""
    if given.get("allow_blank") is False:
        return "not_null", f"{metric} is never blank{every}"
    told = bounded(metric, given.get("minimum"), given.get("maximum"))
    return told and (told[0], f"{told[1]}{every}")


def metric_growth(given: Given) -> Told:
    """How fast a metric's value changes from one period to the next."""
    ways = (("grows", given.get("increase")), ("falls", given.get("decrease")))
    limits = [f"{way} by at most {said(most)} %" for way, most in ways if number(most) is not None]
    if not limits:
        return None
    base = f", once it is {said(given.get('base'))} or more" if number(given.get("base")) else ""
    return "reasonable_growth_rate", f"{_metric(given)} {joined(limits, 'and')}{_every(given)}{base}"


def metric_order(given: Given) -> Told:
    """Metrics of which none is above the one before; the last one is the metric itself."""
    steps = given.get("steps")
    found = [object_of(step).get("metric") for step in steps[:-1]] if isinstance(steps, list) else []
    names = [name for name in found if isinstance(name, str) and name]
    if not names or len(names) < len(found):
        return None
    words = f"{joined([*names, _metric(given)], 'and')} never rise from one to the next{_every(given)}"
    return "logical_cohort_progression", words


def metric_same(given: Given) -> Told:
    """A metric that is as big as another one."""
    other = given.get("other")
    if not isinstance(other, str) or not other:
        return None
    tolerance = f", within {said(given.get('tolerance'))} %" if number(given.get("tolerance")) else ""
    return "metric_consistency", f"{_metric(given)} is the same as {short(other)}{tolerance}{_every(given)}"


def metric_history(given: Given) -> Told:
    """A metric whose newest value is like those before it."""
    sigma, periods, grain = given.get("sigma"), given.get("periods"), given.get("grain")
    if number(sigma) is None or number(periods) is None:
        return None
    last = counted(periods, grain if grain in _GRAINS else "day")
    words = f"{_metric(given)} stays within {said(sigma)} standard deviations of the {last} before"
    return "historical_trend_validation", words


def metric_recent(given: Given) -> Told:
    """How old the newest row may be, of a table or of those from which a metric is computed."""
    told = recent(given)
    metric = metric_of(given.name)
    return (told[0], f"{told[1]}, for {metric}") if told and metric else told


def _every(given: Given) -> str:
    grain = given.get("grain")
    return f", {grain} by {grain}" if isinstance(grain, str) and grain in _GRAINS else ""


def metric_of(name: str) -> str:
    """The metric whose promise a test of that name keeps; "" where it keeps none."""
    found = _PROMISE.fullmatch(name)
    return found[1] if found else ""
