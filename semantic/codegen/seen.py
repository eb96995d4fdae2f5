"""What dbt says of a thing that is to go, or of words that others replace: an approval is about just that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from semantic.fields import digest
from semantic.known import Known
from semantic.removals import dimension_of, measure_of, subject_of


def seen(name: str, known: Known) -> str:
    """A digest of everything that dbt's files say of a thing, named as in `RemovalFields`."""
    what, key = subject_of(name)
    return digest(list(_SAID[what](key, known)) if what in _SAID else [])


def _metric(key: str, known: Known) -> Iterator[str]:
    for unique_id, entry in known.manifest.nodes.items():
        if entry.kind == "metric" and unique_id.rpartition(".")[2] == key:
            yield entry.fingerprint


def _element(semantic: str, kind: str, name: str, known: Known) -> Iterator[Mapping[str, Any]]:
    """Of a measure or dimension; its semantic model and the others of it are no matter."""
    for unique_id, entry in known.manifest.nodes.items():
        if entry.kind == "semantic_model" and unique_id.rpartition(".")[2] == semantic:
            yield from (one for one in entry.read().get(kind) or () if one.get("name") == name)


def _dimension(key: str, known: Known) -> Iterator[Mapping[str, Any]]:
    found = dimension_of(key, known)
    if found is not None and found[0].semantic is not None:
        yield from _element(found[0].semantic.name, "dimensions", found[1].name, known)


def _measure(key: str, known: Known) -> Iterator[Mapping[str, Any]]:
    found = measure_of(key, known)
    if found is not None and found[0].semantic is not None:
        yield from _element(found[0].semantic.name, "measures", key, known)


def _test(key: str, known: Known) -> Iterator[str]:
    if key in known.manifest.tests:
        yield known.manifest.tests[key].fingerprint


def _column(key: str, known: Known) -> Iterator[Any]:
    """Its entry, and the tests that stand in it."""
    table, _colon, column = key.partition(":")
    entry = known.manifest.nodes.get(table)
    columns = (entry.read().get("columns") or {}) if entry is not None else {}
    yield from (said for name, said in columns.items() if name.lower() == column.lower())
    for test in known.tests_of(table):
        if test.column.lower() == column.lower():
            yield known.manifest.tests[test.unique_id].fingerprint


_SAID = {
    "metric": _metric,
    "dimension": _dimension,
    "measure": _measure,
    "test": _test,
    "column": _column,
}
