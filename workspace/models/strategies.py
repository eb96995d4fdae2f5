"""What of a project's metadata goes which way, how often, and who wins where both sides changed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from governance.models import Project


class Strategy(models.TextChoices):
    BOTH = "both", _("Both ways")
    FROM_DBT = "dbt_to_bisync", _("From dbt only")
    OFF = "off", _("Not kept")


class Frequency(models.TextChoices):
    EACH_PULL = "each_pull", _("After each pull and build")
    DAILY = "daily", _("Once a day, if something is new")
    ON_DEMAND = "on_demand", _("Only when somebody asks")


class Winner(models.TextChoices):
    ASK = "ask", _("Ask")
    DBT = "dbt", _("dbt wins")
    BUSINESS = "business", _("The proposal wins")


_EITHER = (Strategy.BOTH, Strategy.FROM_DBT)
# What can be chosen per kind of metadata; the first is what holds where nobody chose.
CHOICES: Mapping[str, Mapping[str, tuple[models.TextChoices, ...]]] = {
    "models": {"strategy": _EITHER},
    "documentation": {"strategy": _EITHER, "conflicts": tuple(Winner)},
    "semantic_layer": {"strategy": _EITHER, "conflicts": tuple(Winner)},
    "ownership": {"strategy": _EITHER, "conflicts": tuple(Winner)},
    "tests": {"strategy": tuple(Strategy)},
    "lineage": {"frequency": tuple(Frequency)},
}
# As people name each kind, and what is of it.
KINDS = {
    "models": (_("Models"), _("Measures and dimensions that a metric needs are added beside its models.")),
    "documentation": (_("Documentation"), _("A metric's name, meaning and context.")),
    "semantic_layer": (_("Semantic layer"), _("Metrics: formula, date and format; new ones, too.")),
    "ownership": (_("Ownership"), _("A metric's owner and domain.")),
    "tests": (
        _("Tests"),
        _("How tests and freshness checks ended, and the rules of metrics that become tests."),
    ),
    "lineage": (_("Column lineage"), _("Worked out from the SQL of each model, in a run of its own.")),
}


class SyncSettings(models.Model):
    """What was chosen in the form, and what `bisync/sync.yml` of the repository says, which comes first.

    Both by kind and key, as `documentation.conflicts`; `said` may also hold the timetable of `pull`, and
    `aside` is then the one that the form had. `problems` are those of the newest file: while there are any,
    what the last good one said stays in force.
    """

    project = models.OneToOneField(
        Project, models.CASCADE, related_name="sync_settings", verbose_name=_("project")
    )
    chosen = models.JSONField(_("chosen in the form"), default=dict, blank=True)
    said = models.JSONField(_("said by the file"), default=dict, blank=True)
    commit = models.CharField(_("commit"), max_length=64, blank=True)
    author = models.CharField(_("author"), max_length=200, blank=True)
    committed_at = models.DateTimeField(_("committed"), null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    problems = models.JSONField(_("problems"), default=list, blank=True)
    wrong_commit = models.CharField(_("commit with problems"), max_length=64, blank=True)
    aside = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name = _("strategy and frequency")
        verbose_name_plural = _("strategies and frequencies")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.project.name

    def get_absolute_url(self) -> str:
        return reverse("automatic-pulls", args=[self.project.slug])

    def of(self, kind: str, key: str) -> str:
        """What holds. Where a kind comes from dbt only, dbt wins."""
        if key == "conflicts" and self.of(kind, "strategy") != Strategy.BOTH:
            return Winner.DBT.value
        name = f"{kind}.{key}"
        offered = CHOICES[kind][key]
        found: Any = self.said.get(name) or self.chosen.get(name)
        return found if found in {choice.value for choice in offered} else offered[0].value

    @property
    def pulls_by_file(self) -> bool:
        """Whether the file says when to pull."""
        return "pull" in self.said
