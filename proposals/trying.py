"""A business rule tried out: its examples by DuckDB, its outcomes and gaps by the rows that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from bisync.lib.errors import BisyncError
from environments.numbers import ask
from environments.selectors import Reading
from semantic.business_rules import RuleExample
from semantic.codegen.business_rules import Understood, example_outcome, example_values
from semantic.codegen.sql_models.rule_trials import counts_sql, examples_sql, moves_sql
from semantic.formula.tree import ColumnRef, walk
from semantic.query.spec import Unsupported
from semantic.rules.boxes import Finding
from semantic.rules.examples import describe_values
from semantic.rules.sets import Value
from semantic.rules.tables import write_outcome
from semantic.rules.unary import CellError
from workspace.warehouse.embedded import calculated


@dataclass(frozen=True, slots=True)
class Tried:
    """An example that was calculated: what it is, what it expects, and what the rule says of it.

    `trouble` says why it could not be read; then the rest is empty.
    """

    example: RuleExample
    words: str = ""
    expected: Value | None = None
    got: Value | None = None
    trouble: str = ""
    unsaid: bool = False  # nobody has said yet what should come out

    @property
    def holds(self) -> bool:
        """Whether the rule says what the example expects."""
        return not self.trouble and not self.unsaid and _same(self.expected, self.got)

    @property
    def said(self) -> str:
        """What the rule says, in the spelling of an outcome."""
        return "" if self.trouble else write_outcome(self.got)


def tried(rule: Understood, examples: Sequence[RuleExample]) -> list[Tried]:
    """Each example with what the rule says of it, calculated by DuckDB. Raises `CalculationFailed`."""
    found: list[Tried] = []
    rows: list[tuple[Value | None, ...]] = []
    for example in examples:
        try:
            rows.append(example_values(example, rule))
        except CellError as error:
            found.append(Tried(example, trouble=f"{error} {error.hint}".strip()))
            continue
        found.append(Tried(example))
    if rule.case is None or not rows:
        return found
    sql = examples_sql(rule.case, rule.inputs, rows, rule.vocabulary)
    answers = iter(zip(rows, (row[0] for row in calculated(sql)), strict=True))
    return [one if one.trouble else _answered(one.example, rule, *next(answers)) for one in found]


def _answered(
    example: RuleExample, rule: Understood, values: tuple[Value | None, ...], got: Value | None
) -> Tried:
    words = describe_values(values, rule.inputs)
    if not example.expected.strip():
        return Tried(example, words, None, got, unsaid=True)
    try:
        return Tried(example, words, example_outcome(example, rule), got)
    except CellError as error:
        return Tried(example, words, None, got, trouble=f"{error} {error.hint}".strip())


def wrong_examples(rule: Understood, examples: Sequence[RuleExample]) -> list[str]:
    """The examples of which the rule says something else, each as a sentence with both."""
    return [
        _("Example %(number)s: when %(words)s, the rule says “%(got)s” and the example “%(expected)s”.")
        % {
            "number": number,
            "words": one.words,
            "got": write_outcome(one.got),
            "expected": write_outcome(one.expected),
        }
        for number, one in enumerate(tried(rule, examples), 1)
        if not one.trouble and not one.unsaid and not one.holds
    ]


def _same(one: Value | None, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float):
        return float(one) == float(str(other))
    return one == other


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows a model has, with each outcome, and for how many of them each finding holds."""

    rows: int
    outcomes: tuple[tuple[str, int], ...]
    findings: tuple[tuple[Finding, int], ...]


def counted(rule: Understood, findings: Sequence[Finding], version: Reading) -> Counted | None:
    """The real rows concerned, in one version of an environment; None where they cannot be counted."""
    relation = _rows_of(rule, version)
    if rule.case is None or relation is None:
        return None
    conditions = [one.condition for one in findings]
    try:
        by_outcome, by_finding = counts_sql(
            rule.case, conditions, relation, version.vocabulary, rule.model, version.dialect
        )
        said, held = ask(version, by_outcome), ask(version, by_finding)
    except (BisyncError, Unsupported):
        return None
    total, *counts = (int(str(count or 0)) for count in held.rows[0])
    return Counted(
        total,
        tuple((outcome_words(value), int(str(count))) for value, count in said.rows),
        tuple(zip(findings, counts, strict=True)),
    )


def _rows_of(rule: Understood, version: Reading) -> str | None:
    """The relation that a rule decides about, where it has all columns that the rule reads."""
    model = version.vocabulary.models.get(rule.model)
    if rule.case is None or model is None:
        return None
    read = {part.column for part in walk(rule.case) if isinstance(part, ColumnRef)}
    return version.relations.get(rule.model) if all(map(model.column, read)) else None


def compared(before: Understood, after: Understood, version: Reading) -> list[tuple[Any, Any, int]]:
    """How many real rows have which outcome by one rule and which by another; empty where nobody can count.

    Both decide about the same rows of one version of an environment.
    """
    relation = _rows_of(after, version)
    if before.case is None or after.case is None or relation is None or _rows_of(before, version) is None:
        return []
    try:
        sql = moves_sql(before.case, after.case, relation, version.vocabulary, after.model, version.dialect)
        found = ask(version, sql).rows
    except (BisyncError, Unsupported):
        return []
    return [(plain(was), plain(now), int(str(count))) for was, now, count in found]


def beside(
    before: Sequence[tuple[str, int]] | None, after: Sequence[tuple[str, int]]
) -> list[tuple[str, int | None, int]]:
    """Each outcome, how many rows had it (None where nobody counted them), and how many have it."""
    then, now = dict(before or ()), dict(after)
    gone = [name for name in then if name not in now]
    return [(name, None if before is None else then.get(name, 0), now.get(name, 0)) for name in (*now, *gone)]


def told_outcomes(rules: Sequence[Mapping[str, Any]]) -> str:
    """What a check counted, in words: how many rows are what by each rule, and how many of them change."""
    return "; ".join(f"{rule['title']}: {_counts(rule['outcomes'])}{_changes(rule)}" for rule in rules)


def _changes(rule: Mapping[str, Any]) -> str:
    if not rule.get("pairs"):
        return ""
    moved = moves_in_words(rule["pairs"])
    if not moved:
        return str(_(" (no row changes)"))
    told = ", ".join(
        _("%(count)s from %(before)s to %(after)s") % {"count": f"{count:,}", "before": was, "after": now}
        for was, now, count in moved
    )
    return f" ({told})"


def moves_in_words(pairs: Sequence[Sequence[Any]]) -> list[tuple[str, str, int]]:
    """From which outcome to which other one how many rows go, of what `compared` gives."""
    told = [(outcome_words(was), outcome_words(now), count) for was, now, count in pairs]
    return [(was, now, count) for was, now, count in told if was != now]


def before_in_words(pairs: Sequence[Sequence[Any]]) -> list[tuple[str, int]]:
    """How many rows have which outcome today, of what `compared` gives."""
    found: dict[str, int] = {}
    for was, _now, count in pairs:
        found[outcome_words(was)] = found.get(outcome_words(was), 0) + count
    return list(found.items())


def _counts(outcomes: Sequence[tuple[object, int]]) -> str:
    return ", ".join(f"{count:,} {outcome_words(value)}" for value, count in outcomes)


def outcome_words(value: Any) -> str:
    """What a row of a warehouse says, in the spelling of an outcome."""
    return str(_("blank")) if value is None else write_outcome(value)


def plain(value: object) -> str | bool | int | float | None:
    """A warehouse's value as JSON holds it."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return float(value) if isinstance(value, Decimal) else str(value)
