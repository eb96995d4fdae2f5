"""Which version runs where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import sentence
from governance.models import Project, User
from workspace.models import Artifact, Connection, Run, Timetable
from workspace.models.repository import IDENTIFIER
from workspace.warehouse.location import Location

# The second part of addresses that are not an environment's.
RESERVED_SLUGS = frozenset(
    [
        *("proposals", "pulls", "runs", "environments", "settings", "lineage", "models", "metrics", "audit"),
        *("people", "queues", "search", "notifications", "connect", "catalogue"),
    ]
)


class EnvironmentKind(models.TextChoices):
    DEVELOPMENT = "development", _("Development")
    STAGING = "staging", _("Staging")
    PRODUCTION = "production", _("Production")


# What is found out in one of these tells people the more, the lower its rank.
RANKS: Mapping[str, int] = {
    EnvironmentKind.PRODUCTION: 0,
    EnvironmentKind.STAGING: 1,
    EnvironmentKind.DEVELOPMENT: 2,
}


class Environment(models.Model):
    """A place where the dbt project is built: its target, warehouse, schema, branch and variables.

    `live` points to the deployment that readers see. Moving it is the release.
    """

    project = models.ForeignKey(
        Project, models.CASCADE, related_name="environments", verbose_name=_("project")
    )
    slug = models.SlugField(
        _("short name"),
        max_length=30,
        validators=[RegexValidator(r"^[a-z][a-z0-9-]*$", _("Begin with a lower-case letter."))],
        help_text=_("Part of every address: lower-case letters, digits and hyphens."),
    )
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=EnvironmentKind)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    connection = models.ForeignKey(
        Connection, models.PROTECT, related_name="environments", verbose_name=_("warehouse")
    )
    dbt_target = models.CharField(_("dbt target"), max_length=60, validators=[IDENTIFIER])
    schema = models.CharField(
        _("schema"),
        max_length=40,
        validators=[IDENTIFIER],
        help_text=_("What readers see. Bisync builds each version beside it and switches when it is good."),
    )
    branch = models.CharField(
        _("branch"), max_length=200, blank=True, help_text=_("Empty for the repository's branch.")
    )
    variables = models.JSONField(
        _("dbt variables"),
        default=dict,
        blank=True,
        help_text=_('For example {"sample": 0.1}. Passed to dbt as --vars.'),
    )
    live = models.ForeignKey(
        "Deployment", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("environment")
        verbose_name_plural = _("environments")
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="environment_once_per_project"),
            models.UniqueConstraint(fields=["connection", "schema"], name="environment_schema_is_its_own"),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(kind="production"),
                name="environment_one_production",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("environment-edit", args=[self.project.slug, self.slug])

    @property
    def environment(self) -> Environment:
        """Itself: the audit log asks every target in which environment it is."""
        return self

    @property
    def folder(self) -> Path:
        """Where this machine keeps the environment's DuckDB files, one folder per version."""
        return Path(settings.DATA_DIR) / "warehouse" / str(self.project_id) / self.slug


class DeploymentStatus(models.TextChoices):
    PLANNED = "planned", _("Waiting")
    APPLYING = "applying", _("Building")
    LIVE = "live", _("Live")
    SUPERSEDED = "superseded", _("Replaced")
    FAILED = "failed", _("Failed")


