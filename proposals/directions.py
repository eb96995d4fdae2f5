"""What a project lets proposals change, and who wins where dbt changed the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bisync.lib.errors import BisyncError
from governance.models import Project
from proposals.kinds import Kind, kind_of
from proposals.models import Item, Proposal
from semantic.codegen.entries import about_models, about_tests
from semantic.fields import Fields
from semantic.models import Revision
from workspace.models import Strategy, SyncSettings, Winner
from workspace.strategies import settings_of


class FromDbtOnly(BisyncError):
    code = "from-dbt-only"
    message = gettext_lazy("This is not published: %(why)s")
    http_status = 409


def winner_of(item: Item, field: str) -> Winner:
    """Who wins where a proposal and dbt both changed a field. Rules go with what they are about."""
    kinds = kind_of(item.revision).metadata
    settings, kind = settings_of(item.proposal.project), kinds[field]
    if settings.of(kind, "strategy") != Strategy.BOTH:
        return Winner.DBT
    beside = "semantic_layer" if kind == "tests" and "semantic_layer" in kinds.values() else kind
    return Winner(settings.of(beside, "conflicts"))


def not_proposable(
    project: Project, revision: Revision, *, entries: Mapping[str, Any]
) -> dict[str, list[str]]:
    """By field, why what it proposes has to be done in dbt; {} where all may be proposed."""
    kind = kind_of(revision)
    return not_proposable_of(project, kind, revision.content, base=revision.agreed, entries=entries)


def not_proposable_of(
    project: Project, kind: Kind[Any], fields: Fields, *, base: Fields | None, entries: Mapping[str, Any]
) -> dict[str, list[str]]:
    """As `not_proposable`, of what nobody has saved yet."""
    settings = settings_of(project)
    asked = [(name, kind.metadata[name]) for name in kind.asked(fields, base)]
    # What the code does besides: the one field for all that it comes to.
    asked += [(kind.computed, "models")] if about_models(entries) else []
    asked += [(kind.computed, "tests")] if about_tests(entries) else []
    problems: dict[str, list[str]] = {}
    for name, metadata in asked:
        if settings.of(metadata, "strategy") != Strategy.BOTH:
            field = name if hasattr(fields, name) else kind.computed
            problems.setdefault(field, []).append(_sentence(settings, metadata))
    return problems


def require_proposable(proposal: Proposal) -> None:
    """Raise `FromDbtOnly` where the project's strategy has changed since it was sent for review."""
    items: list[Item] = list(proposal.items.select_related("revision"))
    told = [not_proposable(proposal.project, item.revision, entries=item.entries) for item in items]
    sentences = dict.fromkeys(text for one in told for texts in one.values() for text in texts)
    if sentences:
        raise FromDbtOnly(why=" ".join(sentences))


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
        "This changes the dbt models (a measure, a dimension, a rule), and they come from dbt only here: "
        "change that there, pull, and use it."
    ),
    "documentation": gettext_lazy("Names and descriptions come from dbt only here: change them there."),
    "semantic_layer": gettext_lazy("Metrics come from dbt only here: make and change them there."),
    "ownership": gettext_lazy("Owners and domains come from dbt only here: change them there."),
    "tests": gettext_lazy("Tests come from dbt only here: write and remove them there."),
}
