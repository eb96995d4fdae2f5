"""What a pull does to definitions: published, changed, retired, and left alone while they travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import Project
from semantic.definitions import ConversionParams, Metric, Vocabulary
from semantic.models import Definition, Revision, Usage
from semantic.sync import Exposure, changed_since, sync_metrics, sync_usages
from tests.factories import make_project, make_user
from tests.ready import Ready

pytestmark = pytest.mark.django_db

NOTHING: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}


@pytest.fixture
def project() -> Project:
    return make_project()


def known(*metrics: Metric) -> Vocabulary:
    return Vocabulary(models={}, metrics={metric.name: metric for metric in metrics})


REVENUE = Metric(
    "revenue",
    "simple",
    label="Revenue",
    description="All of it.",
    measure="net",
    unique_id="metric.shop.revenue",
)
ORDERS = Metric("orders", "simple", label="Orders", measure="rows", unique_id="metric.shop.orders")


def states(project: Project) -> Mapping[str, str]:
    return dict(Definition.objects.filter(project=project).values_list("name", "state"))


def writes(captured: CaptureQueriesContext) -> list[str]:
    return [q["sql"] for q in captured.captured_queries if not q["sql"].startswith("SELECT")]


def test_every_metric_of_the_repository_is_published(project: Project, ready: Ready) -> None:
    told = sync_metrics(project, ready.vocabulary, commit="c1")

    assert set(told["added"]) == set(states(project)) == set(ready.vocabulary.metrics)
    assert (told["changed"], told["removed"]) == ([], [])
    assert set(states(project).values()) == {"published"}
    share = Definition.objects.get(name="completed_share")
    assert (share.label, share.file, share.published_commit) == (
        "Completed share",
        "models/metrics.yml",
        "c1",
    )
    assert share.unique_id == "metric.shop.completed_share"
    assert share.fields["numerator"][0] == "revenue"
    assert Definition.objects.get(name="revenue").formula == "SUM(net_amount)"


def test_the_same_again_is_told_as_nothing_and_touches_no_row(project: Project, ready: Ready) -> None:
    sync_metrics(project, ready.vocabulary, commit="c1")

    with CaptureQueriesContext(connection) as captured:
        told = sync_metrics(project, ready.vocabulary, commit="c2")

    assert told == NOTHING
    assert writes(captured) == []


@pytest.mark.parametrize(
    "change",
    [
        {"label": "Net revenue"},
        {"description": "Other words."},
        {"filters": ("{{ Dimension('order__status') }} = 'paid'",)},
        {"measure": "gross"},
        {"file": "models/other.yml"},
        {"meta": {"owner": "Ana"}},
        {"formula": "SUM(a)"},
    ],
)
def test_what_a_person_could_notice_is_told_and_kept(project: Project, change: dict[str, object]) -> None:
    sync_metrics(project, known(REVENUE, ORDERS), commit="c1")

    told = sync_metrics(project, known(replace(REVENUE, **change), ORDERS), commit="c2")  # type: ignore[arg-type]

    assert told == {**NOTHING, "changed": ["revenue"]}
    definition = Definition.objects.get(name="revenue")
    assert definition.published_commit == "c1"  # where it came in
    for name in ("label", "description", "file", "formula"):
        if name in change:
            assert getattr(definition, name) == change[name]


def test_a_metric_that_went_is_retired_and_one_that_comes_back_is_published(project: Project) -> None:
    sync_metrics(project, known(REVENUE, ORDERS), commit="c1")

    assert sync_metrics(project, known(ORDERS), commit="c2") == {**NOTHING, "removed": ["revenue"]}
    assert states(project) == {"revenue": "retired", "orders": "published"}
    assert sync_metrics(project, known(ORDERS), commit="c3") == NOTHING

    assert sync_metrics(project, known(REVENUE, ORDERS), commit="c4") == {**NOTHING, "changed": ["revenue"]}
    assert states(project) == {"revenue": "published", "orders": "published"}


def test_other_projects_keep_theirs(project: Project) -> None:
    other = make_project()
    sync_metrics(other, known(REVENUE), commit="c1")

    sync_metrics(project, known(ORDERS), commit="c1")

    assert states(other) == {"revenue": "published"}


def travelling(project: Project, state: str = "proposed") -> Definition:
    """A draft as a proposal brings it along."""
    definition = Definition.objects.create(project=project, name="revenue", label="Revenue")
    Revision.objects.create(project=project, definition=definition, author=make_user(), state=state)
    return definition


def test_what_a_proposal_brings_is_seen_but_not_called_published(project: Project) -> None:
    travelling(project)

    told = sync_metrics(project, known(REVENUE), commit="c1")

    definition = Definition.objects.get()
    assert told == {**NOTHING, "added": ["revenue"]}
    assert (definition.state, definition.published_commit) == ("draft", "")
    assert definition.unique_id == "metric.shop.revenue"
    assert sync_metrics(project, known(REVENUE), commit="c2") == NOTHING


def test_once_it_has_arrived_it_stays_published(project: Project) -> None:
    travelling(project)
    sync_metrics(project, known(REVENUE), commit="c1")
    Revision.objects.update(state="agreed")
    Definition.objects.update(state="published", published_commit="c1")

    assert sync_metrics(project, known(REVENUE), commit="c2") == NOTHING
    assert states(project) == {"revenue": "published"}


@pytest.mark.parametrize("state", ["draft", "superseded"])
def test_a_draft_that_a_colleague_was_faster_with_is_published(project: Project, state: str) -> None:
    travelling(project, state)

    sync_metrics(project, known(REVENUE), commit="c1")

    definition = Definition.objects.get()
    assert (definition.state, definition.published_commit) == ("published", "c1")


def test_a_draft_that_the_repository_does_not_know_is_left_alone(project: Project) -> None:
    travelling(project)

    assert sync_metrics(project, known(ORDERS), commit="c1") == {**NOTHING, "added": ["orders"]}
    assert states(project) == {"revenue": "draft", "orders": "published"}


def test_a_name_for_people_may_be_longer_than_its_column(project: Project) -> None:
    long = replace(REVENUE, label="L" * 900, file=f"models/{'f' * 900}.yml")

    sync_metrics(project, known(long), commit="c1")

    assert Definition.objects.get().label == "L" * 255
    assert sync_metrics(project, known(long), commit="c2") == NOTHING


# -- Usages ---------------------------------------------------------------------------------------------

WEEKLY = Exposure("exposure.shop.weekly", "Weekly", "https://bi.example.com/1", "Ana", ("revenue", "orders"))


def uses(project: Project) -> set[tuple[str, str, str]]:
    rows = Usage.objects.filter(project=project, kind="exposure")
    return set(rows.values_list("definition__name", "label", "url"))


def test_an_exposure_is_a_usage_of_each_metric_that_it_names(project: Project) -> None:
    sync_metrics(project, known(REVENUE, ORDERS), commit="c1")

    sync_usages(project, [replace(WEEKLY, metrics=("revenue", "orders", "unknown"))])

    url = "https://bi.example.com/1"
    assert uses(project) == {("revenue", "Weekly", url), ("orders", "Weekly", url)}


def test_usages_follow_their_exposures(project: Project) -> None:
    sync_metrics(project, known(REVENUE, ORDERS), commit="c1")
    sync_usages(project, [WEEKLY])
    with CaptureQueriesContext(connection) as captured:
        sync_usages(project, [WEEKLY])
    assert writes(captured) == []
    kept = Usage.objects.get(definition__name="orders")

    sync_usages(project, [replace(WEEKLY, label="Monthly", url="u" * 900, metrics=("orders",))])

    assert uses(project) == {("orders", "Monthly", "u" * 500)}
    assert Usage.objects.get() == kept


def test_other_kinds_of_usages_are_not_touched(project: Project) -> None:
    sync_metrics(project, known(REVENUE), commit="c1")
    definition = Definition.objects.get()
    Usage.objects.create(project=project, definition=definition, kind="dashboard", key="7", label="Board")

    sync_usages(project, [])

    assert Usage.objects.get().label == "Board"


def test_the_currency_of_most_metrics_is_the_projects(project: Project) -> None:
    def priced(name: str, meta: Mapping[str, object]) -> Metric:
        return replace(REVENUE, name=name, unique_id=f"metric.shop.{name}", meta=meta)

    metrics = [
        priced("a", {"currency": "GBP"}),
        priced("b", {"bisync": {"currency": "GBP"}}),
        priced("c", {"currency": "USD"}),
        priced("d", {"currency": "pounds"}),
        priced("e", {}),
    ]
    sync_metrics(project, known(*metrics), commit="c1")
    assert Project.objects.get(pk=project.pk).currency == "GBP"

    sync_metrics(project, known(REVENUE), commit="c2")
    assert Project.objects.get(pk=project.pk).currency == ""


def test_a_version_whose_metric_dbt_computes_otherwise_by_now_is_behind(project: Project) -> None:
    sync_metrics(project, known(replace(REVENUE, filters=("new",), meta={"owner": "Ada"})), commit="c2")
    definition = Definition.objects.get(name="revenue")

    assert changed_since(REVENUE, definition)
    assert changed_since(replace(REVENUE, filters=("new",), measure="gross"), definition)
    assert not changed_since(replace(REVENUE, filters=("new",), label="Sales", meta={}), definition)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            Metric("m", "conversion", conversion=ConversionParams("visits", "orders", "customer", "7 days")),
            Metric("m", "conversion", conversion=ConversionParams("visits", "orders", "customer", "30 days")),
        ),
        (
            Metric("m", "cumulative", measure="net", period_agg="first"),
            Metric("m", "cumulative", measure="net", period_agg="last"),
        ),
    ],
)
def test_a_metric_over_time_is_computed_otherwise_once_dbt_defines_it_otherwise(
    project: Project, before: Metric, after: Metric
) -> None:
    sync_metrics(project, known(before), commit="c1")
    assert sync_metrics(project, known(after), commit="c2")["changed"] == ["m"]
    definition = Definition.objects.get(name="m")

    assert changed_since(before, definition)
    assert not changed_since(after, definition)
