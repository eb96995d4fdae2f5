"""The project's data quality rules: what each is about, who looks after it, and how it last ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from catalog.models import Column, Node, NodeTest, Outcome, Snapshot
from catalog.narrowing import NOT_RUN, RulesAsked
from catalog.outcomes import Tested, Trust, outcomes_of, outdated
from catalog.quality.rules import METRIC_TESTS, Rule, constraints, freshness, is_changeable
from catalog.quality.tellers import Reads, metric_of
from catalog.search.index import owner_of
from catalog.selectors import MOST, USED, reads_of
from catalog.words import KINDS, Kind
from governance.models import Project


@dataclass(frozen=True, slots=True)
class Kept:
    """A rule of a thing, and how dbt spells it: its test, a constraint, or the freshness of a source.

    `key` is what its outcome goes by; "" where nothing of dbt's tells how it ended. `changeable` says
    whether a form can say what it says.
    """

    rule: Rule
    key: str
    spelled: str
    name: str
    column: str
    file: str
    description: str = ""
    owner: str = ""
    changeable: bool = False

    @property
    def called(self) -> str:
        """What dbt calls it: its name, and the test where the name does not begin with it."""
        bare, whole = self.spelled.rpartition(".")[2], self.spelled.replace(".", "_")
        return self.name if self.name.startswith((bare, whole)) else f"{self.spelled}: {self.name}"


def kept_by(node: Node, columns: Iterable[Column], tests: Iterable[NodeTest], reads: Reads) -> list[Kept]:
    """Every rule that a thing keeps: its tests, its contract's constraints, and how fresh it is."""
    of_tests = [_of_test(test, node.name, reads) for test in tests]
    return [*of_tests, *_constraints(node, columns, reads), *_freshness(node)]


def _of_test(test: NodeTest, about: str, reads: Reads) -> Kept:
    meta = test.fields.get("meta")
    return Kept(
        rule=test.told(about, reads),
        key=test.unique_id,
        spelled=test.kind,
        name=test.name,
        column=test.column,
        file=test.path,
        description=test.description,
        owner=owner_of(meta.get("owner") if isinstance(meta, dict) else None),
        changeable=is_changeable(test.of(about)),
    )


def _constraints(node: Node, columns: Iterable[Column], reads: Reads) -> Iterator[Kept]:
    contract = node.fields.get("contract")
    enforced = isinstance(contract, dict) and contract.get("enforced") is True
    file = node.patch_path or node.path
    said = [
        ("", node.fields.get("constraints")),
        *((one.name, one.fields.get("constraints")) for one in columns),
    ]
    for column, raw in said:
        for rule in constraints(node.name, raw, column=column, enforced=enforced, reads=reads):
            yield Kept(rule, "", "constraint", str(rule.parameters.get("constraint", "")), column, file)


def _freshness(node: Node) -> Iterator[Kept]:
    if node.resource_type == "source" and (rule := freshness(node.name, node.fields.get("freshness"))):
        yield Kept(rule, node.unique_id, "freshness", node.name, "", node.path)


Judged = tuple[Kept, Tested | None]


def columns_of(
    node: Node, columns: Iterable[Column], judged: Iterable[Judged]
) -> list[tuple[Column, list[Judged]]]:
    """The columns that the project declares, each with the rules that it keeps and how they ended."""
    named: dict[str, list[Judged]] = {}
    for kept, tested in judged:
        if kept.column:
            named.setdefault(kept.column.lower(), []).append((kept, tested))
    declared = [(column, named.pop(column.name.lower(), [])) for column in columns]
    # A column may be tested that nobody described.
    return [*declared, *((Column(node=node, name=rest[0][0].column), rest) for rest in named.values())]


@dataclass(frozen=True, slots=True)
class Below:
    """What a thing's trust rests on, told as rules: what is wrong, and of a metric the rules of its value."""

    wrong: Sequence[tuple[Tested, str]]
    value: Sequence[Judged]


def below(project: Project, trust: Trust, *, but: str = "", metric: str = "", adapter: str) -> Below:
    """What is wrong of all that was looked at, `but` of one node, in sentences; and a metric's own rules."""
    wrong = [one for one in trust.wrong_tests if one.node != but][:MOST]
    mine = [one for one in trust.looked if metric and metric_of(one.name) == metric]
    keys = {one.unique_id for one in (*wrong, *mine)}
    tests = (
        NodeTest.objects.filter(project=project, unique_id__in=keys).select_related("node") if keys else ()
    )
    reads = reads_of(adapter)
    kept = {one.unique_id: _of_test(one, one.node.name, reads) for one in tests if one.node is not None}
    value = [(kept[one.unique_id], one) for one in mine if one.unique_id in kept]
    return Below(
        [(one, kept[one.unique_id].rule.sentence if one.unique_id in kept else "") for one in wrong],
        [judged for judged in value if judged[0].spelled in METRIC_TESTS],
    )


