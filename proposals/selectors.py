"""What pages show of proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.db.models.lookups import Exact, In
from django.utils.translation import gettext as _

from bisync.lib.errors import sentence
from catalog.selectors import lineage_of
from catalog.standing import TONES, Standing, standings
from catalog.words import KINDS, Kind
from environments.freshness import promised_in
from environments.models import Deployment, DeploymentStatus, Environment
from environments.selectors import snapshot_vocabulary, vocabulary_of
from governance import audit
from governance.models import AuditEvent, Project, User
from governance.permissions import roles_of
from governance.roles import GRANTS, Role
from proposals import generate
from proposals.kinds.metric import analysis_of
from proposals.models import (
    OPEN,
    Check,
    CheckStatus,
    Conflict,
    ConflictState,
    Item,
    Proposal,
    ProposalQuerySet,
    ProposalStatus,
)
from semantic.definitions import Metric, Model, name_key
from semantic.formula.names import said_by
from semantic.formula.registry import FUNCTIONS
from workspace.models import Run


def needing(user: User, project: Project) -> ProposalQuerySet:
    """The proposals that wait for this person: to correct, to approve, to publish or to try that again."""
    roles = roles_of(user, project)
    failed = Q(Exists(Check.objects.filter(proposal=OuterRef("pk"), status=CheckStatus.FAILED)))
    in_review, approved = Q(status=ProposalStatus.IN_REVIEW), Q(status=ProposalStatus.APPROVED)
    to_correct = Q(status=ProposalStatus.DRAFT) & ~Q(returned_reason="") | (in_review | approved) & failed
    clashes = Q(Exists(Conflict.objects.filter(item__proposal=OuterRef("pk"), state=ConflictState.OPEN)))
    to_decide = Q(status__in=OPEN) & clashes
    wanted = Q(author=user) & (to_correct | to_decide)
    if Role.STEWARD in roles:
        wanted |= to_decide & ~Q(status=ProposalStatus.DRAFT)
    if roles & GRANTS["proposal.approve"]:
        wanted |= in_review & ~failed & ~Q(author=user)
    if roles & GRANTS["proposal.publish"]:
        wanted |= approved & ~failed | Q(status=ProposalStatus.PUBLISHING) & _stopped()
    return Proposal.objects.visible_to(user).filter(wanted, project=project)


def _stopped() -> Q:
    """Of a proposal that is being published: whether the last attempt ended before its aim."""
    key = Concat(Value("proposal:"), Cast(OuterRef("pk"), CharField()))
    commits = Run.objects.filter(kind="proposal.publish", subject=key).order_by("-id")
    builds = Deployment.objects.filter(environment=OuterRef("target"), subject=key).order_by("-id")
    commit, build = (Subquery(found.values("status")[:1]) for found in (commits, builds))
    stopped = Q(In(commit, ["failed", "cancelled"])) | Q(Exact(commit, "succeeded"), Exact(build, "failed"))
    return stopped | Q(Exact(commit, "succeeded"), published_commit="")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far publishing has come: the run that commits, the deployment that builds, what went wrong."""

    run: Run | None
    deployment: Deployment | None
    error: str


def progress(proposal: Proposal) -> Progress:
    """The state inside *publishing*, from the runs themselves; before, there is nothing to tell."""
    if proposal.status in OPEN:
        return Progress(None, None, "")
    run = (
        Run.objects.filter(
            project_id=proposal.project_id, kind="proposal.publish", subject=audit.key(proposal)
        )
        .order_by("-id")
        .first()
    )
    deployment = (
        Deployment.objects.filter(environment_id=proposal.target_id, subject=audit.key(proposal))
        .select_related("run", "environment")
        .order_by("-id")
        .first()
    )
    error = ""
    if proposal.status != ProposalStatus.PUBLISHING or (run is not None and not run.finished):
        error = ""
    elif run is not None and run.error:
        error = run.error
    elif run is not None and not proposal.published_commit:
        error = sentence("commit-lost", {})
    elif deployment is not None:
        error = deployment.error or _pull_after(deployment)
    return Progress(run, deployment, error)


