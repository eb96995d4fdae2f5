"""What happens by itself: timetables that people set, each time carried out once by whoever looks first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bisync.lib.errors import BisyncError, InvalidInput
from governance import audit, permissions
from governance.models import Project, User
from workspace import runs
from workspace.announcing import NoRepository
from workspace.models import Every, PullSchedule, Repository, SyncSettings, Timetable
from workspace.models.timetables import FEWEST_MINUTES, LONGEST

logger = logging.getLogger(__name__)
T = TypeVar("T", bound=Timetable)


class SetByFile(BisyncError):
    code = "set-by-file"
    message = gettext_lazy("%(what)s is set by bisync/sync.yml in the repository. Change it there.")
    http_status = 409


_COUNTS = {
    Every.MINUTES: (FEWEST_MINUTES, LONGEST // timedelta(minutes=1)),
    Every.HOURS: (1, LONGEST // timedelta(hours=1)),
}


@audit.atomic()
def pull_schedule_set(
    *, project: Project, values: Mapping[str, Any], actor: User
) -> tuple[PullSchedule | None, bool]:
    """When the project is pulled by itself, never where `every` is "", and whether that is new.

    Raises `InvalidInput` with sentences beside the fields, `SetByFile` where the repository's file says it.
    """
    permissions.require(actor, "repository.configure", project)
    repository = Repository.objects.select_for_update(no_key=True).filter(project=project).first()
    if repository is None:
        raise NoRepository
    known = SyncSettings.objects.filter(project=project).first()
    if known is not None and known.pulls_by_file:
        raise SetByFile(what="pull")
    before, schedule = timetable_set(PullSchedule, {"project": project}, values)
    after = schedule.told() if schedule else {}
    if before != after:
        audit.record(
            actor=actor, action="pull.schedule_changed", target=repository, before=before, after=after
        )
    return schedule, before != after


def timetable_set(
    kind: type[T], of: Mapping[str, models.Model], values: Mapping[str, Any]
) -> tuple[dict[str, object], T | None]:
    """What a timetable said before, and the timetable, if there is to be one. Its owner has to be locked."""
    known = kind._default_manager.filter(**of).first()
    before = known.told() if known else {}
    if not values["every"]:
        if known is not None:
            known.delete()
        return before, None
    timetable = known or kind(**of)
    for name, value in sound(values).items():
        setattr(timetable, name, value)
    if timetable.told() != before:
        timetable.next_at = timetable.following(timezone.now())
        timetable.save()
    return before, timetable


def sound(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the chosen kind of timetable needs; the rest as it is when nobody chooses."""
    every = Every(values["every"])
    if every in _COUNTS:
        least, most = _COUNTS[every]
        count = values.get("count")
        if count is None or not least <= count <= most:
            words = _("Write a number from %(least)s to %(most)s.") % {"least": least, "most": most}
            raise InvalidInput({"count": [words]})
        return {"every": every, "count": count, "at": time(), "weekday": 0}
    at = values.get("at")
    if at is None:
        raise InvalidInput({"at": [_("Say at what time, in UTC.")]})
    weekday = int(values.get("weekday") or 0) if every == Every.WEEK else 0
    return {"every": every, "count": 1, "at": at.replace(second=0, microsecond=0), "weekday": weekday}


def pulls_due() -> int:
    """Ask for the pulls whose time has come; returns how many timetables that were."""
    return carry_out_due(PullSchedule.objects.select_related("project"), _pull)


def _pull(schedule: PullSchedule) -> None:
    run = runs.request(kind="pull", project=schedule.project)
    audit.record(actor=None, action="pull.scheduled", target=run)


def carry_out_due(timetables: models.QuerySet[T], act: Callable[[T], object]) -> int:
    """Do what is due by these timetables: each time once, and once for all that were missed.

    One that fails stops no other, and is tried again the next time that somebody looks.
    """
    now = timezone.now()
    # What seems too far away was written before the clock was set back; clocks may differ a little, too.
    far = now + LONGEST + timedelta(hours=1)
    due = timetables.filter(Q(next_at__lte=now) | Q(next_at__gt=far)).order_by("next_at")
    return sum(_carry_out(found, act, now) for found in due[:100])


def _carry_out(timetable: T, act: Callable[[T], object], now: datetime) -> bool:
    same = type(timetable)._default_manager.filter(pk=timetable.pk, next_at=timetable.next_at)
    try:
        with audit.atomic():
            following = timetable.following(now, after=timetable.next_at)
            if not same.update(next_at=following, ran_at=now):
                return False  # somebody else was first, or it was changed meanwhile
            act(timetable)
    except Exception:
        logger.exception("scheduled work failed", extra={"timetable": audit.key(timetable)})
        return False
    return True
