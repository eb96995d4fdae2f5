"""What happens by itself: builds where another commit is live, and column lineage by the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.models import Snapshot
from environments.actions import LIFECYCLE, deployment_request
from environments.models import BuildSchedule, Deployment, Environment
from governance import audit, permissions
from governance.models import Project, User
from workspace import runs
from workspace.models import Frequency, Repository, Run, RunStatus, SyncSettings
from workspace.schedules import carry_out_due, timetable_set


@audit.atomic()
def build_schedule_set(
    *, environment: Environment, values: Mapping[str, Any], actor: User
) -> tuple[BuildSchedule | None, bool]:
    """When the newest commit is built by itself, never where `every` is "", and whether that is new.

    It is a standing request for deployments, so it needs the permission to deploy. Raises `InvalidInput` with
    sentences beside the fields.
    """
    permissions.require(actor, "environment.deploy", environment)
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    before, schedule = timetable_set(BuildSchedule, {"environment": environment}, values)
    after = schedule.told() if schedule else {}
    if before != after:
        audit.record(
            actor=actor, action="environment.schedule_changed", target=environment, before=before, after=after
        )
    return schedule, before != after


def schedules_of(environments: Iterable[Environment]) -> dict[int, BuildSchedule]:
    """The timetables by the environments that have one."""
    found = BuildSchedule.objects.filter(environment__in=list(environments))
    return {schedule.environment_id: schedule for schedule in found}


def builds_due() -> int:
    """Ask for the builds whose time has come; returns how many timetables that were."""
    return carry_out_due(
        BuildSchedule.objects.select_related("environment__project", "environment__live"), _build
    )


def lineage_due() -> int:
    """Ask for column lineage where it is wanted once a day and something is new; returns for how many."""
    daily = Q(**{"said__lineage.frequency": Frequency.DAILY}) | Q(
        **{"chosen__lineage.frequency": Frequency.DAILY}
    )
    found = SyncSettings.objects.filter(daily).select_related("project")
    wanted = [one.project for one in found if one.of("lineage", "frequency") == Frequency.DAILY]
    due = [project for project in wanted if _is_stale(project)]
    for project in due:
        runs.request(kind="catalog.lineage", project=project)
    return len(due)


def _is_stale(project: Project) -> bool:
    """Whether something was pulled or released since column lineage was last worked out.

    Not within a day after it was last asked for, whatever became of that.
    """
    asked = Run.objects.filter(project=project, kind="catalog.lineage").order_by("-id")
    last, done = asked.first(), asked.filter(status=RunStatus.SUCCEEDED).first()
    if last is not None and last.created_at > timezone.now() - timedelta(days=1):
        return False
    since = done.created_at if done is not None else None
    pulled = Snapshot.objects.filter(project=project)
    released = Deployment.objects.filter(environment__project=project, live_at__isnull=False)
    if since is not None:
        pulled, released = pulled.filter(created_at__gt=since), released.filter(live_at__gt=since)
    return pulled.exists() or released.exists()


def _build(schedule: BuildSchedule) -> None:
    environment = schedule.environment
    repository = Repository.objects.filter(project=environment.project_id).first()
    commit = repository.synced_commit if repository is not None else ""
    live = environment.live.commit if environment.live is not None else ""
    if commit in {"", live}:
        return
    unfinished, _target = LIFECYCLE.edge("fail")
    if Deployment.objects.filter(environment=environment, commit=commit, status__in=unfinished).exists():
        return
    deployment_request(environment=environment, commit=commit, reason=_("As scheduled"), actor=None)
