"""A test put into a properties file, changed there, or taken out, in the file's own spelling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from semantic.codegen.quality.file_tests import (
    DATA_TESTS,
    KEYS,
    Difference,
    FileTest,
    has_jinja,
    is_nested,
    listed_under,
    read_test,
)
from semantic.codegen.quality.reading import flat
from semantic.codegen.quality.rule import Target
from semantic.codegen.quality.spelled import Spelled
from semantic.codegen.versions import version_in
from semantic.codegen.yaml_files import key_of_tests, tests_key
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import AddItem, Edit, Named, Path, RemoveItem, ReplaceItem

Raw: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A test as dbt's manifest knows it, to find it in its file; `name` only where its author named it."""

    test: str
    arguments: Raw = field(default_factory=dict)
    column: str = ""
    name: str = ""
    where: str = ""


@dataclass(frozen=True)
class AddTest:
    """Attach a test to what it is of; a column or a model that the file does not describe is added to it.

    `read` says that dbt reads arguments under a key of their own, `nested` that the project has them there;
    `key` is the project's key of tests.
    """

    target: Target
    test: Spelled
    read: bool
    nested: bool
    key: str = DATA_TESTS

    def edits(self, data: Any, text: str) -> Iterator[Edit]:
        entry = self.test.entry(nested=is_nested(data or {}, read=self.read, usual=self.nested))
        home = _Home(data or {}, self.target, key_of_tests(text, self.key))
        if self.test.column:
            yield from home.add_to_column(self.test.column, entry)
        else:
            yield home.add(entry)


@dataclass(frozen=True)
class ChangeTest:
    """Let a test say something else; only the lines of what differs are touched."""

    target: Target
    was: Written
    wanted: Difference

    def edits(self, data: Any, text: str) -> Iterator[Edit]:
        home = _Home(data or {}, self.target, tests_key(text))
        path, found = home.find(self.was)
        yield ReplaceItem(path, found.saying(self.wanted))


@dataclass(frozen=True)
class RemoveTest:
    """Take a test out of its file, with its list's key where it was the last one."""

    target: Target
    was: Written

    def edits(self, data: Any, text: str) -> Iterator[Edit]:
        path, _found = _Home(data or {}, self.target, tests_key(text)).find(self.was)
        yield RemoveItem(path)


class _Home:
    """The entry of a model or of a source's table in a file, with its tests and columns."""

    def __init__(self, data: Raw, target: Target, habit: str) -> None:
        self._habit = habit
        self._target = target
        self._path: Path = (target.resource, Named(target.name))
        listed = data.get(target.resource)
        if target.resource == "sources":
            source = _named(listed, target.source)
            listed = source.get("tables")
            self._path = ("sources", Named(target.source), "tables", Named(target.name))
        self._entry = _named(listed, target.name)
        self._version = version_in(data, target.name, target.version) if target.version else None

    def _at(self, column: str = "") -> tuple[Path, Raw]:
        """The entry that has the tests of the table, or this column, with its path."""
        if self._version is None:
            return self._path, self._entry
        return self._version.of_column(column, alone=True) if column else self._version.of_tests()

    def add(self, test: Any) -> Edit:
        """The test of the whole table."""
        path, entry = self._at()
        if not entry:
            return self._described({self._habit: [test]})
        key = listed_under(entry, self._habit)
        self._refuse_second(entry.get(key), test)
        return AddItem((*path, key), test)

    def add_to_column(self, column: str, test: Any) -> Iterator[Edit]:
        path, entry = self._at(column)
        key = listed_under(entry, self._habit)
        if not entry:
            yield self._described({"columns": [{"name": column, key: [test]}]})
            return
        number = self._column(entry, column)
        if number is None:
            yield AddItem((*path, "columns"), {"name": column, key: [test]})
            return
        described = entry["columns"][number]
        key = listed_under(described, self._habit)
        self._refuse_second(described.get(key), test)
        yield AddItem((*path, "columns", number, key), test)

    def find(self, was: Written) -> tuple[Path, FileTest]:
        """Where a test stands. Refused where it is not there as dbt read it, or there twice."""
        path, entry = self._at(was.column)
        number = self._column(entry, was.column) if was.column else None
        found = (
            [*_among(entry["columns"][number], (*path, "columns", number), was)] if number is not None else []
        )
        if not found:
            path, entry = self._at()
            found = [*_among(entry, path, _by_argument(was) if was.column else was)]
        return _only(found, was)

    def _column(self, entry: Raw, name: str) -> int | None:
        """Which of the columns that an entry describes it is, however it is capitalised."""
        names = [_text(one, "name").casefold() for one in _list(entry.get("columns"))]
        places = [place for place, one in enumerate(names) if one == name.casefold()]
        if len(places) > 1:
            raise YamlRefused(
                "ambiguous-target",
                f"The column {name} of {self._target.name} is described twice. Remove one of them first.",
            )
        return places[0] if places else None

    def _described(self, more: Raw) -> Edit:
        if self._target.resource == "sources":
            raise YamlRefused(
                "no-such-entry",
                f"The source {self._target.source}.{self._target.name} is not in this file."
                " It may have been moved: pull first.",
            )
        return AddItem((self._target.resource,), {"name": self._target.name, **more})

    def _refuse_second(self, tests: object, entry: Any) -> None:
        new = read_test(entry)
        for raw in _list(tests):
            there = read_test(raw)
            if there and new and _said(there) == _said(new):
                raise YamlRefused(
                    "exists-already", f"{self._target.name} has this test already. Change that one instead."
                )


def _among(entry: Raw, path: Path, was: Written) -> Iterator[tuple[Path, FileTest]]:
    for key in KEYS:
        for place, raw in enumerate(_list(entry.get(key))):
            if (test := read_test(raw)) is not None and _is(test, was):
                yield (*path, key, place), test


def _by_argument(was: Written) -> Written:
    """The same test attached to the table, with the column as an argument."""
    return Written(was.test, {**flat(was.arguments), "column_name": was.column}, "", was.name, was.where)


def _is(test: FileTest, was: Written) -> bool:
    if was.name or test.name:
        return test.name == was.name
    if test.test != was.test:
        return False
    there = test.arguments
    return (was.where or "").split() == (test.where or "").split() and (
        there == flat(was.arguments) or has_jinja(there)
    )


def _said(test: FileTest) -> tuple[str, Raw, str]:
    return test.test, test.arguments, test.where


def _only(found: Sequence[tuple[Path, FileTest]], was: Written) -> tuple[Path, FileTest]:
    named = was.name or was.test
    if not found:
        raise YamlRefused(
            "no-such-entry",
            f"The test {named} does not stand in this file as dbt last read it. Pull first, then try again.",
        )
    if len(found) > 1:
        raise YamlRefused(
            "ambiguous-target",
            f"The test {named} stands {len(found)} times in this place. Give them names in the file first.",
        )
    return found[0]


def _named(listed: object, name: str) -> Raw:
    found = [one for one in _list(listed) if _text(one, "name") == name]
    if len(found) > 1:
        raise YamlRefused(
            "ambiguous-target", f"{name} is described {len(found)} times in this file. Keep one of them."
        )
    return found[0] if found else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
