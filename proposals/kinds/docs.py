"""Docs blocks: texts that several descriptions share."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from catalog.reading import NodeRecord
from governance.models import User
from proposals.kinds.base import NOTHING_CHANGED, CannotGenerate, Kind
from proposals.kinds.described import FilesOfAPackage, NothingOfThatName
from semantic.codegen.docs_blocks import compile_block, metric_of
from semantic.codegen.entries import Entries, Refused
from semantic.codegen.metrics import Compiled
from semantic.described import DESCRIBED, DocFields, doc_fields, split
from semantic.known import Known
from semantic.rules.metric import Problems
from semantic.rules.text import name_problems, storing_problems, text_problems
from semantic.technical import documentation

TEXT_LIMIT = 20_000


class DocKind(Kind[DocFields]):
    key = "doc"
    new = _("Write a docs block")
    chip = _("New docs block")
    whole = _("The whole block")
    area = "docs"
    computed = "text"
    metadata = {"text": "documentation"}

    def begun(self, name: str, known: Known | None, author: User) -> tuple[DocFields, DocFields | None]:  # noqa: ARG002
        if known is None:
            return DocFields(), None
        block = _block_of(name, known)
        if block is None:
            fields = _about(name, known)
            return self.complete(fields, None), None
        if not known.owned(block):
            raise FilesOfAPackage(name=block.name)
        base = doc_fields(block)
        return base, base

    def said(self, name: str, known: Known) -> DocFields | None:
        node = known.node(name)
        return doc_fields(node) if node is not None and node.resource_type == "doc" else None

    def over(self, begun: DocFields, suggested: DocFields, base: DocFields | None) -> DocFields:
        return replace(base or begun, text=suggested.text or begun.text, why=suggested.why)

    def complete(self, fields: DocFields, base: DocFields | None) -> DocFields:
        if base is not None:
            return replace(fields, name=base.name, block=base.block)
        return replace(fields, name=f"doc.{fields.block}" if fields.block else "")

    def keeping_problems(self, fields: DocFields) -> Problems:
        texts = {"block": fields.block, "text": fields.text, "about": fields.about, "why": fields.why}
        return {name: found for name, text in texts.items() if (found := storing_problems(text))}

    def typing_problems(self, fields: DocFields, base: DocFields | None) -> Problems:
        told: Problems = {}
        if found := text_problems(fields.text, limit=TEXT_LIMIT):
            told["text"] = found
        if found := text_problems(fields.why, limit=2_000):
            told["why"] = found
        if base is None and fields.block and (found := name_problems(fields.block)):
            told["block"] = found
        return told

    def sending_problems(self, fields: DocFields, known: Known, base: DocFields | None) -> Problems:
        told = self.typing_problems(fields, base)
        if not fields.text:
            told.setdefault("text", []).append(_now("Write what it says."))
        if base is not None and not fields.changes_from(base):
            told.setdefault("text", []).append(str(NOTHING_CHANGED))
        if base is None and not fields.block:
            told["block"] = [_now("Give it a name that descriptions can refer to.")]
        if fields.about and (why := _not_described(fields.about, known)):
            told.setdefault("block", []).append(why)
        return told

    def compiled(
        self,
        fields: DocFields,
        known: Known,
        *,
        dialect: str,  # noqa: ARG002
        base: DocFields | None,
        settled: Entries | None = None,  # noqa: ARG002
    ) -> Compiled:
        try:
            return compile_block(base, fields, known)
        except Refused as exc:
            raise CannotGenerate(why=str(exc)) from exc

    def describes(self, fields: DocFields, base: DocFields | None) -> str:  # noqa: ARG002
        metric = fields.about.startswith("metric.")
        return f"metric.{fields.about.rpartition('.')[2]}" if metric else fields.about

    def unique_id(self, name: str, known: Known) -> str:
        return name if self.said(name, known) is not None else ""

    def verb(self, base: DocFields | None) -> str:
        return "Write" if base is None else "Rewrite"


def _block_of(name: str, known: Known) -> NodeRecord | None:
    """The docs block of this id, or the one that the description of a thing is made of."""
    if metric := metric_of(name, known):
        return known.block_saying(metric.description)
    found = next(iter(known.docs_of(*split(name))), name)
    node = known.node(found)
    return node if node is not None and node.resource_type == "doc" else None


def _about(name: str, known: Known) -> DocFields:
    """A new block that a description is to be made of, beginning with what is known of the thing."""
    if metric := metric_of(name, known):
        return DocFields(block=metric.name, text=documentation(metric, known.names), about=name)
    table, column = split(name)
    node = known.node(table)
    if node is None or node.resource_type not in DESCRIBED:
        raise NothingOfThatName(name=name)
    if not known.owned(node):
        raise FilesOfAPackage(name=node.name)
    block = "_".join(filter(None, (node.name, column.lower())))
    return DocFields(block=block, text=node.description.strip(), about=name)


def _not_described(about: str, known: Known) -> str:
    """Why the description of a thing cannot become a reference to a block; "" where it can."""
    node = known.node(split(about)[0])
    described = node is not None and node.resource_type in DESCRIBED and known.owned(node)
    if not described and metric_of(about, known) is None:
        return _now("%(name)s is nothing of this project that has a description.") % {"name": about[:200]}
    if _block_of(about, known) is not None:
        return _now("The description is made of a docs block already.")
    return ""
