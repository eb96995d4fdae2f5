"""Removals, from where people begin them to dbt's files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bisync.lib.errors import InvalidInput
from proposals import generate
from proposals.actions import authoring, publishing
from proposals.checking import why_unbuilt
from proposals.forms.removal import RemovalForm
from proposals.kinds import KINDS
from proposals.kinds.removal import NothingToRemove
from proposals.models import Proposal
from semantic.models import Definition
from semantic.removals import RemovalFields
from tests.proposals.story import FIELDS, Story
from tests.proposals.test_conflicts import approved, pull
from tests.semantic.codegen.removal_shop import known, metric_entry

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS, SCHEMA = "model.shop.fct_orders", "models/schema.yml"


def removing(story: Story, name: str, **to: Any) -> Proposal:
    """A draft of Maya's in which this goes."""
    proposal = authoring.proposal_open(
        project=story.project, author=story.maya, kind="removal", changing=name
    )
    item = proposal.items.get()
    fields = replace(item.revision.content, **to)  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    proposal.refresh_from_db()
    return proposal


@pytest.mark.parametrize(
    ("name", "other", "said"),
    [
        ("turnover", "revenue", "revenue computes the same."),
        ("turnover", "orders_total", "orders_total is computed otherwise"),
        # No formula says either of them.
        ("filled_revenue", "filled_orders", "filled_orders is computed otherwise"),
    ],
)
def test_whether_what_takes_its_place_is_the_same_number_is_told(name: str, other: str, said: str) -> None:
    filled = {
        f"filled_{called}": metric_entry(
            f"filled_{called}", "simple", {"measure": {"name": measure, "join_to_timespine": True}}
        )
        for called, measure in (("revenue", "net_amount_total"), ("orders", "rows_total"))
    }
    fields = RemovalFields(name=f"metric:{name}", how="now", replacement=other)

    assert said in " ".join(KINDS["removal"].warnings(fields, known(**filled)))


@pytest.mark.dbt
def test_a_metric_goes_with_another_one_in_its_place_and_is_retired_by_the_pull(story: Story) -> None:
    proposal = removing(story, "metric:revenue", replacement="revenue_every_month", why="Two of a kind.")

    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()

    assert proposal.status == "published"
    assert Definition.objects.get(project=story.project, kind="metric", name="revenue").state == "retired"
    share = Definition.objects.get(project=story.project, kind="metric", name="completed_share").fields
    assert (share["numerator"][0], share["denominator"][0]) == ("revenue_every_month", "revenue_every_month")
    subject = story.git("log", "-1", "--format=%s", proposal.published_commit).strip()
    assert subject == "semantics: Remove revenue (replaced by revenue_every_month)."
    told = proposal.checks.get(kind="rules").message
    assert "It is used by the metric Average order, the metric Completed share, " in told
    assert "the numbers of what uses it change" in told
    numbers = proposal.checks.get(kind="numbers")
    compared = {one["title"]: one for one in numbers.result["metrics"]}
    assert {"Completed share", "Revenue per customer", "Average order"} <= compared.keys()
    assert compared["Revenue per customer"]["before"]["total"] == compared["Revenue per customer"]["total"]
    assert "agree for Average order" in numbers.message


