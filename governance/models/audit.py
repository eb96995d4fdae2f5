"""What was done: append-only, chained by hashes."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from governance.models.people import Project, User


class AuditEvent(models.Model):
    """One thing that somebody did. Written in the transaction of the deed, never touched again.

    `label` is what the target was called then, `environment` the short name of the one it was done in.
    `hash` covers every other column and `previous_hash`, so that a later change shows.
    """

    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="audit_events")
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="audit_events")
    action = models.CharField(_("action"), max_length=60)
    target = models.CharField(_("target"), max_length=200)
    label = models.CharField(_("called"), max_length=200, blank=True, default="")
    environment = models.CharField(_("environment"), max_length=30, blank=True, default="")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    request_id = models.CharField(_("request"), max_length=40, blank=True)
    at = models.DateTimeField(_("at"))
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [
            # The history of one object, and the log of one project, newest first.
            models.Index(fields=["target", "-id"], name="audit_target"),
            models.Index(fields=["project", "-id"], name="audit_project"),
            # What the log is searched by, newest first.
            models.Index(fields=["actor", "-id"], name="audit_actor"),
            models.Index(fields=["action", "-id"], name="audit_action"),
            models.Index(
                fields=["project", "environment", "-id"],
                condition=~Q(environment=""),
                name="audit_environment",
            ),
            models.Index(fields=["at", "id"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert only: an event that exists stays as it was written."""
        if not self._state.adding:
            raise TypeError("An audit event is never changed.")
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        """The log from this event on."""
        return f"{reverse('system-audit')}?before={self.pk + 1}#event-{self.pk}"

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("An audit event is never deleted.")


class ChainCheck(models.Model):
    """One verification of the chain from its start, and how far it has come.

    `upto` and `upto_hash` are the last event that was looked at, so that the next step goes on behind it.
    `anchors` are events that an earlier one has seen, by id and hash: they must still be there. `known` is
    what earlier ones found, told until this one has come to the end.
    """

    upto = models.BigIntegerField(_("verified up to"), default=0)
    upto_hash = models.CharField(max_length=64, default="start")
    events = models.PositiveBigIntegerField(_("events"), default=0)
    broken = models.JSONField(_("broken"), default=list)
    known = models.JSONField(_("found before"), default=list)
    anchors = models.JSONField(_("must be there"), default=list)
    began_at = models.DateTimeField(_("begun"), auto_now_add=True)
    at = models.DateTimeField(_("last step"))

    class Meta:
        verbose_name = _("verification of the audit log")
        verbose_name_plural = _("verifications of the audit log")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Up to #{self.upto}"

    def get_absolute_url(self) -> str:
        return reverse("system-audit")

    @property
    def told(self) -> list[int]:
        """The events that are wrong as far as anybody knows."""
        return sorted({*self.broken, *self.known})

    @property
    def anchored(self) -> list[tuple[int, str]]:
        """The events that must still be there, by id and hash: the last one looked at is one of them."""
        here = [(self.upto, self.upto_hash)] if self.upto else []
        return sorted({*here, *((pk, kept) for pk, kept in self.anchors)})
