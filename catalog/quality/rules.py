"""What dbt tests, enforces and looks at as named rules: the catalogue of data quality, from dbt's side.

A rule has a kind of that catalogue, its parameters under Bisync's names, and one sentence in plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from catalog.quality.spelling import Spelling
from catalog.quality.spellings import BY_NAME
from catalog.quality.tellers import Given, Reads, metric_of, told_condition
from catalog.quality.values import counted, duration, joined, number, object_of, several, short, table

Raw: TypeAlias = Mapping[str, Any]

CUSTOM = "custom"
EXAMPLE = "example"
# The catalogue; what people call each is in `catalog.words`.
KINDS = (
    *("not_null", "mostly_filled", "unique", "unique_together", "accepted_values", "belongs_to"),
    *("positive_integer", "percentage_0_to_100", "in_range", "matches_pattern", "freshness"),
    *("reasonable_growth_rate", "logical_cohort_progression", "metric_consistency"),
    *("historical_trend_validation", "row_count_between", "not_empty", "always_true", "no_gaps", "structure"),
    *(EXAMPLE, CUSTOM),
)
# Bisync's own tests of a metric's values; what they are called says which metric.
METRIC_TESTS = frozenset(
    (
        *("bisync_metric_in_range", "bisync_metric_change_within", "bisync_metric_progression"),
        *("bisync_metric_matches", "bisync_metric_within_history", "bisync_recent"),
    )
)
# Where packages let a test look at some of the rows only, and at each group of them by itself.
_WHERE = ("row_condition", "where_expression", "from_condition")
_GROUPED = ("group_by_columns", "group_by")
_EVERY_ROW = frozenset({"1=1", "true", ""})
_LIMIT = re.compile(r"\s*(>=|>|!=|<>)\s*(\d+)\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """What is promised of the data, and what happens where the promise is broken.

    `severity` is error or warn, as dbt has it, and `consequence` the same in words, with its thresholds.
    """

    kind: str
    sentence: str
    parameters: Raw = field(default_factory=dict)
    severity: str = ""
    consequence: str = ""

    @property
    def is_custom(self) -> bool:
        """Whether nobody but its author can say what it promises."""
        return self.kind == CUSTOM


@dataclass(frozen=True, slots=True)
class Test:
    """A data test or unit test as dbt's manifest has it; `about` is the name of what it tests."""

    __test__ = False  # not a test of ours

    kind: str
    name: str
    about: str
    column: str = ""
    arguments: Raw = field(default_factory=dict)
    severity: str = ""
    config: Raw = field(default_factory=dict)
    description: str = ""


def unread(_sql: str) -> str:
    """For whoever has nobody to read SQL: no condition is a formula."""
    return ""


# Who reads a condition in an adapter's SQL as a formula: formulas are known further up.
_READERS: list[Callable[[str, str], str]] = []


def reads_conditions(read: Callable[[str, str], str]) -> Callable[[str, str], str]:
    """Register who says a condition in SQL, of a dialect, as a formula; "" where it is none."""
    _READERS.append(read)
    return read


def reader(dialect: str) -> Reads:
    """What says a condition in the SQL of a dialect as a formula."""

    def read(sql: str) -> str:
        return next((found for one in _READERS if (found := one(sql, dialect))), "")

    return read


# Who knows whether a test says what a form can say: such forms are known further up.
_CHANGERS: list[Callable[[Test], bool]] = []


def says_changeable(says: Callable[[Test], bool]) -> Callable[[Test], bool]:
    """Register who says whether a test can be changed as a rule."""
    _CHANGERS.append(says)
    return says


def is_changeable(test: Test) -> bool:
    """Whether the rule that a test keeps can be changed in a form."""
    return any(says(test) for says in _CHANGERS)


def rule_of(test: Test, *, reads: Reads = unread) -> Rule:
    """The rule that a test keeps. Whatever its arguments are, it is told somehow."""
    arguments = _flat(test.arguments)
    spelling = BY_NAME.get(test.kind.rpartition(".")[2])
    where = _where(test.config, arguments, reads)
    told, parameters = None, dict[str, Any]()
    if spelling is not None:
        parameters = _parameters(spelling, arguments, test.name)
        told = spelling.tell(Given(test.about, test.column, test.name, parameters, reads))
    if told is None:
        told, parameters = _custom(test), dict(arguments)
    grouped = next((found for name in _GROUPED if (found := several(arguments.get(name)))), [])
    sentence = told[1]
    if grouped and spelling is not None:
        parameters["group_by"] = grouped
        sentence += f", for each {joined(grouped, 'and')}"
    if where:
        parameters["where"] = where
        sentence += f", only where {where}"
    shown = {name: value for name, value in parameters.items() if value is not None}
    severity = "warn" if test.severity == "warn" else "error"
    return Rule(told[0], sentence, shown, severity, _consequence(severity, test.config))


def _flat(arguments: object) -> dict[str, Any]:
    """The arguments, whether they stand by themselves or under the key that dbt 1.10 brought."""
    given = {str(name): value for name, value in object_of(arguments).items()}
    nested = object_of(given.pop("arguments", None))
    return {**given, **{str(name): value for name, value in nested.items()}}


