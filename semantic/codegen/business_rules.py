"""What a business rule means in whichever spelling it is written, what is wrong with it, its dbt code."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from semantic.business_rules import BusinessRuleFields, RuleExample
from semantic.codegen.changes import FileChange
from semantic.codegen.entries import Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.sql_models.new_model import Project
from semantic.codegen.sql_models.project import project_of
from semantic.codegen.sql_models.rule_models import BusinessRule, rule_inputs, rule_models
from semantic.codegen.sql_models.style import style_from
from semantic.codegen.yaml_files import new_file_of
from semantic.codegen.yaml_steps import AddItem
from semantic.definitions import Column, Model, SemanticModel, Vocabulary
from semantic.formula.errors import FormulaError, Place, Problem
from semantic.formula.names import Resolver
from semantic.formula.parser import parse
from semantic.formula.phrases import words_of
from semantic.formula.printer import print_formula
from semantic.formula.tree import Case, ColumnRef, Node, shape, walk
from semantic.formula.types import Checker
from semantic.known import Known
from semantic.rules.boxes import Report, check_table
from semantic.rules.constants import constant_of, read_date, read_number, read_yes_no
from semantic.rules.examples import Example, boundary_examples
from semantic.rules.phrasing import write_sentence
from semantic.rules.sentences import Reading, read_sentence
from semantic.rules.sets import Value
from semantic.rules.tables import (
    Decision,
    Input,
    Mixed,
    Output,
    Table,
    read_outcome,
    read_table,
    to_case,
    to_table,
    write_outcome,
    write_table,
)
from semantic.rules.unary import CellError, refuse_doubtful

# What a key's name ends with, behind the name of what it is the key of.
_OF_KEYS = re.compile(r"_(id|key|pk|sk|code|no|number|uuid)$")
# So many boundary examples are offered; a person has to read each of them.
MOST_OFFERED = 12


@dataclass(frozen=True)
class Understood:
    """A rule that was read, or every problem that it has; `subject` is what a sentence is about."""

    vocabulary: Vocabulary
    model: str
    case: Case | None = None
    table: Decision | None = None
    subject: str = ""
    problems: tuple[Problem, ...] = ()
    readings: tuple[Reading, ...] = ()

    @property
    def meaning(self) -> Decision | Case | None:
        """The one meaning: the table as it was written, else what the sentence or formula says."""
        return self.table or self.case

    @cached_property
    def decision(self) -> Decision | Mixed | None:
        """The rule as a table, or why it is none."""
        if self.table is not None or self.case is None:
            return self.table
        return to_table(self.case, self.vocabulary)

    @property
    def as_table(self) -> Table | None:
        """The table with canonical cells, where the rule can be one."""
        return write_table(self.decision) if isinstance(self.decision, Decision) else None

    @property
    def no_table(self) -> str:
        """Why the rule is not shown as a table."""
        return self.decision.message if isinstance(self.decision, Mixed) else ""

    @cached_property
    def _told(self) -> str | Mixed:
        if self.case is None:
            return ""
        subject = self.subject or row_name(self.vocabulary, self.model)
        return write_sentence(self.case, self.vocabulary, self.model, subject)

    @property
    def sentence(self) -> str:
        """The rule in canonical words; "" where no sentence says it."""
        return "" if isinstance(self._told, Mixed) else self._told

    @property
    def no_sentence(self) -> str:
        """Why no sentence says the rule."""
        return self._told.message if isinstance(self._told, Mixed) else ""

    @property
    def canonical(self) -> str:
        """The rule as dbt keeps it: in words, or where no sentence says it as a CASE."""
        return self.sentence or self.formula

    @property
    def formula(self) -> str:
        """The rule as a CASE."""
        return print_formula(self.case, model=self.model) if self.case is not None else ""

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """What the rule decides by, in the order of its examples."""
        meaning = self.meaning
        return rule_inputs(meaning, self.vocabulary, self.model) if meaning is not None else ()

    @cached_property
    def report(self) -> Report | None:
        """The gaps, overlaps and idle rows of the table, where the rule is one."""
        if not isinstance(self.decision, Decision):
            return None
        return check_table(self.decision, self.vocabulary)

    @cached_property
    def outcomes(self) -> tuple[Value, ...]:
        """Each constant that the rule can say, once, in its order; no blank."""
        if self.case is None:
            return ()
        nodes = [then for _when, then in self.case.whens]
        if self.case.otherwise is not None:
            nodes.append(self.case.otherwise)
        found = [constant_of(node) for node in nodes]
        return tuple(dict.fromkeys(value for value in found if value is not None))

    @property
    def output(self) -> Output:
        """The kind of what it says."""
        first = next(iter(self.outcomes), "")
        return "boolean" if isinstance(first, bool) else "text" if isinstance(first, str) else "number"

    def offered(self) -> list[RuleExample]:
        """Examples at the boundaries, with what the rule says of them today."""
        if not isinstance(self.decision, Decision):
            return []
        found = boundary_examples(self.decision, limit=MOST_OFFERED).examples
        return [self.as_written(example.values, example.outcome) for example in found]

    def as_written(self, values: Sequence[Value | None], outcome: Value | None) -> RuleExample:
        """An example with these values of the inputs, in canonical spelling."""
        pairs = zip(self.inputs, values, strict=True)
        told = ((one.text, write_outcome(value)) for one, value in pairs)
        return RuleExample(tuple(sorted(told)), write_outcome(outcome))


def understood(fields: BusinessRuleFields, vocabulary: Vocabulary) -> Understood:
    """What a rule means; never raises for what people wrote."""
    if fields.model not in vocabulary.models:
        return Understood(vocabulary, fields.model)
    if fields.written == "table":
        found = read_table(fields.table, vocabulary, fields.model)
        case = to_case(found.decision) if found.decision else None
        return Understood(vocabulary, fields.model, case, found.decision, problems=found.problems)
    if fields.written == "sentence":
        told = read_sentence(fields.text, vocabulary, fields.model)
        return Understood(
            vocabulary, fields.model, told.case, None, told.subject, told.problems, told.readings
        )
    try:
        return Understood(vocabulary, fields.model, _case(fields.text, vocabulary, fields.model))
    except FormulaError as error:
        return Understood(vocabulary, fields.model, problems=(error.problem,))


def row_name(vocabulary: Vocabulary, model: str) -> str:
    """What a row of a model is called in a sentence: as its key says (`customer_id`), else as the model."""
    named = _OF_KEYS.sub("", vocabulary.keys.get(model, "").lower())
    if not named or named == vocabulary.keys.get(model, "").lower():
        last = model.lower().rpartition("_")[2]
        named = last if last.endswith(("ss", "us", "is")) else last.removesuffix("s")
    return words_of(named) or "row"


def _case(text: str, vocabulary: Vocabulary, model: str) -> Case:
    """The CASE or IF that a formula is. Raises FormulaError."""
    if not text.strip():
        raise FormulaError("empty", "The formula is empty.", Place(0, len(text)), _A_CASE)
    resolved = Resolver(text, parse(text), vocabulary, model).resolve()
    checked = Checker(text, vocabulary).check(resolved)
    _require_case(checked.node)
    if checked.level == "total":
        hint = "Decide by the fields of one row, without SUM or COUNT."
        raise FormulaError("row-level", "A rule decides about each row; this is a total.", checked.node, hint)
    node = shape(checked.node)
    others = {part.model for part in walk(node) if isinstance(part, ColumnRef)} - {model}
    if others:
        foreign = ", ".join(sorted(others))
        message = f"A rule about {model} decides by its own fields, not by those of {foreign}."
        raise FormulaError("unknown-field", message, checked.node, "Use a field of that model.")
    assert isinstance(node, Case)
    return node


_A_CASE = "For example: IF(days_since_last_order > 60, 'at risk', 'healthy')."


def _require_case(node: Node) -> None:
    if not isinstance(node, Case):
        raise FormulaError("unexpected-token", "A rule is one IF, IFS or CASE.", node, _A_CASE)


def example_values(example: RuleExample, rule: Understood) -> tuple[Value | None, ...]:
    """The values of an example for each input of the rule. Raises CellError for the first unreadable one."""
    return tuple(_value(example.value(found.text), found) for found in rule.inputs)


def example_outcome(example: RuleExample, rule: Understood) -> Value | None:
    """What an example expects. Raises CellError where that is nothing the rule could say."""
    if not example.expected.strip():
        raise CellError("no-outcome", "Nothing is expected of it yet.", "Say what should come out.")
    return read_outcome(example.expected, rule.output)


def canonical_examples(examples: Sequence[RuleExample], rule: Understood) -> list[RuleExample]:
    """The examples in canonical spelling, each once; what cannot be read stays as it is written."""

    def canonical(one: RuleExample) -> RuleExample:
        try:
            return rule.as_written(example_values(one, rule), example_outcome(one, rule))
        except CellError:
            return one

    return list(dict.fromkeys(map(canonical, examples)))


def _value(text: str, found: Input) -> Value | None:
    bare = text.strip()
    if not bare:
        raise CellError("no-value", f"It says nothing of {found.label}.", "Write a value, or blank.")
    if bare.lower() == "blank":
        return None
    value = _read(bare, found)
    if value is None:
        wanted = _WANTED[found.kind]
        raise CellError("wrong-kind", f"“{bare}” is no {found.label}.", f"Write {wanted}, or blank.")
    return value


_WANTED = {
    "integer": "a whole number",
    "number": "a number",
    "date": "a day such as 2026-01-31",
    "timestamp": "a day such as 2026-01-31, perhaps with a time",
    "boolean": "yes or no",
    "text": "a text",
}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _read(text: str, found: Input) -> Value | None:
    match found.kind:
        case "boolean":
            return read_yes_no(text)
        case "integer" | "number":
            refuse_doubtful(text)
            number = read_number(text)
            return None if found.kind == "integer" and isinstance(number, float) else number
        case "date":
            return read_date(text)
        case "timestamp":
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                return read_date(text)
            return moment if moment.tzinfo is None else None
    return text[1:-1].replace('""', '"') if _QUOTED.fullmatch(text) else text


def example_problems(rule: Understood, examples: tuple[RuleExample, ...]) -> Iterator[str]:
    """What is wrong with how examples are written, and which outcomes have none."""
    shown: set[Value | None] = set()
    for number, example in enumerate(examples, 1):
        try:
            example_values(example, rule)
            outcome = example_outcome(example, rule)
            shown.add(outcome)
        except CellError as error:
            yield f"Example {number}: {error} {error.hint}".strip()
    for value in (never := _never_said(rule)):
        named = f"“{write_outcome(value)}”"
        yield f"{named} can never come out: other rows decide first. Move its row up, or take it out."
    lacking = [value for value in rule.outcomes if value not in shown and value not in never]
    if lacking:
        named = ", ".join(f"“{write_outcome(value)}”" for value in lacking)
        yield f"There is no example yet of {named}. Take one from those offered, or write your own."


def _never_said(rule: Understood) -> list[Value]:
    """The outcomes that no row of data can have, in their order; none where nobody knows."""
    decision, report = rule.decision, rule.report
    if not isinstance(decision, Decision) or report is None:
        return []
    idle = {row for one in report.findings if one.kind == "unreachable" and one.certain for row in one.rows}
    said = {row.outcome for at, row in enumerate(decision.rules, 1) if at not in idle}
    if report.more or any(one.kind == "gap" for one in report.findings):
        said.add(decision.otherwise)
    return [value for value in rule.outcomes if value not in said]


def told(problem: Problem) -> str:
    """A problem and what to do about it."""
    return " ".join(part for part in (problem.message, problem.hint) if part)


def compile_rule(
    fields: BusinessRuleFields, known: Known, *, dialect: str, settled: Mapping[str, Any] | None = None
) -> Compiled:
    """The models of a rule in the project's style, and what of them is not there yet. Raises Refused.

    What was `settled` keeps the style it was agreed on with.
    """
    rule = understood(fields, known.names)
    if rule.meaning is None:
        raise Refused(next((told(problem) for problem in rule.problems), "The rule says nothing yet."))
    style = style_from(settled["style"]) if settled and settled.get("style") else None
    project = project_of(known, dialect, style)
    there = _brought(settled or {}, project)
    paths = {path for path, _name in there}
    names = {name for _path, name in there}
    without = replace(
        project,
        files={path: text for path, text in project.files.items() if path not in paths},
        taken=frozenset(project.taken) - names,
    )
    written = rule_models(as_rule(fields, rule), known.names, without)
    models = [model for model in written.entries["models"] if model["name"] not in names]
    changes = tuple(one for change in written.changes if (one := left_of(change, paths, names)) is not None)
    entries = {"edits": models, "uses": {}, "style": project.style.data()}
    return Compiled(
        changes=changes,
        entries=json.loads(json.dumps(entries)),
        metrics=(),
        models=tuple(model["name"] for model in written.entries["models"]),
        yaml_preview="\n".join(map(shown_change, changes)).strip(),
        notes=written.notes,
        later=lambda: with_models(rule, written.entries["models"], known, written.semantics),
    )


def shown_change(change: FileChange) -> str:
    """What is added to a properties file; "" for another file."""
    return new_file_of(change.yaml) if change.yaml else ""


def as_rule(fields: BusinessRuleFields, rule: Understood) -> BusinessRule:
    """The rule as it is written. Raises Refused for examples that cannot be read."""
    assert rule.meaning is not None
    try:
        examples = tuple(
            Example(example_values(one, rule), example_outcome(one, rule), None) for one in fields.examples
        )
    except CellError as error:
        raise Refused(f"{error} {error.hint}".strip()) from None
    own = {"label": fields.label, "owner": fields.owner, "rule": rule.canonical}
    return BusinessRule(
        fields.name,
        fields.model,
        rule.meaning,
        fields.description,
        fields.column_description or fields.description,
        examples,
        fields.key,
        own={key: text for key, text in own.items() if text},
    )


def _brought(settled: Mapping[str, Any], project: Project) -> set[tuple[str, str]]:
    """Path and name of the agreed models that are in the project by now, letter by letter."""
    return {
        (model["path"], model["name"])
        for model in settled.get("edits", ())
        if model["name"] in project.taken and project.files.get(model["path"]) == model["sql"]
    }


def left_of(change: FileChange, paths: Collection[str], names: Collection[str]) -> FileChange | None:
    """What of a change is about models that are not there yet."""
    if change.path in paths:
        return None
    if not change.edits:
        return change
    edits = tuple(
        edit for edit in change.edits if not isinstance(edit, AddItem) or not _about(edit.value, names)
    )
    return replace(change, edits=edits) if any(isinstance(edit, AddItem) for edit in edits) else None


def _about(entry: Any, names: Collection[str]) -> bool:
    if not isinstance(entry, Mapping):
        return False
    # A semantic model names its model by a call.
    named = str(entry.get("model") or entry.get("name"))
    return named.removeprefix("ref('").removesuffix("')") in names


def with_models(
    rule: Understood,
    models: Sequence[Mapping[str, Any]],
    known: Known,
    semantics: Mapping[str, SemanticModel] | None = None,
) -> Vocabulary:
    """The names that there are once the rule is: its models with their columns, and what is said of them."""
    names = known.names
    package = str(known.manifest.parts.metadata.get("project_name") or "")
    types = {column.name: column.type for column in names.models[rule.model].columns}
    types |= {one.node.column: one.kind for one in rule.inputs if isinstance(one.node, ColumnRef)}
    added = {}
    for model in models:
        properties = model["properties"]
        columns = tuple(
            Column(one["name"], types.get(one["name"], "any"), description=one.get("description", ""))
            for one in properties["entry"].get("columns", ())
        )
        name = model["name"]
        semantic = (semantics or {}).get(name)
        added[name] = Model(
            name, f"model.{package}.{name}", columns, file=properties["path"], semantic=semantic
        )
    return replace(names, models={**names.models, **added})