@pytest.mark.dbt
def test_many_things_go_and_come_in_one_proposal_that_dbt_reads_and_builds(story: Story) -> None:
    proposal = removing(story, "metric:gifts", how="deprecate", day="2027-03-31", replacement="orders_total")

    def and_then(kind: str, changing: str = "", **to: Any) -> None:
        item = authoring.item_add(proposal=proposal, kind=kind, actor=story.maya, changing=changing)
        fields = replace(item.revision.content, **to)  # type: ignore[type-var]
        authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)

    customers = "model.shop.dim_customers"
    and_then("removal", f"dimension:{customers}:country", how="deprecate", day="2027-03-31")
    and_then("removal", "metric:deliveries", unused=True)
    and_then("removal", f"dimension:{ORDERS}:delivered_on")  # that only the measure of deliveries needed
    and_then("removal", "measure:order_count")
    and_then("removal", _test_of(story, "unique_fct_orders"))
    and_then("removal", "metric:orders_total", how="rename", new_name="order_number")
    words = {"meaning": FIELDS.meaning, "owner": FIELDS.owner, "why": FIELDS.why}
    share = {"label": FIELDS.label, "formula": "SUM(discount) / revenue", "model": "fct_orders"}
    and_then("metric", **words, **share, rules=FIELDS.rules)
    change = "discount_share - PRIOR(discount_share, 1 month)"
    and_then("metric", **words, label="Discount share change", formula=change)

    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()

    assert proposal.status == "published"
    known = generate.known_in(story.project, story.production)
    names = known.names
    orders, shown = (names.models[name].semantic for name in ("fct_orders", "dim_customers"))
    assert orders is not None
    assert shown is not None
    assert "delivered_on" not in {one.name for one in orders.dimensions}
    assert {"order_count", "delivered_count", "deliveries"}.isdisjoint({*names.measures, *names.metrics})
    assert not any(one.startswith("test.shop.unique_fct_orders") for one in known.manifest.tests)
    assert names.metrics["gifts"].description == "Deprecated: goes on 2027-03-31; use Orders instead."
    described = {one.name: one.description for one in shown.dimensions}
    assert described["country"] == "Deprecated: goes on 2027-03-31."
    assert {part.name for part in names.metrics["average_order"].inputs} == {"revenue", "order_number"}
    bisync = names.metrics["gifts"].meta["bisync"]
    assert bisync == {"deprecated": "2027-03-31", "replaced_by": "order_number"}
    assert {part.name for part in names.metrics["discount_share_change"].inputs} == {"discount_share"}


@pytest.mark.dbt
def test_what_is_to_go_is_approved_anew_where_dbt_says_something_else_of_it(story: Story) -> None:
    def sent(name: str) -> Proposal:
        return approved(story, removing(story, name))

    column, test = sent(f"column:{ORDERS}:status"), sent(_test_of(story, "unique_dim_customers"))
    block = authoring.proposal_open(project=story.project, author=story.maya, kind="doc", changing=ORDERS)
    approved(story, block)
    gifts = sent("metric:gifts")
    text = story.git("show", f"main:{SCHEMA}") + "\n"
    for old, new in (
        ("description: Where the order stands.", "description: Agreed with Finance."),
        ("data_tests: [unique, not_null]", "data_tests: [{unique: {name: customers_once}}, not_null]"),
        ("One row for each order.", "One row for each order but test orders."),
    ):
        assert old in text
        text = text.replace(old, new)
    story.origin.commit({SCHEMA: text}, "docs: Say it as Finance does.")

    pull(story)

    for proposal in (column, test, block, gifts):
        proposal.refresh_from_db()
    assert [one.status for one in (column, test, block, gifts)] == [
        "in_review", "draft", "in_review", "approved",
    ]  # fmt: skip
    assert (column.approved_hash, set(column.checks.values_list("status", flat=True))) == ("", {"passed"})
    assert "dbt has no unique_dim_customers" in test.returned_reason


def _test_of(story: Story, begins: str) -> str:
    tests = generate.known_in(story.project, story.production).manifest.tests
    return "test:" + next(one for one in tests if one.split(".")[2].startswith(begins))


@pytest.mark.parametrize(
    ("how", "why"), [("now", "no model changes"), ("rename", "no model"), ("deprecate", "only words change")]
)
def test_where_nothing_is_built_it_is_said_why(how: str, why: str) -> None:
    fields = RemovalFields("column:model.shop.fct_orders:note", how=how)

    assert str(why_unbuilt([FIELDS, fields])).startswith(f"Nothing has to be built: {why}")


def test_nothing_is_removed_that_dbt_does_not_know(story: Story) -> None:
    for name in ("metric:none", "dimension:model.shop.fct_orders:none", "column:model.shop.days:x", "odd"):
        with pytest.raises(NothingToRemove):
            authoring.proposal_open(project=story.project, author=story.maya, kind="removal", changing=name)


def test_what_others_need_is_not_sent_without_a_replacement(story: Story) -> None:
    proposal = removing(story, "metric:revenue")

    with pytest.raises(InvalidInput) as caught:
        authoring.proposal_submit(proposal=proposal, actor=story.maya)

    assert "the metric Completed share" in caught.value.fields["replacement"][0]


def test_a_replacement_that_is_computed_from_it_would_go_in_a_circle(story: Story) -> None:
    known = generate.known_in(story.project, story.production)
    fields = RemovalFields("metric:revenue", replacement="completed_share")

    told = KINDS["removal"].sending_problems(fields, known, None)

    assert "go in a circle" in told["replacement"][0]


