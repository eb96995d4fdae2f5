"""What happens to one file of the dbt project; an intention becomes edits once the file is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from semantic.codegen.entries import Entry
from semantic.codegen.model_edits import entry_of
from semantic.codegen.quality.file_tests import DATA_TESTS
from semantic.codegen.sql_models.add_column import AddColumn, ColumnRefused
from semantic.codegen.yaml_files import Composite, edited_bytes, new_file_of, tests_key
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import AddItem, Edit, Named, RemoveItem, ReplaceItem


@dataclass(frozen=True)
class AmendTests:
    """Put these data tests of a model in the place of those that are called `names`."""

    model: str
    names: tuple[str, ...]
    tests: tuple[Entry, ...]

    def edits(self, data: Any, text: str) -> Iterator[Edit]:
        """The single edits, under the key that the model or the file uses for tests."""
        entry = entry_of(data, "models", self.model)
        if not entry:
            if self.tests:
                yield AddItem(("models",), {"name": self.model, DATA_TESTS: [*self.tests]})
            return
        path = ("models", Named(self.model), _tests_under(entry, text))
        wanted = {test_name(test): test for test in self.tests}
        gone: list[int] = []
        for place, test in enumerate(entry.get(path[2]) or ()):
            name = test_name(test)
            if name in wanted:
                yield ReplaceItem((*path, place), wanted.pop(name))
            elif name in self.names:
                gone.append(place)
        # New ones before the old ones go, so that the list is never emptied with its key; the last one first.
        yield from (AddItem(path, test) for test in wanted.values())
        yield from (RemoveItem((*path, place)) for place in reversed(gone))


AnyEdit: TypeAlias = Edit | Composite | AddColumn


@dataclass(frozen=True, slots=True)
class FileChange:
    """What happens to one file of the dbt project: edits of its YAML, or a whole text that Bisync owns.

    A text that is `fresh` belongs to whoever asked for it: no other file may be in its place.
    """

    path: str
    edits: tuple[AnyEdit, ...] = ()
    content: str = ""
    fresh: bool = False

    def apply(self, text: bytes | None) -> bytes:
        """The file as it will be; `text` is None where there is none yet. Raises YamlRefused."""
        if self.content:
            if self.fresh and text not in (None, self.content.encode()):
                raise _occupied(self.path)
            return self.content.encode() if text is None else text
        if columns := [edit for edit in self.edits if isinstance(edit, AddColumn)]:
            return _with_columns(text, columns, self.path)
        edits = [edit for edit in self.edits if not isinstance(edit, AddColumn)]
        if text is None:
            return new_file_of(edits).encode()
        return edited_bytes(text, edits, path=self.path)


def _with_columns(text: bytes | None, columns: Sequence[AddColumn], path: str) -> bytes:
    """The query of a model with more columns."""
    try:
        if text is None:
            raise YamlRefused("no-such-entry", "The model's file is not there any more: pull first.")
        query = text.decode()
        for column in columns:
            query = column.apply(query)
    except (UnicodeDecodeError, ColumnRefused) as error:
        words = "The file is not UTF-8." if isinstance(error, UnicodeDecodeError) else str(error)
        refusal = YamlRefused("unsupported-shape", words)
        refusal.path = path
        raise refusal from error
    return query.encode()


def _tests_under(entry: Mapping[str, Any], text: str) -> str:
    """The key that the model has already, or that the file uses: dbt refuses both at once."""
    return next((key for key in ("tests", DATA_TESTS) if key in entry), tests_key(text))


def test_name(test: object) -> str:
    """What a data test in a properties file is called by its author; "" where it has no name of its own."""
    arguments = next(iter(test.values()), None) if isinstance(test, dict) and len(test) == 1 else test
    name = arguments.get("name") if isinstance(arguments, dict) else None
    return name if isinstance(name, str) else ""


def _occupied(path: str) -> YamlRefused:
    refusal = YamlRefused("exists-already", "There is a file of this name already. Choose another name.")
    refusal.path = path
    return refusal
