"""What fits the words that somebody typed, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Case, Count, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Length

from catalog.models import SearchEntry
from catalog.search import postgres, sqlite
from catalog.search.words import Sought
from catalog.words import COLUMN, FLAGS, TEST

_COUNTED = ("kind", "owner", *FLAGS)
# So many columns, and so many tests, are found.
MOST = 500
# So many different names are compared with a word that nobody knows.
_MOST_NAMES = 50_000


def engine() -> ModuleType:
    """The index of the database that is used."""
    return postgres if connection.vendor == "postgresql" else sqlite


class _Among(Func):
    """Whether a row is one of these: as text, for as parameters hundreds of keys take a millisecond."""

    output_field = BooleanField()
    template = "(%(expressions)s IN (%(keys)s))"

    def __init__(self, keys: Sequence[int]) -> None:
        super().__init__(F("pk"), keys=",".join(str(int(key)) for key in keys))


class Part(NamedTuple):
    """A column or test that fits: its key, how well, and what it is counted by."""

    pk: int
    fit: int  # 0 is its exact name, 1 every word in its own name or label
    counted: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that fit, in no order, those of them that are nodes or parts, and what was looked for."""

    rows: QuerySet[SearchEntry]
    nodes: QuerySet[SearchEntry]
    sought: Sought
    parts: tuple[Part, ...] = ()

    def counts(self) -> list[tuple[Any, ...]]:
        """Of each kind, owner and state how many fit; the parts are known, and not read again."""
        return [*counts_of(self.nodes), *((*part.counted, 1) for part in self.parts)]

    def ranked(self) -> QuerySet[SearchEntry]:
        """Exact names first, then those that begin so, then those with every word, then the descriptions."""
        sought, node = self.sought, Q(role="node")
        if not sought.words:
            return self.rows
        named = [part.pk for part in self.parts if part.fit == 1]
        begins = Q(exact__startswith=sought.text) | Q(titled__startswith=sought.text)
        fits = Case(
            When(_exact(sought), then=Value(0)),
            When(begins, then=Value(1)),
            # The name of a test is made of many others.
            When(Q(role=TEST), then=Value(4)),
            *([When(_Among(named), then=Value(2))] if named else []),
            When(node & Q(engine().within(sought, "own")), then=Value(2)),
            When(node & Q(engine().within(sought, "description")), then=Value(3)),
            default=Value(4),
            output_field=IntegerField(),
        )
        return self.rows.order_by(fits, "place", Length("exact"), "name", "pk")


def counts_of(rows: QuerySet[SearchEntry]) -> list[tuple[Any, ...]]:
    """Of each kind, owner and state how many of these rows there are."""
    return list(rows.order_by().values_list(*_COUNTED).annotate(n=Count("pk")))


def fitting(rows: QuerySet[SearchEntry], text: str, *, parts: Sequence[str] = (COLUMN, TEST)) -> Found:
    """Those of a project's rows that fit; where nothing does, what may be meant."""
    found = looked_for(rows, text, parts=parts)
    return found if found.rows.exists() else meant(rows, found, parts=parts)


def looked_for(rows: QuerySet[SearchEntry], text: str, *, parts: Sequence[str] = (COLUMN, TEST)) -> Found:
    """Those of a project's rows that fit; columns and tests are the best `MOST` of each."""
    sought = Sought.of(text)
    return _found(rows, sought, parts) if sought.words else Found(rows.none(), rows.none(), sought)


def meant(rows: QuerySet[SearchEntry], found: Found, *, parts: Sequence[str] = (COLUMN, TEST)) -> Found:
    """What may be meant where nothing fits: with the project's own words for those that nobody has."""
    if not found.sought.words:
        return found
    sought = found.sought.meant(_vocabulary(rows))
    return found if sought is found.sought else _found(rows, sought, parts)


def _found(rows: QuerySet[SearchEntry], sought: Sought, parts: Sequence[str]) -> Found:
    best = [one for role in parts for one in _best(rows.filter(engine().of_role(role, sought)), sought)]
    nodes = rows.filter(engine().of_role("node", sought))
    if not best:
        return Found(nodes, nodes, sought)
    both = rows.filter(engine().either(nodes, sought, [part.pk for part in best]))
    return Found(both, nodes, sought, tuple(best))


def _best(found: QuerySet[SearchEntry], sought: Sought) -> list[Part]:
    """Those named so, then others: of what a whole warehouse has nobody reads more."""
    named = Case(
        When(_exact(sought), then=Value(0)),
        When(engine().within(sought, "own"), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = found.order_by(named, "pk").values_list("pk", named, *_COUNTED)[:MOST]
    return [Part(pk, fit, counted) for pk, fit, *counted in rows]


def _exact(sought: Sought) -> Q:
    return Q(exact=sought.text) | Q(titled=sought.text) | Q(qualified=sought.text)


def _vocabulary(rows: QuerySet[SearchEntry]) -> frozenset[str]:
    """The words of the names of a project's nodes and columns."""
    newest = rows.order_by("-pk").values_list("project", "pk", "key", "fingerprint").first()
    return _words_of(newest) if newest else frozenset()


@lru_cache(maxsize=4)
def _words_of(newest: tuple[int, int, str, str]) -> frozenset[str]:
    rows = SearchEntry.objects.filter(project=newest[0]).exclude(kind=TEST).order_by()
    names = rows.values_list("exact", flat=True).distinct()[:_MOST_NAMES]
    return frozenset(word for name in names for word in name.split())
