"""What a pull does to proposals under way: clean merges happen by themselves, clashes become conflicts."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from catalog.models import Change, Snapshot
from environments.selectors import snapshot_known
from governance.models import Project
from proposals.actions import conflicts
from proposals.actions.conflicts import Origin
from proposals.kinds import kind_of
from proposals.models import OPEN, Item, Proposal
from semantic.known import Known
from semantic.merge import Clash, merge


def merge_project(project: Project, snapshot: Snapshot) -> None:
    """Bring open proposals in step with a snapshot; each is merged with one commit once."""
    if not _waiting(project, snapshot).exists():
        return
    # Nobody decides, approves or sends one of them meanwhile.
    mine = Proposal.objects.filter(project=project, status__in=OPEN).order_by("pk")
    list(mine.select_for_update(of=("self",), no_key=True))
    _merge_items(_waiting(project, snapshot), snapshot)


def merge_proposal(proposal: Proposal) -> None:
    """Bring one that is open again in step with the last pull: pulls pass by what is not open."""
    snapshot = Snapshot.objects.filter(project=proposal.project).order_by("-id").first()
    if snapshot is not None:
        _merge_items(_waiting(proposal.project, snapshot).filter(proposal=proposal), snapshot)


def _merge_items(items: QuerySet[Item], snapshot: Snapshot) -> None:
    changed: dict[int, Proposal] = {}
    for item in items:
        merge_item(item, snapshot_known(snapshot, item.proposal.target), snapshot)
        Item.objects.filter(pk=item.pk).update(merged_commit=snapshot.commit)
        if item.revision.base or item.entries.get("uses"):
            changed[item.proposal_id] = item.proposal
    for proposal in changed.values():
        conflicts.go_on(proposal, actor=None)


def _waiting(project: Project, snapshot: Snapshot) -> QuerySet[Item]:
    """The items that have not seen the snapshot, and that could have something to do with what dbt says."""
    open_items = Item.objects.filter(proposal__project=project, proposal__status__in=OPEN)
    items = open_items.annotate(own_name=KeyTextTransform("name", "revision__fields"))
    names = snapshot.project.definitions.filter(state="published").values("name")
    # What was approved while dbt said this or that of something else may have to be approved again.
    uses = Q(entries__has_key="uses") & ~Q(entries__uses={})
    touched = ~Q(revision__base={}) | uses | Q(own_name__in=names) | Q(conflicts__state="open")
    return (
        items.filter(touched)
        .exclude(merged_commit=snapshot.commit)
        .select_related("revision", "proposal__target__live", "proposal__target__connection")
        .order_by("id")
        .distinct()
    )


def merge_item(item: Item, known: Known, snapshot: Snapshot) -> None:
    """Three-way merge of one definition; its revision, its conflicts and its code are in step afterwards."""
    revision, kind = item.revision, kind_of(item.revision)
    base, ours = revision.agreed, revision.content
    name = base.name if base else ours.name
    theirs = kind.said(name, known)
    origin = _origin(snapshot, kind.unique_id(name, known), item)
    if base is None or theirs is None:
        clash: dict[str, Clash[object]] = {}
        if (base is None) != (theirs is None):
            states = (side.to_json() if side else {} for side in (base, ours, theirs))
            clash = {"": Clash(*states)}
        conflicts.found(item, clash, origin)
        return
    dialect = item.proposal.target.connection.adapter

    def same(field: str, one: object, other: object) -> bool:
        return kind.same(field, one, other, known, dialect)

    merged = merge(base.agreed(), ours.agreed(), theirs.agreed(), same=same)
    conflicts.merged(item, merged)
    conflicts.found(item, dict(merged.clashes), origin)


def _origin(snapshot: Snapshot, unique_id: str, item: Item) -> Origin:
    """The last commit that changed the thing, as far as pulls have noted it; else the snapshot's own."""
    changes = Change.objects.filter(project=snapshot.project_id)
    revision = item.revision
    named = (
        Q(unique_id=unique_id) if unique_id else Q(resource_type=revision.kind, name=revision.content.name)
    )
    last = changes.filter(named).order_by("-id").first()
    if last is not None and last.commit:
        return Origin(last.commit, last.author, last.committed_at)
    return Origin(snapshot.commit, snapshot.author, snapshot.committed_at)
