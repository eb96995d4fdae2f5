"""Who hears of pulls and deployments that failed, and of a file that could not be read."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from environments.models import Environment
from governance import audit
from governance.models import AuditEvent, Project, User
from governance.selectors import holders
from notify.models import Kind
from notify.telling import Told, notice, subject
from workspace.models import Hold, Run
from workspace.trust import PullHeld


@subject("project")
def projects(person: User, ids: Collection[int]) -> dict[int, str]:
    return {
        project.pk: str(_("Sync with dbt"))
        for project in Project.objects.visible_to(person).filter(pk__in=ids)
    }


@subject("environment")
def environments(person: User, ids: Collection[int]) -> dict[int, str]:
    visible = Environment.objects.filter(project__in=Project.objects.visible_to(person), pk__in=ids)
    return dict(visible.values_list("pk", "name"))


def failed(event: AuditEvent, kind: str) -> Run | None:
    """The run of this kind that an event is about."""
    if event.after.get("kind") != kind:
        return None
    runs = Run.objects.filter(pk=event.target.partition(":")[2])
    return runs.select_related("project", "requested_by").first()


def _told(run: Run, thread: str) -> Told:
    """Admins can mend what is behind it; whoever asked for it waits."""
    people = [*holders(run.project, "repository.configure")]
    if run.requested_by is not None:
        people.append(run.requested_by)
    return Told(run.project, thread, reverse("run", args=[run.project.slug, run.pk]), people)


@notice("pull.failed", on="run.failed", kind=Kind.FAILURES, words=_("A pull failed."))
def pull_failed(event: AuditEvent) -> Iterator[Told]:
    run = failed(event, "pull")
    if run is not None and run.error_code != PullHeld.code:  # that is told as what it is
        yield _told(run, audit.key(run.project))


@notice("pull.held", on="hold.opened", kind=Kind.WAITING, words=_("A pull waits until you agree."))
def pull_held(event: AuditEvent) -> Iterator[Told]:
    found = Hold.objects.filter(pk=event.target.partition(":")[2])
    if hold := found.select_related("project").first():
        sync = reverse("pulls", args=[hold.project.slug])
        yield Told(hold.project, audit.key(hold.project), sync, holders(hold.project, "repository.trust"))


@notice("sync.refused", kind=Kind.FAILURES, words=_("bisync/sync.yml is wrong and was not taken over."))
def sync_refused(event: AuditEvent) -> Iterator[Told]:
    if project := event.project:
        page = reverse("automatic-pulls", args=[project.slug])
        yield Told(project, audit.key(project), page, holders(project, "repository.configure"))


@notice("deployment.failed", on="run.failed", kind=Kind.FAILURES, words=_("A deployment failed."))
def deployment_failed(event: AuditEvent) -> Iterator[Told]:
    if run := failed(event, "environment.deploy"):
        yield _told(run, run.subject)
