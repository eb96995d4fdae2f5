"""What people were told, what they want to be told, and how far the audit log has been read for it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.models import AuditEvent, Project, User


class Kind(models.TextChoices):
    """What a person may switch off."""

    WAITING = "waiting", _("Proposals that wait for me")
    REVIEWS = "reviews", _("Decisions about my proposals")
    COMMENTS = "comments", _("Comments where I take part")
    CHECKS = "checks", _("Checks of my proposals that failed")
    PUBLISHING = "publishing", _("Publishing of my proposals")
    FAILURES = "failures", _("Pulls and deployments that failed")


class NotificationQuerySet(models.QuerySet["Notification"]):
    def of(self, person: User) -> NotificationQuerySet:
        """Theirs, as far as they still see the project."""
        return self.filter(person=person, project__in=Project.objects.visible_to(person))


class Notification(models.Model):
    """One event that one person was told of. Its sentence is made when it is read, by the name of its notice.

    The rows are the inbox, and the outbox of any other way to tell people: a digest takes what is unread.
    """

    person = models.ForeignKey(User, models.CASCADE, related_name="notifications")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    event = models.ForeignKey(AuditEvent, models.PROTECT, related_name="+")
    notice = models.CharField(_("notice"), max_length=60)
    # The audit key of what it is about: what has one thread is shown together.
    thread = models.CharField(_("thread"), max_length=120)
    url = models.CharField(_("address"), max_length=300)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    at = models.DateTimeField(_("at"))
    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["person", "event", "thread"], name="notification_once")
        ]
        indexes = [
            models.Index(fields=["person", "-id"], name="notification_inbox"),
            # Every page counts these.
            models.Index(fields=["person"], condition=Q(read_at=None), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.notice} {self.thread}"

    def get_absolute_url(self) -> str:
        return self.url


class Silence(models.Model):
    """A kind that somebody does not want to be told of."""

    person = models.ForeignKey(User, models.CASCADE, related_name="silences")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)

    class Meta:
        verbose_name = _("switched off")
        verbose_name_plural = _("switched off")
        constraints = [models.UniqueConstraint(fields=["person", "kind"], name="silence_once")]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_kind_display()}"


class Following(models.Model):
    """Somebody's own decision about one thread: to hear everything, or nothing."""

    person = models.ForeignKey(User, models.CASCADE, related_name="following")
    thread = models.CharField(_("thread"), max_length=120)
    muted = models.BooleanField(_("muted"), default=False)

    class Meta:
        verbose_name = _("followed or muted")
        verbose_name_plural = _("followed or muted")
        constraints = [models.UniqueConstraint(fields=["person", "thread"], name="following_once")]
        indexes = [models.Index(fields=["thread"], name="following_thread")]

    def __str__(self) -> str:
        return f"{self.person}: {'mutes' if self.muted else 'follows'} {self.thread}"


class Announced(models.Model):
    """How far the audit log has been announced: one row, moved on event by event.

    Its writers take turns until they commit, so nothing can appear behind it later.
    """

    event = models.BigIntegerField(_("last event"), default=0)

    class Meta:
        verbose_name = _("announced")
        verbose_name_plural = _("announced")

    def __str__(self) -> str:
        return f"up to {self.event}"
