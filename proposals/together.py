"""What the changes of one proposal cannot say together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from proposals.kinds import Kind, kind_of
from proposals.models import Item
from semantic.fields import Fields
from semantic.rules.metric import Problems


def clashes(kind: Kind[Any], fields: Fields, base: Fields | None, earlier: Iterable[Item]) -> Problems:
    """Why a change cannot stand beside those before it, field by field; empty where it can."""
    described = kind.describes(fields, base)
    for item in earlier:
        other, said, agreed = kind_of(item.revision), item.revision.content, item.revision.agreed
        if (other.key, said.name) == (kind.key, fields.name):
            twice = _(
                "This proposal has %(what)s twice. Give this one another name, or take one of them out."
            )
            return {kind.computed: [twice % {"what": fields.title}]}
        if described and other.describes(said, agreed) == described:
            both = _(
                "Another change of this proposal says what the description is. Take one of them out: of two "
                "texts for one place only one is kept."
            )
            return {kind.computed: [both]}
    return {}
