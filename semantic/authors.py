"""Who wrote the lines behind what a pull changed, field by field, where git can tell it soon."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from catalog.models import Change, ChangeKind, Node, Snapshot
from semantic.lines import Order, Place, Texts, age, at, blamed, order_of, written_of
from semantic.written import ADDING_UP, Written, in_block, ruled
from workspace.git.commits import Commit
from workspace.models import Repository

# A pull looks at the lines of so many things, and takes so many seconds for each of reading and blaming: of
# the rest it is known as before which commit touched their files last.
MOST = 500
_SECONDS = 10
# Where a field of the history has another name than in the files.
_NAMED: dict[str, tuple[str, ...]] = {
    "relation": ("database", "schema", "alias"),
    "macro_sql": ("code",),
}
_COLUMN_PARTS = ("data_type", "description", "meta")
_Places = dict[str, list[Written]]


def with_authors(snapshot: Snapshot, repository: Repository, *, since: str) -> list[Change]:
    """What a pull changed, with who wrote each line since that commit; not saved, and without the unknown.

    A line that is older did not bring the change, and what was taken away has no line: both stay unknown.
    """
    texts = Texts(repository, snapshot.commit)
    docs = Node.objects.filter(project=snapshot.project_id, resource_type="doc")
    blocks = dict(docs.values_list("name", "path"))
    until = time.monotonic() + _SECONDS
    asked: list[tuple[Change, _Places]] = []
    for change, node in _changed(snapshot):
        if time.monotonic() > until:
            break
        places = _places(change, node, written_of(node, texts))
        asked.append((change, {name: [*ones, *_docs(ones, blocks, texts)] for name, ones in places.items()}))
    written = [one for _change, places in asked for found in places.values() for one in found]
    if not written:
        return []
    order = order_of(texts, since=since, limit=MOST)
    commits = blamed(texts, written, since=since, until=time.monotonic() + _SECONDS, order=order)
    return [change for change, places in asked if _told(change, places, commits, order)]


def _changed(snapshot: Snapshot) -> Iterator[tuple[Change, Node]]:
    changes = list(snapshot.changed.filter(kind=ChangeKind.CHANGED)[:MOST])
    keys = [change.unique_id for change in changes]
    nodes = Node.objects.filter(project=snapshot.project_id, unique_id__in=keys)
    found = {node.unique_id: node for node in nodes}
    return ((change, found[change.unique_id]) for change in changes if change.unique_id in found)


def _places(change: Change, node: Node, written: Iterable[Written]) -> _Places:
    """For each changed field the places that give it its value: of several that one which dbt obeys."""
    counting: dict[str, list[Written]] = {}
    for (column, field), places in ruled(written).items():
        counting.setdefault(column.lower(), []).extend(places if field in ADDING_UP else places[:1])
    whole = counting.pop("", [])
    found: _Places = {}
    for name, before, after in change.fields:
        column, _dot, part = name.lower().rpartition(".")
        if column in counting:
            found[name] = [one for one in counting[column] if _part(one) == part]
        elif name == "columns":
            came = set(str(after).lower().split(", ")) - set(str(before).lower().split(", "))
            found[name] = [one for key in came for one in counting.get(key, ())]
        else:
            wanted = _wanted(name, node)
            found[name] = [one for one in whole if one.field.split(".")[0] in wanted]
    return found


def _docs(written: Iterable[Written], blocks: Mapping[str, str], texts: Texts) -> Iterator[Written]:
    """The docs blocks that these take their values from."""
    for one in written:
        name = one.doc.rpartition(".")[2]
        if file := blocks.get(name):
            yield from (replace(block, file=file) for block in in_block(texts.read(file), "docs", name))


def _part(one: Written) -> str:
    """What the history calls the part of a column that a line sets."""
    part = one.field.split(".")[0]
    return part if part in _COLUMN_PARTS else "fields"


def _wanted(name: str, node: Node) -> Iterable[str]:
    """The fields of files that one of the history is made of; of `config` those that have no own place."""
    if name == "config":
        config = node.fields.get("config")
        return list(config) if isinstance(config, dict) else []
    return _NAMED.get(name, (name,))


def _told(change: Change, places: _Places, commits: Mapping[Place, Commit], order: Order) -> bool:
    """Note of each field its youngest line; whether any was found. Where all are known, so is the change."""
    last: list[Commit] = []
    for name, written in places.items():
        known = [(commits[at(one)], one) for one in written if at(one) in commits]
        if known:
            commit, one = max(known, key=lambda pair: age(pair[0], order))
            change.note_author(name, commit, file=one.file, line=one.first)
            last.append(commit)
    if last and len(last) == len(places):
        change.brought_by(max(last, key=lambda commit: age(commit, order)))
    return bool(last)
