"""What a metric means: definitions and their revisions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from governance.models import Project, User
from semantic.fields import Fields, MetricFields
from semantic.kinds import FIELDS


class DefinitionKind(models.TextChoices):
    METRIC = "metric", _("Metric")
    MODEL = "model", _("Model or source")
    COLUMN = "column", _("Column")
    DOC = "doc", _("Docs block")
    TEST = "test", _("Quality rule")
    DIMENSION = "dimension", _("Dimension")
    MEASURE = "measure", _("Measure")
    CALCULATION = "calculation", _("Calculation")
    RULE = "rule", _("Business rule")
    REMOVAL = "removal", _("Removal")


class DefinitionState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class DefinitionQuerySet(models.QuerySet["Definition"]):
    def visible_to(self, user: User) -> DefinitionQuerySet:
        return self.filter(project__in=Project.objects.visible_to(user))


class Definition(models.Model):
    """A named thing that people agree on. dbt's repository holds the agreed content; this row its story."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="definitions")
    kind = models.CharField(_("kind"), max_length=20, choices=DefinitionKind, default=DefinitionKind.METRIC)
    # Of what is no metric, dbt's id of it, or that of the model and a name.
    name = models.CharField(_("name"), max_length=700)
    label = models.CharField(_("label"), max_length=255, blank=True)
    description = models.TextField(_("meaning"), blank=True)
    unique_id = models.CharField(max_length=400, blank=True)
    file = models.CharField(_("file"), max_length=400, blank=True)
    state = models.CharField(
        _("state"), max_length=12, choices=DefinitionState, default=DefinitionState.DRAFT
    )
    formula = models.TextField(_("formula"), blank=True)
    fields = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, blank=True)
    published_commit = models.CharField(_("commit"), max_length=64, blank=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    created_at = models.DateTimeField(auto_now_add=True)
    objects = DefinitionQuerySet.as_manager()

    class Meta:
        verbose_name = _("definition")
        verbose_name_plural = _("definitions")
        ordering = ["label", "name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "kind", "name"], name="definition_name_once")
        ]

    def __str__(self) -> str:
        return self.label or self.name

    def get_absolute_url(self) -> str:
        if self.kind == DefinitionKind.METRIC:
            return reverse("metric-anywhere", args=[self.project.slug, self.name])
        node = self.name.partition(":")[0]
        # What is not in dbt yet, or has left it, has no page but that of its proposal.
        if "." in node:
            return reverse("node", args=[self.project.slug, node])
        return reverse("proposals", args=[self.project.slug])


class RevisionState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PROPOSED = "proposed", _("Proposed")
    AGREED = "agreed", _("Agreed")
    SUPERSEDED = "superseded", _("Superseded")


class Revision(models.Model):
    """One version of a definition's content, as somebody edits or proposes it.

    `base` is what was agreed when the work began, empty for something new. `version` counts saves: a save
    that names an older one is refused, so that two tabs cannot overwrite each other unseen.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="revisions")
    definition = models.ForeignKey(
        Definition, models.SET_NULL, null=True, blank=True, related_name="revisions"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=DefinitionKind, default=DefinitionKind.METRIC)
    author = models.ForeignKey(User, models.PROTECT, related_name="revisions")
    base = models.JSONField(default=dict, blank=True)
    fields = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=RevisionState, default=RevisionState.DRAFT)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    saved_at = models.DateTimeField(_("saved"), auto_now=True)

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["-id"]
        constraints = [
            # Two proposals for one metric at a time would each be reviewed without the other.
            models.UniqueConstraint(
                fields=["definition"],
                condition=Q(state="proposed"),
                name="revision_one_proposed_per_definition",
            )
        ]

    def __str__(self) -> str:
        return f"{self.content.title or self.get_kind_display()} v{self.version}"

    @property
    def content(self) -> Fields:
        """What it says, as the form of its kind shows it."""
        return FIELDS[self.kind].from_json(self.fields)

    @property
    def agreed(self) -> Fields | None:
        """What dbt said when the work began, or the last merge was made; None for something new."""
        return FIELDS[self.kind].from_json(self.base) if self.base else None

    @property
    def metric(self) -> MetricFields:
        """The content of a metric."""
        content = self.content
        assert isinstance(content, MetricFields)
        return content

    @property
    def agreed_metric(self) -> MetricFields | None:
        """What dbt said of a metric."""
        agreed = self.agreed
        assert agreed is None or isinstance(agreed, MetricFields)
        return agreed


class Usage(models.Model):
    """Something that uses a definition: a dbt exposure today, saved queries and dashboards later."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="usages")
    definition = models.ForeignKey(Definition, models.CASCADE, related_name="usages")
    kind = models.CharField(_("kind"), max_length=40)
    key = models.CharField(max_length=400)
    label = models.CharField(_("label"), max_length=255)
    url = models.CharField(_("address"), max_length=500, blank=True)
    owner = models.CharField(_("owner"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usages")
        ordering = ["label"]
        constraints = [models.UniqueConstraint(fields=["definition", "kind", "key"], name="usage_once")]

    def __str__(self) -> str:
        return f"{self.label} uses {self.definition}"
