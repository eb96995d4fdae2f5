"""Words about models, sources and columns: names, descriptions, owners, and who may use them."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from catalog.reading import NodeRecord
from governance.models import User
from proposals.kinds.base import NOTHING_CHANGED, CannotGenerate, Kind, at_hand
from semantic.codegen.entries import Entries, Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.words import compile_words
from semantic.described import DESCRIBED, ColumnFields, ModelFields, column_fields, model_fields, split
from semantic.formula.phrases import listed
from semantic.known import Known
from semantic.rules.described import keeping_problems, typing_problems
from semantic.rules.metric import Problems

F = TypeVar("F", ModelFields, ColumnFields)


class NothingOfThatName(BisyncError):
    code = "nothing-of-that-name"
    message = _("dbt knows no %(name)s in this project that could be described. Pull, or choose another one.")
    http_status = 404


class FilesOfAPackage(BisyncError):
    code = "files-of-a-package"
    message = _("%(name)s belongs to a dbt package, whose files are not this project's to change.")
    http_status = 409


class DescribedKind(Kind[F]):
    """What models and columns have in common."""

    area = "docs"
    computed = "description"
    comes_back = False
    chosen = frozenset({"synonyms", "certified", "group", "access", "deprecation_date"})

    def fields(self, node: NodeRecord, column: str) -> F:
        """What dbt says of it."""
        raise NotImplementedError

    def begun(self, name: str, known: Known | None, author: User) -> tuple[F, F | None]:  # noqa: ARG002
        node = self._node(name, known) if known is not None else None
        if known is None or node is None:
            raise NothingOfThatName(name=name)
        if not known.owned(node):
            raise FilesOfAPackage(name=node.name)
        base = self.fields(node, split(name)[1])
        return base, base

    def said(self, name: str, known: Known) -> F | None:
        node = self._node(name, known)
        return self.fields(node, split(name)[1]) if node is not None else None

    def over(self, begun: F, suggested: F, base: F | None) -> F:
        given = {name: value for name in begun.MERGED if (value := getattr(suggested, name))}
        return replace(base or begun, **given, why=suggested.why)

    def complete(self, fields: F, base: F | None) -> F:
        return replace(fields, name=base.name) if base is not None else fields

    def keeping_problems(self, fields: F) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: F, base: F | None) -> Problems:
        told = typing_problems(fields)
        changed = {*(fields.changes_from(base) if base is not None else fields.MERGED), "why"}
        return {name: sentences for name, sentences in told.items() if name in changed}

    def sending_problems(self, fields: F, known: Known, base: F | None) -> Problems:
        if self._node(fields.name, known) is None:
            return {"description": [_gone(fields)]}
        told = self.typing_problems(fields, base)
        changes = fields.changes_from(base) if base is not None else {}
        if not changes:
            told.setdefault("description", []).append(str(NOTHING_CHANGED))
        unique_id, column = split(fields.name)
        if "description" in changes and (blocks := known.docs_of(unique_id, column)):
            names = _now(" and ").join(block.rpartition(".")[2] for block in blocks)
            told.setdefault("description", []).append(text_is_a_block(names))
        return told

    def compiled(
        self,
        fields: F,
        known: Known,
        *,
        dialect: str,  # noqa: ARG002
        base: F | None,
        settled: Entries | None = None,  # noqa: ARG002
    ) -> Compiled:
        node, current = self._node(fields.name, known), self.said(fields.name, known)
        if node is None or current is None or base is None:
            raise CannotGenerate(why=_gone(fields))
        try:
            return compile_words(base, fields, current, node, at_hand(known))
        except Refused as exc:
            raise CannotGenerate(why=str(exc)) from exc

    def describes(self, fields: F, base: F | None) -> str:
        return fields.name if base is None or "description" in fields.changes_from(base) else ""

    def unique_id(self, name: str, known: Known) -> str:
        return split(name)[0] if self._node(name, known) is not None else ""

    def verb(self, base: F | None) -> str:  # noqa: ARG002
        return "Describe"

    def _node(self, name: str, known: Known) -> NodeRecord | None:
        node = known.node(split(name)[0])
        return node if node is not None and node.resource_type in DESCRIBED else None


def text_is_a_block(names: str) -> str:
    """Where a text is written that is said to change here."""
    return _now("Its text is the docs block %(names)s. Propose a change of that instead.") % {"names": names}


def _not_private(readers: list[str], group: str) -> str:
    names = listed(readers if len(readers) < 4 else [*readers[:3], _now("others")], _now("and"))
    return _now(
        "dbt would not let %(names)s read it any more, as not in the group %(group)s."
        " Choose protected, or change those first."
    ) % {"names": names, "group": group}


def _gone(fields: ModelFields | ColumnFields) -> str:
    return _now("%(name)s is not in the dbt project any more: take this change out.") % {"name": fields.title}


class ModelKind(DescribedKind[ModelFields]):
    key = "model"
    new = _("Describe a model")
    chip = _("Description")
    whole = _("All that is said of it")
    metadata = {
        **dict.fromkeys(("description", "label", "synonyms"), "documentation"),
        **dict.fromkeys(("owner", "certified", "group"), "ownership"),
        **dict.fromkeys(("access", "deprecation_date"), "models"),
    }

    def fields(self, node: NodeRecord, column: str) -> ModelFields:  # noqa: ARG002
        return model_fields(node)

    def sending_problems(self, fields: ModelFields, known: Known, base: ModelFields | None) -> Problems:
        told = super().sending_problems(fields, known, base)
        changes = fields.changes_from(base) if base is not None else {}
        # What comes before it in its proposal may bring them into the group; then dbt is asked alone.
        if fields.access == "private" and {"access", "group"} & changes.keys() and not known.changes:
            outside = known.readers_outside(split(fields.name)[0], fields.group)
            if outside and "access" not in told:
                told["access"] = [_not_private(outside, fields.group)]
        return told


class ColumnKind(DescribedKind[ColumnFields]):
    key = "column"
    new = _("Describe a column")
    chip = _("Description")
    whole = _("All that is said of it")
    metadata = dict.fromkeys(("description", "label", "synonyms"), "documentation")

    def fields(self, node: NodeRecord, column: str) -> ColumnFields:
        found = next((one for one in node.columns if one.name.lower() == column.lower()), None)
        return column_fields(node, column, found)

    def _node(self, name: str, known: Known) -> NodeRecord | None:
        node, column = super()._node(name, known), split(name)[1]
        if node is None or not column:
            return None
        told = {one.name.lower() for one in node.columns}
        built = known.names.models.get(node.name)
        if built is not None and built.unique_id == node.unique_id:
            told |= {one.name.lower() for one in built.columns}
        return node if column.lower() in told else None
