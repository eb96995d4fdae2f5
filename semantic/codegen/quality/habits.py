"""How a project spells its tests: what its manifest shows of versions, packages and what it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from semantic.codegen.quality.file_tests import DATA_TESTS
from semantic.project_file import ProjectFile

Raw: TypeAlias = Mapping[str, Any]
_GENERIC = "test_"


@dataclass(frozen=True, slots=True)
class Use:
    """How often a test is used by the project itself, and a file that shows it."""

    count: int
    file: str


@dataclass(frozen=True, slots=True)
class Habits:
    """What a writer of tests has to know of a project.

    `tests` are the generic tests that dbt finds there, those of packages as `package.test`; `uses` counts the
    tests that the project attaches, and `packages` the models and tests of its own that use a package.
    `tests_key` is the key under which most of its files list tests.
    """

    dbt_version: tuple[int, int] = (1, 11)
    dialect: str = "duckdb"
    tests: frozenset[str] = frozenset()
    uses: Mapping[str, Use] = field(default_factory=dict)
    packages: Mapping[str, int] = field(default_factory=dict)
    project: ProjectFile = field(default_factory=ProjectFile)
    tests_key: str = DATA_TESTS

    @property
    def reads_nested(self) -> bool:
        """Whether dbt reads a test's arguments under a key of their own."""
        return self.project.reads_nested(self.dbt_version)

    @property
    def nests_arguments(self) -> bool:
        """Whether arguments of a new test belong there."""
        return self.project.nests_arguments(self.dbt_version)


def habits_of(manifest: Raw, *, dialect: str, dbt_version: tuple[int, int]) -> Habits:
    """The habits that a parsed project shows."""
    own = str((manifest.get("metadata") or {}).get("project_name") or "")
    counts: Counter[str] = Counter()
    files: dict[str, str] = {}
    packages: Counter[str] = Counter()
    for node in _own_nodes(manifest, own):
        macros = (node.get("depends_on") or {}).get("macros") or ()
        used = {macro.split(".")[1] for macro in macros if macro}  # null where a package is missing
        packages.update(used - {own, "dbt"})
        if kind := _kind(node):
            counts[kind] += 1
            files.setdefault(kind, str(node.get("original_file_path") or ""))
    return Habits(
        dbt_version=dbt_version,
        dialect=dialect,
        tests=frozenset(_tests(manifest, own)),
        uses={kind: Use(count, files[kind]) for kind, count in counts.items()},
        packages=packages,
    )


def _own_nodes(manifest: Raw, own: str) -> Iterator[Raw]:
    return (node for node in (manifest.get("nodes") or {}).values() if node.get("package_name") == own)


def _kind(node: Raw) -> str:
    metadata = node.get("test_metadata") or {}
    name, space = metadata.get("name"), metadata.get("namespace")
    return f"{space}.{name}" if name and space else str(name or "")


def _tests(manifest: Raw, own: str) -> Iterator[str]:
    for key in manifest.get("macros") or ():
        _macro, package, name = key.split(".", 2)
        if name.startswith(_GENERIC):
            test = name.removeprefix(_GENERIC)
            yield test if package in (own, "dbt") else f"{package}.{test}"
