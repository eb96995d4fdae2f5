"""A row for each thing that can be found, in step with the catalogue: only what changed is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Count, Q

from catalog.annotations import noted, synonyms_in
from catalog.models import ChangeKind, Column, Edge, Node, NodeTest, SearchEntry, Snapshot
from catalog.quality.tellers import Reads
from catalog.search.words import words_of
from catalog.selectors import adapter_of, reads_of
from catalog.words import COLUMN, FOUND, OWNER, TEST
from governance.models import Project

T = TypeVar("T")
Step = Callable[[], AbstractContextManager[Any]]
# Data that is described, owned and tested, and of what else only the first two are asked.
DATA = frozenset({"model", "source", "seed", "snapshot"})
ASKED = DATA | {"metric", "exposure"}
PLACES = {kind: place for place, kind in enumerate(FOUND)}
# What is deprecated, and what other packages bring, comes after everything that fits as well.
_LATER = 50
NODE = "node"
_ROWS = 500
# What a pull brings in step by itself; more is left to the run behind it.
_AT_ONCE = 5_000
_COLUMNS_EACH = 20
_MOST_TEXT = 2_000
_MOST_OWNER = 200


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a node without reading it whole."""

    unique_id: str
    kind: str
    fingerprint: str
    described: bool
    own: bool
    group_owner: str

    def state(self, owner: str, *, tested: bool, read: bool) -> tuple[str, bool, bool]:
        """Who looks after it, whether something is missing, and whether nothing reads it."""
        owner = self.group_owner or owner
        missing = not (self.described and owner and (tested or self.kind not in DATA))
        return owner, self.own and self.kind in ASKED and missing, self.kind in DATA and not read


def bring_if_little(snapshot: Snapshot) -> None:
    """Bring what a pull changed in step, unless that is so much that people would wait for it."""
    if is_little(snapshot):
        bring(snapshot.project)


def is_little(snapshot: Snapshot) -> bool:
    """Whether what a pull changed is so little that it is brought in step by the pull itself."""
    changes = snapshot.changes
    amount = (
        sum(snapshot.counts.values())
        if changes["first"]
        else (changes[ChangeKind.ADDED] + changes[ChangeKind.CHANGED]) * _COLUMNS_EACH
    )
    return bool(amount <= _AT_ONCE)


def bring(project: Project, *, step: Step = transaction.atomic) -> None:
    """Bring the project's rows in step with its catalogue; each part of the work is one `step`."""
    with step():
        facts = _facts(project)
        rows = SearchEntry.objects.filter(project=project)
        known = {
            node: (fingerprint, (owner, attention, unused))
            for node, fingerprint, owner, attention, unused in rows.exclude(
                kind__in=(COLUMN, TEST, OWNER)
            ).values_list("node", "fingerprint", "owner", "attention", "unused")
        }
        tested = set(NodeTest.objects.filter(project=project).values_list("node", flat=True).distinct())
        read = set(Edge.objects.filter(project=project).values_list("parent", flat=True).distinct())

    def state(pk: int, owner: str) -> tuple[str, bool, bool]:
        return facts[pk].state(owner, tested=pk in tested, read=facts[pk].unique_id in read)

    changed = [pk for pk, fact in facts.items() if pk not in known or known[pk][0] != fact.fingerprint]
    for some in _chunks(changed):
        with step():
            _lock(project)
            rows.filter(node__in=some).exclude(kind=TEST).delete()
            made = (_of_node(node, columns, facts, state) for node, columns in _read(some))
            _write(sorted((entry for entries in made for entry in entries), key=_beside))
    with step():
        _lock(project)
        new = set(changed)
        _restate({pk: (now, state(pk, now[0])) for pk, (_print, now) in known.items() if pk not in new})
        _tests(project)
        _owners(project)


def _lock(project: Project) -> None:
    """Let two who bring at once write one after the other: a row has no other that it would clash with."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def _facts(project: Project) -> dict[int, _Facts]:
    nodes = Node.objects.filter(project=project)
    models = nodes.filter(resource_type__in=DATA).order_by().values_list("package")
    own = max(models.annotate(n=Count("pk")), key=lambda pair: pair[1], default=("", 0))[0]
    described = nodes.order_by("pk").annotate(described=~Q(description=""))
    fields = ("pk", "unique_id", "resource_type", "fingerprint", "described", "package")
    groups = ("group__owner_name", "group__owner_email", "group__name")
    return {
        pk: _Facts(uid, kind, fingerprint, said, package in {own, ""}, _first(*owner))
        for pk, uid, kind, fingerprint, said, package, *owner in described.values_list(*fields, *groups)
    }


def _first(*texts: object) -> str:
    return next((text for text in texts if isinstance(text, str) and text), "")[:_MOST_OWNER]


def _read(keys: list[int]) -> Iterator[tuple[Node, list[tuple[str, str, str]]]]:
    columns: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
    found = Column.objects.filter(node__in=keys).order_by("node", "position")
    for pk, name, description, meta in found.values_list("node", "name", "description", "meta"):
        columns[pk].append((name, description, " ".join(synonyms_in(meta))))
    for node in Node.objects.filter(pk__in=keys):
        yield node, columns[node.pk]


def _of_node(
    node: Node, columns: Iterable[tuple[str, str, str]], facts: Mapping[int, _Facts], state: Any
) -> Iterator[SearchEntry]:
    """A node's row and those of its columns."""
    owner, attention, unused = state(node.pk, _owner(node))
    later = 0 if facts[node.pk].own and not _deprecated(node) else _LATER
    shared = {
        "owner": owner,
        "attention": attention,
        "unused": unused,
        "certified": noted(node.meta, "certified") is True or "certified" in node.tags,
        "project_id": node.project_id,
        "node_id": node.pk,
    }
    source = node.unique_id.split(".")[2:3] if node.resource_type == "source" else []
    qualified = " ".join(words_of(" ".join([*source, node.name])))
    entry = _entry(
        node.resource_type,
        node.unique_id,
        node.name,
        label=node.label,
        description=node.description,
        later=later,
    )
    entry.context = " ".join(
        [
            *(qualified, *words_of(" ".join(synonyms_in(node.meta))), *words_of(node.path)),
            *words_of(" ".join(name for name, *_rest in columns)),
        ]
    )
    entry.qualified, entry.fingerprint = qualified[:400], node.fingerprint
    yield _with(entry, shared)
    for name, description, others in columns:
        entry = _entry(COLUMN, f"{node.unique_id}#{name}", name, description=description, later=later)
        entry.context = " ".join(words_of(others))
        entry.parent = " ".join([qualified, *words_of(node.label)])
        entry.qualified = f"{' '.join(words_of(node.name))} {entry.exact}"[:400]
        yield _with(entry, shared)


