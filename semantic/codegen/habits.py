"""How a project, as the last pull knows it, spells its tests."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec

from catalog.reading import Manifest
from semantic.codegen.quality.habits import Habits, habits_of
from semantic.codegen.sql_models.folders import places_in
from semantic.known import Known


@lru_cache(maxsize=4)
def habits_in(manifest: Manifest, dialect: str, dbt_version: tuple[int, int]) -> Habits:
    """How a project spells its tests; read once for each manifest."""
    parts = manifest.parts
    nodes = {name: msgspec.json.decode(raw, type=_Used) for name, raw in parts.nodes.items()}
    plain = {
        "metadata": parts.metadata,
        "nodes": {name: msgspec.to_builtins(node) for name, node in nodes.items()},
        "macros": dict.fromkeys(parts.macros),
    }
    return habits_of(plain, dialect=dialect, dbt_version=dbt_version)


def spelling_of(known: Known, dialect: str) -> Habits:
    """How the project spells its tests, with what its own file says; raises as `Known.files` does."""
    habits = habits_in(known.manifest, dialect, known.names.dbt_version)
    return replace(habits, project=known.project, tests_key=places_in(known.files).tests)


class _Used(msgspec.Struct):
    """What habits are read from, of a node of the manifest."""

    package_name: str = ""
    original_file_path: str = ""
    depends_on: dict[str, Any] = {}
    test_metadata: dict[str, Any] | None = None
