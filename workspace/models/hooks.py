"""What forges announce: that somebody pushed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspace.models.repository import Repository
from workspace.models.runs import Run


class Forge(models.TextChoices):
    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"
    BITBUCKET = "bitbucket", "Bitbucket"
    PLAIN = "plain", _("A program")


class Outcome(models.TextChoices):
    PULL = "pull", _("Asked for a pull")
    PING = "ping", _("A test: it works")
    BRANCH = "branch", _("Another branch, so nothing was done")
    EVENT = "event", _("Another event, so nothing was done")
    UNREADABLE = "unreadable", _("Not understood, so nothing was done")


class Delivery(models.Model):
    """One webhook whose signature was right, without its content; `digest` tells it when it comes again."""

    repository = models.ForeignKey(
        Repository, models.CASCADE, related_name="deliveries", verbose_name=_("repository")
    )
    digest = models.CharField(_("digest"), max_length=64)
    forge = models.CharField(_("from"), max_length=10, choices=Forge)
    outcome = models.CharField(_("what came of it"), max_length=10, choices=Outcome)
    run = models.ForeignKey(
        Run, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("run")
    )
    at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["repository", "digest"], name="delivery_once")]

    def __str__(self) -> str:
        return f"{self.get_forge_display()}: {self.get_outcome_display()}"
