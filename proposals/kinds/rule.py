"""Business rules: a sentence, a table or a formula that decides about each row, with its examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from governance.models import User
from proposals.kinds.base import NOTHING_CHANGED, CannotGenerate, Kind
from proposals.kinds.described import FilesOfAPackage
from proposals.trying import wrong_examples
from semantic.business_rules import BusinessRuleFields, table_json
from semantic.codegen.business_rules import compile_rule, example_problems, told, understood
from semantic.codegen.entries import Entries, Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.rule_changes import compile_rule_change
from semantic.codegen.rule_reading import rule_said, rule_there
from semantic.fields import name_from
from semantic.known import Known
from semantic.rules.metric import Problems
from semantic.rules.written import keeping_problems, missing, typing_problems
from workspace.dbt.unit_tests import Difference, differences
from workspace.warehouse.embedded import CalculationFailed

# So many rows are told of a failed unit test.
_MOST_EXAMPLES = 5


class NotChangedHere(BisyncError):
    code = "rule-not-changed-here"
    message = _(
        "%(name)s is no rule that can be changed here: Bisync did not write it, or cannot read what became of"
        " it. Change it in dbt."
    )
    http_status = 409


class RuleKind(Kind[BusinessRuleFields]):
    key = "rule"
    new = _("Propose a business rule")
    chip = _("New rule")
    whole = _("The whole rule")
    area = "rules"
    computed = "text"
    chosen = frozenset({"model", "written", "table", "examples", "key"})
    together = frozenset({"label", "name", "written", "text", "table"})
    metadata: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("text", "model", "written", "table", "key"), "models"),
        "examples": "tests",
        **dict.fromkeys(("label", "description", "column_description"), "documentation"),
        "owner": "ownership",
    }

    def begun(
        self, name: str, known: Known | None, author: User
    ) -> tuple[BusinessRuleFields, BusinessRuleFields | None]:
        if known is None:
            return BusinessRuleFields(owner=author.name), None
        base, node = self.said(name, known), known.node(name)
        if base is None or node is None:
            raise NotChangedHere(name=name.rpartition(".")[2] or name)
        if not known.owned(node):
            raise FilesOfAPackage(name=node.name)
        return base, base

    def said(self, name: str, known: Known) -> BusinessRuleFields | None:
        return rule_said(name, known)

    def over(
        self, begun: BusinessRuleFields, suggested: BusinessRuleFields, base: BusinessRuleFields | None
    ) -> BusinessRuleFields:
        if base is None:
            return replace(suggested, owner=begun.owner)
        given = {name: value for name in BusinessRuleFields.MERGED if (value := getattr(suggested, name))}
        if not suggested.text and suggested.written != "table":
            given = {name: value for name, value in given.items() if name not in {"written", "table"}}
        return replace(base, **given, why=suggested.why)

    def complete(self, fields: BusinessRuleFields, base: BusinessRuleFields | None) -> BusinessRuleFields:
        if base is not None:
            return replace(fields, name=base.name, model=base.model)
        return replace(fields, name=name_from(fields.label))

    def keeping_problems(self, fields: BusinessRuleFields) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: BusinessRuleFields, base: BusinessRuleFields | None) -> Problems:
        told = typing_problems(fields)
        if base is None:
            return told
        changed = {*fields.changes_from(base), "why"}
        return {name: sentences for name, sentences in told.items() if name in changed}

    def sending_problems(
        self, fields: BusinessRuleFields, known: Known, base: BusinessRuleFields | None
    ) -> Problems:
        problems = {**_missing(fields, base), **self.typing_problems(fields, base)}
        if base is not None and not fields.changes_from(base):
            problems["text"] = [str(NOTHING_CHANGED)]
        if "model" not in problems:
            for name, sentences in _of_the_rule(fields, known, base).items():
                problems[name] = [*problems.get(name, []), *sentences]
        return problems

    def compiled(
        self,
        fields: BusinessRuleFields,
        known: Known,
        *,
        dialect: str,
        base: BusinessRuleFields | None,
        settled: Entries | None = None,
    ) -> Compiled:
        try:
            if base is None:
                # One that left dbt while it was changed is a new one, and named as such.
                fields = self.complete(fields, None)
                return compile_rule(fields, known, dialect=dialect, settled=settled)
            code = compile_rule_change(base, fields, known, dialect=dialect)
        except (Refused, BisyncError) as exc:
            raise CannotGenerate(why=str(exc)) from exc
        if settled is None and not code.changes:
            raise CannotGenerate(why=str(NOTHING_CHANGED))
        return code

    def unique_id(self, name: str, known: Known) -> str:
        return name if rule_there(name, known) is not None else ""

    def warnings(self, fields: BusinessRuleFields, known: Known) -> list[str]:
        report = understood(fields, known.names).report
        return [one.message for one in report.findings if one.level == "warning"] if report else []

    def as_table(self, fields: BusinessRuleFields, known: Known) -> dict[str, object] | None:
        table = understood(fields, known.names).as_table
        return table_json(table) if table else None

    def reads_as(self, fields: BusinessRuleFields, known: Known) -> str:
        return understood(fields, known.names).sentence

    def body(self, fields: BusinessRuleFields) -> tuple[str, ...]:
        return (fields.description, fields.why)

    def asked(self, fields: BusinessRuleFields, base: BusinessRuleFields | None) -> list[str]:
        if base is not None:
            return list(fields.changes_from(base))
        return ["text", *(["examples"] if fields.examples else [])]

    def failed(self, fields: BusinessRuleFields, node: Mapping[str, Any]) -> str:
        """In words, where it is the unit test of the rule's own examples that failed; else ""."""
        name = fields.name.rpartition(".")[2]  # of one that is there, dbt's id of its model
        if not str(node["name"]).endswith(f"{name}__examples"):
            return ""
        message = str(node["message"] or "")
        said = [_differs(one) for one in differences(message)]
        more = len(said) - _MOST_EXAMPLES
        if more > 0:
            said[_MOST_EXAMPLES:] = [_now("And %(number)d more.") % {"number": more}]
        return _now("The examples of %(label)s do not come out in dbt as the rule says. %(told)s") % {
            "label": fields.label,
            "told": " ".join(said) or message,
        }


