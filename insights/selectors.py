"""What the catalogue and the metric page show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from bisync.lib.errors import BisyncError
from bisync.lib.search import every_word
from catalog.annotations import Leaving, leaving_in, noted
from catalog.quality.rules import Test, rule_of
from catalog.rules import Judged, Kept
from catalog.selectors import Lineage
from environments.models import Deployment, Environment, MetricSeries
from environments.numbers import Numbers, by_period
from environments.selectors import Reading, reading
from governance.models import Project, User
from proposals.models import Proposal
from semantic import sync
from semantic.codegen.value_tests import said_alone, test_names
from semantic.current import rules_noted
from semantic.definitions import Grain, Metric
from semantic.fields import ValueRule, currency
from semantic.formula import analyse
from semantic.formula.chips import Chip, chips
from semantic.formula.tree import MetricRef
from semantic.models import Definition, DefinitionState, Revision
from semantic.query.spec import Unsupported
from semantic.removals import RemovalFields
from semantic.technical import how_computed


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of the catalogue; `numbers` is None where the environment has none for it."""

    definition: Definition
    numbers: Numbers | None
    value_format: str
    currency: str
    owner: str
    here: bool
    used_in: int
    leaving: str = ""


def metric_rows(
    environment: Environment, lineage: Lineage, *, search: str = "", show: str = ""
) -> list[MetricRow]:
    """The project's metrics with their last months in this environment, found by `search`.

    `show` narrows to "new" (not in this environment yet) or "retired".
    """
    wanted = metrics_of(environment.project)
    if show == "retired":
        wanted = wanted.filter(state=DefinitionState.RETIRED)
    else:
        wanted = wanted.exclude(state=DefinitionState.RETIRED)
        wanted = wanted.exclude(unique_id="", state=DefinitionState.DRAFT)
    wanted = searched(wanted, search)
    live = environment.live
    series = dict(
        MetricSeries.objects.filter(deployment=live).values_list("metric", "points") if live else ()
    )
    names: Mapping[str, Metric] = reading(live).vocabulary.metrics if live else {}
    rows = [
        MetricRow(
            definition=definition,
            numbers=Numbers.stored(series[definition.name]) if definition.name in series else None,
            value_format=value_format(definition.fields.get("meta")),
            currency=currency(definition.fields.get("meta")),
            owner=owner(definition.fields.get("meta")),
            here=definition.name in names,
            used_in=len(definition.usages.all()) + len(lineage.users_of(definition.unique_id)),
            leaving=goes_on(leaving_in(definition.fields.get("meta"))),
        )
        for definition in wanted.prefetch_related("usages").order_by("label", "name")
    ]
    return [row for row in rows if not row.here] if show == "new" else rows


def metrics_of(project: Project) -> QuerySet[Definition]:
    """The metrics that people speak of, without the named parts of another's calculation that dbt needs."""
    metrics = Definition.objects.filter(project=project, kind="metric")
    # Not `exclude(… has_key …)`: on PostgreSQL that leaves out whatever has no meta at all.
    return metrics.filter(fields__meta__bisync__helper_of__isnull=True)


def searched(metrics: QuerySet[Definition], search: str) -> QuerySet[Definition]:
    """Those metrics in which, or in whose other names, every word is found."""
    found = Q()
    for word in search.split():
        # As JSON has it, too: SQLite keeps what is not ASCII that way.
        spelled = {word, json.dumps(word)[1:-1]}
        places = ("fields__meta__bisync__synonyms", "fields__meta__synonyms")
        named = (Q(**{f"{place}__icontains": one}) for place in places for one in spelled)
        found &= reduce(or_, named, every_word(word, "name", "label", "description"))
    return metrics.filter(found)


def value_format(meta: object) -> str:
    """How the metric's author wants it shown: number, integer, currency or percent."""
    return str(noted(meta, "format") or "number")


def owner(meta: object) -> str:
    """Who looks after a metric, as its meta says."""
    return str(noted(meta, "owner") or "")


def context(meta: object) -> str:
    """What people should know of a metric beside its meaning, as its meta says."""
    return str(noted(meta, "context") or "").strip()


def goes_on(leaving: Leaving | None) -> str:
    """That a metric is deprecated, in a few words; "" where it is not."""
    if leaving is None:
        return ""
    if leaving.day is None:
        return _("Deprecated")
    words = _("Was to go on %(day)s") if leaving.day < timezone.localdate() else _("Goes on %(day)s")
    return words % {"day": formats.date_format(leaving.day, "j F Y")}


def its_end(project: Project, definition: Definition) -> dict[str, object]:
    """When a deprecated metric goes, what takes its place, and what became of one that has gone."""
    leaving = leaving_in(definition.fields.get("meta"))
    others = metrics_of(project).filter(name=leaving.instead if leaving else "")
    return {
        "leaving": goes_on(leaving),
        "instead": others.first() if leaving and leaving.instead else None,
        "gone": what_became(definition) if definition.state == DefinitionState.RETIRED else None,
    }


