"""A business rule that dbt has, as Bisync wrote it: where it stands and what it says, read back as fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from catalog.annotations import is_rule
from catalog.reading import NodeRecord
from semantic.business_rules import BusinessRuleFields, RuleExample, Written
from semantic.codegen.business_rules import Understood, understood
from semantic.codegen.entries import Refused
from semantic.codegen.sql_models.jinja import Unmaskable, mask
from semantic.codegen.sql_models.rule_models import Place, input_columns
from semantic.elements import formula_of
from semantic.known import Known
from semantic.query.expressions import portable
from semantic.rules.constants import read_number, read_yes_no
from semantic.rules.sets import Value
from semantic.rules.tables import Input

Raw: TypeAlias = Mapping[str, Any]
_READ = frozenset(("model", "seed", "snapshot"))


class _Unreadable(ValueError):
    """Somebody wrote it otherwise than Bisync does."""


@dataclass(frozen=True, slots=True)
class RuleThere:
    """A rule in the dbt project: its model, the model of its inputs where it has one, and what it is about.

    `column` is the one that says what it decides, `tested` the unit test of its examples, {} without one.
    """

    node: NodeRecord
    column: str
    about: NodeRecord
    inputs: NodeRecord | None
    tested: Raw

    @property
    def own(self) -> Raw:
        """What Bisync noted in its `meta`."""
        found = self.node.meta.get("bisync")
        return found if isinstance(found, Mapping) else {}

    @property
    def place(self) -> Place:
        columns = tuple(column.name for column in self.node.columns)
        return Place(self.node.path, self.inputs.path if self.inputs else "", columns)


def rule_there(name: str, known: Known) -> RuleThere | None:
    """The rule whose model dbt knows by this id; None where it is no rule that Bisync wrote."""
    node = known.node(name) if name.startswith("model.") else None
    if node is None or not node.patch_path or not is_rule(node.meta):
        return None
    called = [one.name for one in node.columns if node.name == one.name or node.name.endswith(f"_{one.name}")]
    column, read = max(called, key=len, default=""), _only_parent(name, known)
    if not column or read is None:
        return None
    inputs = read if read.name.endswith(f"{column}_inputs") and read.resource_type == "model" else None
    about = _only_parent(read.unique_id, known) if inputs else read
    if about is None:
        return None
    return RuleThere(node, column, about, inputs, _unit_test(node, known))


def _only_parent(name: str, known: Known) -> NodeRecord | None:
    parents = known.manifest.parts.parent_map.get(name) or ()
    node = known.node(parents[0]) if len(parents) == 1 else None
    return node if node is not None and node.resource_type in _READ else None


def _unit_test(node: NodeRecord, known: Known) -> Raw:
    entry = known.manifest.tests.get(f"unit_test.{node.package}.{node.name}.{node.name}__examples")
    return entry.read() if entry is not None else {}


def rule_said(name: str, known: Known) -> BusinessRuleFields | None:
    """What dbt says of a rule today; None where there is none, or none that can be read."""
    there = rule_there(name, known)
    return said_of(there, known) if there is not None else None


def said_of(there: RuleThere, known: Known) -> BusinessRuleFields | None:
    """What dbt says of a rule that is there; None where it cannot be read."""
    model = there.about.name
    found = next(_readings(there, known), None)
    if found is None:
        return None
    written, text, rule = found
    described = {one.name: one.description.strip() for one in there.node.columns}
    description = there.node.description.strip()
    told = described[there.column]
    key, usual = _key(there, known), known.names.keys.get(model, "")
    try:
        examples = tuple(_examples(there, rule, key, known))
    except (_Unreadable, Refused):
        return None
    return BusinessRuleFields(
        name=there.node.unique_id,
        label=str(there.own.get("label") or ""),
        description=description,
        model=model,
        written=written,
        text=text,
        column_description="" if told == description else told,
        examples=examples,
        key=() if key == (usual,) else key,
        owner=str(there.own.get("owner") or ""),
    )


def _readings(there: RuleThere, known: Known) -> Iterator[tuple[Written, str, Understood]]:
    """The rule as its `meta` says it; where its words mean nothing any more, as its SQL does."""
    model, said = there.about.name, str(there.own["rule"])
    spellings: tuple[Written, ...] = ("formula", "sentence")
    for text in (said, _in_sql(there, known)):
        for written in spellings if text else ():
            rule = understood(BusinessRuleFields(model=model, written=written, text=text), known.names)
            if rule.case is not None:
                yield written, text, rule


def _in_sql(there: RuleThere, known: Known) -> str:
    """What the SQL of a rule decides, as a formula over the rows that it is about; "" where none says it."""
    model = known.names.models.get(there.about.name)
    case = _calculated(there.node, known).get(there.column)
    if model is None or case is None:
        return ""
    inner = _calculated(there.inputs, known) if there.inputs is not None else {}

    def swapped(part: exp.Expr) -> exp.Expr:
        found = inner.get(part.name) if isinstance(part, exp.Column) else None
        return exp.paren(found.copy()) if found is not None else part

    dialect = known.manifest.adapter
    return formula_of(case.copy().transform(swapped).sql(portable(dialect)), model, known.names, dialect)


def input_names(there: RuleThere, rule: Understood, known: Known) -> tuple[str, ...]:
    """What dbt calls the columns of what a rule decides by, in the order of its inputs.

    "" for one that is a column of its rows itself, or that its model does not have yet.
    """
    model = known.names.models.get(there.about.name)
    if there.inputs is None or model is None:
        return ()
    dialect, called = known.manifest.adapter, {}
    for name, value in _calculated(there.inputs, known).items():
        called[formula_of(value.sql(portable(dialect)), model, known.names, dialect)] = name
    return tuple(called.get(one.text, "") for one in rule.inputs)


def _calculated(node: NodeRecord, known: Known) -> dict[str, exp.Expr]:
    """What the columns of a model are that its SQL gives a name; nothing where the SQL cannot be read."""
    entry = known.manifest.nodes.get(node.unique_id)
    text = str(entry.read().get("raw_code") or "") if entry is not None else ""
    try:
        query: Any = parse_one(mask(text).text, dialect=portable(known.manifest.adapter) or None)
    except (SqlglotError, Unmaskable):
        return {}
    return {one.alias: one.this for one in query.find_all(exp.Alias)}


def _key(there: RuleThere, known: Known) -> tuple[str, ...]:
    """The columns that tell the rule's rows apart, as the tests of its model show them."""
    tests = known.tests_of(there.node.unique_id)
    unique = [one.column for one in tests if one.kind == "unique"]
    full = {one.column for one in tests if one.kind == "not_null"} - {there.column}
    if unique:
        return (unique[0],)
    usual = known.names.keys.get(there.about.name, "")
    found = tuple(one.name for one in there.node.columns if one.name in full)
    return found or ((usual,) if usual else ())


