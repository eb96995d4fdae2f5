"""The preview beside the form: numbers where there are some, and else a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Snapshot
from environments.numbers import Point
from environments.selectors import reading
from proposals import generate
from proposals.computing import Trial, broken_rules, computed_twice, mismatch_sentence
from proposals.kinds import KINDS
from proposals.preview import Preview, preview
from semantic.fields import MetricFields, ValueRule
from semantic.query.engine import engine_for, with_relations
from tests.factories import make_proposal
from tests.manifests import with_metric
from tests.proposals.story import Story
from workspace.models import Artifact
from workspace.warehouse.gate import open_warehouse

pytestmark = [pytest.mark.django_db, pytest.mark.dbt]

WHOLE = MetricFields(name="new_one", label="New one", meaning="Something.", owner="Maya Chen")


def shown(story: Story, formula: str, **also: Any) -> Preview:
    """The preview of a metric that lacks nothing but what its formula may."""
    return preview(replace(WHOLE, formula=formula, **also), story.production)


def page_of(story: Story, client: Client, **typed: str) -> str:
    """What the form gets for it while Maya types."""
    client.force_login(story.maya)
    draft = make_proposal(story.project, author=story.maya)
    place = [story.project.slug, story.production.slug, draft.number]
    form = {"label": WHOLE.label, "meaning": WHOLE.meaning, "owner": WHOLE.owner, **typed}
    answer = client.post(reverse("proposal-preview", args=place), form)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_formula_that_gives_a_date_is_refused_in_words(story: Story) -> None:
    found = shown(story, "MAX(ordered_at)")

    assert found.numbers is None
    assert found.missing["formula"][0].startswith(
        "This formula gives a date with time; a metric is a number."
    )


def test_what_the_warehouse_answers_instead_of_a_number_becomes_a_sentence(story: Story) -> None:
    live = story.production.live
    assert live is not None
    with duckdb.connect(str(live.file)) as warehouse:
        warehouse.execute("ALTER TABLE analytics.fct_orders ALTER quantity TYPE VARCHAR USING 'none'")

    found = shown(story, "MAX(quantity)")

    assert (found.numbers, found.total) == (None, None)
    assert found.trouble == "The warehouse answers “none”; a metric is a number."


def test_a_sum_of_very_large_numbers_is_shown(story: Story, client: Client) -> None:
    panel = page_of(story, client, formula="SUM(100000000000000000000000000000)", model="fct_orders")

    assert "600,000,000,000,000,000,000,000,000,000" in panel


def test_a_change_against_the_month_before_has_months_and_no_total(story: Story) -> None:
    found = shown(story, "revenue_growth * 2")

    assert found.numbers is not None
    assert found.numbers.points[1] == Point(date(2026, 2, 1), pytest.approx(-2 / 3))
    assert (found.total, found.trouble, found.missing) == (None, "", {})


@pytest.mark.parametrize(
    ("formula", "compared"),
    [("revenue_growth * 2", "1 month agrees"), ("revenue * 2", "3 months and the total agree")],
)
def test_what_has_no_total_is_computed_twice_by_its_months_alone(
    story: Story, formula: str, compared: str
) -> None:
    assert story.production.live is not None
    version = reading(story.production.live)
    fields = replace(WHOLE, formula=formula)
    known = generate.known_in(story.project, story.production)
    code = KINDS["metric"].compiled(fields, known, dialect="duckdb", base=None)
    manifest = with_metric(
        json.loads(Artifact.objects.get(pk=version.semantic_manifest).content()), code.entries, {}
    )
    engine = engine_for(with_relations(manifest, version.relations, version.vocabulary), "duckdb")

    with open_warehouse(version.location) as warehouse:
        result = computed_twice(fields, version.vocabulary, version.relations, engine, warehouse)

    assert (result["sentence"], result["mismatches"]) == (f"{compared} for New one", [])


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            ValueRule("reasonable_growth_rate", decrease=10),
            "In 2026-02 New one fell by 33.3333 %, more than",
        ),
        (ValueRule("reasonable_growth_rate", decrease=60), ""),
        (ValueRule("metric_consistency", other="completed_revenue"), "In 2026-02 New one is 100, while"),
        (ValueRule("metric_consistency", other="revenue"), ""),
        (ValueRule("range", high=120), "In 2026-01 New one is 150, above 120."),
        (ValueRule("freshness", hours=1), ""),
    ],
    ids=str,
)
def test_every_rule_of_a_metric_is_looked_at_in_its_own_periods(
    story: Story, rule: ValueRule, said: str
) -> None:
    assert story.production.live is not None
    version = reading(story.production.live)
    names = version.vocabulary
    engine = engine_for(
        with_relations(
            json.loads(Artifact.objects.get(pk=version.semantic_manifest).content()), version.relations, names
        ),
        "duckdb",
    )
    with open_warehouse(version.location) as warehouse:
        trial = Trial(names, names, version.relations, engine, warehouse)
        found = broken_rules(replace(WHOLE, formula="SUM(net_amount)", rules=(rule,)), trial)

    assert len(found) == bool(said)
    assert " ".join(found).startswith(said)


@pytest.mark.parametrize(
    ("proposed", "advice"),
    [
        ({"completed_revenue"}, "An analytics engineer should look at the generated code."),
        ({"revenue", "average_order"}, "This proposal also changes revenue, from which dbt computes average"),
    ],
    ids=["nothing below it", "what it is made of"],
)
def test_a_difference_names_what_else_of_the_proposal_may_be_its_cause(
    story: Story, proposed: set[str], advice: str
) -> None:
    assert story.production.live is not None
    version = reading(story.production.live)
    names = version.vocabulary
    metrics = json.loads(Artifact.objects.get(pk=version.semantic_manifest).content())
    engine = engine_for(with_relations(metrics, version.relations, names), "duckdb")
    with open_warehouse(version.location) as warehouse:
        trial = Trial(names, names, version.relations, engine, warehouse, frozenset(proposed))
        fields = replace(WHOLE, name="average_order", formula="revenue / (orders_total + 1)")
        result = computed_twice(fields, names, version.relations, engine, warehouse)

    assert result["mismatches"]
    assert advice in mismatch_sentence(result, trial)


def test_what_sending_refuses_is_said_before(story: Story, client: Client) -> None:
    said = "The dbt code cannot be written: dbt does not know yet what dates the rows of fct_visits."
    typed = {"formula": "COUNT(*)", "model": "fct_visits"}

    panel = page_of(story, client, **typed)

    assert shown(story, **typed).missing == {"formula": [f"{said} Choose a date."]}
    assert said in panel
    assert "1 thing to do" in panel
    assert "The formula is valid" not in panel
    ready = shown(story, **typed, time="visited_on")
    assert (ready.missing, ready.writable) == ({}, True)
    assert "The formula is valid" in page_of(story, client, **typed, time="visited_on")


def test_a_draft_in_a_project_that_was_never_pulled_is_not_ready(story: Story) -> None:
    Snapshot.objects.all().delete()

    assert shown(story, "SUM(quantity)").missing == {"formula": [str(generate.NothingPulled())]}


def test_a_date_of_another_model_is_named(story: Story) -> None:
    found = shown(story, "SUM(quantity)", time="visited_on")

    said = "The date visited_on does not belong to fct_orders. Choose one of its own, or its usual date."
    assert found.missing == {"time": [said]}
    assert (found.trouble, found.numbers) == (said, None)
    for of_its_own in ("delivered_on", ""):
        assert shown(story, "SUM(quantity)", time=of_its_own).missing == {}


def test_a_formula_without_a_number_shows_no_number_of_the_one_before(story: Story, client: Client) -> None:
    live = story.production.live
    assert live is not None
    with duckdb.connect(str(live.file)) as warehouse:
        warehouse.execute("ALTER TABLE analytics.fct_orders RENAME quantity TO pieces")

    panel = page_of(story, client, formula="SUM(quantity)")

    assert "The warehouse could not answer" in panel
    assert "This formula has no number; the sentence above says why." in panel
    assert 'class="val"' not in panel


@pytest.mark.parametrize(
    ("formula", "value_format", "told"),
    [
        ("SUM(discount) / SUM(net_amount)", "number", True),
        ("SUM(discount) / SUM(net_amount)", "percent", False),
        ("SUM(net_amount) / SUM(quantity)", "number", False),
        ("SUM(discount) / 1000", "number", False),
    ],
)
def test_a_share_is_better_shown_as_percent(
    story: Story, formula: str, value_format: str, told: bool
) -> None:
    found = shown(story, formula, value_format=value_format)

    assert any("percent" in note for note in found.notes) is told


def test_a_formula_with_a_warning_opens_with_its_pieces_too(story: Story, client: Client) -> None:
    fields = replace(WHOLE, formula="SUM(net_amount) WHERE status <> 'returned'", model="fct_orders")
    proposal = make_proposal(story.project, author=story.maya, fields=fields)
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]

    page = client.get(reverse("proposal-edit", args=place)).content.decode()

    assert "This leaves out rows where" in page
    assert 'class="row chips"' in page


def test_a_text_that_no_row_has_is_remarked_on(story: Story) -> None:
    said = "See how “Completed” is written in the data"

    assert said in " ".join(shown(story, "COUNT(fct_orders.*) WHERE status = 'Completed'").notes)
    assert said in " ".join(shown(story, "COUNTIF(fct_orders.status = 'Completed')").notes)
    assert said not in " ".join(shown(story, "COUNT(fct_orders.*) WHERE status = 'completed'").notes)