def _pull_after(deployment: Deployment) -> str:
    """Why the pull that should have seen a live deployment did not."""
    if deployment.status != DeploymentStatus.LIVE:
        return ""
    pulls = Run.objects.filter(project=deployment.project, kind="pull", created_at__gte=deployment.live_at)
    last = pulls.order_by("-id").first()
    return last.error if last is not None else ""


def names_for(project: Project, environment: Environment | None) -> dict[str, list[Any]]:
    """The functions, fields, metrics and entities that a formula may use there, as an editor suggests them.

    A field that is `shared` by several models is written with the name of its own.
    """
    names = vocabulary_of(project, environment)
    fields: list[dict[str, object]] = [
        {
            "name": column.name,
            "label": column.label or column.name.replace("_", " "),
            "type": column.type,
            "table": model.name,
            "shared": len(names.columns_by_key[name_key(column.name)]) > 1,
            "description": column.description,
        }
        for model in names.models.values()
        if model.semantic
        for column in model.columns
    ]
    computed = names.computed_by_key
    fields += [
        {
            "name": dimension.name,
            "label": dimension.label or dimension.name.replace("_", " "),
            "type": "any",
            "table": table,
            "shared": len(by_table) > 1 or key in names.columns_by_key,
            "description": dimension.description,
        }
        for key, by_table in computed.items()
        for table, dimension in by_table.items()
        if key == name_key(dimension.name) and said_by(dimension, table, names) is not None
    ]
    metrics: list[dict[str, object]] = [
        {"name": m.name, "label": m.label or m.name, "description": m.description}
        for m in names.asked_for.values()
    ]
    known: list[dict[str, object]] = [
        {
            "name": function.name,
            "aliases": function.aliases,
            "signature": function.signature,
            "summary": function.summary,
            "example": function.example,
            "total": function.role in ("total", "conditional"),
            "gives": function.result,
            "takes": [parameter.kind for parameter in function.parameters],
        }
        for function in FUNCTIONS
    ]
    found = {
        entity.name for model in names.models.values() if model.semantic for entity in model.semantic.entities
    }
    return {"functions": known, "fields": fields, "metrics": metrics, "entities": sorted(found)}


def stands_on(proposal: Proposal, items: Sequence[Item]) -> list[tuple[Kind, Model | Metric, Standing]]:
    """The models and metrics that its formulas use, and how each stands in its target, the worst first.

    Until it is being published: then it is too late to ask.
    """
    if proposal.status not in OPEN:
        return []
    try:
        pull = generate.last_pull(proposal.project)
    except generate.NothingPulled:
        return []
    names = snapshot_vocabulary(pull, proposal.target)
    metrics = (item.revision.metric for item in items if item.revision.kind == "metric")
    read = [analysis_of(fields, names) for fields in metrics]
    named: dict[str, Model | Metric] = {}
    for one in read:
        models = (names.models.get(name) for name in (*one.models, one.model))
        used = (names.metrics.get(name) for name in one.metrics)
        named |= {known.unique_id: known for known in (*models, *used) if known is not None}
    lineage = lineage_of(proposal.project, pull)
    target, promised = proposal.target, promised_in(proposal.target)
    stands = standings(proposal.project, named, environment=target.slug, lineage=lineage, promised=promised)
    found = [(KINDS[key.partition(".")[0]], one, stands.of(key)) for key, one in named.items()]
    return sorted(found, key=lambda each: (TONES.index(each[2].tone), each[1].name))


