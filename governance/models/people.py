"""People, projects, and who holds which role where."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from governance.roles import Role

# The first part of addresses that are not a project's.
RESERVED_SLUGS = frozenset(
    "account admin api connect health help hooks new projects search sign-in sign-out static system".split()  # noqa: SIM905
)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person who signs in with an e-mail address."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. People are deactivated, never deleted: the history names them."""

    class Theme(models.TextChoices):
        SYSTEM = "", _("As the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    theme = models.CharField(_("appearance"), max_length=8, choices=Theme, default=Theme.SYSTEM, blank=True)
    shortcuts = models.BooleanField(_("single-key shortcuts"), default=True)
    is_staff = models.BooleanField(_("may use the admin site"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), auto_now_add=True)
    # Part of what a session is checked against, so that counting up ends every one of them.
    sessions_ended = models.PositiveIntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects = UserManager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name or self.email

    def get_absolute_url(self) -> str:
        return reverse("system-person", args=[self.pk])

    def get_session_auth_hash(self) -> str:
        """What every session of theirs has to know: it changes with the password, and to end them all."""
        known = f"{self.password}:{self.sessions_ended}"
        return salted_hmac("governance.User.session", known, algorithm="sha256").hexdigest()

    @property
    def joined(self) -> bool:
        """Whether they have set a password, and so can sign in."""
        return self.has_usable_password()

    @property
    def initials(self) -> str:
        """Up to two letters for the avatar."""
        parts = str(self).replace("@", " ").split()
        return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()

    @property
    def avatar(self) -> str:
        """The CSS class of the avatar's colour: one of four, always the same for a person."""
        return "av-" + "abcd"[sum(self.email.encode()) % 4]


def _slug_is_free(value: str) -> None:
    if value in RESERVED_SLUGS:
        raise ValidationError(_("“%(slug)s” is used by Bisync itself; choose another.") % {"slug": value})


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: User) -> ProjectQuerySet:
        """The projects in which the person holds any role; all of them for a superuser."""
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user).distinct()


class Project(models.Model):
    """One dbt project and the people around it."""

    slug = models.SlugField(
        _("short name"),
        max_length=40,
        unique=True,
        help_text=_("Part of every address: lower-case letters, digits and hyphens."),
        validators=[
            RegexValidator(r"^[a-z][a-z0-9-]*$", _("Begin with a lower-case letter.")),
            _slug_is_free,
        ],
    )
    name = models.CharField(_("name"), max_length=120)
    # What most of its metrics say that amounts are in, as ISO 4217 has it.
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    objects = ProjectQuerySet.as_manager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("project", args=[self.slug])

    @property
    def project(self) -> Project:
        """Itself, so that permissions may be asked of a project and of what belongs to one alike."""
        return self


class Membership(models.Model):
    """One role of one person in one project."""

    project = models.ForeignKey(
        Project, models.CASCADE, related_name="memberships", verbose_name=_("project")
    )
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("person"))
    role = models.CharField(_("role"), max_length=20, choices=Role)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [
            models.UniqueConstraint(fields=["project", "user", "role"], name="membership_once_per_role")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} in {self.project}"

    def get_absolute_url(self) -> str:
        return reverse("member", args=[self.project.slug, self.user_id])
