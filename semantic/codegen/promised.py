"""A data quality rule that a person typed, as a dbt test: a new one, or one that says something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.quality.rules import Test, says_changeable
from catalog.reading import NodeRecord, TestRecord, test_record
from semantic.codegen.changes import FileChange
from semantic.codegen.entries import Refused
from semantic.codegen.habits import spelling_of
from semantic.codegen.metrics import Compiled
from semantic.codegen.quality.conditions import compiler
from semantic.codegen.quality.edits import Written
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.promises import (
    NO_CONDITION,
    AcceptedValues,
    AlwaysTrue,
    BelongsTo,
    Condition,
    Promise,
)
from semantic.codegen.quality.reading import is_made_up, rule_read
from semantic.codegen.quality.rule import QualityRule, Severity, Target, said_of
from semantic.codegen.quality.source_freshness import FRESHNESS
from semantic.codegen.quality.spelled import Compiles, Spelled, spelled
from semantic.codegen.quality.writing import rule_added, rule_changed
from semantic.codegen.words import properties_change, properties_file
from semantic.codegen.yaml_files import new_file_of
from semantic.codegen.yaml_steps import AddItem
from semantic.conditions import formula_of
from semantic.described import DESCRIBED
from semantic.known import Known
from semantic.promised import PromiseFields, fields_of


@dataclass(frozen=True, slots=True)
class Kept:
    """A test of dbt's with the rule that it keeps and the table that it is of."""

    test: TestRecord
    rule: QualityRule
    node: NodeRecord

    @property
    def fields(self) -> PromiseFields:
        """The rule as its form shows it."""
        of = {"name": self.test.unique_id, "table": self.node.unique_id, "column": self.test.column}
        return fields_of(self.rule, **of)


def told_test(record: TestRecord, about: str) -> Test:
    """A test of the manifest as the catalogue of rules reads it."""
    config = record.fields.get("config") or {}
    return Test(
        record.kind, record.name, about, record.column, record.arguments, record.severity, config,
        record.description,
    )  # fmt: skip


def rule_in(record: TestRecord, node: NodeRecord, known: Known, dialect: str) -> QualityRule | None:
    """The rule that a test of a table keeps; None where no rule says it."""
    return rule_read(
        told_test(record, node.name),
        meta=record.fields.get("meta"),
        compiles=compiles_of(node, known, dialect),
        reads=lambda sql: formula_of(sql, dialect),
    )


@says_changeable
def changeable(test: Test) -> bool:
    """Whether the form of rules can say what a test promises."""
    return rule_read(test) is not None


def compiles_of(node: NodeRecord, known: Known, dialect: str) -> Compiles:
    """What says conditions on a table's rows in SQL. Raises Refused for those of sources."""

    def refused(_formula: str) -> str:
        raise Refused(f"Conditions can be written for models alone, and {node.name} is none that is known.")

    there = known.names.models.get(node.name)
    if there is None or there.unique_id != node.unique_id:
        return refused
    return compiler(known.names, node.name, dialect)


def target_of(node: NodeRecord, column: str) -> Target:
    """Where dbt's files have the tests of a table, or of its column."""
    return Target.of(node.unique_id, node.name, column, str(node.fields.get("source_name") or ""))


def kept_by(test_id: str, known: Known, dialect: str) -> Kept | None:
    """A test of dbt's with its rule; None where there is none of that id, or no rule says it."""
    entry = known.manifest.tests.get(test_id)
    record = test_record(entry) if entry is not None else None
    node = known.node(record.node) if record is not None else None
    if record is None or node is None or node.resource_type not in DESCRIBED:
        return None
    rule = rule_in(record, node, known, dialect)
    return Kept(record, rule, node) if rule is not None else None


def rule_of(fields: PromiseFields, promise: Promise) -> QualityRule:
    """The rule that was typed, of which this is the promise."""
    where = Condition(fields.where) if fields.where else Condition(sql=fields.where_sql)
    severity: Severity = "warn" if fields.severity == "warn" else "error"
    return QualityRule(
        promise, severity, where if where != Condition() else NO_CONDITION, fields.label, fields.owner
    )


def compile_new(
    fields: PromiseFields, promise: Promise, node: NodeRecord, known: Known, dialect: str
) -> Compiled:
    """The test of a new rule. Where dbt keeps it already nothing is left to write. Raises Refused."""
    rule, target = rule_of(fields, promise), target_of(node, "" if fields.promise.of_table else fields.column)
    tests = known.tests_of(node.unique_id)
    if there := next((test for test in tests if _same(rule, target, test, node, known, dialect)), None):
        return _compiled((), [], (), "", (f"dbt keeps this rule already, in the test {there.name}.",))
    habits, compiles = spelling_of(known, dialect), compiles_of(node, known, dialect)
    _refuse_private(promise, node, known)
    path = properties_file(node, known)
    tested, *macros = rule_added(rule, target, habits, path=path, compiles=compiles)
    changes = (properties_change(node, known, *tested.edits), *macros)
    test = spelled(rule, target, habits, compiles=compiles)
    edit = {"rule": rule.to_json(), "of": target.to_json()}
    notes = (
        *_notes(test, node),
        *_beside(rule, target, tests, node, known, dialect),
        *_values_on_a_line(promise),
    )
    return _compiled(changes, [edit], _built(node), _shown(test, target, habits), notes)