# What the history says somebody did.
WORDS = {
    "proposal.conflict_decided": _("decided about a conflict"),
    "proposal.conflict_found": _("found that dbt changed the same"),
    "proposal.conflict_reopened": _("undid a decision about a conflict"),
    "proposal.merged": _("merged it with what dbt changed"),
    "proposal.file_edited": _("edited a file by hand"),
    "proposal.file_restored": _("took back what was edited by hand"),
    "proposal.files_read_back": _("read the edited files back into what it says"),
    "proposal.item_added": _("added a change to it"),
    "proposal.item_removed": _("took a change out of it"),
    "proposal.opened": _("began it"),
    "proposal.submitted": _("sent it for review"),
    "proposal.checked_again": _("had the checks run again"),
    "proposal.checks_passed": _("ran the checks: all have passed"),
    "proposal.checks_failed": _("ran the checks: one has failed"),
    "proposal.taken_back": _("took it back to edit"),
    "proposal.returned": _("asked for changes"),
    "proposal.withdrawn": _("withdrew it"),
    "proposal.restored": _("brought it back as a draft"),
    "proposal.approved": _("approved it"),
    "proposal.commented": _("commented"),
    "proposal.publishing": _("published it"),
    "proposal.commit_lost": _("noticed that the commit is gone from the branch"),
    "proposal.publishing_again": _("had publishing tried again"),
    "proposal.pushed": _("committed it to the repository"),
    "proposal.published": _("made it live"),
}
# Done by a worker in a person's name; the history tells them apart.
BY_BISYNC = frozenset({"proposal.pushed", "proposal.published"})


def history(proposal: Proposal) -> list[tuple[str, User | None, str, datetime]]:
    """What happened to a proposal, oldest first: who, the person or None, did what, when."""
    events = AuditEvent.objects.filter(target=audit.key(proposal)).select_related("actor").order_by("id")
    return [
        (
            "Bisync" if actor is None else str(actor),
            actor,
            str(WORDS.get(event.action, event.action)),
            event.at,
        )
        for event in events
        for actor in [None if event.action in BY_BISYNC else event.actor]
    ]


def merges(proposal: Proposal) -> list[tuple[datetime, list[str], list[str]]]:
    """What pulls brought into a proposal without asking: when, fields taken from dbt, fields agreed."""
    events = AuditEvent.objects.filter(target=audit.key(proposal), action="proposal.merged").order_by("-id")
    return [(e.at, e.after.get("taken", []), e.after.get("agreed", [])) for e in events]


@dataclass(frozen=True, slots=True)
class Step:
    """One stage on the way; `state` is done, now, failed or todo."""

    label: str
    state: str
    detail: str = ""


def steps(proposal: Proposal, checks: Sequence[Check], progress: Progress) -> list[Step]:
    """Where a proposal stands on its way to being published."""
    status = proposal.status
    later = {ProposalStatus.APPROVED, ProposalStatus.PUBLISHING, ProposalStatus.PUBLISHED}
    failed = any(check.status == "failed" for check in checks)
    passed = bool(checks) and all(check.status == "passed" for check in checks)
    reviewing = status == ProposalStatus.IN_REVIEW

    def state(*, done: bool, now: bool, broken: bool = False) -> str:
        return "failed" if broken else "done" if done else "now" if now else "todo"

    committed = bool(proposal.published_commit)
    publishing = status == ProposalStatus.PUBLISHING
    stopped = publishing and bool(progress.error)
    published = status == ProposalStatus.PUBLISHED
    return [
        Step(_("Written"), state(done=status != ProposalStatus.DRAFT, now=status == ProposalStatus.DRAFT)),
        Step(_("Checked"), state(done=passed or status in later, now=reviewing, broken=reviewing and failed)),
        Step(_("Approved"), state(done=status in later, now=reviewing and passed)),
        Step(
            _("Committed to git"),
            state(done=committed, now=publishing, broken=stopped and not committed),
            proposal.published_commit[:8],
        ),
        Step(
            _("Built in %(name)s") % {"name": proposal.target.name},
            state(
                done=published,
                now=publishing and committed,
                broken=stopped and committed,
            ),
        ),
        Step(_("Published"), state(done=published, now=False)),
    ]
