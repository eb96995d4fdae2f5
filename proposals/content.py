"""What exactly an approval is about: the definitions, the code generated from them, and edits by hand."""

from __future__ import annotations

from collections.abc import Sequence

from proposals.models import HandEdit, Item, Proposal
from semantic.fields import digest


def hash_of(
    proposal: Proposal, items: Sequence[Item] | None = None, edits: Sequence[HandEdit] | None = None
) -> str:
    """SHA-256 over every item's definition and generated entries, in order, and every file edited by hand.

    `items` and `edits` are those of the proposal, where they have been read already, in their order.
    """
    if edits is None:
        edits = proposal.edits()
    if items is None:
        items = list(proposal.items.select_related("revision").order_by("id"))
    content: list[object] = [[item.revision.content_hash, item.entries] for item in items]
    content += [["by hand", edit.path, edit.generated, edit.text] for edit in edits]
    return digest(content)