@dataclass(frozen=True, slots=True)
class Gone:
    """What became of a metric that has left dbt: the proposal, how it went, what is there instead."""

    proposal: Proposal
    how: str
    instead: Definition | None


def what_became(definition: Definition) -> Gone | None:
    """What the proposal says that removed or renamed a metric; None where none did."""
    of = {
        "kind": "removal",
        "fields__name": f"metric:{definition.name}",
        "fields__how__in": ["now", "rename"],
    }
    done = Revision.objects.filter(project=definition.project_id, item__proposal__status="published", **of)
    found = done.select_related("item__proposal").order_by("-id").first()
    if found is None:
        return None
    said = RemovalFields.from_json(found.fields)
    others = metrics_of(definition.project).filter(name=said.new_name or said.replacement)
    return Gone(found.item.proposal, said.how, others.exclude(pk=definition.pk).first())


def rules_of_value(definition: Definition, tested: Iterable[Judged]) -> list[Judged]:
    """The rules of a metric's value: those that dbt tests, then those that Bisync alone checks."""
    known, meta = list(tested), definition.fields.get("meta")
    promised = rules_noted(meta) if isinstance(meta, Mapping) else ()
    names = test_names(definition.name, promised)
    by_dbt, percent = {kept.name for kept, _tested in known}, value_format(meta) == "percent"
    alone = [
        _alone(definition, rule, name, percent=percent)
        for rule, name in zip(promised, names, strict=True)
        if name not in by_dbt
    ]
    return [*known, *((kept, None) for kept in alone)]


def _alone(definition: Definition, promise: ValueRule, name: str, *, percent: bool) -> Kept:
    test, arguments = said_alone(promise, percent=percent)
    rule = rule_of(Test(test, name, definition.name, arguments=arguments))
    rule = replace(rule, consequence=_("Bisync checks it before a change is published"))
    return Kept(rule, "", "meta.bisync.rules", promise.kind, "", definition.file)


@dataclass(frozen=True, slots=True)
class MetricView:
    """All that the metric page shows of one environment."""

    metric: Metric | None = None
    numbers: Numbers | None = None
    trouble: str = ""
    formula: str = ""
    reads_as: str = ""
    chips: tuple[Chip, ...] = ()
    # dbt says it otherwise by now, and nobody has deployed that here.
    behind: bool = False
    # What its documentation says of that formula.
    computed: str = ""

    def meaning(self, description: str) -> str:
        """What is said of it beside what the page shows anyway."""
        return description.replace(self.computed, "").strip() if self.computed else description


def metric_view(environment: Environment, definition: Definition, *, grain: Grain) -> MetricView:
    """A metric in an environment: its number by `grain`, and why there is none."""
    if environment.live is None:
        return MetricView(formula=definition.formula)
    version = reading(environment.live)
    metric = version.vocabulary.metrics.get(definition.name)
    if metric is None:
        return MetricView(formula=definition.formula)
    numbers, trouble = _numbers(environment.live, version, metric, grain)
    behind = sync.changed_since(metric, definition)
    # What its author wrote says more than the parts that dbt knows it by, as long as it is what counts here.
    formula = metric.formula if behind else definition.formula or metric.formula
    read = (analyse(text, version.vocabulary) for text in (formula, metric.formula) if text)
    said = next((analysis for analysis in read if analysis.tree), None)
    if said is None or said.tree is None:
        return MetricView(metric, numbers, trouble, formula, behind=behind)
    pieces = chips(said.tree, version.vocabulary)
    computed = how_computed(metric, version.vocabulary)
    return MetricView(metric, numbers, trouble, formula, said.reads_as, pieces, behind, computed)


def _numbers(
    deployment: Deployment, version: Reading, metric: Metric, grain: Grain
) -> tuple[Numbers | None, str]:
    try:
        return by_period(version, MetricRef(metric.name), grain=grain), ""
    except Unsupported as exc:
        kept = MetricSeries.objects.filter(deployment=deployment, metric=metric.name).first()
        if kept is None or grain != "month":
            return None, str(exc)
        return Numbers.stored(kept.points), ""
    except BisyncError as exc:
        return None, str(exc)


def open_proposal(project: Project, definition: Definition, user: User) -> Proposal | None:
    """The proposal that is about to change this metric, if there is one."""
    return (
        Proposal.objects.visible_to(user)
        .filter(project=project, items__revision__definition=definition)
        .exclude(status__in=["published", "withdrawn"])
        .select_related("author")
        .order_by("-id")
        .first()
    )


def published_by(definition: Definition) -> QuerySet[Proposal]:
    """The proposals that made a metric what it is, the last one first."""
    published = Proposal.objects.filter(items__revision__definition=definition, status="published")
    return published.select_related("author", "published_by").order_by("-published_at")
