"""What the form of a business rule shows while somebody types: how it reads, what it misses, what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from environments.models import Environment
from environments.selectors import reading
from proposals.forms.rule import not_there
from proposals.kinds import KINDS
from proposals.models import Item
from proposals.outlook import Outlook, habits_shown, outlook
from proposals.trying import Counted, Tried, before_in_words, beside, compared, counted, moves_in_words, tried
from semantic.business_rules import BusinessRuleFields, RuleExample
from semantic.codegen.business_rules import Understood, understood
from semantic.codegen.sql_models.evidence import Evidence
from semantic.codegen.sql_models.rewriting import Rewrite
from semantic.rules.boxes import Finding
from workspace.warehouse.embedded import CalculationFailed


@dataclass(frozen=True, slots=True)
class Column:
    """What examples are given for one input: its formula and its words."""

    asked: str
    label: str


@dataclass(frozen=True, slots=True)
class RulePanel:
    """A draft of a rule in one environment; what cannot be had is empty, and `trouble` says why."""

    outlook: Outlook
    rule: Understood
    columns: Sequence[Column]
    rows: Sequence[tuple[RuleExample, Sequence[str]]]
    examples: Sequence[Tried] = ()
    offered: Sequence[Tried] = ()
    findings: Sequence[tuple[Finding, int | None]] = ()
    counted: Counted | None = None
    # Each outcome with how many rows have it today, where a rule that is there changes, and would have it.
    outcomes: Sequence[tuple[str, int | None, int]] = ()
    moved: Sequence[tuple[str, str, int]] = ()
    style: Sequence[Evidence] = ()
    trouble: str = ""

    @property
    def sql(self) -> list[tuple[str, str]]:
        """The models that would be written: path and text."""
        changes = self.outlook.code.changes if self.outlook.code else ()
        new = [(one.path, one.content) for one in changes if one.content]
        edits = ((one.path, edit) for one in changes for edit in one.edits)
        return [*new, *((path, edit.text) for path, edit in edits if isinstance(edit, Rewrite))]


def rule_panel(
    fields: BusinessRuleFields,
    environment: Environment,
    base: BusinessRuleFields | None,
    earlier: Sequence[Item] = (),
) -> RulePanel:
    """Find it out, on top of what `earlier` changes come to. Never raises for what a person typed."""
    shown = outlook(KINDS["rule"], fields, environment, base, earlier)
    rule = understood(fields, shown.names)
    columns = _columns(fields, rule)
    rows = [(one, [one.value(column.asked) for column in columns]) for one in fields.examples]
    findings = list(rule.report.findings) if rule.report else []
    live = environment.live
    known = counted(rule, findings, reading(live)) if live is not None and rule.case is not None else None
    pairs = compared(understood(base, shown.names), rule, reading(live)) if base and known and live else []
    examples, offered, trouble = _examples(fields, rule)
    return RulePanel(
        shown,
        rule,
        columns,
        rows,
        examples,
        offered,
        known.findings if known else [(one, None) for one in findings],
        known,
        beside(before_in_words(pairs) if pairs else None, known.outcomes) if known else (),
        moves_in_words(pairs),
        habits_shown(shown.known, environment),
        trouble,
    )


def _examples(fields: BusinessRuleFields, rule: Understood) -> tuple[list[Tried], list[Tried], str]:
    if rule.case is None:
        return [], [], ""
    try:
        return tried(rule, fields.examples), tried(rule, not_there(rule, fields.examples)), ""
    except CalculationFailed as exc:
        return [], [], str(exc)


def _columns(fields: BusinessRuleFields, rule: Understood) -> list[Column]:
    """The inputs of the rule; while it cannot be read, those that its examples speak of."""
    if rule.inputs:
        return [Column(one.text, one.label) for one in rule.inputs]
    names = dict.fromkeys(name for one in fields.examples for name, _value in one.values)
    return [Column(name, name) for name in names]
