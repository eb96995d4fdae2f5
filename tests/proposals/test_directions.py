"""What comes from dbt only is not proposed; and what bisync/sync.yml says counts from the pull that brings it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bisync.lib.errors import InvalidInput
from governance.roles import Role
from proposals.actions import authoring, publishing
from proposals.directions import FromDbtOnly, not_proposable_of
from proposals.generate import known_in
from proposals.kinds import KINDS
from proposals.models import Conflict
from proposals.preview import preview
from semantic.fields import ValueRule
from tests.factories import make_member, work_off
from tests.proposals.story import FIELDS, Story
from tests.proposals.test_changes import METRICS, colleague, submitted
from workspace.actions import pull_request
from workspace.models import Run
from workspace.strategies import settings_of, strategy_set

pytestmark = pytest.mark.django_db(transaction=True)


def choose(story: Story, **strategies: str) -> None:
    admin = make_member(story.project, Role.ADMIN)
    choices = {f"{kind}.strategy": strategy for kind, strategy in strategies.items()}
    strategy_set(project=story.project, choices=choices, actor=admin)


@pytest.mark.parametrize(
    ("kind", "field", "to"),
    [
        ("documentation", "meaning", "Net of tax."),
        ("semantic_layer", "formula", "SUM(net_amount) * 2"),
        ("ownership", "owner", "Finance"),
        ("tests", "rules", (ValueRule("positive"),)),
    ],
)
def test_a_change_of_what_comes_from_dbt_only_is_refused_beside_its_field(
    story: Story, kind: str, field: str, to: Any
) -> None:
    proposal = story.changing("revenue", **{field: to})
    choose(story, **{kind: "dbt_to_bisync"})

    with pytest.raises(InvalidInput) as refused:
        submitted(story, proposal)

    assert list(refused.value.fields) == [field]
    assert "from dbt only here" in refused.value.fields[field][0]
    others = {one: "dbt_to_bisync" for one in ("documentation", "ownership") if one != kind}
    choose(story, **{kind: "both"}, **others)
    assert submitted(story, proposal).status == "in_review"


def test_a_new_metric_is_refused_where_metrics_tests_or_measures_come_from_dbt_only(story: Story) -> None:
    proposal = authoring.proposal_open(project=story.project, author=story.maya)
    fields = replace(FIELDS, formula="SUM(discount) * 3 / SUM(net_amount)")
    authoring.draft_save(item=proposal.items.get(), fields=fields, version=1, actor=story.maya)
    refused: dict[str, list[str]] = {}
    for kind in ("semantic_layer", "tests", "models", "documentation"):
        choose(story, **{kind: "dbt_to_bisync"})
        try:
            submitted(story, proposal)
        except InvalidInput as exc:
            refused[kind] = list(exc.fields)
        shown = preview(fields, story.production)
        assert shown.missing.keys() == set(refused.get(kind, []))
        choose(story, **{kind: "both"})

    # What is new takes no words from dbt.
    assert refused == {"semantic_layer": ["formula"], "tests": ["rules"], "models": ["formula"]}
    proposal.refresh_from_db()
    assert proposal.status == "in_review"


def test_what_was_approved_before_is_refused_when_it_is_published(story: Story) -> None:
    proposal = submitted(story, story.changing("revenue", meaning="Net of tax."))
    proposal.checks.update(status="passed")
    story.approve(proposal)
    choose(story, documentation="dbt_to_bisync")

    with pytest.raises(FromDbtOnly, match="change them there"):
        publishing.proposal_publish(proposal=proposal, actor=story.priya)

    proposal.refresh_from_db()
    assert proposal.status == "approved"


ORDERS = "model.shop.fct_orders"


@pytest.mark.parametrize(
    ("kind", "of", "to", "asked"),
    [
        ("removal", "metric:gifts", {"unused": False}, {"semantic_layer"}),
        ("removal", "metric:gifts", {"unused": True}, {"semantic_layer", "models"}),
        ("removal", "measure:order_count", {}, {"semantic_layer", "models"}),
        ("removal", "dimension:model.shop.dim_customers:country", {"how": "deprecate", "day": "2027-03-31"},
         {"semantic_layer"}),
        ("removal", f"column:{ORDERS}:status", {}, {"documentation"}),
        ("removal", f"column:{ORDERS}:order_id", {}, {"documentation", "tests"}),
        ("measure", f"{ORDERS}:order_count", {"expr": "quantity"}, {"semantic_layer", "models"}),
        ("measure", f"{ORDERS}:order_count", {"label": "Orders", "description": "All."}, {"documentation"}),
    ],
)  # fmt: skip
def test_a_removal_or_a_change_asks_all_that_it_takes_from_dbt(
    story: Story, kind: str, of: str, to: dict[str, Any], asked: set[str]
) -> None:
    proposal = authoring.proposal_open(project=story.project, author=story.maya, kind=kind, changing=of)
    item = proposal.items.get()
    fields = replace(item.revision.content, **to)  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    known = known_in(story.project, story.production)
    fields, base = (item.revision.content, item.revision.agreed)
    code = KINDS[kind].compiled(fields, known, dialect="duckdb", base=base)

    refused: set[str] = set()
    for metadata in ("documentation", "semantic_layer", "models", "tests", "ownership"):
        choose(story, **{metadata: "dbt_to_bisync"})
        problems = not_proposable_of(story.project, KINDS[kind], fields, base=base, entries=code.entries)
        refused |= {metadata} if problems else set()
        assert all(hasattr(fields, name) for name in problems)
        choose(story, **{metadata: "both"})

    assert refused == asked


@pytest.mark.dbt
def test_the_file_counts_from_the_pull_that_brings_it_and_a_wrong_one_stops_no_pull(story: Story) -> None:
    def pull() -> Run:
        Run.objects.filter(finished_at=None).delete()
        pull_request(project=story.project, actor=story.priya)
        (run,) = work_off()
        assert run.status == "succeeded", run.error
        return run

    proposal = story.changing("revenue", meaning="Net of tax.")
    text = (
        "version: 1\nmetadata:\n  documentation: {conflicts: business}\n  lineage: {frequency: on_demand}\n"
    )
    metrics = story.git("show", f"main:{METRICS}") + "\n"
    head = story.origin.commit(
        {"bisync/sync.yml": text, METRICS: metrics.replace("All net revenue.", "Everything.")}, "sync: Say."
    )

    pull()

    assert (settings_of(story.project).commit, settings_of(story.project).author) == (head, "Ada")
    assert dict(Conflict.objects.values_list("field", "state")) == {"meaning": "ours"}
    assert proposal.items.get().revision.metric.meaning == "Net of tax."
    assert not Run.objects.filter(kind__startswith="catalog.", status="queued").exists()

    story.origin.commit({"bisync/sync.yml": text.replace("on_demand", "often")}, "sync: Say it wrong.")
    colleague(story, "Everything.", "All of it.")
    assert pull().result["changed"] == 1
    settings = settings_of(story.project)
    assert [line for line, _sentence in settings.problems] == [4]
    assert settings.of("lineage", "frequency") == "on_demand"