def _parameters(spelling: Spelling, arguments: Raw, name: str) -> dict[str, Any]:
    given = {ours: arguments.get(theirs) for ours, theirs in spelling.arguments.items()}
    if there := table(given.get("to")):
        given["to"] = there
    if spelling.name in METRIC_TESTS:
        given["metric"] = metric_of(name) or None
    return {**given, **spelling.fixed}


def _where(config: object, arguments: Raw, reads: Reads) -> str:
    conditions = [object_of(config).get("where"), *(arguments.get(name) for name in _WHERE)]
    told = [told_condition(sql, reads) for sql in conditions]
    return short(" and ".join(one for one in told if one.replace(" ", "").lower() not in _EVERY_ROW))


def _custom(test: Test) -> tuple[str, str]:
    """What its author says that it is for; else its name as words."""
    said = short(test.description.strip().partition("\n\n")[0])
    if test.kind == "unit_test":
        return EXAMPLE, said or f"{test.about} gives what is expected of an example"
    words = short(test.name.removeprefix("assert_").replace("_", " "))
    return CUSTOM, said or f"custom test: {words}"


def _consequence(severity: str, config: object) -> str:
    """What follows where a rule is broken, with the number of rows from which it does."""
    set_ = object_of(config)
    warns = _from_on(set_.get("warn_if"))
    if severity == "warn":
        return f"warns{warns}"
    stops = f"stops the build{_from_on(set_.get('error_if'))}"
    return f"warns{warns}, {stops}" if warns or _from_on(set_.get("error_if")) else stops


def _from_on(condition: object) -> str:
    """` from 11 rows on` for `>10`; "" for any row at all, which is dbt's habit."""
    if not isinstance(condition, str) or not condition.strip():
        return ""
    found = _LIMIT.fullmatch(condition)
    if found is None:
        return f" if the number of rows is {short(condition)}"
    if found[1] in ("!=", "<>"):
        return "" if found[2] == "0" else f" unless it is {counted(int(found[2][:9]), 'row')}"
    least = int(found[2][:9]) + (found[1] == ">")
    return "" if least <= 1 else f" from {counted(least, 'row')} on"


# -- What is promised without a test --------------------------------------------------------------------


def constraints(
    about: str, raw: object, *, column: str, enforced: bool, reads: Reads = unread
) -> Iterator[Rule]:
    """The rules that a contract's constraints are; those of a column, or of the whole where it is ""."""
    for one in raw if isinstance(raw, list) else ():
        given = object_of(one)
        kind, sentence, parameters = _constraint(about, column, given, reads)
        consequence = (
            "the warehouse keeps it, as far as it can"
            if enforced
            else "written down, but no contract enforces it"
        )
        yield Rule(kind, sentence, parameters, "error" if enforced else "", consequence)


def _constraint(about: str, column: str, given: Raw, reads: Reads) -> tuple[str, str, Raw]:
    kind, expression = str(given.get("type") or ""), given.get("expression")
    columns = [column] if column else several(given.get("columns"))
    named = joined(columns, "and") or about
    several_, parameters = len(columns) > 1, {"constraint": kind, "columns": columns}
    if kind == "not_null":
        return "not_null", f"{named} {'are' if several_ else 'is'} never blank", parameters
    if kind in ("unique", "primary_key"):
        blank = ", and none is blank" if kind == "primary_key" else ""
        what = f"no combination of {named}" if several_ else f"no {named}"
        return ("unique_together" if several_ else "unique"), f"{what} appears twice{blank}", parameters
    if kind == "foreign_key" and (there := table(given.get("to") or expression)):
        keys = joined(several(given.get("to_columns")), "and")
        words = f"every {named} exists in {there}{f' as {keys}' if keys and keys != named else ''}"
        return "belongs_to", words, {**parameters, "to": there}
    if kind == "check" and (condition := told_condition(expression, reads)):
        return "always_true", f"{condition} is true in every row", {**parameters, "expression": condition}
    words = short(str(expression or given.get("name") or kind or "without a type"))
    return CUSTOM, f"custom constraint of {named}: {words}", parameters


def freshness(about: str, raw: object) -> Rule | None:
    """The rule that a source's `freshness` is; None where it promises nothing."""
    given = object_of(raw)
    warn, error = (_after(given.get(name)) for name in ("warn_after", "error_after"))
    age = warn or error
    if not age:
        return None
    then = f"warns after {warn}, " if warn and error else "warns" if warn else ""
    consequence = f"{then}is an error after {error}" if error else then
    parameters = {"warn_after": warn, "error_after": error, "where": short(str(given.get("filter") or ""))}
    set_ = {name: value for name, value in parameters.items() if value}
    sentence = f"the newest row of {about} is at most {age} old"
    return Rule("freshness", sentence, set_, "error" if error else "warn", consequence)


def _after(raw: object) -> str:
    given = object_of(raw)
    count = number(given.get("count"))
    return duration(given.get("count"), given.get("period")) if count else ""
