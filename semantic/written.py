"""Where in a repository's texts each field of a thing is written, and which of several places dbt obeys.

Nothing is rendered or evaluated: YAML is read with the places of its entries, Jinja only as far as its tree.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import islice

from jinja2 import nodes as jinja

from semantic.codegen.yaml_marks import (
    BOM,
    AliasNode,
    MappingNode,
    Node,
    Pair,
    ScalarNode,
    SequenceNode,
    YamlRefused,
    children,
    read,
)
from semantic.written_jinja import UNREADABLE, calls


class Layer(IntEnum):
    """The kinds of places where a field may be written; of two, dbt obeys the higher."""

    PROJECT = 0  # dbt_project.yml, for whole folders
    SOURCE = 1  # what a source says for all its tables
    ANNOTATION = 2  # {{ bisync_measure(…) }} and its like in its file
    PROPERTIES = 3  # the thing's own entry
    CODE = 4  # {{ config(…) }} in its file


@dataclass(frozen=True, slots=True)
class Written:
    """One field as one file has it: in dbt's words (`description`, `meta.owner`, `type_params.measure`), its
    value for a line of a table, and its lines, from 1, the last included. `column` says of which column it
    is, `doc` is the docs block that the value is taken from, as the file names it; both may be "". `texts`
    are the texts of its value in YAML, whole, of which dbt renders each.
    """

    field: str
    value: str
    layer: Layer
    first: int
    last: int
    column: str = ""
    doc: str = ""
    file: str = ""
    texts: tuple[str, ...] = ()


SECTIONS = {
    "model": "models",
    "seed": "seeds",
    "snapshot": "snapshots",
    "source": "sources",
    "exposure": "exposures",
    "metric": "metrics",
    "semantic_model": "semantic_models",
    "saved_query": "saved_queries",
    "macro": "macros",
    "function": "functions",
}
# From all places together, not from the highest.
ADDING_UP = frozenset({"tags", "pre-hook", "post-hook", "packages"})
# dbt knows some by two names.
_SAME = {"tests": "data_tests", "pre_hook": "pre-hook", "post_hook": "post-hook"}

_LONGEST = 200
# So much of a value is looked at to make a line of it.
_READ = 1_000
# More fields of one thing than anybody writes.
_MOST = 5_000
_DEEPEST = 4
_MOST_TEXTS = 200
_ANNOTATES = re.compile(r"(?:bisync|omni)_(?:generated_)?(dimension|measure|calculation)")
# Of an entry's keys those that hold others of their own.
_OPENED = frozenset({"config", "meta", "type_params"})
_DOC = re.compile(r"""\{\{\s*doc\(\s*(?:['"](?P<package>\w+)['"]\s*,\s*)?['"](?P<name>\w+)['"]\s*\)\s*\}\}""")


# -- YAML -----------------------------------------------------------------------------------------------


class _Text:
    """A text of YAML and the lines of its entries, as git and editors count them."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix(BOM)
        self.refused: YamlRefused | None = None
        self.root: Node | None = None
        self._breaks = [found.start() for found in re.finditer("\n", self.text)]
        self._last: dict[int, int] = {}
        try:
            self.root = read(self.text).root
        except YamlRefused as refused:
            self.refused = refused

    def first(self, node: Node) -> int:
        return bisect_left(self._breaks, node.start) + 1

    def last(self, node: Node) -> int:
        """The line in which it ends; an entry is used by many aliases and looked at once."""
        if id(node) not in self._last:
            written = self.text[node.start : node.end].rstrip()
            self._last[id(node)] = bisect_left(self._breaks, node.start + len(written)) + 1
        return self._last[id(node)]

    def fields(self, entry: MappingNode, layer: Layer, prefix: str = "") -> Iterator[Written]:
        # What stands under `config` counts more than the same beside it.
        for pair in sorted(entry.pairs, key=lambda pair: pair.has("config")):
            key = _key(pair)
            value = _target(pair.value)
            if key in {"", "name"} and not prefix.startswith("meta."):
                continue
            if key == "config" and isinstance(value, MappingNode):
                yield from self.fields(value, layer, prefix)
            elif isinstance(value, MappingNode) and (key in _OPENED or prefix.endswith("meta.")):
                yield from self.fields(value, layer, f"{prefix}{key}.")
            elif isinstance(value, SequenceNode) and _all_named(value):
                yield from self._members(f"{prefix}{key}", value, layer)
            else:
                yield self.one(f"{prefix}{key}", pair.key, pair.value, layer)

    def _members(self, field: str, listed: SequenceNode, layer: Layer) -> Iterator[Written]:
        """Columns with each of their fields; of other lists each member as a whole."""
        for member in _items(listed):
            name = _scalar(_value(member, "name"))
            if field == "columns":
                yield from (replace(one, column=name) for one in self.fields(member, layer))
            else:
                yield self.one(f"{field}.{name}", member, member, layer)

    def one(self, field: str, begins: Node, value: Node, layer: Layer) -> Written:
        plain = value.value[:_READ] if isinstance(value, ScalarNode) else ""
        found = _DOC.search(plain)
        doc = ".".join(part for part in (found["package"], found["name"]) if part) if found else ""
        first = self.first(begins)
        last = max(first, self.last(value))
        texts = _texts(value)
        return Written(_SAME.get(field, field), _told(value), layer, first, last, doc=doc, texts=texts)


def _told(node: Node, depth: int = 0) -> str:
    """A value on one line, cut where it is long."""
    node = _target(node)
    if isinstance(node, ScalarNode):
        told = " ".join(node.value[:_READ].split())
    elif depth == _DEEPEST:
        told = "…"
    elif isinstance(node, MappingNode):
        told = _joined(f"{_key(pair)}: {_told(pair.value, depth + 1)}" for pair in node.pairs)
    else:
        told = _joined(_told(item, depth + 1) for item in children(node))
    return _line(told)


def _texts(value: Node) -> tuple[str, ...]:
    """The texts in a value, as many as anybody would look at."""
    found, waiting = [], [value]
    for _ in range(_MOST_TEXTS):
        if not waiting:
            break
        node = _target(waiting.pop())
        if isinstance(node, ScalarNode):
            found.append(node.value)
        waiting += children(node)[:_MOST_TEXTS]
    return tuple(found)


def _line(told: str) -> str:
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def _joined(parts: Iterable[str]) -> str:
    """Not longer than a line needs, however many parts there are."""
    told = ""
    for part in parts:
        told = f"{told}, {part}" if told else part
        if len(told) > _LONGEST:
            break
    return told


def _target(node: Node) -> Node:
    return node.target if isinstance(node, AliasNode) else node


def _key(pair: Pair) -> str:
    return _scalar(pair.key)


def _scalar(node: Node | None) -> str:
    return node.value if isinstance(node, ScalarNode) else ""


def _value(node: Node | None, key: str) -> Node | None:
    """What a mapping has under a key, the last one where it is written twice, as dbt reads it."""
    if not isinstance(node, MappingNode):
        return None
    found = [_target(pair.value) for pair in node.pairs if pair.has(key)]
    return found[-1] if found else None


def _items(node: Node | None) -> list[MappingNode]:
    members = [_target(item) for item in node.items] if isinstance(node, SequenceNode) else []
    return [member for member in members if isinstance(member, MappingNode)]


def _named(node: Node | None, name: str, key: str = "name") -> MappingNode | None:
    return next((one for one in _items(node) if _scalar(_value(one, key)) == name), None)


def _all_named(listed: SequenceNode) -> bool:
    members = _items(listed)
    return len(members) == len(listed.items) > 0 and all(_scalar(_value(one, "name")) for one in members)


# -- Properties files -----------------------------------------------------------------------------------


class Properties:
    """A properties file, read once; `refused` says why it could not be, None where it could."""

    def __init__(self, text: str) -> None:
        self._text = _Text(text)
        self.refused = self._text.refused

    def fields(self, kind: str, name: str, *, source: str = "", version: str = "") -> list[Written]:
        """The fields of the entry `name` of a kind (`model`, `source` …); of a table with its source's.

        A later one of the same field counts more: of a model with versions, that version's come last.
        """
        return list(islice(self._fields(kind, name, source, version), _MOST))

    def _fields(self, kind: str, name: str, source: str, version: str) -> Iterator[Written]:
        if kind == "source":
            yield from self._table(source, name)
            return
        entry = self._entry(kind, name)
        if entry is None:
            return
        yield from (one for one in self._text.fields(entry, Layer.PROPERTIES) if one.field != "versions")
        own = _named(_value(entry, "versions"), version, "v") if version else None
        if own is not None:
            told = self._text.fields(own, Layer.PROPERTIES)
            yield from (one for one in told if one.field not in {"v", "defined_in"})

    def line_of(self, kind: str, name: str, *, source: str = "", member: str = "") -> int:
        """The line of an entry, or of a column, dimension or measure in it; 0 where the file has none."""
        entry = self._of_source(source, name) if kind == "source" else self._entry(kind, name)
        if entry is None:
            return 0
        keys = ("columns", "dimensions", "measures", "entities") if member else ()
        members = [one for key in keys for one in _items(_value(entry, key))]
        wanted = member.lower()
        found = next((one for one in members if _scalar(_value(one, "name")).lower() == wanted), entry)
        return self._text.first(found)

    def _entry(self, kind: str, name: str) -> MappingNode | None:
        root = self._text.root
        return _named(_value(root, SECTIONS.get(kind, "")), name) or _in_model(root, kind, name)

    def _table(self, source: str, name: str) -> Iterator[Written]:
        of_all = _named(_value(self._text.root, "sources"), source)
        if of_all is None:
            return
        for one in self._text.fields(of_all, Layer.SOURCE):
            if one.field not in {"description", "tables"} and not one.field.startswith("tables."):
                yield one
        table = self._of_source(source, name)
        if table is not None:
            yield from self._text.fields(table, Layer.PROPERTIES)

    def _of_source(self, source: str, name: str) -> MappingNode | None:
        return _named(_value(_named(_value(self._text.root, "sources"), source), "tables"), name)


def _in_model(root: Node | None, kind: str, name: str) -> MappingNode | None:
    """A metric or semantic model that is written inside its model, as dbt 1.12 has them."""
    models = _value(root, "models") if kind in {"metric", "semantic_model"} else None
    for model in _items(models):
        if kind == "metric" and (found := _named(_value(model, "metrics"), name)) is not None:
            return found
        own = _value(model, "semantic_model") if kind == "semantic_model" else None
        if own is not None:
            called = _value(own, "name") or _value(model, "name")
            if isinstance(called, ScalarNode) and called.value == name:
                return own if isinstance(own, MappingNode) else model
    return None


# -- dbt_project.yml ------------------------------------------------------------------------------------


def in_project_file(text: str, kind: str, fqn: Sequence[str]) -> list[Written]:
    """What the project's file sets for the folders that a thing lies in, the nearest last.

    `fqn` are the package, the folders below that of the kind, and the name, as dbt has them.
    """
    source = _Text(text)
    level = _value(source.root, SECTIONS.get(kind, ""))
    found: list[Written] = []
    for step in (*fqn, None):
        if not isinstance(level, MappingNode):
            break
        found += islice(_set_here(source, level), _MOST)
        level = _value(level, step) if step is not None else None
    return found


def _set_here(source: _Text, level: MappingNode) -> Iterator[Written]:
    for pair in level.pairs:
        key, value = _key(pair), _target(pair.value)
        name = key.removeprefix("+")
        if key.startswith("+meta") and isinstance(value, MappingNode):
            yield from source.fields(value, Layer.PROJECT, "meta.")
        # A mapping without a plus is a folder.
        elif name and (key.startswith("+") or not isinstance(value, MappingNode)):
            yield source.one(name, pair.key, pair.value, Layer.PROJECT)


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """What dbt_project.yml says of the project itself: its name, and where things of a kind lie."""

    name: str
    folders: Mapping[str, Sequence[str]]


def project_file(text: str) -> ProjectFile:
    """The project's name, "" where it cannot be read, and its folders by kind."""
    root = _Text(text).root
    folders = {}
    for kind in ("model", "seed", "snapshot", "macro"):
        listed = _value(root, f"{kind}-paths")
        named = [_scalar(item) for item in listed.items] if isinstance(listed, SequenceNode) else []
        folders[kind] = [name.strip("/") for name in named if name] or [SECTIONS[kind]]
    return ProjectFile(_scalar(_value(root, "name")), folders)


# -- Code -----------------------------------------------------------------------------------------------


def in_code(text: str) -> list[Written] | None:
    """What a file of SQL sets by `{{ config(…) }}` or annotates; None where it cannot be read as Jinja."""
    try:
        return [one for call in calls(text) for one in _said_by(call)]
    except UNREADABLE:
        return None


def _said_by(call: jinja.Call) -> Iterator[Written]:
    called = call.node
    if isinstance(called, jinja.Name) and called.name == "config":
        for key, value in _settings(call):
            yield from _set_in(key, value)
        return
    if isinstance(called, jinja.Getattr) and isinstance(called.node, jinja.Name):
        name = f"{called.node.name}_{called.attr}"
    else:
        name = called.name if isinstance(called, jinja.Name) else ""
    if found := _ANNOTATES.fullmatch(name):
        yield from _annotated(call, found[1])


def _annotated(call: jinja.Call, kind: str) -> Iterator[Written]:
    """Of the column that is named first: what it means, and what it is for."""
    given = {keyword.key: keyword.value for keyword in call.kwargs}
    given |= dict(zip(("name", "description", "more"), call.args, strict=False))
    name = given.get("name")
    if not isinstance(name, jinja.Const):
        return
    last = _lowest(call, call.lineno)
    for field, value in (("annotation", kind), ("description", _text_of(given.get("description")))):
        if value:
            yield Written(field, value, Layer.ANNOTATION, call.lineno, last, column=str(name.value))


def _text_of(node: jinja.Node | None) -> str:
    return _shown(node) if node is not None else ""


def _settings(call: jinja.Call) -> Iterator[tuple[str, jinja.Expr]]:
    """What a call sets, by name or in a dictionary."""
    for given in call.args:
        if isinstance(given, jinja.Dict):
            yield from ((str(p.key.value), p.value) for p in given.items if isinstance(p.key, jinja.Const))
    yield from ((keyword.key, keyword.value) for keyword in call.kwargs)


def _set_in(key: str, value: jinja.Expr) -> Iterator[Written]:
    if key != "meta" or not isinstance(value, jinja.Dict):
        first = value.lineno
        yield Written(_SAME.get(key, key), _shown(value), Layer.CODE, first, _lowest(value, first))
        return
    for pair in value.items:
        if isinstance(pair.key, jinja.Const):
            last = _lowest(pair.value, pair.lineno)
            yield Written(f"meta.{pair.key.value}", _shown(pair.value), Layer.CODE, pair.lineno, last)


def field_of(setting: str) -> str:
    """The one name that a setting has here; dbt knows some by two."""
    return _SAME.get(setting, setting)


def as_line(value: object, depth: int = 0) -> str:
    """A literal of code on one line, in the words of YAML, cut where it is long."""
    if isinstance(value, Mapping) and depth < _DEEPEST:
        told = _joined(f"{as_line(k, depth + 1)}: {as_line(v, depth + 1)}" for k, v in value.items())
    elif isinstance(value, list | tuple | set) and depth < _DEEPEST:
        told = _joined(as_line(one, depth + 1) for one in value)
    elif isinstance(value, str):
        told = " ".join(value[:_READ].split())
    elif value is None or isinstance(value, bool):
        told = "null" if value is None else str(value).lower()
    else:
        told = "…" if isinstance(value, Mapping | list | tuple | set) else str(value)
    return _line(told)


def _lowest(node: jinja.Node, line: int) -> int:
    return max((line, node.lineno, *(one.lineno for one in node.find_all(jinja.Node))))


def _shown(node: jinja.Node, depth: int = 0) -> str:
    """A literal as it is; what would have to be computed is told as such, and not computed."""
    if isinstance(node, jinja.Const):
        return as_line(node.value)
    if isinstance(node, jinja.List | jinja.Tuple) and depth < _DEEPEST:
        told = _joined(_shown(item, depth + 1) for item in node.items)
    elif isinstance(node, jinja.Dict) and depth < _DEEPEST:
        told = _joined(f"{_shown(p.key, depth + 1)}: {_shown(p.value, depth + 1)}" for p in node.items)
    else:
        told = "{{ … }}"
    return _line(told)


# -- Blocks ---------------------------------------------------------------------------------------------


def in_block(text: str, tag: str, name: str) -> list[Written]:
    """A docs block or a macro of a file that may hold several; `tag` is `docs`, `macro` or `test`."""
    begins = re.search(rf"\{{%-?\s*{tag}\s+{re.escape(name)}\b[^%]*%\}}", text)
    if begins is None:
        return []
    ends = re.compile(rf"\{{%-?\s*end{tag}\s*-?%\}}").search(text, begins.end())
    last = ends.end() if ends else len(text)
    inside = text[begins.end() : ends.start() if ends else last]
    field = "description" if tag == "docs" else "code"
    first, end = (text.count("\n", 0, place) + 1 for place in (begins.start(), last))
    return [Written(field, _line(" ".join(inside[:_READ].split())), Layer.CODE, first, end)]


# -- Which one counts -----------------------------------------------------------------------------------


def ruled(places: Iterable[Written]) -> dict[tuple[str, str], list[Written]]:
    """The places of each field, by column and field, the one that dbt obeys first.

    `places` come with those that count less before those that count more within a layer. Columns are the
    same whatever the case; an empty description says nothing; of `meta` dbt takes whole keys, so that a place
    which sets `meta.owner` ends what another says of `meta.owner.team`.
    """
    found: dict[tuple[str, str], list[Written]] = {}
    spelled: dict[str, str] = {}
    for place in places:
        column = spelled.setdefault(place.column.lower(), place.column)
        found.setdefault((column, place.field), []).insert(0, place)
    highest: dict[tuple[str, str], Written] = {}
    for key, written in found.items():
        said = [one for one in written if one.value or one.field != "description"]
        found[key] = sorted(said or written, key=lambda one: -one.layer)
        top = _whole(key)
        highest[top] = max(highest.get(top, found[key][0]), found[key][0], key=lambda one: one.layer)
    for key, written in found.items():
        ends = highest[_whole(key)]
        if ends.layer > written[0].layer:
            written.insert(0, replace(ends, field=key[1], value="", column=key[0]))
    return found


def _whole(key: tuple[str, str]) -> tuple[str, str]:
    """The column and key that dbt takes as a whole."""
    column, field = key
    return column, ".".join(field.split(".")[:2]) if field.startswith("meta.") else field
