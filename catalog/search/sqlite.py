"""The index on SQLite: FTS5 over the table's own text, which triggers keep in step."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from catalog.models import SearchEntry
from catalog.search.words import Sought

_COLUMNS = ("role", "own", "description", "context", "parent")
_OPTIONS = "content_rowid='id', tokenize='porter unicode61 remove_diacritics 0'"
_INSERT = "INSERT INTO catalog_search (rowid, {columns}) VALUES (new.id, {new});"
_DELETE = "INSERT INTO catalog_search (catalog_search, rowid, {columns}) VALUES ('delete', old.id, {old});"


def _statements() -> list[str]:
    names = ", ".join(_COLUMNS)
    parts = {
        "columns": names,
        "new": ", ".join(f"new.{name}" for name in _COLUMNS),
        "old": ", ".join(f"old.{name}" for name in _COLUMNS),
    }
    insert, delete = _INSERT.format(**parts), _DELETE.format(**parts)
    on = "ON catalog_searchentry BEGIN"
    return [
        f"CREATE VIRTUAL TABLE catalog_search USING fts5({names}, content='catalog_searchentry', {_OPTIONS})",
        f"CREATE TRIGGER catalog_search_added AFTER INSERT {on} {insert} END",
        f"CREATE TRIGGER catalog_search_removed AFTER DELETE {on} {delete} END",
        f"CREATE TRIGGER catalog_search_changed AFTER UPDATE OF {names} {on} {delete} {insert} END",
    ]


CREATE = _statements()
DROP = [
    *(f"DROP TRIGGER catalog_search_{what}" for what in ("added", "removed", "changed")),
    "DROP TABLE catalog_search",
]


class _Matches(Func):
    """Whether a row of the index matches."""

    output_field = BooleanField()
    template = "(%(expressions)s))"
    arg_joiner = " IN (SELECT rowid FROM catalog_search WHERE catalog_search MATCH "


def of_role(role: str, sought: Sought) -> Func:
    """Every word is found; of a part some, but not all, may be only in the name of what it is part of."""
    words = _words(sought, prefix=sought.begins(role))
    query = f"role : {role} AND ({' AND '.join(words)})"
    if role != "node":
        query += f" AND {{own description}} : ({' OR '.join(words)})"
    return _Matches(F("pk"), Value(query))


def either(_nodes: QuerySet[SearchEntry], sought: Sought, parts: Sequence[int]) -> Q:
    """It is one of these nodes, which `of_role` gave, or of these parts."""
    return Q(of_role("node", sought)) | Q(pk__in=parts)


def within(sought: Sought, part: str) -> Func:
    """Every word is in the name or label: `own`; or there or in the `description`."""
    columns = "own" if part == "own" else "own description"
    return _Matches(F("pk"), Value(f"{{{columns}}} : ({' AND '.join(_words(sought))})"))


def _words(sought: Sought, *, prefix: bool = True) -> list[str]:
    """Each word as FTS5 has it; of quotes, which would end one, there are none in a word."""
    last = len(sought.words) - 1
    return [_one(word, prefix=prefix and place == last) for place, word in enumerate(sought.words)]


def _one(alternatives: Sequence[str], *, prefix: bool) -> str:
    ending = "*" if prefix else ""
    quoted = [f'"{word}"{ending}' for word in alternatives]
    return f"({' OR '.join(quoted)})"