def _differs(one: Difference) -> str:
    """A row of the examples that came out otherwise."""
    if one.actual is None or one.expected is None:
        row = ", ".join(
            f"{name}: {_shown(value)}" for name, value in (one.expected or one.actual or {}).items()
        )
        found = _now("No row comes out as %(row)s.") if one.expected else _now("A row comes out as %(row)s.")
        return found % {"row": row}
    given = " and ".join(f"{name} is {_shown(value)}" for name, value in one.shared.items())
    apart = [name for name in one.expected if name not in one.shared]
    wanted, came = (
        " and ".join(f"“{_shown(row[name])}”" for name in apart) for row in (one.expected, one.actual)
    )
    words = {"given": given, "wanted": wanted, "came": came}
    if given:
        return _now("Where %(given)s, dbt says %(came)s and the example %(wanted)s.") % words
    return _now("dbt says %(came)s and the example %(wanted)s.") % words


def _shown(value: str) -> str:
    return _now("blank") if value == "NULL" else value


def _missing(fields: BusinessRuleFields, base: BusinessRuleFields | None) -> Problems:
    """What nobody has written yet; what dbt never said of a rule that is there is not asked for."""
    told = missing(fields)
    return {name: said for name, said in told.items() if base is None or getattr(base, name)}


def _of_the_rule(fields: BusinessRuleFields, known: Known, base: BusinessRuleFields | None) -> Problems:
    """What is wrong with what the rule says, and with its examples."""
    if fields.model not in known.names.models:
        return {"model": [_now("dbt knows no model of that name here. Choose another one.")]}
    place = "table" if fields.written == "table" else "text"
    rule = understood(fields, known.names)
    if rule.meaning is None:
        return {place: [told(problem) for problem in rule.problems] or [_now("Say how it is decided.")]}
    problems: Problems = {}
    errors = [one.message for one in rule.report.findings if one.level == "error"] if rule.report else []
    if errors:
        problems[place] = errors
    # Of a rule that depends on the day dbt keeps no examples.
    kept = base is None or base.examples or fields.examples
    examples = list(example_problems(rule, fields.examples)) if kept else []
    try:
        examples += wrong_examples(rule, fields.examples)
    except CalculationFailed as exc:
        examples.append(str(exc))
    if examples:
        problems["examples"] = examples
    columns = {column.name for column in known.names.models[fields.model].columns}
    strange = [name for name in fields.key if name not in columns]
    if strange:
        problems["key"] = [
            _now("%(model)s has no column %(names)s.") % {"model": fields.model, "names": ", ".join(strange)}
        ]
    return problems
