"""What happens to one file of the dbt project; an intention becomes edits once the file is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from semantic.codegen.entries import Entry, Refused
from semantic.codegen.model_edits import entry_of
from semantic.codegen.quality.file_tests import DATA_TESTS, listed_under
from semantic.codegen.quality.rule import Target
from semantic.codegen.sql_models.add_column import AddColumn, ColumnRefused
from semantic.codegen.sql_models.rewriting import Rewrite
from semantic.codegen.versions import version_in
from semantic.codegen.yaml_files import Composite, edited_bytes, key_of_tests, new_file_of
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import AddItem, Edit, Named, Path, RemoveItem, ReplaceItem


@dataclass(frozen=True)
class AmendTests:
    """Put these data tests of a table in the place of those that are called `names`.

    `usual` is the project's key of tests.
    """

    target: Target
    names: tuple[str, ...]
    tests: tuple[Entry, ...]
    usual: str = DATA_TESTS

    def edits(self, data: Any, text: str) -> Iterator[Edit]:
        """The single edits, under the key that the model or the file uses for tests."""
        home, entry = self._home(data)
        if not entry:
            if self.tests:
                key = key_of_tests(text, self.usual)
                yield AddItem(home[:1], {"name": self.target.name, key: [*self.tests]})
            return
        key = listed_under(entry, key_of_tests(text, self.usual))
        path = (*home, key)
        wanted = {test_name(test): test for test in self.tests}
        gone: list[int] = []
        for place, test in enumerate(entry.get(key) or ()):
            name = test_name(test)
            if name in wanted:
                yield ReplaceItem((*path, place), wanted.pop(name))
            elif name in self.names:
                gone.append(place)
        # New ones before the old ones go, so that the list is never emptied with its key; the last one first.
        yield from (AddItem(path, test) for test in wanted.values())
        yield from (RemoveItem((*path, place)) for place in reversed(gone))

    def _home(self, data: Any) -> tuple[Path, Mapping[str, Any]]:
        """The entry in whose list they stand: of a version, the model's where they stand there already."""
        section, name = self.target.resource, self.target.name
        entry = entry_of(data, section, name)
        listed = entry.get(listed_under(entry, DATA_TESTS)) or ()
        if not self.target.version or any(test_name(test) in self.names for test in listed):
            return (section, Named(name)), entry
        version = version_in(data, name, self.target.version)
        return version.of_tests() if self.tests else (version.path, version.entry)


@dataclass(frozen=True)
class WriteBlock:
    """Let a docs block say this: the one that said `was`, or a new one at the end of its file."""

    name: str
    text: str
    was: str | None = None

    def written(self, before: str | None) -> str:
        """The file as it will be. Raises YamlRefused where the block is not there as it was."""
        if self.was is None:
            gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
            return f"{before or ''}{gap}{{% docs {self.name} %}}\n{self.text}\n{{% enddocs %}}\n"
        if _text_of(self.name, before) != self.was:
            raise _no_such_block(self.name)
        return _saying(self.name, self.text, before)


@dataclass(frozen=True)
class RewordBlock:
    """Let a docs block say `now` where it says `was`; one that does not say that stays as it is."""

    name: str
    was: str
    now: str

    def written(self, before: str | None) -> str:
        """The file as it will be. Raises YamlRefused where it has no such block."""
        text = _text_of(self.name, before)
        if text is None:
            raise _no_such_block(self.name)
        return (
            _saying(self.name, text.replace(self.was, self.now), before) if self.was in text else before or ""
        )


def _block(name: str, text: str | None) -> re.Match[str] | None:
    """The one docs block of this name in a file; its second group is what it says."""
    block = re.compile(
        r"(\{%-?\s*docs\s+" + re.escape(name) + r"\s*-?%\}\s*)(.*?)(\s*\{%-?\s*enddocs\s*-?%\})",
        re.DOTALL,
    )
    found = list(block.finditer(text or ""))
    return found[0] if len(found) == 1 else None