# -- All of a project -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A rule in the list of all: the thing that it is of, and who looks after it."""

    node: str
    name: str
    resource_type: str
    domain: str
    owner: str
    kept: Kept
    tested: Tested | None = None

    @property
    def kind(self) -> Kind:
        """What people call the kind of thing."""
        return KINDS[self.resource_type]

    @property
    def state(self) -> str:
        """bad, warn or ok; "" where nobody has looked, or nothing tells."""
        return self.tested.state if self.tested is not None else ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The lines that were asked for, and how many there would be with another one of each filter."""

    lines: Sequence[Line]
    kinds: Mapping[str, int]
    states: Mapping[str, int]
    owners: Mapping[str, int]
    domains: Mapping[str, int]
    total: int


def rules_of(project: Project, asked: RulesAsked) -> Rules:
    """The project's rules by thing, each with how it stands."""
    pull = Snapshot.objects.filter(project=project).only("created_at", "adapter").order_by("-id").first()
    every = _read(project.pk, (pull.pk, pull.created_at, pull.adapter)) if pull is not None else ()
    judged = _judged(project, every) if every else []
    facets: dict[str, Counter[str]] = {name: Counter() for name in ("kind", "state", "owner", "domain")}
    found = []
    for line in judged:
        has = {
            "kind": line.kept.rule.kind,
            "state": line.state or NOT_RUN,
            "owner": line.owner,
            "domain": line.domain,
        }
        if not asked.fits(line.kept.rule.sentence, line.name, line.kept.name, line.kept.spelled):
            continue
        lacking = [name for name, value in has.items() if getattr(asked, name) not in ("", value)]
        for name in has:
            if lacking in ([], [name]):
                facets[name][has[name]] += 1
        if not lacking:
            found.append(line)
    kinds, states, owners, domains = facets.values()
    return Rules(found, kinds, states, owners, domains, len(every))


def with_outcomes(project: Project, lines: Sequence[Line]) -> list[Line]:
    """The lines with all of their outcomes, of which a list of everything reads only the states."""
    told = outcomes_of(project, [line.kept.key for line in lines if line.tested is not None])
    return [
        replace(line, tested=replace(line.tested, outcome=told.get(line.kept.key, line.tested.outcome)))
        if line.tested is not None
        else line
        for line in lines
    ]


def _judged(project: Project, lines: Iterable[Line]) -> list[Line]:
    found = Outcome.objects.filter(project=project).order_by("-rank", "at").defer("message", "fields")
    told = {one.unique_id: one for one in found}
    old = outdated(project, told.values())
    return [
        replace(line, tested=_tested(line, told, old)) if line.kept.key in told else line for line in lines
    ]


def _tested(line: Line, told: Mapping[str, Outcome], old: frozenset[str]) -> Tested:
    key = line.kept.key
    return Tested(key, line.kept.name, line.node, line.kept.column, told[key], key in old)


@lru_cache(maxsize=4)
def _read(project: int, pull: tuple[int, datetime, str]) -> tuple[Line, ...]:
    """Every rule as a pull brought it: they change with pulls alone."""
    reads = reads_of(pull[2])
    found = Node.objects.filter(project=project).exclude(resource_type__in=USED)
    nodes = {node.pk: node for node in found.select_related("group")}
    metrics = {node.name: node for node in nodes.values() if node.resource_type == "metric"}
    tests: dict[int, list[NodeTest]] = {}
    for test in NodeTest.objects.filter(project=project, node__isnull=False).order_by("column", "name"):
        tests.setdefault(test.node_id or 0, []).append(test)
    columns: dict[int, list[Column]] = {}
    for column in Column.objects.filter(node__project=project, fields__has_key="constraints"):
        columns.setdefault(column.node_id, []).append(column)
    lines = [
        _line(metrics.get(metric_of(kept.name)) or node if kept.spelled in METRIC_TESTS else node, kept)
        for node in nodes.values()
        for kept in kept_by(node, columns.get(node.pk, ()), tests.get(node.pk, ()), reads)
    ]
    return tuple(sorted(lines, key=lambda one: (one.name.casefold(), one.node, one.kept.column.casefold())))


def _line(node: Node, kept: Kept) -> Line:
    group = node.group
    theirs = (group.owner_name or group.owner_email or group.name) if group is not None else ""
    return Line(
        node=node.unique_id,
        name=node.called,
        resource_type=node.resource_type,
        domain=group.name if group is not None else "",
        owner=kept.owner or theirs or owner_of(node.fields.get("owner") or node.meta.get("owner")),
        kept=replace(kept, rule=replace(kept.rule, parameters={})),
    )
