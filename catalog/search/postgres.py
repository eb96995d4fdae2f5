"""The index on PostgreSQL: a vector that the database makes of each row, and GIN over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, QuerySet
from django.db.models.expressions import Col
from django.db.models.sql.compiler import SQLCompiler

from catalog.models import SearchEntry
from catalog.search.words import Sought

# The parser would take hosts, files and numbers for one word.
_SPACED = "translate(description, '_./:@#-', '       ')"
# What a row is, and the name of what it is part of, are words that nobody types: the index alone tells.
CREATE = [
    f"""ALTER TABLE catalog_searchentry ADD COLUMN vector tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('simple'::regconfig, own), 'A')
        || setweight(to_tsvector('english'::regconfig, own), 'A')
        || setweight(to_tsvector('english'::regconfig, {_SPACED}), 'B')
        || setweight(to_tsvector('simple'::regconfig, context), 'C')
        || array_to_tsvector(string_to_array('in0' || replace(parent, ' ', ' in0'), ' '))
        || array_to_tsvector(ARRAY['is0' || role])
    ) STORED""",
    "CREATE INDEX catalog_search ON catalog_searchentry USING gin (vector) WITH (fastupdate = off)",
]
DROP = ["DROP INDEX catalog_search", "ALTER TABLE catalog_searchentry DROP COLUMN vector"]


class _Matches(Func):
    """Whether the vector of a row matches; it is no field of the model, for SQLite has none."""

    output_field = BooleanField()

    def __init__(self, query: str, words: Sequence[str]) -> None:
        super().__init__(F("pk"))
        self.query, self.words = query, words

    def as_sql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,  # noqa: ARG002 - Django's signature
        *_template: Any,
        **_extra: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        source = self.source_expressions[0]
        assert isinstance(source, Col)
        table = compiler.quote_name_unless_alias(source.alias)
        return f"({table}.vector @@ ({self.query}))", tuple(self.words)


class _Among(Func):
    """Whether a row is one that a query finds, or one of these: by its key, for "or" has the table read."""

    output_field = BooleanField()
    arg_joiner = " = ANY("
    template = "(%(expressions)s || %(keys)s::bigint[]))"

    def __init__(self, found: QuerySet[SearchEntry], keys: Sequence[int]) -> None:
        super().__init__(F("pk"), ArraySubquery(found.order_by().values("pk")))
        self.extra["keys"] = "'{" + ",".join(str(int(key)) for key in keys) + "}'"


def either(nodes: QuerySet[SearchEntry], _sought: Sought, parts: Sequence[int]) -> Func:
    """It is one of these nodes or of these parts."""
    return _Among(nodes, parts)


def of_role(role: str, sought: Sought) -> Func:
    """Every word is found; of a part some, but not all, may be only in the name of what it is part of."""
    own, given = _words(sought), _given(sought, prefix=sought.begins(role))
    parameters = [f"'is0{role}'", *(text for one in given for text in one)]
    if role == "node" or len(own) == 1:
        return _Matches(f"to_tsquery('simple', %s) && {' && '.join(own)}", parameters)
    every = [f"({one} || {parent})" for one, parent in zip(own, _words(sought, "in0"), strict=True)]
    query = f"to_tsquery('simple', %s) && ({' || '.join(own)}) && {' && '.join(every)}"
    both = zip(given, _given(sought, "in0", prefix=sought.begins(role)), strict=True)
    return _Matches(query, [*parameters, *(text for one, parent in both for text in one + parent)])


def within(sought: Sought, part: str) -> Func:
    """Every word is in the name or label: `own`; or there or in the `description`."""
    given = [text for one in _given(sought, places="A" if part == "own" else "AB") for text in one]
    return _Matches(" && ".join(_words(sought)), given)


def _words(sought: Sought, prefix: str = "") -> list[str]:
    """For each word a query: as it is, or as its English stem; in names of tables only as it is."""
    one = "to_tsquery('simple', %s)" if prefix else "to_tsquery('simple', %s) || to_tsquery('english', %s)"
    return [f"({' || '.join([one] * len(alternatives))})" for alternatives in sought.words]


def _given(sought: Sought, of: str = "", places: str = "", *, prefix: bool = True) -> list[list[str]]:
    """The parameters of each word's query; of the last word, where it is a `prefix`, more may follow.

    Words hold letters and digits only; the quotes keep what tsquery would read otherwise.
    """
    last = len(sought.words) - 1
    found = []
    for place, alternatives in enumerate(sought.words):
        ending = f":{'*' if prefix and place == last else ''}{places}".rstrip(":")
        times = 1 if of else 2
        found.append([f"'{of}{word}'{ending}" for word in alternatives for _time in range(times)])
    return found
