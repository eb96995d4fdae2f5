"""Data quality rules of models, sources and columns: dbt's tests, new ones and those that are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from catalog.reading import NodeRecord
from governance.models import User
from proposals.kinds.base import NOTHING_CHANGED, CannotGenerate, Kind
from proposals.kinds.described import FilesOfAPackage, NothingOfThatName
from semantic.codegen.entries import Entries, Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.promised import Kept, compile_change, compile_new, compiles_of, kept_by
from semantic.codegen.quality.promises import Promise
from semantic.definitions import ValueType
from semantic.described import DESCRIBED, split
from semantic.formula import Analysis, analyse_row
from semantic.known import Known
from semantic.promised import PromiseFields
from semantic.rules.metric import Problems
from semantic.rules.promised import keeping_problems, promise_of, typing_problems


class RuleOfNothing(BisyncError):
    code = "rule-of-nothing"
    message = _("Choose what the rule is about first: open it in the catalogue, and propose a rule there.")
    http_status = 404


class NoSuchRule(BisyncError):
    code = "no-such-rule"
    message = _("%(name)s is no test that can be changed as a rule. Pull, or change it in dbt.")
    http_status = 404


class QualityKind(Kind[PromiseFields]):
    """A rule, which dbt keeps as a test."""

    key = "test"
    new = _("Propose a rule")
    area = "tests"
    chip = _("New rule")
    whole = _("The rule")
    computed = "promise"
    named = False
    chosen = frozenset({"promise", "where_sql", "severity"})
    metadata = dict.fromkeys(PromiseFields.MERGED, "tests")
    mono = frozenset({"where", "where_sql"})

    def begun(
        self,
        name: str,
        known: Known | None,
        author: User,  # noqa: ARG002
    ) -> tuple[PromiseFields, PromiseFields | None]:
        if known is None:
            raise RuleOfNothing
        if name.startswith("test."):
            kept = _kept(name, known)
            if kept is None:
                raise NoSuchRule(name=name)
            _require_owned(kept.node, known)
            return kept.fields, kept.fields
        table, column = split(name)
        node = _node(table, known)
        if node is None:
            raise NothingOfThatName(name=name)
        _require_owned(node, known)
        return self.complete(PromiseFields(table=table, column=column), None), None

    def said(self, name: str, known: Known) -> PromiseFields | None:
        kept = _kept(name, known) if name.startswith("test.") else None
        return kept.fields if kept is not None else None

    def over(
        self, begun: PromiseFields, suggested: PromiseFields, base: PromiseFields | None
    ) -> PromiseFields:
        started = base or begun
        promise = suggested.promise if suggested.promise.kind else started.promise
        return replace(started, promise=promise, why=suggested.why)

    def complete(self, fields: PromiseFields, base: PromiseFields | None) -> PromiseFields:
        if base is not None:
            sql = base.where_sql if not fields.where else ""
            promise = fields.promise
            if promise.kind == base.promise.kind == "always_true" and not promise.formula:
                promise = base.promise
            return replace(
                fields, name=base.name, table=base.table, column=base.column, where_sql=sql, promise=promise
            )
        column = "" if fields.promise.of_table else fields.column
        said = json.dumps([fields.promise.to_json(), fields.where], sort_keys=True)
        key = f"{fields.promise.kind}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
        return replace(fields, name=f"{fields.table}:{column}:{key}"[:700], where_sql="")

    def keeping_problems(self, fields: PromiseFields) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: PromiseFields, base: PromiseFields | None) -> Problems:  # noqa: ARG002
        return typing_problems(fields)

    def row_formulas(self, fields: PromiseFields, known: Known) -> dict[str, Analysis | None]:
        model = next((one for one in known.names.models.values() if one.unique_id == fields.table), None)
        typed = {"where": fields.where}
        if fields.promise.kind == "always_true":
            typed["formula"] = fields.promise.formula
        return {
            name: analyse_row(text, known.names, model=model.name) if text and model else None
            for name, text in typed.items()
        }

    def sending_problems(self, fields: PromiseFields, known: Known, base: PromiseFields | None) -> Problems:
        told = self.typing_problems(fields, base)
        node = _node(fields.table, known)
        if node is None or not known.owned(node):
            told.setdefault("promise", []).append(_now("dbt has no such table in this project any more."))
            return told
        kept = _kept(base.name, known) if base is not None else None
        promise, wrong = self._promise(fields, node, known, kept)
        for name, sentences in {**wrong, **_about(fields, node, known, promise)}.items():
            told.setdefault(name, []).extend(sentences)
        if base is not None and not fields.changes_from(base):
            told.setdefault("promise", []).append(str(NOTHING_CHANGED))
        return told

    def _promise(
        self, fields: PromiseFields, node: NodeRecord, known: Known, kept: Kept | None
    ) -> tuple[Promise | None, Problems]:
        like = kept.rule.promise if kept is not None else None
        return promise_of(fields.promise, type_=_type(node, fields.column, known), like=like)

    def compiled(
        self,
        fields: PromiseFields,
        known: Known,
        *,
        dialect: str,
        base: PromiseFields | None,
        settled: Entries | None = None,
    ) -> Compiled:
        node = _node(fields.table, known)
        kept = kept_by(base.name, known, dialect) if base is not None else None
        if node is None or (base is not None and kept is None):
            raise CannotGenerate(
                why=_now("%(name)s is not in the dbt project any more.") % {"name": fields.title}
            )
        promise, wrong = self._promise(fields, node, known, kept)
        if promise is None:
            raise CannotGenerate(why=" ".join(one for said in wrong.values() for one in said))
        try:
            if base is not None and kept is not None:
                return compile_change(base, fields, promise, kept, known, dialect)
            code = compile_new(fields, promise, node, known, dialect)
        except Refused as exc:
            raise CannotGenerate(why=str(exc)) from exc
        if settled is None and not code.changes:
            raise CannotGenerate(why=" ".join((*code.notes, _now("Change that one instead."))))
        return code

    def unique_id(self, name: str, known: Known) -> str:
        if name.startswith("test."):
            return name if name in known.manifest.tests else ""
        return ""

    def verb(self, base: PromiseFields | None) -> str:
        return "Require that" if base is None else "Change"


def _kept(name: str, known: Known) -> Kept | None:
    return kept_by(name, known, known.manifest.adapter or "duckdb")


def _node(unique_id: str, known: Known) -> NodeRecord | None:
    node = known.node(unique_id)
    return node if node is not None and node.resource_type in DESCRIBED else None


def _require_owned(node: NodeRecord, known: Known) -> None:
    if not known.owned(node):
        raise FilesOfAPackage(name=node.name)


def _columns(node: NodeRecord, known: Known) -> dict[str, ValueType]:
    """The columns that dbt's files or the warehouse know of a table, in lower case, with their types."""
    found: dict[str, ValueType] = {one.name.lower(): "any" for one in node.columns}
    built = known.names.models.get(node.name)
    if built is not None and built.unique_id == node.unique_id:
        found |= {one.name.lower(): one.type for one in built.columns}
    return found


