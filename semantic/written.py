"""Where in a repository's texts each field of a thing is written, and which of several places dbt obeys.

Nothing is rendered or evaluated: YAML is read with the places of its entries, Jinja only as far as its tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import jinja2
from jinja2 import nodes as jinja

from semantic.codegen.yaml_marks import (
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
    is, `doc` is the docs block that the value is taken from, as the file names it; both may be "".
    """

    field: str
    value: str
    layer: Layer
    first: int
    last: int
    column: str = ""
    doc: str = ""
    file: str = ""


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
_DEEPEST = 4
_MOST_CODE = 1_000_000
_ANNOTATES = re.compile(r"(?:bisync|omni)_(?:generated_)?(dimension|measure|calculation)")
# Of an entry's keys those that hold others of their own.
_OPENED = frozenset({"config", "meta", "type_params"})
_DOC = re.compile(r"""\{\{\s*doc\(\s*(?:['"](?P<package>\w+)['"]\s*,\s*)?['"](?P<name>\w+)['"]\s*\)\s*\}\}""")


# -- Properties files -----------------------------------------------------------------------------------


def in_properties(text: str, kind: str, name: str, *, source: str = "") -> list[Written]:
    """The fields of the entry `name` of a kind (`model`, `metric`, `source` …); of a table with its source's.

    A later one of the same field counts more. Empty where the file has no such entry or cannot be read.
    """
    try:
        root = read(text).root
    except YamlRefused:
        return []
    section = _value(root, SECTIONS.get(kind, ""))
    if kind == "source":
        return _table(text, section, source, name)
    entry = _named(section, name) or _in_model(root, kind, name)
    return list(_fields(text, entry, Layer.PROPERTIES)) if entry is not None else []


def line_of(text: str, kind: str, name: str, *, column: str = "") -> int:
    """The line of an entry of a properties file, or of one of its columns; 0 where it has none."""
    try:
        root = read(text).root
    except YamlRefused:
        return 0
    entry = _named(_value(root, SECTIONS.get(kind, "")), name) or _in_model(root, kind, name)
    if column and entry is not None:
        columns = _items(_value(entry, "columns"))
        wanted = column.lower()
        found = next((one for one in columns if _scalar(_value(one, "name")).lower() == wanted), None)
        return found.line if found is not None else entry.line
    return entry.line if entry is not None else 0


def _table(text: str, sources: Node | None, source: str, name: str) -> list[Written]:
    of_all = _named(sources, source)
    if of_all is None:
        return []
    shared = [
        one
        for one in _fields(text, of_all, Layer.SOURCE)
        if one.field not in {"description", "tables"} and not one.field.startswith("tables.")
    ]
    table = _named(_value(of_all, "tables"), name)
    return [*shared, *(_fields(text, table, Layer.PROPERTIES) if table is not None else ())]


def _in_model(root: Node | None, kind: str, name: str) -> MappingNode | None:
    """A metric or semantic model that is written inside its model, as dbt 1.12 has them."""
    models = _value(root, "models")
    for model in _items(models):
        if kind == "metric" and (found := _named(_value(model, "metrics"), name)) is not None:
            return found
        own = _value(model, "semantic_model") if kind == "semantic_model" else None
        if own is not None:
            called = _value(own, "name") or _value(model, "name")
            if isinstance(called, ScalarNode) and called.value == name:
                return own if isinstance(own, MappingNode) else model
    return None


def _fields(text: str, entry: MappingNode, layer: Layer, prefix: str = "") -> Iterator[Written]:
    # What stands under `config` counts more than the same beside it.
    for pair in sorted(entry.pairs, key=lambda pair: pair.has("config")):
        key = _key(pair)
        value = _target(pair.value)
        if key in {"", "name"} and not prefix.startswith("meta."):
            continue
        if key == "config" and isinstance(value, MappingNode):
            yield from _fields(text, value, layer, prefix)
        elif isinstance(value, MappingNode) and (key in _OPENED or prefix.endswith("meta.")):
            yield from _fields(text, value, layer, f"{prefix}{key}.")
        elif isinstance(value, SequenceNode) and _all_named(value):
            yield from _members(text, f"{prefix}{key}", value, layer)
        else:
            yield _one(text, f"{prefix}{key}", pair.key, pair.value, layer)


def _members(text: str, field: str, listed: SequenceNode, layer: Layer) -> Iterator[Written]:
    """Columns with each of their fields; of other lists each member as a whole."""
    for member in _items(listed):
        name = _scalar(_value(member, "name"))
        if field == "columns":
            yield from (replace(one, column=name) for one in _fields(text, member, layer))
        else:
            yield _one(text, f"{field}.{name}", member, member, layer)


def _one(text: str, field: str, begins: Node, value: Node, layer: Layer) -> Written:
    found = _DOC.search(value.value) if isinstance(value, ScalarNode) else None
    doc = ".".join(part for part in (found["package"], found["name"]) if part) if found else ""
    last = max(begins.line, _last_line(text, value))
    return Written(_SAME.get(field, field), _told(value), layer, begins.line, last, doc=doc)


def _last_line(text: str, node: Node) -> int:
    written = text[node.start : node.end].rstrip()
    return node.line + written.count("\n")


