"""A model that is new in the semantic layer: its name there, and the entity that ties it to the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from semantic.codegen.conditions import column_sql
from semantic.codegen.entries import KEY_ENDINGS, PREFIXES, plain_name
from semantic.definitions import Dimension, Entity, Model, Spec, Vocabulary, column_in

_KEYS = ("primary", "unique")
# Columns whose names do not say of what they are the key.
_OF_ANYTHING = frozenset(("id", "key", "sk", "pk", "uuid", "code", "number", "no", "name"))


def key_entity(model: Model, column: str, names: Vocabulary, dialect: str) -> Entity:
    """The primary entity of a model whose key is `column`.

    It is called as the entity that others have on a column of this name, so that their metrics can be split
    by what the model says; else after the column.
    """
    return Entity(
        shared_name(column, names) or _own_name(model, column, names), "primary", column_sql(column, dialect)
    )


def shared_name(column: str, names: Vocabulary) -> str:
    """The entity that stands for a column of this name in the semantic layer; "" where none does.

    That of a model whose key the column is goes before those of models that only refer to it.
    """
    if column.lower() in _OF_ANYTHING:
        return ""
    found = [one for one in _entities(names) if column_in(one.expr).lower() == column.lower()]
    keys = [one for one in found if one.type in _KEYS]
    votes = Counter(one.name for one in keys or found)
    return min(votes, key=lambda name: (-votes[name], name), default="")


def key_entity_of(model: Model, column: str) -> str:
    """The entity that a model has for its key `column`; "" where it has none."""
    found = (one for one in (model.semantic.entities if model.semantic else ()) if one.type in _KEYS)
    return next((one.name for one in found if column_in(one.expr).lower() == column.lower()), "")


def semantic_name(model: Model, spec: Spec, names: Vocabulary) -> str:
    """What the new semantic model of a model is called; in the model's own entry, as the model is."""
    taken = {one.semantic.name for one in names.models.values() if one.semantic}
    short = plain_name(PREFIXES.sub("", model.name))
    if spec == "legacy" and short not in taken:
        return short
    return free_name(plain_name(model.name), taken)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, numbered where something has it already."""
    if name not in taken:
        return name
    return next(f"{name}_{number}" for number in range(2, 10_000) if f"{name}_{number}" not in taken)


def dimensions_of(entity: str, names: Vocabulary) -> dict[str, tuple[Model, Dimension]]:
    """Name → each dimension of the models that have this entity as their own, and its model.

    dbt tells the dimensions of an entity apart by their names alone, whichever model has them.
    """
    return {
        dimension.name: (model, dimension)
        for model in names.models.values()
        if entity and model.semantic and model.semantic.own_entity == entity
        for dimension in model.semantic.dimensions
    }


def _own_name(model: Model, column: str, names: Vocabulary) -> str:
    if column.lower() in _OF_ANYTHING:
        return plain_name(f"{PREFIXES.sub('', model.name)}_{column}")
    name = plain_name(KEY_ENDINGS.sub("", column))
    # Two keys of the same thing need not have the same values.
    others = any(one.name == name and one.type in _KEYS for one in _entities(names))
    return plain_name(f"{name}_key") if others or name == column else name


def _entities(names: Vocabulary) -> Iterator[Entity]:
    for model in names.models.values():
        yield from model.semantic.entities if model.semantic else ()
