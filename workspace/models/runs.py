"""Background work: one row per run, and the commands it started."""

from __future__ import annotations

from django.db import models
from django.db.models import Exists, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import sentence
from governance.models import Project, User


class RunStatus(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


# What people read in place of a run's kind.
KINDS = {
    "repository.test": _("Test of the repository"),
    "repository.find": _("Search for the dbt project"),
    "repository.parse": _("Test of the dbt project"),
    "connection.test": _("Test of the warehouse"),
    "pull": _("Pull"),
    "catalog.lineage": _("Column lineage"),
    "catalog.index": _("Search"),
    "environment.deploy": _("Deployment"),
    "environment.freshness": _("Freshness of sources"),
    "proposal.check": _("Checks"),
    "proposal.publish": _("Publication"),
}


# What builds, or asks large tables: it takes minutes, and pulls and commits should not wait behind it.
HEAVY = frozenset(
    {"environment.deploy", "environment.freshness", "proposal.check", "catalog.lineage", "catalog.index"}
)


class Queue(models.TextChoices):
    QUICK = "quick", _("Quick")
    HEAVY = "heavy", _("Heavy")


class Drain(models.Model):
    """A queue from which workers take nothing, until somebody resumes it. What is at work goes on."""

    queue = models.CharField(_("queue"), max_length=10, choices=Queue)
    reason = models.CharField(_("reason"), max_length=200)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("drained by"))
    since = models.DateTimeField(_("since"), auto_now_add=True)
    ended_at = models.DateTimeField(_("resumed"), null=True, blank=True)
    ended_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("resumed by")
    )

    class Meta:
        verbose_name = _("drained queue")
        verbose_name_plural = _("drained queues")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["queue"], condition=Q(ended_at=None), name="drain_once_per_queue")
        ]

    def __str__(self) -> str:
        return f"{self.get_queue_display()}: {self.reason}"

    def get_absolute_url(self) -> str:
        return reverse("system-queues")


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: User) -> RunQuerySet:
        return self.filter(project__in=Project.objects.visible_to(user))

    def for_list(self) -> RunQuerySet:
        """Everything a row shows, in one query."""
        return self.select_related("project", "requested_by").order_by("-id")

    def of_queue(self, queue: str) -> RunQuerySet:
        heavy = Q(kind__in=HEAVY)
        return self.filter(heavy if queue == Queue.HEAVY else ~heavy)

    def takeable(self) -> RunQuerySet:
        """Without those whose queue is being drained."""
        drained = Drain.objects.filter(ended_at=None)
        heavy = Q(kind__in=HEAVY)
        return self.exclude(heavy, Exists(drained.filter(queue=Queue.HEAVY))).exclude(
            ~heavy, Exists(drained.filter(queue=Queue.QUICK))
        )


class Run(models.Model):
    """One piece of background work. This row is the truth; the broker only rings.

    Whoever holds `token` and keeps `lease_until` in the future is at work; every write of a worker is
    guarded by its token, so one that lost its lease can change nothing. `intent` is what the run decided to
    do (a commit hash, a version), saved before it does it, so that the next attempt asks instead of repeats.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="runs", verbose_name=_("project"))
    kind = models.CharField(_("kind"), max_length=60)
    subject = models.CharField(_("subject"), max_length=120, blank=True)
    params = models.JSONField(default=dict, blank=True)
    status = models.CharField(_("state"), max_length=12, choices=RunStatus, default=RunStatus.QUEUED)
    requested_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("asked for by")
    )
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    intent = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    progress = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(_("error"), max_length=60, blank=True)
    error_params = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("started"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            # A burst of requests must queue one run, not forty. One that has already started does not
            # count: it may have looked too early.
            models.UniqueConstraint(
                fields=["project", "kind", "subject"],
                condition=Q(status="queued"),
                name="run_one_waiting_per_subject",
            ),
            models.UniqueConstraint(
                fields=["project", "kind", "subject"],
                condition=Q(status="running"),
                name="run_one_at_work_per_subject",
            ),
        ]
        indexes = [
            # The sweeper asks what waits or works, every few seconds; finished runs pile up.
            models.Index(
                fields=["status", "lease_until"],
                condition=Q(status__in=["queued", "running"]),
                name="run_unfinished",
            ),
            models.Index(fields=["project", "-id"], name="run_project"),
            models.Index(fields=["subject", "-id"], name="run_subject"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.project.slug, self.pk])

    @property
    def queue(self) -> Queue:
        return Queue.HEAVY if self.kind in HEAVY else Queue.QUICK

    @property
    def lost(self) -> bool:
        """Whether its worker stopped reporting; another takes it over, or it is set aside."""
        silent = self.lease_until is not None and self.lease_until < timezone.now()
        return self.status == RunStatus.RUNNING and silent

    @property
    def title(self) -> str:
        """What it does, in words, with its number."""
        return f"{KINDS.get(self.kind, self.kind)} #{self.pk}"

    @property
    def error(self) -> str:
        """Why it failed, as a sentence; "" where it did not."""
        return sentence(self.error_code, self.error_params) if self.error_code else ""

    @property
    def finished(self) -> bool:
        return self.status in {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED}

    @property
    def seconds(self) -> float | None:
        """How long the work took, None while it goes on."""
        if self.claimed_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.claimed_at).total_seconds()


class RunCommand(models.Model):
    """A command that a run started: what was asked, what it printed, how it ended."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="commands")
    attempt = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(_("name"), max_length=60)
    argv = models.JSONField(default=list)
    output = models.TextField(_("output"), blank=True)
    exit_code = models.SmallIntegerField(_("exit code"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} of run {self.run_id}"

    def get_absolute_url(self) -> str:
        return self.run.get_absolute_url()

    @property
    def seconds(self) -> float | None:
        if self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()
