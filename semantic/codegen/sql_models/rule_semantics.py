"""The model of a rule in the semantic layer: metrics can be split and filtered by what it decides."""

from __future__ import annotations

from dataclasses import replace

from semantic.codegen import layout
from semantic.codegen.conditions import column_sql
from semantic.codegen.entries import plain_name
from semantic.codegen.key_entities import dimensions_of, free_name, key_entity_of, semantic_name, shared_name
from semantic.definitions import Dimension, Entity, Model, SemanticModel, Vocabulary


def rule_semantics(
    model: Model, about: Model, key: tuple[str, ...], outcome: Dimension, names: Vocabulary, dialect: str
) -> SemanticModel | None:
    """The semantic model of a rule's `model`: the key of its rows as an entity, and the outcome.

    None where the semantic layer does not know the rows of `about` by that key: nothing could use it.
    """
    if len(key) != 1:
        return None
    entity = key_entity_of(about, key[0]) or shared_name(key[0], names)
    if not entity:
        return None
    others = replace(names, models={name: one for name, one in names.models.items() if name != model.name})
    spec = others.spec_for(about if about.semantic and about.semantic.file else model)
    called = free_name(plain_name(outcome.name), {entity, *dimensions_of(entity, others)})
    return SemanticModel(
        semantic_name(model, spec, others),
        model.name,
        (Entity(entity, "primary", column_sql(key[0], dialect)),),
        (replace(outcome, name=called, expr=column_sql(outcome.expr, dialect)),),
        file=layout.semantic_file(model, others) if spec == "legacy" else layout.properties_file(model),
        spec=spec,
    )
