"""What a dbt project says at one commit, as far as somebody who changes it has to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from catalog.reading import Manifest, NodeRecord, TestRecord, node_record, test_record
from semantic.codegen.changes import FileChange
from semantic.codegen.yaml_marks import YamlRefused
from semantic.definitions import Vocabulary
from semantic.project_file import ProjectFile, project_file


@dataclass(frozen=True, eq=False)
class Known:
    """The names that formulas use; the manifest's entries and the files, read when they are asked for."""

    names: Vocabulary
    read: Callable[[], Manifest]
    read_files: Callable[[], Mapping[str, str]] = dict
    # What somebody is about to change, which the entries of the manifest do not say yet; the names do.
    changes: tuple[FileChange, ...] = ()

    @cached_property
    def manifest(self) -> Manifest:
        """dbt's entries, most of them unread."""
        return self.read()

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The dbt project's SQL and YAML: path → text. Raises a `BisyncError` where it is not at hand."""
        return self.read_files()

    @cached_property
    def project(self) -> ProjectFile:
        """What `dbt_project.yml` says. Raises as `files` does."""
        return project_file(self.files)

    def having(self, names: Vocabulary | None, changes: Sequence[FileChange] = ()) -> Known:
        """The same with what somebody is about to add: names and changes of files."""
        if names is None and not changes:
            return self
        files = (lambda: _changed(self.files, changes)) if changes else lambda: self.files
        return Known(names or self.names, lambda: self.manifest, files, (*self.changes, *changes))

    def node(self, unique_id: str) -> NodeRecord | None:
        """A model, source, docs block … as the catalogue has it; None where there is none of that id."""
        entry = self.manifest.nodes.get(unique_id)
        return node_record(entry) if entry is not None else None

    def tests_of(self, unique_id: str) -> tuple[TestRecord, ...]:
        """The data tests and unit tests that speak about a node, in dbt's order."""
        parents = self.manifest.parts.parent_map
        # Reading an entry costs much more than looking at what it depends on.
        below = {name for name, above in parents.items() if unique_id in above}
        found = (test_record(entry) for name, entry in self.manifest.tests.items() if name in below)
        return tuple(test for test in found if test.node == unique_id)

    def readers_outside(self, unique_id: str, group: str) -> list[str]:
        """What reads a node and is in another group, or none, as people call it: nothing private for that.

        A node's own tests are in its group, whichever that is.
        """
        entries = {**self.manifest.nodes, **self.manifest.tests}
        below = (name for name, above in self.manifest.parts.parent_map.items() if unique_id in above)
        raws = (entries[name].read() for name in below if name in entries and not name.startswith("unit_"))
        outside = (
            raw for raw in raws if raw.get("attached_node") != unique_id and (raw.get("group") or "") != group
        )
        return sorted({_called(str(raw["resource_type"]), str(raw["name"])) for raw in outside})

    def docs_of(self, unique_id: str, column: str = "") -> tuple[str, ...]:
        """dbt's ids of the docs blocks that the description of a node, or of its column, is made of."""
        entry = self.manifest.nodes.get(unique_id)
        raw = entry.read() if entry is not None else {}
        if column:
            columns = {name.lower(): one for name, one in (raw.get("columns") or {}).items()}
            raw = columns.get(column.lower(), {})
        return tuple(raw.get("doc_blocks") or ())

    def block_saying(self, text: str) -> NodeRecord | None:
        """The docs block of which a description is made that says this; dbt tells it of no metric."""
        blocks = (self.node(name) for name in self.manifest.nodes if text and name.startswith("doc."))
        return next((block for block in blocks if block and block.description.strip() == text.strip()), None)

    def owned(self, node: NodeRecord) -> bool:
        """Whether its files are this project's own, and no package's."""
        name = str(self.manifest.parts.metadata.get("project_name") or "")
        return name in ("", node.package)


def _called(kind: str, name: str) -> str:
    return name if kind == "model" else f"the {kind.replace('_', ' ')} {name}"


def _changed(files: Mapping[str, str], changes: Sequence[FileChange]) -> Mapping[str, str]:
    """The files with the changes in them; one that cannot be changed is told of where it is written."""
    after = dict(files)
    for change in changes:
        text = after.get(change.path)
        with suppress(YamlRefused):
            after[change.path] = change.apply(None if text is None else text.encode()).decode()
    return after
