"""What exactly an approval is about: the definitions and the code generated from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from proposals.models import Item, Proposal


def content_hash(items: Sequence[Item]) -> str:
    """SHA-256 over every item's definition and generated entries, in order."""
    content = [[item.revision.content_hash, item.entries] for item in items]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of(proposal: Proposal) -> str:
    """The hash of a proposal's present content."""
    return content_hash(list(proposal.items.select_related("revision").order_by("id")))