class Deployment(models.Model):
    """One version of an environment: a commit, built and tested, and where each of its nodes lies.

    `relations` maps a dbt unique_id to [schema, name] of this version, whichever build made it. A version is
    never changed once it was live, so whatever was read from it may be cached for ever.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="deployments")
    number = models.PositiveIntegerField(_("version"))
    commit = models.CharField(_("commit"), max_length=64)
    status = models.CharField(
        _("state"), max_length=12, choices=DeploymentStatus, default=DeploymentStatus.PLANNED
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    # The audit key of what asked for it, for example a proposal's: this app knows nothing of those above.
    subject = models.CharField(_("subject"), max_length=120, blank=True)
    requested_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    affected = models.JSONField(default=list)
    variables = models.JSONField(default=dict)
    relations = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    manifest = models.ForeignKey(Artifact, models.PROTECT, null=True, related_name="+")
    semantic_manifest = models.ForeignKey(Artifact, models.PROTECT, null=True, related_name="+")
    columns = models.ForeignKey(Artifact, models.PROTECT, null=True, related_name="+")
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    error_code = models.CharField(_("error"), max_length=60, blank=True)
    error_params = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    live_at = models.DateTimeField(_("live since"), null=True, blank=True)

    class Meta:
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "number"], name="deployment_number_once"),
            models.UniqueConstraint(
                fields=["environment"], condition=Q(status="live"), name="deployment_one_live"
            ),
            models.CheckConstraint(
                condition=~Q(status="live") | Q(manifest__isnull=False),
                name="deployment_live_has_manifest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.environment} v{self.number}"

    def get_absolute_url(self) -> str:
        """Its run's page; the list of them where it has none any more."""
        if self.run_id is None:
            return reverse("environments", args=[self.project.slug])
        return reverse("run", args=[self.project.slug, self.run_id])

    @property
    def project(self) -> Project:
        return self.environment.project

    @property
    def error(self) -> str:
        """Why it failed, as a sentence; "" where it did not."""
        return sentence(self.error_code, self.error_params) if self.error_code else ""

    @property
    def file(self) -> Path:
        """The DuckDB file of this version; the name stays, so that dbt's catalog name does."""
        return self.environment.folder / f"v{self.number:05d}" / "warehouse.duckdb"

    @property
    def build_schema(self) -> str:
        """Where dbt builds this version: a schema of its own on a server, the plain one in a file."""
        if self.environment.connection.adapter == Connection.Adapter.DUCKDB:
            return self.environment.schema
        return f"{self.environment.schema}__v{self.number}"

    @property
    def location(self) -> Location:
        """Where dbt builds, and queries read, this version."""
        return self.environment.connection.location(schema=self.build_schema, path=str(self.file))


class MetricSeries(models.Model):
    """A metric's months in one version, computed once after it went live: what lists show at a glance."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="series")
    metric = models.CharField(_("metric"), max_length=255)
    points = models.JSONField(default=list)

    class Meta:
        verbose_name = _("metric series")
        verbose_name_plural = _("metric series")
        constraints = [models.UniqueConstraint(fields=["deployment", "metric"], name="series_once")]

    def __str__(self) -> str:
        return f"{self.metric} in {self.deployment}"


class Finding(models.Model):
    """Something about the project that cannot be used as it is, or should be looked at.

    `kind` names a sentence of `environments.health`, and `params` are what it speaks of.
    """

    class Level(models.TextChoices):
        BAD = "bad", _("wrong")
        WARN = "warn", _("look at it")

    project = models.ForeignKey(Project, models.CASCADE, related_name="findings")
    level = models.CharField(_("level"), max_length=4, choices=Level)
    kind = models.CharField(_("kind"), max_length=40)
    unique_id = models.CharField(max_length=400)
    name = models.CharField(_("name"), max_length=255)
    file = models.CharField(_("file"), max_length=400, blank=True)
    line = models.PositiveIntegerField(_("line"), default=0)
    params = models.JSONField(default=dict)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["level", "kind", "name"]
        indexes = [models.Index(fields=["project", "level"], name="finding_of_project")]

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}"


class BuildSchedule(Timetable):
    """When the newest commit is built in an environment by itself."""

    environment = models.OneToOneField(
        Environment, models.CASCADE, related_name="build_schedule", verbose_name=_("environment")
    )

    class Meta(Timetable.Meta):
        verbose_name = _("build schedule")
        verbose_name_plural = _("build schedules")

    def get_absolute_url(self) -> str:
        return reverse("environment-schedule", args=[self.environment.project.slug, self.environment.slug])


class FreshnessSchedule(Timetable):
    """When the sources of an environment are looked at by themselves."""

    environment = models.OneToOneField(
        Environment, models.CASCADE, related_name="freshness_schedule", verbose_name=_("environment")
    )

    class Meta(Timetable.Meta):
        verbose_name = _("freshness schedule")
        verbose_name_plural = _("freshness schedules")

    def get_absolute_url(self) -> str:
        return reverse("environment-sources", args=[self.environment.project.slug, self.environment.slug])
