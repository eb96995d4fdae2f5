"""What a pull does to proposals under way: clean merges happen by themselves, clashes become conflicts."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from catalog.models import Change, Snapshot
from environments.selectors import snapshot_vocabulary
from governance.models import Project
from proposals.actions import conflicts
from proposals.actions.conflicts import Origin
from proposals.models import OPEN, Item, Proposal
from semantic.current import fields_of
from semantic.definitions import Vocabulary
from semantic.fields import MetricFields
from semantic.formula import analyse
from semantic.formulas import meaning
from semantic.merge import Clash, merge


def merge_project(project: Project, snapshot: Snapshot) -> None:
    """Bring open proposals in step with a snapshot; each is merged with one commit once."""
    if not _waiting(project, snapshot).exists():
        return
    # Nobody decides, approves or sends one of them meanwhile.
    mine = Proposal.objects.filter(project=project, status__in=OPEN).order_by("pk")
    list(mine.select_for_update(of=("self",), no_key=True))
    for item in _waiting(project, snapshot):
        vocabulary = snapshot_vocabulary(snapshot, item.proposal.target)
        merge_item(item, vocabulary, snapshot)
        Item.objects.filter(pk=item.pk).update(merged_commit=snapshot.commit)
        if item.revision.agreed is not None:
            conflicts.go_on(item.proposal, actor=None)


def _waiting(project: Project, snapshot: Snapshot) -> QuerySet[Item]:
    """The items that have not seen the snapshot, and that could have something to do with what dbt says."""
    open_items = Item.objects.filter(proposal__project=project, proposal__status__in=OPEN)
    items = open_items.annotate(metric_name=KeyTextTransform("name", "revision__fields"))
    names = snapshot.project.definitions.filter(state="published").values("name")
    touched = ~Q(revision__base={}) | Q(metric_name__in=names) | Q(conflicts__state="open")
    return (
        items.filter(touched)
        .exclude(merged_commit=snapshot.commit)
        .select_related("revision", "proposal__target__live", "proposal__target__connection")
        .distinct()
    )


def merge_item(item: Item, vocabulary: Vocabulary, snapshot: Snapshot) -> None:
    """Three-way merge of one metric; its revision, its conflicts and its code are in step afterwards."""
    revision = item.revision
    base, ours = revision.agreed, revision.metric
    metric = vocabulary.metrics.get(base.name if base else ours.name)
    theirs = fields_of(metric, vocabulary) if metric else None
    if base is not None and theirs is not None:
        _merge_fields(item, base, ours, theirs, vocabulary, snapshot)
        return
    clash: dict[str, Clash[object]] = {}
    if (base is None) != (theirs is None):
        states = (side.to_json() if side else {} for side in (base, ours, theirs))
        clash = {"": Clash(*states)}
    conflicts.found(item, clash, _origin(snapshot, metric.unique_id if metric else "", item))


def _merge_fields(
    item: Item,
    base: MetricFields,
    ours: MetricFields,
    theirs: MetricFields,
    vocabulary: Vocabulary,
    snapshot: Snapshot,
) -> None:
    dialect = item.proposal.target.connection.adapter

    def same(name: str, one: object, other: object) -> bool:
        return one == other or (name == "formula" and _means_the_same(one, other, vocabulary, dialect))

    merged = merge(base.agreed(), ours.agreed(), theirs.agreed(), same=same)
    conflicts.merged(item, merged)
    metric = vocabulary.metrics[base.name]
    conflicts.found(item, dict(merged.clashes), _origin(snapshot, metric.unique_id, item))


def _means_the_same(one: object, other: object, vocabulary: Vocabulary, dialect: str) -> bool:
    trees = [analyse(str(text), vocabulary).tree for text in (one, other)]
    if None in trees:
        return False
    found = {meaning(tree, vocabulary, dialect=dialect) for tree in trees if tree}
    return len(found) == 1


def _origin(snapshot: Snapshot, unique_id: str, item: Item) -> Origin:
    """The last commit that changed the metric, as far as pulls have noted it; else the snapshot's own."""
    changes = Change.objects.filter(project=snapshot.project_id)
    named = Q(unique_id=unique_id) if unique_id else Q(resource_type="metric", name=item.revision.metric.name)
    last = changes.filter(named).order_by("-id").first()
    if last is not None and last.commit:
        return Origin(last.commit, last.author, last.committed_at)
    return Origin(snapshot.commit, snapshot.author, snapshot.committed_at)