# Examples


def _examples(there: RuleThere, rule: Understood, key: Sequence[str], known: Known) -> Iterator[RuleExample]:
    """The examples of the unit test. Raises _Unreadable."""
    if not there.tested:
        return
    named = input_columns(there.column, rule.inputs, key, input_names(there, rule, known))
    columns = {name.lower(): one for name, one in named.items()}
    if not columns.keys() <= {one.name.lower() for one in there.node.columns}:
        raise _Unreadable
    dialect = known.manifest.adapter
    given, expect = there.tested.get("given") or [], there.tested.get("expect") or {}
    if len(given) != 1 or not isinstance(given[0], Mapping):
        raise _Unreadable
    rows, expected = _rows(given[0], dialect), _rows(expect, dialect)
    if len(rows) != len(expected):
        raise _Unreadable
    for row, said in zip(rows, expected, strict=True):
        values = [_value(row.get(name), one) for name, one in columns.items()]
        yield rule.as_written(values, _outcome(said, there, rule))


def _outcome(row: Raw, there: RuleThere, rule: Understood) -> Value | None:
    value = row.get(there.column.lower())
    if value is None:
        return None
    return _typed(value, {"boolean": "boolean", "number": "number"}.get(rule.output, "text"))


def _rows(fixture: Raw, dialect: str) -> list[dict[str, Any]]:
    """The rows of a unit test, their columns in lower case. Raises _Unreadable."""
    rows, shape = fixture.get("rows") or [], fixture.get("format") or "dict"
    if shape == "sql" and isinstance(rows, str):
        return rows_of_sql(rows, dialect)
    if shape != "dict" or not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise _Unreadable
    return [{str(name).lower(): value for name, value in row.items()} for row in rows]


def rows_of_sql(text: str, dialect: str) -> list[dict[str, Any]]:
    """The rows that a query of constants gives. Raises a ValueError where it is anything else."""
    try:
        query: Any = parse_one(text, dialect=portable(dialect) or None)
    except SqlglotError as error:
        raise _Unreadable from error
    selects: list[Any] = []
    while isinstance(query, exp.Union):
        selects.append(query.expression)
        query = query.this
    selects.append(query)
    if not all(isinstance(one, exp.Select) and one.args.get("from_") is None for one in selects):
        raise _Unreadable
    return [{one.alias_or_name.lower(): _constant(one) for one in each.expressions} for each in selects[::-1]]


def _constant(node: Any) -> Any:
    while isinstance(node, exp.Alias | exp.Cast | exp.Paren):
        node = node.this
    match node:
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Neg():
            value = _constant(node.this)
            if isinstance(value, int | float):
                return -value
        case exp.Literal():
            return str(node.this) if node.is_string else read_number(str(node.this))
    raise _Unreadable


def _value(value: Any, found: Input) -> Value | None:
    return None if value is None else _typed(value, found.kind)


def _typed(value: Any, kind: str) -> Value:
    """A value as dbt's unit tests hold it, read as its kind. Raises _Unreadable."""
    try:
        match kind:
            case "boolean":
                read: Value | None = value if isinstance(value, bool) else read_yes_no(str(value))
            case "integer" | "number":
                number = isinstance(value, int | float) and not isinstance(value, bool)
                read = value if number else read_number(str(value))
            case "date":
                read = date.fromisoformat(str(value))
            case "timestamp":
                read = datetime.fromisoformat(str(value))
            case _:
                read = str(value)
    except ValueError as error:
        raise _Unreadable from error
    if read is None:
        raise _Unreadable
    return read