def _told(node: Node, depth: int = 0) -> str:
    """A value on one line, cut where it is long."""
    node = _target(node)
    if isinstance(node, ScalarNode):
        told = " ".join(node.value.split())
    elif depth == _DEEPEST:
        told = "…"
    elif isinstance(node, MappingNode):
        told = _joined(f"{_key(pair)}: {_told(pair.value, depth + 1)}" for pair in node.pairs)
    else:
        told = _joined(_told(item, depth + 1) for item in children(node))
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


def _named(node: Node | None, name: str) -> MappingNode | None:
    return next((one for one in _items(node) if _scalar(_value(one, "name")) == name), None)


def _all_named(listed: SequenceNode) -> bool:
    members = _items(listed)
    return len(members) == len(listed.items) > 0 and all(_scalar(_value(one, "name")) for one in members)


# -- dbt_project.yml ------------------------------------------------------------------------------------


def in_project_file(text: str, kind: str, fqn: Sequence[str]) -> list[Written]:
    """What the project's file sets for the folders that a thing lies in, the nearest last.

    `fqn` are the package, the folders below that of the kind, and the name, as dbt has them.
    """
    try:
        root = read(text).root
    except YamlRefused:
        return []
    level = _value(root, SECTIONS.get(kind, ""))
    found: list[Written] = []
    for step in (*fqn, None):
        if not isinstance(level, MappingNode):
            break
        found += _set_here(text, level)
        level = _value(level, step) if step is not None else None
    return found


def _set_here(text: str, level: MappingNode) -> Iterator[Written]:
    for pair in level.pairs:
        key, value = _key(pair), _target(pair.value)
        name = key.removeprefix("+")
        if key.startswith("+meta") and isinstance(value, MappingNode):
            yield from _fields(text, value, Layer.PROJECT, "meta.")
        # A mapping without a plus is a folder.
        elif name and (key.startswith("+") or not isinstance(value, MappingNode)):
            yield _one(text, name, pair.key, pair.value, Layer.PROJECT)


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """What dbt_project.yml says of the project itself: its name, and where things of a kind lie."""

    name: str
    folders: Mapping[str, Sequence[str]]


def project_file(text: str) -> ProjectFile:
    """The project's name, "" where it cannot be read, and its folders by kind."""
    try:
        root = read(text).root
    except YamlRefused:
        root = None
    folders = {}
    for kind in ("model", "seed", "snapshot", "macro"):
        listed = _value(root, f"{kind}-paths")
        named = [_scalar(item) for item in listed.items] if isinstance(listed, SequenceNode) else []
        folders[kind] = [name.strip("/") for name in named if name] or [SECTIONS[kind]]
    return ProjectFile(_scalar(_value(root, "name")), folders)


# -- Code -----------------------------------------------------------------------------------------------


def in_code(text: str) -> list[Written]:
    """What a file of SQL sets by `{{ config(…) }}` or annotates; empty where it is no Jinja."""
    if len(text) > _MOST_CODE:
        return []
    try:
        tree = jinja2.Environment(autoescape=True).parse(text)
        return [one for call in tree.find_all(jinja.Call) for one in _said_by(call)]
    except (jinja2.TemplateSyntaxError, RecursionError):
        return []


def _said_by(call: jinja.Call) -> Iterator[Written]:
    called = call.node
    if isinstance(called, jinja.Name) and called.name == "config":
        for keyword in call.kwargs:
            yield from _set_in(keyword)
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


def _set_in(keyword: jinja.Keyword) -> Iterator[Written]:
    value = keyword.value
    field = _SAME.get(keyword.key, keyword.key)
    whole = Written(field, _shown(value), Layer.CODE, keyword.lineno, _lowest(value, keyword.lineno))
    if keyword.key != "meta" or not isinstance(value, jinja.Dict):
        yield whole
        return
    for pair in value.items:
        if isinstance(pair.key, jinja.Const):
            last = _lowest(pair.value, pair.lineno)
            yield replace(
                whole, field=f"meta.{pair.key.value}", value=_shown(pair.value), first=pair.lineno, last=last
            )


def _lowest(node: jinja.Node, line: int) -> int:
    return max((line, node.lineno, *(one.lineno for one in node.find_all(jinja.Node))))


def _shown(node: jinja.Node, depth: int = 0) -> str:
    """A literal as it is; what would have to be computed is told as such, and not computed."""
    if isinstance(node, jinja.Const):
        told = str(node.value)
    elif isinstance(node, jinja.List | jinja.Tuple) and depth < _DEEPEST:
        told = _joined(_shown(item, depth + 1) for item in node.items)
    elif isinstance(node, jinja.Dict) and depth < _DEEPEST:
        told = _joined(f"{_shown(p.key, depth + 1)}: {_shown(p.value, depth + 1)}" for p in node.items)
    else:
        told = "{{ … }}"
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


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
    first = text.count("\n", 0, begins.start()) + 1
    return [Written(field, _cut(inside), Layer.CODE, first, text.count("\n", 0, last) + 1)]


def _cut(text: str) -> str:
    told = " ".join(text[: 2 * _LONGEST].split())
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


# -- Which one counts -----------------------------------------------------------------------------------


def ruled(places: Iterable[Written]) -> dict[tuple[str, str], list[Written]]:
    """The places of each field, by column and field, the one that dbt obeys first.

    `places` come with those that count less before those that count more within a layer.
    """
    found: dict[tuple[str, str], list[Written]] = {}
    for place in places:
        found.setdefault((place.column, place.field), []).insert(0, place)
    return {key: sorted(written, key=lambda one: -one.layer) for key, written in found.items()}
