"""The dbt repository of a project, and the warehouses it builds into."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from bisync.lib.secrets import EncryptedTextField
from governance.models import Project, User
from workspace.warehouse.location import Location

IDENTIFIER = RegexValidator(
    r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", _("Use letters, digits and _, beginning with a letter.")
)


class Connection(models.Model):
    """A warehouse: how dbt builds into it and how pages read from it."""

    class Adapter(models.TextChoices):
        DUCKDB = "duckdb", "DuckDB"
        POSTGRES = "postgres", "PostgreSQL"

    project = models.ForeignKey(
        Project, models.CASCADE, related_name="connections", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=60)
    adapter = models.CharField(_("kind"), max_length=20, choices=Adapter, default=Adapter.DUCKDB)
    host = models.CharField(_("host"), max_length=200, blank=True)
    port = models.PositiveIntegerField(_("port"), default=5432)
    database = models.CharField(_("database"), max_length=63, blank=True)
    user = models.CharField(_("user"), max_length=63, blank=True)
    password = EncryptedTextField(_("password"), blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="connection_name_once_per_project"),
            models.CheckConstraint(
                condition=models.Q(adapter="duckdb")
                | (~models.Q(host="") & ~models.Q(database="") & ~models.Q(user="")),
                name="connection_server_is_named",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The environments that are built in it."""
        return reverse("environments", args=[self.project.slug])

    def location(self, *, schema: str, path: str = "") -> Location:
        """The place that this warehouse offers under `schema` (and, for DuckDB, in the file `path`)."""
        if self.adapter == self.Adapter.DUCKDB:
            return Location(adapter="duckdb", schema=schema, path=path)
        return Location(
            adapter="postgres",
            schema=schema,
            host=self.host,
            port=self.port,
            database=self.database,
            user=self.user,
            password=self.password,
        )


class RepositoryManager(models.Manager["Repository"]):
    def get_queryset(self) -> models.QuerySet[Repository]:
        """Without the secrets, which are read when git needs them: one that no key opens can be replaced."""
        return super().get_queryset().defer("password", "ssh_key", "hook_secret")


class Repository(models.Model):
    """Where a project's dbt code lives. `folder` is the dbt project inside it, "" for the top."""

    project = models.OneToOneField(
        Project, models.CASCADE, related_name="repository", verbose_name=_("project")
    )
    url = models.CharField(
        _("address"),
        max_length=500,
        help_text=_("As for git clone: https://…, git@host:path, or a folder on this machine."),
    )
    branch = models.CharField(_("branch"), max_length=200, default="main")
    folder = models.CharField(
        _("folder of the dbt project"), max_length=200, blank=True, help_text=_("Empty for the top folder.")
    )
    username = models.CharField(_("user name"), max_length=200, blank=True)
    password = EncryptedTextField(_("password or token"), blank=True, default="")
    ssh_key = EncryptedTextField(_("private SSH key"), blank=True, default="", editable=False)
    ssh_public_key = models.CharField(_("public SSH key"), max_length=200, blank=True, editable=False)
    ssh_host_key = models.TextField(_("SSH host key"), blank=True, editable=False)
    # The webhook's address, and what proves that its sender may use it.
    hook_key = models.CharField(max_length=32, null=True, blank=True, unique=True, editable=False)
    hook_secret = EncryptedTextField(_("webhook secret"), blank=True, default="", editable=False)
    connection = models.ForeignKey(
        Connection,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("warehouse"),
        help_text=_("The kind of warehouse that the project is read for."),
    )
    dbt_target = models.CharField(
        _("dbt target for reading"), max_length=60, default="prod", validators=[IDENTIFIER]
    )
    dbt_executable = models.CharField(
        _("dbt executable"), max_length=300, blank=True, help_text=_("Empty for the dbt that Bisync brings.")
    )
    synced_commit = models.CharField(_("commit last pulled"), max_length=64, blank=True)
    synced_at = models.DateTimeField(_("last pulled"), null=True, blank=True)
    objects = RepositoryManager()

    class Meta:
        verbose_name = _("repository")
        verbose_name_plural = _("repositories")

    def __str__(self) -> str:
        return f"{self.url} ({self.branch})"

    def get_absolute_url(self) -> str:
        return reverse("repository", args=[self.project.slug])

    def inside(self, path: str) -> str:
        """A file of the dbt project as the repository names it."""
        folder = self.folder.strip("/")
        return path if folder in {"", "."} else f"{folder}/{path}"

    @property
    def mirror_path(self) -> Path:
        """The bare mirror on this machine: a cache, made again whenever it is missing."""
        return Path(settings.DATA_DIR) / "git" / f"{self.pk}.git"

    @property
    def parsed_path(self) -> Path:
        """What dbt has read of it on this machine: a cache, too."""
        return self.mirror_path.with_suffix(".parsed")


class HoldState(models.TextChoices):
    OPEN = "open", _("Held")
    AGREED = "agreed", _("Agreed")
    REFUSED = "refused", _("Refused")
    REPLACED = "replaced", _("Replaced")


class Hold(models.Model):
    """The trusted files of a commit, that somebody agreed to, or has to before dbt is started on them.

    `digest` is over `files`, and an agreement is bound to it; `source` says in which repository. `changes`
    has what readers need to decide: each file before and after, and the commit that changed it.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="holds", verbose_name=_("project"))
    source = models.CharField(max_length=64)
    commit = models.CharField(_("commit"), max_length=64)
    digest = models.CharField(_("digest"), max_length=64)
    files = models.JSONField(default=dict)
    changes = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=10, choices=HoldState, default=HoldState.OPEN)
    since = models.DateTimeField(_("since"), auto_now_add=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=models.Q(state="open"), name="hold_one_open_per_project"
            )
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.commit[:8]}"

    def get_absolute_url(self) -> str:
        """Where it is decided."""
        return reverse("pulls", args=[self.project.slug])
