"""What files edited by hand say of a proposal's definitions, once dbt has read them."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from proposals.kinds import kind_of
from proposals.models import Item
from semantic.fields import Fields
from semantic.known import Known


class GoneFromFiles(BisyncError):
    code = "gone-from-files"
    message = _(
        "The files edited by hand do not hold %(what)s any more. Put it back there, or have its change taken "
        "out of the proposal."
    )
    http_status = 409


class NotAsDefinition(BisyncError):
    code = "not-as-definition"
    message = _(
        "What was edited by hand cannot be told as a definition, so nobody could check its number: %(why)s "
        "Edit the file again, or take the edit back."
    )
    http_status = 409


def said_by_hand(items: Sequence[Item], generated: Known, edited: Known, dialect: str) -> dict[int, Fields]:
    """By item, what its definition has to say to mean the same as the edited files; without those that do.

    Both are what dbt reads, from the files as generated and as edited: what no definition can say is in
    neither. Raises `GoneFromFiles`.
    """
    found: dict[int, Fields] = {}
    for item in items:
        fields, kind = item.revision.content, kind_of(item.revision)
        was, says = (kind.said(fields.name, known) for known in (generated, edited))
        if was is None:
            continue  # a kind that is not read back
        if says is None:
            raise GoneFromFiles(what=fields.title)
        changed = [
            name
            for name, (before, after) in says.changes_from(was).items()
            if not kind.same(name, before, after, edited, dialect)
        ]
        if changed:
            found[item.pk] = fields.keeping(says, changed)
    return found
