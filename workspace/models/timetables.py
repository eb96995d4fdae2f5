"""When something happens by itself, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from governance.models import Project


class Every(models.TextChoices):
    MINUTES = "minutes", gettext_lazy("Every few minutes")
    HOURS = "hours", gettext_lazy("Every few hours")
    DAY = "day", gettext_lazy("Every day")
    WEEK = "week", gettext_lazy("Every week")


class Weekday(models.IntegerChoices):
    MONDAY = 0, gettext_lazy("Monday")
    TUESDAY = 1, gettext_lazy("Tuesday")
    WEDNESDAY = 2, gettext_lazy("Wednesday")
    THURSDAY = 3, gettext_lazy("Thursday")
    FRIDAY = 4, gettext_lazy("Friday")
    SATURDAY = 5, gettext_lazy("Saturday")
    SUNDAY = 6, gettext_lazy("Sunday")


FEWEST_MINUTES = 5
LONGEST = timedelta(days=7)


class Timetable(models.Model):
    """Every so many minutes or hours, or at a time of day. Whoever moves `next_at` does what was due then."""

    every = models.CharField(gettext_lazy("how often"), max_length=10, choices=Every)
    count = models.PositiveSmallIntegerField(gettext_lazy("number"), default=1)
    at = models.TimeField(gettext_lazy("time"), default=time())
    weekday = models.PositiveSmallIntegerField(gettext_lazy("day"), choices=Weekday, default=Weekday.MONDAY)
    next_at = models.DateTimeField(gettext_lazy("next"), db_index=True)
    ran_at = models.DateTimeField(gettext_lazy("last"), null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(count__gte=1) & (~Q(every="minutes") | Q(count__gte=FEWEST_MINUTES)),
                name="%(class)s_not_too_often",
            )
        ]

    def __str__(self) -> str:
        at = {"at": self.at.strftime("%H:%M"), "day": Weekday(self.weekday).label, "count": self.count}
        if self.every == Every.MINUTES:
            return _("Every %(count)s minutes") % at
        if self.every == Every.HOURS:
            return ngettext("Every hour", "Every %(count)s hours", self.count) % at
        if self.every == Every.DAY:
            return _("Every day at %(at)s UTC") % at
        return _("Every %(day)s at %(at)s UTC") % at

    def following(self, now: datetime, *, after: datetime | None = None) -> datetime:
        """The next time later than `now`, however many have gone by; intervals are counted from `after`."""
        step = self._step()
        if self.every in {Every.MINUTES, Every.HOURS}:
            start = min(after or now, now)
            return start + step * ((now - start) // step + 1)
        today = datetime.combine(now.date(), self.at, UTC)
        days = (self.weekday - now.weekday()) % 7 if self.every == Every.WEEK else 0
        first = today + timedelta(days=days)
        return first if first > now else first + step

    @property
    def longest(self) -> timedelta:
        """How old what it brings may become: an interval, and what the work may take."""
        return self._step() + min(self._step(), timedelta(hours=1))

    def _step(self) -> timedelta:
        steps = {
            Every.MINUTES: timedelta(minutes=self.count),
            Every.HOURS: timedelta(hours=self.count),
            Every.DAY: timedelta(days=1),
        }
        return steps.get(Every(self.every), timedelta(days=7))

    def told(self) -> dict[str, object]:
        """What was chosen, as the audit log keeps it."""
        if self.every in {Every.MINUTES, Every.HOURS}:
            return {"every": self.every, "count": self.count}
        weekday = {"weekday": self.weekday} if self.every == Every.WEEK else {}
        return {"every": self.every, **weekday, "at": self.at.isoformat("minutes")}


class PullSchedule(Timetable):
    """When a project is pulled by itself."""

    project = models.OneToOneField(
        Project, models.CASCADE, related_name="pull_schedule", verbose_name=gettext_lazy("project")
    )

    class Meta(Timetable.Meta):
        verbose_name = gettext_lazy("pull schedule")
        verbose_name_plural = gettext_lazy("pull schedules")

    def get_absolute_url(self) -> str:
        return reverse("automatic-pulls", args=[self.project.slug])
