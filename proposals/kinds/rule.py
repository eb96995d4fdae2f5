"""Business rules: a sentence, a table or a formula that decides about each row, with its examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from governance.models import User
from proposals.kinds.base import CannotGenerate, Kind
from proposals.trying import wrong_examples
from semantic.business_rules import BusinessRuleFields, table_json
from semantic.codegen.business_rules import compile_rule, example_problems, told, understood
from semantic.codegen.entries import Entries, Refused
from semantic.codegen.metrics import Compiled
from semantic.fields import name_from
from semantic.known import Known
from semantic.rules.metric import Problems
from semantic.rules.written import keeping_problems, missing, typing_problems
from workspace.warehouse.embedded import CalculationFailed


class NotChangedHere(BisyncError):
    code = "rule-not-changed-here"
    message = _(
        "%(name)s is in the dbt project already. A rule that is there is changed in dbt; here a new one is"
        " proposed."
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
        if known is not None or name:
            raise NotChangedHere(name=name)
        return BusinessRuleFields(owner=author.name), None

    def said(self, name: str, known: Known) -> BusinessRuleFields | None:  # noqa: ARG002
        return None  # what dbt has is a model of its own, and changed as such

    def over(
        self, begun: BusinessRuleFields, suggested: BusinessRuleFields, base: BusinessRuleFields | None
    ) -> BusinessRuleFields:
        del base
        return replace(suggested, owner=begun.owner)

    def complete(self, fields: BusinessRuleFields, base: BusinessRuleFields | None) -> BusinessRuleFields:
        del base
        return replace(fields, name=name_from(fields.label))

    def keeping_problems(self, fields: BusinessRuleFields) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: BusinessRuleFields, base: BusinessRuleFields | None) -> Problems:
        del base
        return typing_problems(fields)

    def sending_problems(
        self, fields: BusinessRuleFields, known: Known, base: BusinessRuleFields | None
    ) -> Problems:
        problems = {**missing(fields), **self.typing_problems(fields, base)}
        if "model" not in problems:
            for name, sentences in _of_the_rule(fields, known).items():
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
        del base
        try:
            return compile_rule(fields, known, dialect=dialect, settled=settled)
        except (Refused, BisyncError) as exc:
            raise CannotGenerate(why=str(exc)) from exc

    def unique_id(self, name: str, known: Known) -> str:  # noqa: ARG002
        return ""

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
        del base
        return ["text", *(["examples"] if fields.examples else [])]

    def failed(self, fields: BusinessRuleFields, node: Mapping[str, Any]) -> str:
        """In words, where it is the unit test of the rule's own examples that failed; else ""."""
        if not str(node["name"]).endswith(f"{fields.name}__examples"):
            return ""
        return _now("The examples of %(label)s do not come out in dbt as the rule says. %(told)s") % {
            "label": fields.label,
            "told": node["message"] or "",
        }


def _of_the_rule(fields: BusinessRuleFields, known: Known) -> Problems:
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
    examples = list(example_problems(rule, fields.examples))
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
