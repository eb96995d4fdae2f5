"""The dbt project that new models are written for, as the last pull knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from catalog.reading import NodeRecord
from semantic.codegen.changes import AmendTests, FileChange
from semantic.codegen.habits import spelling_of
from semantic.codegen.layout import properties_file
from semantic.codegen.metrics import Compiled
from semantic.codegen.sql_models.folders import Places, places_in
from semantic.codegen.sql_models.new_model import Project
from semantic.codegen.sql_models.properties import Files
from semantic.codegen.sql_models.style import ProjectStyle, style_of
from semantic.known import Known

# What shares one space of names in dbt.
_NAMED = frozenset({"model", "seed", "snapshot"})


def project_of(known: Known, dialect: str, style: ProjectStyle | None = None) -> Project:
    """The project with its own style, or with the one that was agreed on."""
    entries = {name: entry for name, entry in known.manifest.nodes.items() if entry.kind in _NAMED}
    private = [node for node in _with(known, b'"private"') if node.access == "private"]
    return Project(
        files=known.files,
        style=style or habits_of(known.files, dialect),
        dialect=dialect,
        taken={name.split(".")[2] for name in entries},
        dbt_version=known.names.dbt_version,
        own=known.project,
        tests=spelling_of(known, dialect),
        ephemeral=frozenset(
            node.name for node in _with(known, b'"ephemeral"') if node.materialized == "ephemeral"
        ),
        node=known.node,
        private={node.name: node.group for node in private},
    )


def _with(known: Known, word: bytes) -> Iterator[NodeRecord]:
    """The models in whose entries a word stands: most of them need not be read."""
    for name, entry in known.manifest.nodes.items():
        if entry.kind == "model" and word in bytes(entry.content) and (node := known.node(name)):
            yield node


def begun(code: Compiled, known: Known) -> Compiled:
    """The same code; where it makes a properties file anew, that begins as the project's others do.

    Tests alone of a model that no file describes go to the file that is to describe it.
    """
    names = known.names
    described = {model.file for model in names.models.values()}
    described |= {model.semantic.file for model in names.models.values() if model.semantic}
    described |= {metric.file for metric in names.metrics.values()}
    if all(change.path in described for change in code.changes if change.yaml):
        return code
    places = places_in(known.files)
    homes = {
        properties_file(model): places.properties_file(model.file, known.files)
        for model in names.models.values()
        if model.file.endswith(".sql")
    }
    changes = (_begun(change, homes, places, known.files) for change in code.changes)
    return replace(code, changes=tuple(changes))


def _begun(
    change: FileChange, homes: Mapping[str, str], places: Places, files: Mapping[str, str]
) -> FileChange:
    if not change.yaml:
        return change
    tested = all(isinstance(edit, AmendTests) for edit in change.edits)
    path = homes.get(change.path, change.path) if tested else change.path
    edits = (replace(one, usual=places.tests) if isinstance(one, AmendTests) else one for one in change.edits)
    return replace(change, path=path, edits=(*places.opening(path, files), *edits))


def habits_of(files: Mapping[str, str], dialect: str) -> ProjectStyle:
    """How the project writes, read once from these files."""
    return _habits_of(Files(files), dialect)


@lru_cache(maxsize=4)
def _habits_of(files: Files, dialect: str) -> ProjectStyle:
    return style_of(files.files, dialect=dialect)
