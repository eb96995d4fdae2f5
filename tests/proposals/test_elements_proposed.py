"""Dimensions and measures, from the form to dbt's files and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Column, Node
from governance.roles import Role
from proposals import generate
from proposals.actions import authoring, publishing
from proposals.kinds import KINDS
from proposals.kinds.elements import NoSuchElement
from proposals.models import Proposal
from proposals.outlook import outlook
from proposals.split import months_of, values_of
from semantic.elements import DimensionFields, MeasureFields
from tests.factories import make_member
from tests.proposals.story import FIELDS, Story

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS, VISITS = "model.shop.fct_orders", "model.shop.fct_visits"


def drafted(story: Story, kind: str, of: str, **to: Any) -> Proposal:
    """A draft of Maya's that says this of a dimension or a measure."""
    proposal = authoring.proposal_open(project=story.project, author=story.maya, kind=kind, changing=of)
    item = proposal.items.get()
    fields = replace(item.revision.content, **to)  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    proposal.refresh_from_db()
    return proposal


@pytest.mark.dbt
def test_a_dimension_and_a_metric_that_is_filtered_by_it_are_published_together(story: Story) -> None:
    proposal = drafted(story, "dimension", VISITS, label="Device", expr="device", description="Web or app.")
    item = authoring.item_add(proposal=proposal, kind="metric", actor=story.maya)
    metric = replace(
        FIELDS, name="web_minutes", label="Web minutes", formula='SUM(minutes) WHERE device = "web"',
        model="fct_visits", value_format="number", rules=(), time="visited_on",
    )  # fmt: skip
    authoring.draft_save(item=item, fields=metric, version=1, actor=story.maya)
    proposal.refresh_from_db()

    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()

    assert proposal.status == "published"
    names = generate.known_in(story.project, story.production).names
    semantic = names.models["fct_visits"].semantic
    assert semantic is not None
    assert {one.name: (one.expr, one.label) for one in semantic.dimensions}["device"] == ("device", "Device")
    assert "Dimension('visits_row__device')" in names.metrics["web_minutes"].filters[0]
    subject = story.git("log", "-1", "--format=%s", proposal.published_commit).strip()
    assert subject == "semantics, metrics: Add Device and Web minutes."


def test_its_values_are_counted_in_the_live_version(story: Story) -> None:
    fields = DimensionFields(model=ORDERS, expr="status")

    shown = values_of(fields, story.production)

    assert dict(shown.values) == {"completed": 3, "returned": 1, "it's late": 1}
    assert next(iter(shown.values)) == ("completed", 3)
    assert (shown.blank, shown.others) == (1, 0)


def test_dates_are_counted_by_their_period_and_a_formula_row_by_row(story: Story) -> None:
    by_month = values_of(
        DimensionFields(model=ORDERS, expr="ordered_at", type="time", granularity="month"), story.production
    )
    halves = values_of(DimensionFields(model=ORDERS, expr="quantity > 1"), story.production)

    assert [rows for _month, rows in by_month.values] == [2, 2, 1, 1]
    assert sorted(rows for _value, rows in halves.values) == [3, 3]


def test_many_values_are_told_by_the_most_frequent_ones(story: Story) -> None:
    shown = values_of(DimensionFields(model="model.shop.days", expr="date_day"), story.production)

    assert (len(shown.values), shown.others, shown.other_values) == (8, 204, 204)


def test_what_is_wrong_with_a_formula_is_said_in_the_panel(story: Story) -> None:
    shown = values_of(DimensionFields(model=ORDERS, expr="SUM(discount)"), story.production)

    assert shown.trouble
    assert shown.values == ()


def test_a_measure_shows_its_total_by_month(story: Story) -> None:
    shown = months_of(MeasureFields(model=ORDERS, agg="sum", expr="discount"), story.production)

    assert shown.numbers is not None
    assert [point.value for point in shown.numbers.points] == [5, 2, 1, 0]
    gifts = months_of(MeasureFields(model=ORDERS, agg="sum_boolean", expr="is_gift"), story.production)
    assert gifts.numbers is not None
    assert sum(int(point.value or 0) for point in gifts.numbers.points) == 2


