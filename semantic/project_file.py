"""What `dbt_project.yml` says, as far as somebody who writes code for the project has to know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from semantic.codegen.layout import YAML
from semantic.codegen.yaml_files import YamlRefused, load

FILE = "dbt_project.yml"
# From this version on dbt reads a test's arguments under a key of their own, unless it is told not to.
NESTED_ARGUMENTS = (1, 11)
_FLAG = "require_generic_test_arguments_property"
# A test with arguments, and the first key below it; only files with one of these words are looked through.
_TEST = re.compile(
    r"(?:-[ ]+|\{[ ]*)(?:accepted_values|relationships|\w+\.\w+):\s*(?:#.*\s+)?\{?[ ]*(\w+):(?=\s)"
)
_TESTS = ("accepted_values", "relationships", "dbt_utils.", "dbt_expectations.")
# What may stand first without telling where arguments do.
_SETTINGS = frozenset(("name", "description", "config", "severity", "where", "tags", "meta"))
# So many tests make a habit.
_FEWEST = 2


@dataclass(frozen=True)
class ProjectFile:
    """The folders of a project, its flags, and what it sets for the models and tests below a folder.

    Where nothing is said, or Jinja says it, there stands what dbt takes then.
    """

    name: str = ""
    model_paths: tuple[str, ...] = ("models",)
    macro_paths: tuple[str, ...] = ("macros",)
    docs_paths: tuple[str, ...] = ()
    flags: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
    tests: Mapping[str, Any] = field(default_factory=dict)
    # Whether the project's tests have their arguments beside their settings, all of them.
    flat_arguments: bool = False

    @property
    def docs_folder(self) -> str:
        """Where a new file of docs blocks belongs; dbt looks for them beside the models by itself."""
        return (self.docs_paths or self.model_paths)[0]

    def reads_nested(self, dbt_version: tuple[int, int]) -> bool:
        """Whether this dbt reads a test's arguments under a key of their own."""
        said = self.flags.get(_FLAG)
        return said if isinstance(said, bool) else dbt_version >= NESTED_ARGUMENTS

    def nests_arguments(self, dbt_version: tuple[int, int]) -> bool:
        """Whether arguments of a new test belong under a key of their own: dbt warns of others from 1.11 on.

        A project that has them nowhere so, and does not ask for it either, is followed.
        """
        asked = self.flags.get(_FLAG) is True
        return self.reads_nested(dbt_version) and (asked or not self.flat_arguments)

    def macro_file(self, path: str) -> str:
        """The same file of macros where this project has its own, rather than in `macros`."""
        return f"{self.macro_paths[0]}/{path.removeprefix('macros/')}"

    @property
    def warns(self) -> bool:
        """Whether tests that say nothing of it may only warn."""
        return any(str(value).lower() != "error" for value in _said(self.tests, "severity"))

    def has_contract(self, path: str) -> bool:
        """Whether a new model at this path has a contract that dbt enforces."""
        tree: Any = self.models
        said = _own(tree, "contract")
        for step in (self.name, *self._folders(path), PurePosixPath(path).stem):
            tree = tree.get(step) if isinstance(tree, Mapping) else None
            said = _own(tree, "contract") or said
        return isinstance(said, Mapping) and said.get("enforced") not in (None, False)

    def _folders(self, path: str) -> tuple[str, ...]:
        """The folders below the one that holds models."""
        folder = PurePosixPath(path).parent
        for root in self.model_paths:
            if folder.is_relative_to(root):
                return folder.relative_to(root).parts
        return folder.parts


def project_file(files: Mapping[str, str]) -> ProjectFile:
    """What the project's own file among these says; where it cannot be read, what dbt takes by itself."""
    try:
        data = load(files.get(FILE, ""))
    except YamlRefused:
        data = None
    said: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    folders = {key: found for key in ("model", "macro", "docs") if (found := _folders(said, f"{key}-paths"))}
    return ProjectFile(
        name=str(said.get("name") or ""),
        flags=_mapping(said, "flags"),
        models=_mapping(said, "models"),
        tests={**_mapping(said, "tests"), **_mapping(said, "data_tests")},
        flat_arguments=_is_flat(files),
        **{f"{key}_paths": found for key, found in folders.items()},
    )


def _is_flat(files: Mapping[str, str]) -> bool:
    """Whether no test of these files has its arguments under a key of their own, and some have them."""
    flat = 0
    for path, text in files.items():
        if path.endswith(YAML) and any(word in text for word in _TESTS):
            keys = [key for key in _TEST.findall(text) if key not in _SETTINGS]
            if "arguments" in keys:
                return False
            flat += len(keys)
    return flat >= _FEWEST


def _mapping(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, Mapping) else {}


def _folders(said: Mapping[str, Any], key: str) -> tuple[str, ...]:
    listed = said.get(key)
    names = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    return tuple(str(PurePosixPath(one)) for one in names if one and "{{" not in one)


def _own(tree: Any, key: str) -> Any:
    """What is set at this very place, with dbt's sign for settings or without."""
    return (tree.get(f"+{key}") or tree.get(key)) if isinstance(tree, Mapping) else None


def _said(tree: Any, key: str) -> Iterator[Any]:
    """Every value that is set under this key anywhere below."""
    for name, value in tree.items() if isinstance(tree, Mapping) else ():
        if name in (key, f"+{key}"):
            yield value
        else:
            yield from _said(value, key)