def _with(entry: SearchEntry, values: Mapping[str, Any]) -> SearchEntry:
    for name, value in values.items():
        setattr(entry, name, value)
    return entry


def _beside(entry: SearchEntry) -> tuple[bool, str]:
    """Nodes beside nodes, columns beside those of the same name: what is found together is read together."""
    return entry.role != NODE, entry.exact


def _owner(node: Node) -> str:
    """Who looks after a node that no group has: an exposure's owner, or whom `meta` names."""
    return owner_of(node.fields.get("owner") or noted(node.meta, "owner"))


def owner_of(told: object) -> str:
    """The owner that dbt tells of, by name or as an object with one; "" where there is none."""
    return _first(*(told.get(key) for key in ("name", "email"))) if isinstance(told, dict) else _first(told)


def _deprecated(node: Node) -> bool:
    return bool(node.fields.get("deprecation_date")) or node.meta.get("deprecated") is True


def _entry(
    kind: str, key: str, name: str, *, label: str = "", description: str = "", later: int = 0
) -> SearchEntry:
    exact, titled = " ".join(words_of(name)), " ".join(words_of(label))
    return SearchEntry(
        kind=kind,
        role=kind if kind in (COLUMN, TEST) else NODE,
        key=key[:700],
        name=name,
        label=label,
        description=description[:_MOST_TEXT],
        exact=exact[:400],
        titled=titled[:400],
        own=f"{exact} {titled}",
        place=PLACES[kind] + later,
    )


def _write(entries: Iterable[SearchEntry]) -> None:
    SearchEntry.objects.bulk_create(entries, batch_size=_ROWS)


def _restate(states: Mapping[int, tuple[tuple[str, bool, bool], tuple[str, bool, bool]]]) -> None:
    """Note of nodes that are as they were what others changed: tests, readers, the owner of a group."""
    differing: dict[tuple[str, bool, bool], list[int]] = defaultdict(list)
    for pk, (was, now) in states.items():
        if was != now:
            differing[now].append(pk)
    for (owner, attention, unused), keys in differing.items():
        for some in _chunks(keys):
            found = SearchEntry.objects.filter(node__in=some)
            found.update(owner=owner, attention=attention, unused=unused)


def _tests(project: Project) -> None:
    tests = NodeTest.objects.filter(project=project).exclude(node=None)
    there = dict(tests.values_list("unique_id", "fingerprint"))
    rows = SearchEntry.objects.filter(project=project, kind=TEST)
    # Those without a label are of a time when tests were not told as rules.
    known = {key: (label and had) for key, had, label in rows.values_list("key", "fingerprint", "label")}
    changed = [key for key, fingerprint in there.items() if known.get(key) != fingerprint]
    for some in _chunks([key for key in known if key not in there or known[key] != there[key]]):
        rows.filter(key__in=some).delete()
    reads = reads_of(adapter_of(project))
    for some in _chunks(changed):
        found = tests.filter(unique_id__in=some).order_by("pk").select_related("node")
        _write(_of_test(test, test.node, reads) for test in found if test.node is not None)


def _of_test(test: NodeTest, node: Node, reads: Reads) -> SearchEntry:
    """The entry of a test, under the sentence that it stands for."""
    sentence = test.told(node.name, reads).sentence
    entry = _entry(TEST, test.unique_id, test.name, label=sentence[:255], description=test.description)
    entry.parent = " ".join(words_of(f"{node.name} {test.column}"))
    values = {"project_id": test.project_id, "node_id": node.pk, "fingerprint": test.fingerprint}
    return _with(entry, values)


def _owners(project: Project) -> None:
    rows = SearchEntry.objects.filter(project=project)
    found = rows.exclude(owner="").exclude(kind__in=(COLUMN, TEST, OWNER))
    there = set(found.order_by().values_list("owner", flat=True).distinct())
    people = rows.filter(kind=OWNER)
    known = set(people.values_list("name", flat=True))
    for some in _chunks(sorted(known - there)):
        people.filter(name__in=some).delete()
    _write(
        _with(_entry(OWNER, f"owner:{name}", name), {"project_id": project.pk})
        for name in sorted(there - known)
    )


def _chunks(keys: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(keys), _ROWS):
        yield keys[start : start + _ROWS]
