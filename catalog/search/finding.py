"""What fits the words that somebody typed, the best first."""

from __future__ import annotations

from collections.abc import Sequence
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


def fitting(
    rows: QuerySet[SearchEntry], text: str, *, parts: Sequence[str] = (COLUMN, TEST)
) -> tuple[QuerySet[SearchEntry], Sought]:
    """Those of a project's rows that fit, in no order, and what was looked for.

    Columns and tests are the best `MOST` of each. Where nothing fits, it is what may be meant.
    """
    sought = Sought.of(text)
    if not sought.words:
        return rows.none(), sought
    found, there = _fitting(rows, sought, parts)
    if there:
        return found, sought
    meant = sought.meant(_vocabulary(rows))
    return (found, sought) if meant is sought else (_fitting(rows, meant, parts)[0], meant)


def _fitting(
    rows: QuerySet[SearchEntry], sought: Sought, parts: Sequence[str]
) -> tuple[QuerySet[SearchEntry], bool]:
    """Those rows, and whether there are any."""
    some = [pk for role in parts for pk in _best(rows.filter(engine().of_role(role, sought)), sought)]
    nodes = rows.filter(engine().of_role("node", sought))
    if not some:
        return nodes, nodes.exists()
    return rows.filter(Q(engine().of_role("node", sought)) | Q(pk__in=some)), True


def _best(found: QuerySet[SearchEntry], sought: Sought) -> list[int]:
    """Those named so, then others: of what a whole warehouse has nobody reads more."""
    named = Case(
        When(_exact(sought), then=Value(0)),
        When(engine().within(sought, "own"), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return list(found.order_by(named, "pk").values_list("pk", flat=True)[:MOST])


def _exact(sought: Sought) -> Q:
    return Q(exact=sought.text) | Q(titled=sought.text) | Q(qualified=sought.text)


def ranked(found: QuerySet[SearchEntry], sought: Sought) -> QuerySet[SearchEntry]:
    """Exact names first, then those that begin so, then those with every word, then the descriptions."""
    text = sought.text
    begins = Q(exact__startswith=text) | Q(titled__startswith=text)
    fits = Case(
        When(_exact(sought), then=Value(0)),
        When(begins, then=Value(1)),
        # The name of a test is made of many others.
        When(Q(role=TEST), then=Value(4)),
        When(engine().within(sought, "own"), then=Value(2)),
        When(engine().within(sought, "description"), then=Value(3)),
        default=Value(4),
        output_field=IntegerField(),
    )
    return found.order_by(fits, "place", Length("exact"), "name", "pk")


def _vocabulary(rows: QuerySet[SearchEntry]) -> frozenset[str]:
    """The words of the names of a project's nodes and columns."""
    newest = rows.order_by("-pk").values_list("project", "pk", "key", "fingerprint").first()
    return _words_of(newest) if newest else frozenset()


@lru_cache(maxsize=4)
def _words_of(newest: tuple[int, int, str, str]) -> frozenset[str]:
    rows = SearchEntry.objects.filter(project=newest[0]).exclude(kind=TEST).order_by()
    names = rows.values_list("exact", flat=True).distinct()[:_MOST_NAMES]
    return frozenset(word for name in names for word in name.split())