@pytest.mark.parametrize(
    ("agg", "expr", "said"),
    [
        ("sum", "status", "SUM() needs a number, but this is text."),
        ("average", "ordered_at", "needs a number"),
        ("sum_boolean", "discount", "needs a yes/no condition"),
        # What is no metric may be a measure.
        ("max", "ordered_at", ""),
        ("count", "", ""),
        ("count_distinct", "status", ""),
    ],
)
def test_a_measure_that_cannot_be_computed_is_not_sent(story: Story, agg: str, expr: str, said: str) -> None:
    fields = MeasureFields(f"{ORDERS}:found", ORDERS, "Found", agg, expr)
    known = generate.known_in(story.project, story.production)

    told = KINDS["measure"].sending_problems(fields, known, None)

    assert list(told) == (["expr"] if said else [])
    assert said in "".join(told.get("expr", []))


def test_a_name_that_is_taken_is_told_at_the_name(story: Story) -> None:
    fields = DimensionFields(f"{ORDERS}:is_gift", ORDERS, "Is gift", "UPPER(status)")

    shown = outlook(KINDS["dimension"], fields, story.production, None)

    assert list(shown.missing) == ["label"]
    assert "has something called is_gift already" in shown.missing["label"][0]


def test_a_measure_of_dbts_legacy_spec_gets_its_code(story: Story) -> None:
    known = generate.known_in(story.project, story.production)
    fields = MeasureFields(f"{ORDERS}:discounts", ORDERS, "Discounts", "sum", "discount")

    assert KINDS["measure"].sending_problems(fields, known, None) == {}
    code = KINDS["measure"].compiled(fields, known, dialect="duckdb", base=None)

    assert [change.path for change in code.changes] == ["models/semantics.yml"]


def test_who_filters_by_a_dimension_is_told_where_its_calculation_changes(story: Story) -> None:
    known = generate.known_in(story.project, story.production)
    kind = KINDS["dimension"]
    base = kind.said(f"{ORDERS}:order_status", known)
    assert isinstance(base, DimensionFields)

    (warning,) = kind.warnings(replace(base, expr="UPPER(status)"), known)

    assert "the metric Completed revenue" in warning
    assert kind.warnings(replace(base, label="State"), known) == []
    assert "completed_revenue" in kind.counted_by(replace(base, expr="UPPER(status)"), base, known)
    assert kind.counted_by(replace(base, label="State"), base, known) == []


@pytest.mark.dbt
def test_the_checks_compute_what_is_filtered_by_a_dimension_that_changes(story: Story) -> None:
    proposal = authoring.proposal_open(
        project=story.project, author=story.maya, kind="dimension", changing=f"{ORDERS}:order_status"
    )
    item = proposal.items.get()
    fields = replace(item.revision.content, expr="IF(quantity > 1, status, 'small')", why="Small ones apart.")  # type: ignore[call-arg]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    proposal.refresh_from_db()

    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()

    check = proposal.checks.get(kind="numbers")
    found = {one["metric"]: (one["before"]["total"], one["total"]) for one in check.result["metrics"]}
    assert check.status == "passed"
    assert found["completed_revenue"] == (150.0, 100.0)


@pytest.mark.parametrize("name", ["label", "expr", "description", "time", "why"])
def test_what_dbt_would_render_is_refused_beside_its_field(story: Story, name: str) -> None:
    known = generate.known_in(story.project, story.production)
    given = DimensionFields(f"{ORDERS}:state", ORDERS, "State", "status")

    told = KINDS["dimension"].sending_problems(replace(given, **{name: "{{ target.name }}"}), known, None)

    assert name in told


