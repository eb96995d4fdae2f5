"""What waits, what is at work and what was given up, as pages show it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db.models import Count, Exists, Min, OuterRef
from django.utils.translation import gettext_lazy as _

from governance import audit
from governance.models import Project
from workspace.models import Drain, Hold, HoldState, Queue, Run, RunStatus
from workspace.models.runs import RunQuerySet
from workspace.runs import WorkerLost

MOST = 50
ABOUT = {
    Queue.QUICK: _("Pulls and publications"),
    Queue.HEAVY: _("Builds, checks, freshness and column lineage"),
}


@dataclass(slots=True)
class QueueState:
    """How a queue stands; of one project's runs where one was asked for."""

    queue: Queue
    drain: Drain | None
    waiting: int = 0
    at_work: int = 0
    oldest: datetime | None = None

    @property
    def about(self) -> str:
        """What goes through it."""
        return str(ABOUT[self.queue])


def subjects_of(runs: Iterable[Run]) -> dict[int, str]:
    """What runs are about, by their ids, where each works for one thing: an environment, a proposal."""
    wanted: dict[str, set[str]] = {}
    about = {run.pk: run.subject for run in runs if re.fullmatch(r"\w+:\d{1,18}", run.subject)}
    for subject in about.values():
        model, _colon, pk = subject.partition(":")
        wanted.setdefault(model, set()).add(pk)
    names = {
        audit.key(thing): str(thing)
        for model in apps.get_models()
        if model._meta.model_name in wanted
        for thing in model._default_manager.filter(pk__in=wanted[model._meta.model_name])
    }
    return {pk: names[subject] for pk, subject in about.items() if subject in names}


def drains() -> dict[str, Drain]:
    """The drained queues by name."""
    return {drain.queue: drain for drain in Drain.objects.filter(ended_at=None).select_related("by")}


def hold_of(project: Project) -> Hold | None:
    """What holds the project's pulls: a change that waits for somebody to agree, or that was refused.

    Without its files, which may be many, and its changes, which only some may read.
    """
    last = (
        Hold.objects.filter(project=project)
        .exclude(state=HoldState.REPLACED)
        .select_related("decided_by")
        .defer("files", "changes")
        .first()
    )
    return last if last is not None and last.state != HoldState.AGREED else None


def trusted_since(project: Project, commit: str) -> list[str]:
    """The files that decide what runs here, and that count as agreed to since this commit."""
    of_commit = Hold.objects.filter(project=project, commit=commit, state=HoldState.AGREED)
    agreed = of_commit.defer("changes").first()
    return sorted(agreed.files) if agreed else []


def queues(project: Project | None = None) -> list[QueueState]:
    """Each queue as it stands."""
    drained = drains()
    states = {queue: QueueState(queue, drained.get(queue)) for queue in Queue}
    unfinished = _of(project).filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING])
    kinds = unfinished.values_list("kind", "status").annotate(Count("pk"), Min("created_at")).order_by()
    for kind, status, count, oldest in kinds:
        state = states[Run(kind=kind).queue]
        if status == RunStatus.RUNNING:
            state.at_work += count
        else:
            state.waiting += count
            state.oldest = min(state.oldest or oldest, oldest)
    return list(states.values())


def at_work(project: Project | None = None) -> list[Run]:
    """The runs in the hands of workers, the longest first."""
    return list(_of(project).filter(status=RunStatus.RUNNING).for_list().order_by("claimed_at")[:MOST])


def waiting(project: Project | None = None) -> list[Run]:
    """The runs that nobody has taken up, the oldest first."""
    return list(_of(project).filter(status=RunStatus.QUEUED).for_list().order_by("id")[:MOST])


def set_aside(project: Project | None = None) -> list[Run]:
    """The runs that lost too many workers, and that nobody has asked for again since."""
    later = Run.objects.filter(
        project=OuterRef("project"), kind=OuterRef("kind"), subject=OuterRef("subject"), pk__gt=OuterRef("pk")
    )
    lost = _of(project).filter(status=RunStatus.FAILED, error_code=WorkerLost.code)
    return list(lost.exclude(Exists(later)).for_list()[:MOST])


def runs_where(*, project: Project | None = None, status: str = "", kind: str = "") -> RunQuerySet:
    """The runs of a project, in a state, of a kind, or all of them."""
    wanted = {name: value for name, value in (("status", status), ("kind", kind)) if value}
    return _of(project).filter(**wanted).for_list()


def _of(project: Project | None) -> RunQuerySet:
    return Run.objects.all() if project is None else Run.objects.filter(project=project)
