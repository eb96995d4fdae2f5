"""Dimensions and measures as dbt's files say them: new ones, and words and calculations that change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, get_args

from semantic.codegen.additions import Additions
from semantic.codegen.changes import FileChange
from semantic.codegen.conditions import column_sql, row_sql
from semantic.codegen.element_edits import AmendElement
from semantic.codegen.entries import NameTaken, Refused, plain_name
from semantic.codegen.files import file_changes, names_after, preview
from semantic.codegen.key_entities import dimensions_of, shared_name
from semantic.codegen.metrics import Compiled, notes_of
from semantic.codegen.yaml_emit import new_file
from semantic.definitions import Dimension, Grain, Measure, Model, SemanticModel, Vocabulary
from semantic.elements import (
    DimensionFields,
    MeasureFields,
    dates_of,
    dimension_fields,
    measure_fields,
)
from semantic.formula import analyse_row
from semantic.formula.tree import ColumnRef, Node
from semantic.query.spec import Unsupported

WORDS = ("label", "description")
_UNDATED = "dbt does not know yet what dates the rows of {model}. Choose a date."
F = TypeVar("F", DimensionFields, MeasureFields)


def row_node(formula: str, names: Vocabulary, model: str) -> Node:
    """What a formula says of one row of a model, as a resolved tree. Raises Refused, with what to change."""
    found = analyse_row(formula, names, model=model)
    if found.tree is None:
        raise Refused(found.complaint)
    return found.tree


def row_expression(formula: str, names: Vocabulary, model: str, dialect: str) -> str:
    """The SQL of a formula over one row, as an `expr` of dbt's holds it. Raises Refused."""
    node = row_node(formula, names, model)
    if isinstance(node, ColumnRef):
        return column_sql(node.column, dialect)
    try:
        return row_sql(node, names, dialect)
    except Unsupported as error:
        raise Refused(str(error)) from error


def compile_dimension(fields: DimensionFields, model: Model, names: Vocabulary, *, dialect: str) -> Compiled:
    """A new dimension, with a semantic model where its model has none; nothing where it is there already.

    Raises Refused.
    """
    wanted = _dimension(fields, model, names, dialect)
    _refuse_foreign(model)
    known = next((one for one in _semantic(model).dimensions if one.name == wanted.name), None)
    if known is not None and known == wanted:
        return _nothing()
    _refuse_taken(wanted, model, names)
    additions = Additions(names)
    if model.semantic is None:
        is_date = wanted.type == "time" and isinstance(row_node(fields.expr, names, model.name), ColumnRef)
        time = wanted if is_date else _date(model, fields.time, dialect)
        if time is not None and not fields.time and time.name in _beside(model, names):
            time = None  # the model whose rows these are says it already
        prepare(additions, model, time, dialect)
    current = additions.vocabulary.models[model.name]
    if wanted not in _semantic(current).dimensions:
        _refuse_taken(wanted, current, additions.vocabulary)
        additions.add_dimension(current, wanted)
    return _added(additions, names, model)


def compile_measure(fields: MeasureFields, model: Model, names: Vocabulary, *, dialect: str) -> Compiled:
    """A new measure in dbt's legacy spec, as `compile_dimension`."""
    if names.spec_for(model) == "latest":
        raise Refused(NO_MEASURES.format(model=model.label or model.name))
    _refuse_foreign(model)
    wanted = _measure(fields, model, names, dialect)
    if wanted in _semantic(model).measures:
        return _nothing()
    _refuse_taken(wanted, model, names)
    additions = Additions(names)
    if model.semantic is None:
        time = _date(model, fields.time, dialect)
        if time is None:
            raise Refused(_UNDATED.format(model=model.name))
        prepare(additions, model, time, dialect)
    current = additions.vocabulary.models[model.name]
    dated = wanted.agg_time_dimension
    if dated and _semantic(current).time_dimension(dated) is None:
        column = next((one for one in dates_of(model) if plain_name(one) == dated), "")
        if not column:
            raise Refused(f"{fields.time} is no date of {model.name}. Choose another one.")
        dated = additions.add_date(current, Dimension(dated, "time", column_sql(column, dialect), "day"))
        current = additions.vocabulary.models[model.name]
    usual = dated == _semantic(current).agg_time_dimension
    wanted = replace(wanted, agg_time_dimension="" if usual else dated)
    if not dated and not _semantic(current).agg_time_dimension:
        raise Refused(_UNDATED.format(model=model.name))
    additions.add_measure(current, wanted)
    return _added(additions, names, model)


NO_MEASURES = (
    "{model} is described in dbt's latest spec, which has no measures: there, a metric says itself what it "
    "totals. Propose a metric instead."
)


def compile_element_change(
    base: F, fields: F, model: Model, element: Dimension | Measure, names: Vocabulary, *, dialect: str
) -> Compiled:
    """What has to be written so that dbt says `fields` of a dimension or measure that said `base`.

    A field that dbt has brought to the wanted value meanwhile is left out; one that it has brought elsewhere
    is Refused.
    """
    _refuse_foreign(model)
    semantic = _semantic(model)
    current: Any = (
        dimension_fields(model, element, names, dialect)
        if isinstance(element, Dimension)
        else measure_fields(model, element, names, dialect)
    )
    left = [name for name in fields.changes_from(base) if name in fields.changes_from(current)]
    if moved := [name for name in left if name in current.changes_from(base)]:
        said = " and ".join(sorted(moved))
        raise Refused(f"The {said} of {current.title} was changed in dbt meanwhile. Decide which one holds.")
    values: dict[str, Any] = {name: getattr(fields, name) or None for name in left}
    if "expr" in left:
        values["expr"] = row_expression(fields.expr, names, model.name, dialect)
    if "time" in left:
        values["agg_time_dimension"] = values.pop("time")
        if fields.time and semantic.time_dimension(fields.time) is None:
            raise Refused(f"{fields.time} is no date dimension of {semantic.name}. Choose another one.")
    kind = "dimensions" if isinstance(element, Dimension) else "measures"
    edit = AmendElement(model.name, semantic.name, kind, element.name, values)
    told: Any = {name: value or "" for name, value in values.items()}
    new: Any = replace(element, **told)
    shown = {"name": element.name, **{name: value for name, value in values.items() if value is not None}}
    return Compiled(
        changes=(FileChange(semantic.file, (edit,)),) if left else (),
        entries={
            "edits": [{kind[:-1]: base.name, "key": name, "value": value} for name, value in values.items()],
            "uses": {},
        },
        metrics=(),
        models=(model.name,) if set(left) - set(WORDS) else (),
        yaml_preview=new_file({kind: [shown]}) if left else "",
        later=lambda: _with(names, model, kind, element, new),
    )