def test_one_of_something_that_dbt_does_not_know_is_not_begun(story: Story) -> None:
    for kind in ("dimension", "measure"):
        with pytest.raises(NoSuchElement):
            drafted(story, kind, "model.shop.none")


def test_the_form_shows_the_values_and_the_code_while_it_is_typed(story: Story, client: Client) -> None:
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug]
    address = reverse("propose", args=place)
    begun = client.post(address, {"kind": "dimension", "of": ORDERS, "label": "State", "expr": "status"})
    page = client.get(begun["Location"]).content.decode()
    assert "completed" in page
    assert f'<option value="{ORDERS}" selected>' in page

    number = story.project.proposals.get().number
    typed = {"model": ORDERS, "label": "Many", "expr": "quantity > 1", "type": "categorical", "version": "2"}
    parts = client.post(reverse("proposal-preview", args=[*place, number]), typed).content.decode()
    assert "quantity &gt; 1" in parts
    assert "Everything that reviewers need is there." in parts

    assert "Reads as</b> quantity is more than 1" in " ".join(parts.split()).replace("</b> ", "</b> ")
    assert '<span class="chip' in parts

    typed["expr"] = "quantty > 1"
    parts = client.post(reverse("proposal-preview", args=[*place, number]), typed).content.decode()
    assert "Everything that reviewers need is there." not in parts
    assert 'name="fix-expr" value="quantity &gt; 1"' in parts
    client.post(reverse("proposal-edit", args=[*place, number]), {**typed, "fix-expr": "quantity > 1"})
    fields = story.project.proposals.get().items.get().revision.content
    assert isinstance(fields, DimensionFields)
    assert fields.expr == "quantity > 1"
    assert "Reads as" in client.get(begun["Location"]).content.decode()


def test_an_existing_one_keeps_its_model_and_its_kind(story: Story, client: Client) -> None:
    proposal = drafted(story, "dimension", f"{ORDERS}:order_status", description="Where it stands.")
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]
    sent = {"label": "Order status", "expr": "status", "description": "Now.", "model": VISITS, "version": "2"}

    client.post(reverse("proposal-edit", args=place), sent)

    fields = proposal.items.get().revision.content
    assert isinstance(fields, DimensionFields)
    assert (fields.model, fields.type, fields.description) == (ORDERS, "categorical", "Now.")


def test_no_measure_is_offered_where_the_spec_has_none(story: Story, client: Client) -> None:
    client.force_login(story.maya)
    at = f"/{story.project.slug}/catalogue/semantic_model.shop.orders/"
    offered = f'?kind=measure&amp;of={ORDERS}">Propose a measure'
    node = Node.objects.get(project=story.project, unique_id="semantic_model.shop.orders")
    assert offered in client.get(at).content.decode()

    node.fields["measures"] = []
    node.save(update_fields=["fields"])
    assert offered in client.get(at).content.decode()
    Column.objects.filter(node__unique_id=ORDERS, name="order_id").update(
        fields={"entity": {"type": "primary"}}
    )

    page = client.get(at).content.decode()
    assert offered not in page
    assert "Propose a dimension" in page


def test_pages_of_the_catalogue_lead_to_the_forms(story: Story, client: Client) -> None:
    client.force_login(story.maya)
    at = f"/{story.project.slug}/catalogue"

    model = client.get(f"{at}/{ORDERS}/").content.decode()
    semantic = client.get(f"{at}/semantic_model.shop.orders/").content.decode()

    assert f"?kind=dimension&amp;of={ORDERS}" in model
    assert f"?kind=dimension&amp;of={ORDERS}:order_status" in semantic
    assert f"?kind=removal&amp;of=dimension%3A{ORDERS}%3Aorder_status" in semantic
    assert f"?kind=measure&amp;of={ORDERS}:rows_total" in semantic
    client.force_login(make_member(story.project, Role.VIEWER, name="New Comer"))
    assert "?kind=measure" not in client.get(f"{at}/semantic_model.shop.orders/").content.decode()
