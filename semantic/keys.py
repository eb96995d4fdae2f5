"""Which column tells the rows of a model apart, as far as the dbt project itself proves it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from semantic.definitions import column_in

Raw: TypeAlias = Mapping[str, Any]

# What constraints and data tests call the two things that make a key.
_OF_A_KEY = {"unique", "not_null"}


def key_columns(nodes: Iterable[Raw], tests: Iterable[Raw]) -> dict[str, str]:
    """`unique_id` of a model → the one column of which no value is missing or appears twice.

    The manifest's own `primary_key` says less: there, dbt also puts each column of a combination, a column
    that is unique in some rows only, and one that may be null.
    """
    about: dict[str, list[Raw]] = defaultdict(list)
    for test in tests:
        about[str(test.get("attached_node") or "")].append(test)
    found = {node["unique_id"]: _key(node, about[node["unique_id"]]) for node in nodes}
    return {name: column for name, column in found.items() if column}


def _key(node: Raw, tests: Iterable[Raw]) -> str:
    constraints = [*_constraints(node)]
    declared = {name.lower(): name for name in node.get("columns") or ()}
    if keys := {column.lower(): column for kind, column in constraints if kind == "primary_key"}:
        return _only(keys)
    proved: dict[str, set[str]] = defaultdict(set)
    columns: dict[str, str] = {}
    for kind, column in (*constraints, *_tested(tests)):
        columns.setdefault(column.lower(), declared.get(column.lower(), column))
        proved[column.lower()].add(kind)
    return _only({name: columns[name] for name, kinds in proved.items() if kinds >= _OF_A_KEY})


def _only(columns: Mapping[str, str]) -> str:
    return next(iter(columns.values())) if len(columns) == 1 else ""


def _constraints(node: Raw) -> Iterator[tuple[str, str]]:
    """The kinds of the constraints on single columns, each with its column."""
    for constraint in node.get("constraints") or ():
        columns: Sequence[str] = constraint.get("columns") or ()
        if len(columns) == 1:
            yield str(constraint.get("type")), columns[0]
    for name, column in (node.get("columns") or {}).items():
        for constraint in column.get("constraints") or ():
            yield str(constraint.get("type")), str(name)


def _tested(tests: Iterable[Raw]) -> Iterator[tuple[str, str]]:
    """The kinds of the data tests that look at all values of a column, each with its column."""
    for test in tests:
        metadata, config = test.get("test_metadata") or {}, test.get("config") or {}
        partial = config.get("where") or not config.get("enabled", True)
        column = _column(test.get("column_name") or (metadata.get("kwargs") or {}).get("column_name"))
        if column and not partial and metadata.get("namespace") in (None, "", "dbt"):
            yield str(metadata.get("name")), column


def _column(said: object) -> str:
    """The column that a test names, without quotes around it; "" for SQL over several."""
    text = said.strip() if isinstance(said, str) else ""
    name = column_in(text)
    return name if name != text or re.fullmatch(r"[^\W\d][\w$]*", text) else ""
