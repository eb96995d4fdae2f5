"""Builds that happen by themselves: the newest commit, where another one is live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from environments.actions import LIFECYCLE, deployment_request
from environments.models import BuildSchedule, Deployment, Environment
from governance import audit, permissions
from governance.models import User
from workspace.models import Repository
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