def prepare(additions: Additions, model: Model, time: Dimension | None, dialect: str) -> None:
    """A semantic model for a model without one, dated by `time` where something dates it."""
    key = additions.vocabulary.keys.get(model.name, "")
    if not key and time is None and not dates_of(model):
        raise Refused(
            f"Nobody knows what makes a row of {model.name} the only one of its kind, so no number could be "
            "split by it. Give the model a key first: a column with the tests unique and not_null."
        )
    additions.add_semantic_model(model, time, key, dialect)


def _date(model: Model, chosen: str, dialect: str) -> Dimension | None:
    """The chosen date of a model, or its only one."""
    dates = dates_of(model)
    column = chosen or (dates[0] if len(dates) == 1 else "")
    if not column:
        return None
    if model.column(column) is None or (dates and column not in dates):
        raise Refused(f"{column} is no date of {model.name}. Choose another one.")
    return Dimension(plain_name(column), "time", column_sql(column, dialect), "day")


def _dimension(fields: DimensionFields, model: Model, names: Vocabulary, dialect: str) -> Dimension:
    time = fields.type == "time"
    grains: tuple[Grain, ...] = get_args(Grain)
    grain: Grain = next((one for one in grains if one == fields.granularity), "day")
    return Dimension(
        name=fields.name.rpartition(":")[2],
        type="time" if time else "categorical",
        expr=row_expression(fields.expr, names, model.name, dialect),
        granularity=grain if time else None,
        label=fields.label,
        description=fields.description,
    )


def _measure(fields: MeasureFields, model: Model, names: Vocabulary, dialect: str) -> Measure:
    expr = "1" if fields.agg == "count" and not fields.expr else ""
    return Measure(
        name=fields.name.rpartition(":")[2],
        agg=fields.agg,  # type: ignore[arg-type]
        expr=expr or row_expression(fields.expr, names, model.name, dialect),
        agg_time_dimension=plain_name(fields.time) if fields.time else "",
        label=fields.label,
        description=fields.description,
    )


def _semantic(model: Model) -> SemanticModel:
    return model.semantic or SemanticModel("", model.name)


def _refuse_foreign(model: Model) -> None:
    if not model.file or (model.semantic and not model.semantic.file):
        raise Refused(f"{model.name} belongs to a package, whose files are not this project's.")


def _refuse_taken(wanted: Dimension | Measure, model: Model, names: Vocabulary) -> None:
    semantic = _semantic(model)
    known: tuple[Any, ...] = (*semantic.entities, *semantic.dimensions, *semantic.measures)
    taken = {one.name for one in known} | {semantic.primary_entity}
    if isinstance(wanted, Measure):
        taken |= {*names.measures, *names.metrics}
    if wanted.name in taken:
        raise NameTaken(f"{model.name} has something called {wanted.name} already. Choose another name.")
    if isinstance(wanted, Dimension) and (found := _beside(model, names).get(wanted.name)):
        raise NameTaken(
            f"{found[0].name} has a dimension called {wanted.name} for the same rows already, and dbt tells "
            "the two apart by their names alone. Use that one, or choose another name."
        )
    alike: tuple[Dimension | Measure, ...] = (
        semantic.dimensions if isinstance(wanted, Dimension) else semantic.measures
    )
    if wanted.label and wanted.label in {one.label for one in alike}:
        raise NameTaken(f"Another one of {model.name} is called “{wanted.label}”. Choose another name.")


def _beside(model: Model, names: Vocabulary) -> dict[str, tuple[Model, Dimension]]:
    """The dimensions that other models have of the same rows."""
    key = names.keys.get(model.name, "")
    entity = model.semantic.own_entity if model.semantic else shared_name(key, names)
    others = {name: one for name, one in names.models.items() if name != model.name}
    return dimensions_of(entity, replace(names, models=others))


def _added(additions: Additions, names: Vocabulary, model: Model) -> Compiled:
    return Compiled(
        changes=file_changes(additions, names),
        entries={**additions.as_json(), "uses": {}},
        metrics=(),
        models=tuple(sorted({model.name, *additions.time_spine})),
        yaml_preview=preview(additions),
        notes=notes_of(additions),
        later=lambda: names_after(additions, names),
    )


def _nothing() -> Compiled:
    """What others brought already."""
    return Compiled((), {"edits": [], "uses": {}}, (), (), "")


def _with(names: Vocabulary, model: Model, kind: str, old: Any, new: Any) -> Vocabulary:
    semantic = _semantic(model)
    elements = tuple(new if one == old else one for one in getattr(semantic, kind))
    changed: Mapping[str, Any] = {kind: elements}
    models = {**names.models, model.name: replace(model, semantic=replace(semantic, **changed))}
    return replace(names, models=models)