def _beside(
    rule: QualityRule,
    target: Target,
    tests: Sequence[TestRecord],
    node: NodeRecord,
    known: Known,
    dialect: str,
) -> Iterator[str]:
    """Of each rule of the same kind about the same column: that both have to be kept."""
    for test in tests if rule.of_column else ():
        same = test.column.casefold() == target.column.casefold()
        there = rule_in(test, node, known, dialect) if same else None
        if there is not None and type(there.promise) is type(rule.promise):
            yield f"dbt tests already that it {there.promise}. Every row then has to keep both rules."


def _values_on_a_line(promise: Promise) -> Iterator[str]:
    """Of a single value with commas that several may be meant."""
    values = promise.values if isinstance(promise, AcceptedValues) else ()
    if len(values) == 1 and isinstance(values[0], str) and "," in values[0]:
        yield f"“{values[0]}” is one value. Write each on a line of its own where you mean several."


def _refuse_private(promise: Promise, node: NodeRecord, known: Known) -> None:
    """dbt takes a test for a part of its table's group, and lets it read no private model of another one."""
    other = known.names.models.get(promise.to) if isinstance(promise, BelongsTo) else None
    if other is not None and not other.may_be_read_by(node.group):
        raise Refused(
            f"{other.name} is private to the group {other.group}, and dbt would not let a test of {node.name}"
            " read it. Ask that group to make it protected, or to write the test."
        )


def _same(
    rule: QualityRule, target: Target, test: TestRecord, node: NodeRecord, known: Known, dialect: str
) -> bool:
    """Whether a test of dbt's keeps the rule, whatever it is called."""
    if test.column.casefold() != target.column.casefold() and rule.of_column:
        return False
    there = rule_in(test, node, known, dialect)
    return there is not None and (there.promise, there.where) == (rule.promise, rule.where)


def compile_change(
    base: PromiseFields, fields: PromiseFields, promise: Promise, kept: Kept, known: Known, dialect: str
) -> Compiled:
    """The test that says something else. What dbt has brought meanwhile is left out. Raises Refused.

    `promise` is what is wanted of the test, `kept` the test as it is.
    """
    current, asked = kept.fields, fields.changes_from(base)
    left = [name for name in asked if name in fields.changes_from(current)]
    if moved := [name for name in left if name in current.changes_from(base)]:
        named = " and ".join(sorted(moved))
        raise Refused(f"The {named} of {current.title} was changed in dbt meanwhile. Decide which one holds.")
    if not left:
        return _compiled((), [], (), "")
    said = promise if "promise" in left else kept.rule.promise
    new = rule_of(replace(current, **{name: getattr(fields, name) for name in left}), said)
    node, target = kept.node, target_of(kept.node, kept.test.column)
    _refuse_private(said, node, known)
    habits, compiles = spelling_of(known, dialect), compiles_of(node, known, dialect)
    test = told_test(kept.test, node.name)
    name = "" if is_made_up(test) else test.name
    was = Written(test.kind, test.arguments, test.column, name, str(test.config.get("where") or ""))
    changes = rule_changed(kept.rule, new, target, was, habits, path=kept.test.path, compiles=compiles)
    edits = [{"test": kept.test.unique_id, "key": one, "value": fields.agreed()[one]} for one in left]
    shown = spelled(new, target, habits, compiles=compiles, like=test.kind, standing=_standing(new))
    return _compiled(changes, edits, _built(node), _shown(shown, target, habits), _notes(shown, node))


def _standing(rule: QualityRule) -> Mapping[Condition, str]:
    """Conditions that dbt's file has as SQL, so that the whole test can be shown."""
    conditions = [rule.where, *([rule.promise.condition] if isinstance(rule.promise, AlwaysTrue) else [])]
    return {one: one.sql for one in conditions if one.sql}


def _compiled(
    changes: tuple[FileChange, ...],
    edits: list[dict[str, Any]],
    models: tuple[str, ...],
    yaml: str,
    notes: tuple[str, ...] = (),
) -> Compiled:
    return Compiled(changes, {"edits": edits, "uses": {}}, (), models, yaml, notes)


def _built(node: NodeRecord) -> tuple[str, ...]:
    """What the check builds and tests: dbt does not build sources."""
    return () if node.resource_type == "source" else (node.name,)


def _notes(test: Spelled, node: NodeRecord) -> tuple[str, ...]:
    said = [f"Written as {test.why}."]
    if node.resource_type == "source":
        said.append("dbt builds no source, so that the checks do not look at its rows: the next build does.")
    return tuple(said)


def _shown(test: Spelled, target: Target, habits: Habits) -> str:
    """The test in its place, as YAML for people to read."""
    said = _said(test, habits)
    if target.resource == "sources":
        table: dict[str, Any] = {"name": target.source, "tables": [{"name": target.name, **said}]}
        return new_file_of((AddItem(("sources",), table),))
    return new_file_of((AddItem((target.resource,), {"name": target.name, **said_of(target, said)}),))


def _said(test: Spelled, habits: Habits) -> dict[str, Any]:
    """What the entry of the table says, were the test all that there is."""
    entry = test.entry(nested=habits.nests_arguments)
    table: dict[str, Any] = {}
    if test.test == FRESHNESS:
        table |= {key: value for key, value in test.arguments.items() if key == "loaded_at_field"}
        limits = {key: value for key, value in test.arguments.items() if key != "loaded_at_field"}
        table[FRESHNESS] = {**limits, **({"filter": test.where} if test.where else {})}
    elif test.column:
        table["columns"] = [{"name": test.column, habits.tests_key: [entry]}]
    else:
        table[habits.tests_key] = [entry]
    return table