def test_a_name_that_something_has_is_no_new_one(story: Story) -> None:
    known = generate.known_in(story.project, story.production)
    for name, said in (("orders_total", "already"), ("", "Give it"), ("Gross", "lower-case")):
        fields = RemovalFields("metric:revenue", how="rename", new_name=name)
        assert said in KINDS["removal"].sending_problems(fields, known, None)["new_name"][0]


def test_the_panel_lists_whatever_uses_it_and_the_form_offers_what_could_take_its_place(
    story: Story, client: Client
) -> None:
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug]
    begun = client.post(
        reverse("propose", args=place), {"kind": "removal", "of": "metric:revenue", "replacement": "gifts"}
    )
    page = client.get(begun["Location"]).content.decode()

    assert "The metric Revenue</h2>" in page
    assert "Revenue growth" in page
    assert '<option value="gifts" selected>Gifts</option>' in page
    assert '<option value="revenue">' not in page
    number = story.project.proposals.get().number
    typed = {"name": "metric:revenue", "how": "rename", "new_name": "net_revenue", "version": "2"}
    parts = client.post(reverse("proposal-preview", args=[*place, number]), typed).content.decode()
    assert "Everything that reviewers need is there." in parts
    assert "<mark>net_revenue</mark>" in parts  # in the lines of the file that change
    assert 'aria-label="models/metrics.yml"' in parts


def test_a_day_that_has_come_already_is_remarked_on(story: Story) -> None:
    known, fields = generate.known_in(story.project, story.production), RemovalFields("metric:gifts")
    for day, told in ((str(timezone.localdate()), 1), ("2999-12-31", 0)):
        found = KINDS["removal"].warnings(replace(fields, how="deprecate", day=day), known)
        assert found.count("The day on which it goes has come already.") == told


def test_the_panel_counts_with_what_is_gone_by_then(story: Story, client: Client) -> None:
    proposal = removing(story, "metric:deliveries", unused=True)
    name = f"dimension:{ORDERS}:delivered_on"
    item = authoring.item_add(proposal=proposal, kind="removal", actor=story.maya, changing=name)
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]

    typed = {"name": name, "how": "now", "version": item.revision.version}
    parts = client.post(reverse("proposal-preview", args=[*place, item.pk]), typed).content.decode()
    assert "Everything that reviewers need is there." in parts

    authoring.item_remove(item=proposal.items.order_by("id")[0], actor=story.maya)
    parts = client.post(reverse("proposal-preview", args=[*place, item.pk]), typed).content.decode()
    assert "delivered_count" in parts
    assert "Everything that reviewers need is there." not in parts


def test_what_is_no_name_no_day_and_no_plain_text_never_reaches_a_file(story: Story) -> None:
    known, jinja = generate.known_in(story.project, story.production), "{{ env_var('SECRET') }}"
    kind = KINDS["removal"]
    for fields in (
        RemovalFields("metric:gifts", how="rename", new_name=jinja),
        RemovalFields("metric:gifts", how="deprecate", day=jinja),
        RemovalFields("metric:gifts", replacement=jinja),
        RemovalFields("metric:gifts", why=jinja),
        RemovalFields("metric:gifts", how=jinja),
        RemovalFields(jinja),
    ):
        assert kind.sending_problems(fields, known, None), fields


def test_a_draft_stays_about_the_thing_that_it_began_with(story: Story, client: Client) -> None:
    proposal = removing(story, "metric:revenue", why="Two of a kind.")
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]

    client.post(reverse("proposal-save", args=place), {"name": "metric:gifts", "why": "Now.", "version": "2"})

    fields = proposal.items.get().revision.content
    assert isinstance(fields, RemovalFields)
    assert (fields.name, fields.why) == ("metric:revenue", "Now.")


def test_its_page_leads_to_the_form(story: Story, client: Client) -> None:
    client.force_login(story.maya)
    page = client.get(f"/{story.project.slug}/prod/metrics/revenue/").content.decode()

    assert "?kind=removal&amp;of=metric:revenue" in page


@pytest.mark.parametrize(("name", "there"), [("measure:rows_total", True), ("test:x", False)])
def test_only_what_can_be_chosen_is_asked(story: Story, name: str, there: bool) -> None:
    from proposals.forms import FormNames

    names = generate.known_in(story.project, story.production).names
    form = RemovalForm(known=FormNames(names, []), initial={"name": name})

    assert ("replacement" in form.fields) is there
    assert "new_name" not in form.fields
