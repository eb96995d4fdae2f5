"""How somebody comes to a password without anybody else knowing it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models.people import User


class PasswordLink(models.Model):
    """A link by which one person sets their password, once. Known by its digest, as API tokens are."""

    user = models.ForeignKey(User, models.CASCADE, related_name="password_links", verbose_name=_("person"))
    digest = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("made by"))
    expires_at = models.DateTimeField(_("expires"))
    used_at = models.DateTimeField(_("used"), null=True, blank=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("password link")
        verbose_name_plural = _("password links")
        ordering = ["-id"]
        constraints = [
            # Whoever makes a new one wants the old one to be void.
            models.UniqueConstraint(
                fields=["user"], condition=Q(used_at=None), name="password_link_one_unused"
            )
        ]

    def __str__(self) -> str:
        return f"Link of {self.user}"

    def get_absolute_url(self) -> str:
        return self.user.get_absolute_url()

    @property
    def usable(self) -> bool:
        return self.used_at is None and timezone.now() < self.expires_at and self.user.is_active
