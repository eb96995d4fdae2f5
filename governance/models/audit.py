"""What was done: append-only, chained by hashes."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.people import Project, User


class AuditEvent(models.Model):
    """One thing that somebody did. Written in the transaction of the deed, never touched again.

    `hash` covers every other column and `previous_hash`, so that a later change shows.
    """

    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="audit_events")
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="audit_events")
    action = models.CharField(_("action"), max_length=60)
    target = models.CharField(_("target"), max_length=200)
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
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert only: an event that exists stays as it was written."""
        if not self._state.adding:
            raise TypeError("An audit event is never changed.")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("An audit event is never deleted.")