def _text_of(name: str, text: str | None) -> str | None:
    found = _block(name, text)
    return found[2].replace("\r\n", "\n").strip() if found else None


def _saying(name: str, words: str, text: str | None) -> str:
    """The file with these words in the block; every other byte as it was."""
    found, whole = _block(name, text), text or ""
    assert found is not None
    start, end = found.span(2)
    ends = "\r\n" if "\r\n" in whole else "\n"
    return f"{whole[:start]}{words.replace(chr(10), ends)}{whole[end:]}"


def _no_such_block(name: str) -> YamlRefused:
    return YamlRefused(
        "no-such-entry", f"The docs block {name} is not in this file as dbt read it. Pull first."
    )


AnyEdit: TypeAlias = Edit | Composite | AddColumn | Rewrite | WriteBlock | RewordBlock


@dataclass(frozen=True, slots=True)
class FileChange:
    """What happens to one file of the dbt project: edits of its YAML, or a whole text that Bisync owns.

    A text that is `fresh` belongs to whoever asked for it: no other file may be in its place.
    """

    path: str
    edits: tuple[AnyEdit, ...] = ()
    content: str = ""
    fresh: bool = False

    @property
    def yaml(self) -> list[Edit | Composite]:
        """What happens to a properties file; empty for every other file."""
        others = AddColumn | Rewrite | WriteBlock | RewordBlock
        return [edit for edit in self.edits if not isinstance(edit, others)]

    def apply(self, text: bytes | None) -> bytes:
        """The file as it will be; `text` is None where there is none yet. Raises YamlRefused."""
        if self.content:
            if self.fresh and text not in (None, self.content.encode()):
                raise _occupied(self.path)
            return self.content.encode() if text is None else text
        if queries := [edit for edit in self.edits if isinstance(edit, AddColumn | Rewrite)]:
            return _with_query(text, queries, self.path)
        if blocks := [edit for edit in self.edits if isinstance(edit, WriteBlock | RewordBlock)]:
            return _with_blocks(text, blocks, self.path)
        if text is None:
            return new_file_of(self.yaml).encode()
        return edited_bytes(text, self.yaml, path=self.path)


def _with_blocks(text: bytes | None, blocks: Sequence[WriteBlock | RewordBlock], path: str) -> bytes:
    """The Markdown file with its docs blocks changed or added."""
    try:
        whole = text.decode() if text is not None else None
        for block in blocks:
            whole = block.written(whole)
    except (UnicodeDecodeError, YamlRefused) as error:
        if isinstance(error, YamlRefused):
            error.path = path
            raise
        refusal = YamlRefused("unsafe-text", "The file is not UTF-8. Save it as UTF-8 in your editor first.")
        refusal.path = path
        raise refusal from error
    return (whole or "").encode()


def _with_query(text: bytes | None, edits: Sequence[AddColumn | Rewrite], path: str) -> bytes:
    """The query of a model with more columns, or with another one in its place."""
    try:
        if text is None:
            raise YamlRefused("no-such-entry", "The model's file is not there any more: pull first.")
        query = text.decode()
        for edit in edits:
            query = edit.apply(query)
    except (UnicodeDecodeError, ColumnRefused, Refused) as error:
        words = "The file is not UTF-8." if isinstance(error, UnicodeDecodeError) else str(error)
        refusal = YamlRefused("unsupported-shape", words)
        refusal.path = path
        raise refusal from error
    return query.encode()


def test_name(test: object) -> str:
    """What a data test in a properties file is called by its author; "" where it has no name of its own."""
    arguments = next(iter(test.values()), None) if isinstance(test, dict) and len(test) == 1 else test
    name = arguments.get("name") if isinstance(arguments, dict) else None
    return name if isinstance(name, str) else ""


def _occupied(path: str) -> YamlRefused:
    refusal = YamlRefused("exists-already", "There is a file of this name already. Choose another name.")
    refusal.path = path
    return refusal
