"""What fits the words that somebody typed, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

from django.db import connection
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Length

from catalog.models import SearchEntry
from catalog.search import postgres, sqlite
from catalog.search.words import Sought
from catalog.words import COLUMN, TEST

# So many columns, and so many tests, are found.
MOST = 500
# So many different names are compared with a word that nobody knows.
_MOST_NAMES = 50_000


def engine() -> ModuleType:
    """The index of the database that is used."""
    return postgres if connection.vendor == "postgresql" else sqlite


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that fit, in no order, and what was looked for."""

    rows: QuerySet[SearchEntry]
    sought: Sought
    named: tuple[int, ...] = ()  # the parts that have every word in their own name or label

    def ranked(self) -> QuerySet[SearchEntry]:
        """Exact names first, then those that begin so, then those with every word, then the descriptions."""
        sought, node = self.sought, Q(role="node")
        if not sought.words:
            return self.rows
        begins = Q(exact__startswith=sought.text) | Q(titled__startswith=sought.text)
        fits = Case(
            When(_exact(sought), then=Value(0)),
            When(begins, then=Value(1)),
            # The name of a test is made of many others.
            When(Q(role=TEST), then=Value(4)),
            When(pk__in=self.named, then=Value(2)),
            When(node & Q(engine().within(sought, "own")), then=Value(2)),
            When(node & Q(engine().within(sought, "description")), then=Value(3)),
            default=Value(4),
            output_field=IntegerField(),
        )
        return self.rows.order_by(fits, "place", Length("exact"), "name", "pk")


def fitting(rows: QuerySet[SearchEntry], text: str, *, parts: Sequence[str] = (COLUMN, TEST)) -> Found:
    """Those of a project's rows that fit; where nothing does, what may be meant."""
    found = looked_for(rows, text, parts=parts)
    return found if found.rows.exists() else meant(rows, found, parts=parts)


def looked_for(rows: QuerySet[SearchEntry], text: str, *, parts: Sequence[str] = (COLUMN, TEST)) -> Found:
    """Those of a project's rows that fit; columns and tests are the best `MOST` of each."""
    sought = Sought.of(text)
    return _found(rows, sought, parts) if sought.words else Found(rows.none(), sought)


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
        return Found(nodes, sought)
    both = rows.filter(engine().either(nodes, sought, [pk for pk, _fit in best]))
    return Found(both, sought, tuple(pk for pk, fit in best if fit == 1))


def _best(found: QuerySet[SearchEntry], sought: Sought) -> list[tuple[int, int]]:
    """Those named so, then others: of what a whole warehouse has nobody reads more. 0 is exact, 1 its own."""
    named = Case(
        When(_exact(sought), then=Value(0)),
        When(engine().within(sought, "own"), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return list(found.order_by(named, "pk").values_list("pk", named)[:MOST])


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