def _type(node: NodeRecord, column: str, known: Known) -> ValueType:
    return _columns(node, known).get(column.lower(), "any")


def _about(fields: PromiseFields, node: NodeRecord, known: Known, promise: Promise | None) -> Problems:
    """What is wrong with the names and the conditions of a rule."""
    told: Problems = {}
    columns, typed = _columns(node, known), fields.promise
    if typed.kind and not typed.of_table:
        if not fields.column:
            told["column"] = [_now("Choose the column that the rule is about.")]
        else:
            told |= _unknown("column", (fields.column,), columns, node)
    told |= _unknown("columns", typed.columns, columns, node)
    told |= _unknown("time", (typed.time,) if typed.time else (), columns, node)
    if promise is not None and typed.to:
        told |= _there(typed.to, known, columns.get(fields.column.lower(), "any"))
    compiles = compiles_of(node, known, known.manifest.adapter or "duckdb")
    for name, formula in (("formula", typed.formula), ("where", fields.where)):
        try:
            if formula:
                compiles(formula)
        except Refused as exc:
            told[name] = [str(exc)]
    return told


def _unknown(field: str, names: tuple[str, ...], columns: dict[str, ValueType], node: NodeRecord) -> Problems:
    unknown = [name for name in names if name.lower() not in columns]
    if not unknown or not columns:
        return {}
    by = {"table": node.name, "names": ", ".join(unknown)}
    return {field: [_now("%(table)s has no column %(names)s.") % by]}


def _there(to: str, known: Known, type_: ValueType) -> Problems:
    """Whether there is such a column in another table, of the same kind."""
    table, _dot, column = to.rpartition(".")
    source, _dot, name = table.rpartition(".")
    if source:
        found = [
            one for one in known.manifest.nodes if one.startswith("source.") and one.endswith(f".{table}")
        ]
        return {} if found else {"to": [_now("dbt knows no source %(name)s.") % {"name": table}]}
    model = known.names.models.get(name)
    target = model.column(column) if model is not None else None
    if model is None:
        return {"to": [_now("dbt knows no model %(name)s. Write customers.customer_id.") % {"name": name}]}
    if model.columns and target is None:
        by = {"table": name, "names": column}
        return {"to": [_now("%(table)s has no column %(names)s.") % by]}
    other = target.type if target is not None else "any"
    if "any" not in (type_, other) and _KINDS[type_] != _KINDS[other]:
        by = {"one": str(_KINDS[type_]), "other": str(_KINDS[other]), "to": f"{name}.{column}"}
        said = _now("The column holds %(one)s and %(to)s holds %(other)s: none is in the other.") % by
        return {"to": [said]}
    return {}


_KINDS: Mapping[ValueType, object] = {
    **dict.fromkeys(("integer", "number"), _("numbers")),
    **dict.fromkeys(("date", "timestamp"), _("dates")),
    "text": _("texts"),
    "boolean": _("yes or no"),
}
