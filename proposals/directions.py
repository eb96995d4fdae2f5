"""What a project lets proposals change, and who wins where dbt changed the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bisync.lib.errors import BisyncError
from governance.models import Project
from proposals.models import Item, Proposal
from semantic.fields import MetricFields
from workspace.models import Strategy, SyncSettings, Winner
from workspace.strategies import settings_of

# The kind of metadata that each field of a metric is.
KIND_OF = {
    **dict.fromkeys(("label", "meaning", "context"), "documentation"),
    **dict.fromkeys(("formula", "time", "value_format"), "semantic_layer"),
    "rules": "tests",
    **dict.fromkeys(("owner", "group"), "ownership"),
}
# What is written beside a model and not beside a metric.
_OF_MODELS = ("semantic_models", "measures", "dimensions")


class FromDbtOnly(BisyncError):
    code = "from-dbt-only"
    message = gettext_lazy("This is not published: %(why)s")
    http_status = 409


def winner_of(project: Project, field: str) -> Winner:
    """Who wins where a proposal and dbt both changed a field. Rules go with what they are about."""
    settings, kind = settings_of(project), KIND_OF[field]
    if settings.of(kind, "strategy") != Strategy.BOTH:
        return Winner.DBT
    return Winner(settings.of("semantic_layer" if kind == "tests" else kind, "conflicts"))


def not_proposable(
    project: Project, fields: MetricFields, *, base: MetricFields | None, entries: Mapping[str, Any]
) -> dict[str, list[str]]:
    """By field, why what it proposes has to be done in dbt; {} where all may be proposed."""
    settings = settings_of(project)
    # What is said in dbt nowhere yet takes nothing from it: of a new metric, its being there is what counts.
    changed = (
        fields.changes_from(base) if base is not None else ["formula", *(["rules"] if fields.rules else [])]
    )
    problems = {
        name: [_sentence(settings, KIND_OF[name])]
        for name in changed
        if settings.of(KIND_OF[name], "strategy") != Strategy.BOTH
    }
    if any(entries.get(part) for part in _OF_MODELS) and settings.of("models", "strategy") != Strategy.BOTH:
        problems.setdefault("formula", []).append(_sentence(settings, "models"))
    return problems


def require_proposable(proposal: Proposal) -> None:
    """Raise `FromDbtOnly` where the project's strategy has changed since it was sent for review."""
    items: list[Item] = list(proposal.items.select_related("revision"))
    for item in items:
        revision = item.revision
        told = not_proposable(proposal.project, revision.metric, base=revision.agreed, entries=item.entries)
        if told:
            raise FromDbtOnly(why=" ".join(dict.fromkeys(text for texts in told.values() for text in texts)))


def _sentence(settings: SyncSettings, kind: str) -> str:
    strategy = settings.of(kind, "strategy")
    by = {"kind": kind, "strategy": strategy, "commit": settings.commit[:8]}
    if f"{kind}.strategy" in settings.said:
        place = _("bisync/sync.yml says “%(kind)s: strategy: %(strategy)s”, in commit %(commit)s.") % by
    else:
        place = _("“Strategy and frequency” says “%(strategy)s” for it.") % by
    return f"{_WORDS[kind]} {place}"


_WORDS = {
    "models": gettext_lazy(
        "This formula needs a measure or a dimension that its model lacks, and they come from dbt only here: "
        "add them to the model there, pull, and use them."
    ),
    "documentation": gettext_lazy("Names and descriptions come from dbt only here: change them there."),
    "semantic_layer": gettext_lazy("Metrics come from dbt only here: make and change them there."),
    "ownership": gettext_lazy("Owners and domains come from dbt only here: change them there."),
    "tests": gettext_lazy("Tests come from dbt only here: write the rule there, and none here."),
}
