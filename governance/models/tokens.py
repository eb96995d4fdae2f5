"""Keys for programs: a person's own rights, narrowed by scopes, for a limited time."""

from __future__ import annotations

import hashlib

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models.people import User


class Scope(models.TextChoices):
    """What a token may be used for; it never gives more than its person may do."""

    READ = "read", _("Read")
    PROPOSE = "propose", _("Propose, comment")
    APPROVE = "approve", _("Approve, return")
    PUBLISH = "publish", _("Publish, deploy")
    OPERATE = "operate", _("Pull, cancel and retry runs")


class ApiToken(models.Model):
    """A token, known by its digest alone: the text is shown once, when it is made."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=80, help_text=_("What uses it."))
    prefix = models.CharField(_("begins with"), max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(_("scopes"), default=list)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    def get_absolute_url(self) -> str:
        return self.user.get_absolute_url()

    @property
    def usable(self) -> bool:
        return self.revoked_at is None and timezone.now() < self.expires_at and self.user.is_active


def digest_of(text: str) -> str:
    """SHA-256: tokens are long and random, so nothing slower is needed to keep them from being guessed."""
    return hashlib.sha256(text.encode()).hexdigest()


class Answered(models.Model):
    """What a request with an Idempotency-Key was answered, so that its repetition does nothing twice."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="answered_once")]
        # What is old is looked for every hour.
        indexes = [models.Index(fields=["at"], name="answered_at")]

    def __str__(self) -> str:
        return self.key
