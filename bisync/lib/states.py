"""Lifecycles: a table of states, moved by compare-and-swap."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError

M = TypeVar("M", bound=models.Model)


class IllegalTransition(BisyncError):
    code = "illegal-transition"
    message = _("This %(noun)s is %(status)s by now, so it cannot be changed that way. Reload to see it.")
    http_status = 409


class Lifecycle:
    """The permitted moves of a record whose state is its `status` column.

    `edges` maps an event to the states it may start from and the state it leads to.
    """

    def __init__(self, edges: Mapping[str, tuple[Collection[str], str]]) -> None:
        self._edges = dict(edges)

    def edge(self, event: str) -> tuple[frozenset[str], str]:
        """The states that `event` may start from, and the state it leads to."""
        sources, target = self._edges[event]
        return frozenset(sources), target

    def events(self, status: str) -> frozenset[str]:
        """The events that are possible in `status`: what the buttons of a page may offer."""
        return frozenset(name for name, (sources, _to) in self._edges.items() if status in sources)

    def advance(self, obj: M, event: str, **also: object) -> M:
        """Move `obj` along `event`, writing `also` in the same statement.

        The WHERE clause is the guard. Of two callers racing on one row, exactly one updates it; the other
        learns so here, by `IllegalTransition`, rather than by overwriting.
        """
        sources, target = self.edge(event)
        rows = type(obj)._base_manager.filter(pk=obj.pk, status__in=sources)
        won = rows.update(status=target, **also)
        obj.refresh_from_db()
        if not won:
            label = getattr(obj, "get_status_display", lambda: "gone")()
            raise IllegalTransition(noun=str(obj._meta.verbose_name), status=str(label).lower(), event=event)
        return obj
