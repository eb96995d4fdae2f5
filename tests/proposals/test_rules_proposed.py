"""Data quality rules, from the form to dbt's files and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import NodeTest
from proposals import generate
from proposals.actions import authoring, publishing
from proposals.broken_rows import broken_rows
from proposals.commit_message import message_of
from proposals.kinds import KINDS, CannotGenerate
from proposals.kinds.described import NothingOfThatName
from proposals.kinds.quality import NoSuchRule, RuleOfNothing
from proposals.models import Proposal
from semantic.promised import PromiseFields, Typed
from tests.hostile.texts import MARKER, TEXTS, harm
from tests.proposals.story import Story

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

ORDERS = "model.shop.fct_orders"
STATUS = f"{ORDERS}:status"


def drafted(story: Story, changing: str, **to: Any) -> Proposal:
    """A draft of Maya's that says this of a rule."""
    proposal = authoring.proposal_open(
        project=story.project, author=story.maya, kind="test", changing=changing
    )
    item = proposal.items.get()
    fields = replace(item.revision.content, why="Reports break otherwise.", **to)  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    proposal.refresh_from_db()
    return proposal


def sent(story: Story, changing: str, **to: Any) -> Proposal:
    proposal = drafted(story, changing, **to)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    return proposal


def published(story: Story, changing: str, **to: Any) -> Proposal:
    proposal = sent(story, changing, **to)
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()
    assert proposal.status == "published"
    return proposal


TYPED = {
    "not_null": ("status", Typed("not_null")),
    "mostly_filled": ("status", Typed("mostly_filled", share="80")),
    "unique": ("quantity", Typed("unique")),
    "accepted_values": ("quantity", Typed("accepted_values", values=("1", "2"), negated=True)),
    "belongs_to": ("customer_id", Typed("belongs_to", to="dim_customers.customer_id")),
    "in_range": ("net_amount", Typed("in_range", low="0", high="1,000.5")),
    "positive": ("quantity", Typed("in_range", low="0", integer=True)),
    "matches_pattern": ("status", Typed("matches_pattern", pattern="^[a-z' ]+$")),
    "unique_together": ("", Typed("unique_together", columns=("customer_id", "ordered_at"))),
    "freshness": ("", Typed("freshness", time="ordered_at", age="36", unit="hour")),
    "row_count_between": ("", Typed("row_count_between", low="1")),
    "always_true": ("", Typed("always_true", formula="discount <= net_amount")),
}


ALL = "It is about all rows together"
# How many rows of the shop break each of them.
BROKEN = {
    "not_null": 1, "mostly_filled": ALL, "unique": 2, "accepted_values": 3, "belongs_to": 0, "in_range": 0,
    "positive": 0, "matches_pattern": 0, "unique_together": 0, "freshness": ALL, "row_count_between": ALL,
    "always_true": 0,
}  # fmt: skip


def of(*values: str) -> Typed:
    return Typed("accepted_values", values=values)


def test_a_new_rule_is_tested_published_told_by_the_catalogue_and_changed(
    story: Story, client: Client
) -> None:
    refused = sent(story, STATUS, promise=of("completed", "paid"))
    build = refused.checks.get(kind="build")
    said = "2 values of fct_orders break “status is one of completed or paid”."
    assert (build.status, build.message) == ("failed", f"{said} Change the rule, or mend the data first.")
    authoring.proposal_withdraw(proposal=refused, actor=story.maya)

    found = published(story, STATUS, promise=of("completed", "returned", "it's late"))
    assert "built, " in found.checks.get(kind="build").message
    subject = story.git("log", "-1", "--format=%s", found.published_commit).strip()
    assert subject == "tests: Require that fct_orders.status is one of completed, returned, it's late."
    test = NodeTest.objects.get(project=story.project, column="status")
    assert test.kind == "accepted_values"
    client.force_login(story.maya)
    page = client.get(reverse("node", args=[story.project.slug, ORDERS])).content.decode()
    assert "status is one of completed, returned" in page

    changed = published(story, test.unique_id, severity="warn", where="quantity > 0")
    shown = story.git("show", "--format=", changed.published_commit)
    assert "severity: warn" in shown
    again = NodeTest.objects.get(project=story.project, column="status")
    assert (again.severity, again.fields["config"]["where"]) == ("warn", "quantity > 0")


def test_the_form_shows_the_fields_of_the_chosen_promise_and_says_what_is_missing(
    story: Story, client: Client
) -> None:
    client.force_login(story.maya)
    begin = reverse("propose", args=[story.project.slug, story.production.slug])
    node = client.get(reverse("node", args=[story.project.slug, ORDERS])).content.decode()
    assert f"{begin}?kind=test&amp;of={ORDERS}:status" in node
    offered = client.get(f"{begin}?kind=test&of={STATUS}")
    assert "Propose a rule" in offered.content.decode()
    page = client.post(begin, {"kind": "test", "of": STATUS}, follow=True)
    address = page.redirect_chain[-1][0]
    assert b"Choose what is promised." in page.content
    assert '<input type="hidden" name="column" value="status"' in page.content.decode()
    typed = {"table": ORDERS, "column": "status", "promise": "accepted_values", "version": "1"}

    shown = client.post(address, {**typed, "act": "save"}).content.decode()
    assert 'name="values"' in shown
    assert 'name="pattern"' not in shown
    # No new rule says it, since dbt's own test cannot.
    assert 'name="filled"' not in shown
    preview = address.replace("/edit/", "/preview/")
    parts = client.post(preview, {**typed, "shown": "", "values": "completed\r\nreturned"}).content.decode()
    assert 'id="asked"' in parts
    assert "accepted_values" in parts
    assert "Everything that reviewers need is there." in parts
    assert "1 row breaks it." in parts
    assert "the checks refuse it until the data are mended" in parts
    warned = client.post(
        preview, {**typed, "shown": "", "values": "completed\r\nreturned", "severity": "warn"}
    ).content.decode()
    assert "the checks refuse it" not in warned
    assert "it&#x27;s late" in parts

    wrong = {
        **typed,
        "column": "state",
        "version": "2",
        "act": "send",
        "where": "nothing > 3",
        "label": "A B",
    }
    answer = client.post(address, wrong)
    assert answer.status_code == 422
    assert {"label"} <= answer.context["form"].errors.keys()
    missing = {name for name, _label, _text in answer.context["missing"]}
    assert missing >= {"values", "column", "where"}


def test_a_rule_of_dbt_s_is_shown_as_it_is_and_only_offers_rules_of_the_same_column(
    story: Story, client: Client
) -> None:
    (test,) = NodeTest.objects.filter(project=story.project, kind="not_null", column="order_id")
    proposal = drafted(story, test.unique_id)
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]

    page = client.get(reverse("proposal-edit", args=place)).content.decode()

    assert "Change fct_orders.order_id is never blank" in page
    assert 'value="in_range"' in page
    assert 'value="always_true"' not in page
    assert "Nothing is changed yet" in page
    node = client.get(reverse("node", args=[story.project.slug, ORDERS])).content.decode()
    begin = reverse("propose", args=[story.project.slug, story.production.slug])
    assert f"{begin}?kind=test&amp;of={test.unique_id}" in node
    quality = client.get(reverse("quality", args=[story.project.slug])).content.decode()
    assert f"{begin}?kind=test&amp;of={ORDERS}" in quality
    typed = {"promise": "in_range", "low": "1", "severity": "warn", "shown": "not_null"}
    parts = client.post(reverse("proposal-preview", args=place), typed).content.decode()
    assert "bisync_in_range" in parts
    assert "Everything that reviewers need is there." in parts


def test_each_of_two_formulas_is_read_and_repaired_by_itself(story: Story, client: Client) -> None:
    proposal = drafted(story, ORDERS)
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]
    typed = {
        "table": ORDERS,
        "promise": "always_true",
        "formula": "discount <= net_amount",
        "shown": "always_true",
    }
    version = str(proposal.items.get().revision.version)
    typed |= {"where": "quantty > 1", "version": version}

    parts = client.post(reverse("proposal-preview", args=place), typed).content.decode()

    assert 'id="id_formula-foot"' in parts
    assert "discount is at most net amount" in parts
    assert 'name="fix-where" value="quantity &gt; 1"' in parts
    page = client.post(reverse("proposal-edit", args=place), {**typed, "fix-where": "quantity > 1"})
    fields = proposal.items.get().revision.content
    assert isinstance(fields, PromiseFields)
    assert (fields.where, fields.promise.formula) == ("quantity > 1", "discount <= net_amount")
    assert page.content.decode().count("Reads as") == 2


def test_every_kind_of_promise_can_be_typed_and_written(story: Story) -> None:
    known = generate.known_in(story.project, story.production)
    kind = KINDS["test"]
    for name, typed in TYPED.items():
        fields = kind.complete(
            replace(PromiseFields(), table=ORDERS, column=typed[0], promise=typed[1]), None
        )
        assert kind.sending_problems(fields, known, None) == {}, typed
        code = kind.compiled(fields, known, dialect="duckdb", base=None)
        assert code.changes[0].path == "models/schema.yml"
        assert code.models == ("fct_orders",)
        assert "fct_orders" in code.yaml_preview
        found = broken_rows(fields, story.production)
        said = found.count if found.count is not None else found.trouble.partition(":")[0]
        assert (said, typed[1].kind) == (BROKEN[name], typed[1].kind)


def test_a_rule_that_dbt_keeps_is_not_written_twice_and_its_test_is_named(story: Story) -> None:
    known, kind = generate.known_in(story.project, story.production), KINDS["test"]
    fields = PromiseFields(table=ORDERS, column="order_id", promise=Typed("unique"))

    with pytest.raises(
        CannotGenerate, match=r"already, in the test unique_fct_orders_order_id\. Change that"
    ):
        kind.compiled(fields, known, dialect="duckdb", base=None)


def test_what_can_have_no_value_in_common_is_told_before_it_is_asked(story: Story) -> None:
    known, kind = generate.known_in(story.project, story.production), KINDS["test"]
    fields = PromiseFields(
        table=ORDERS, column="status", promise=Typed("belongs_to", to="dim_customers.customer_id")
    )

    said = kind.sending_problems(fields, known, None)["to"]
    assert said == [
        "The column holds texts and dim_customers.customer_id holds numbers: none is in the other."
    ]
    dates = Typed("accepted_values", values=("2026-01-31", "31.1.2026"))
    told = kind.sending_problems(replace(fields, column="delivered_on", promise=dates), known, None)["values"]
    assert told == ["The column holds dates: write “31.1.2026” as in 2026-01-31."]


def test_the_examples_show_what_the_rule_looks_at(story: Story) -> None:
    promise = Typed("always_true", formula="net_amount > 60")
    fields = PromiseFields(table=ORDERS, promise=promise, where="quantity > 0")

    found = broken_rows(fields, story.production)

    assert found.count == 2
    assert found.rows is not None
    assert [column.name for column in found.rows.columns] == ["order_id", "net_amount", "quantity"]
    assert sorted(row[0] for row in found.rows.rows) == [2, 4]  # type: ignore[type-var]


def test_a_rule_that_blanks_break_too_stays_one_in_its_form_until_somebody_says_otherwise(
    story: Story, client: Client
) -> None:
    promise = Typed("accepted_values", values=("completed", "returned", "it's late"), filled=True)
    fields = PromiseFields(table=ORDERS, column="status", promise=promise)
    assert broken_rows(fields, story.production).count == 1
    assert broken_rows(replace(fields, promise=replace(promise, filled=False)), story.production).count == 0
    proposal = drafted(story, STATUS, promise=promise)
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]

    page = client.get(reverse("proposal-edit", args=place)).content.decode()

    assert "fct_orders.status is one of completed, returned, it&#x27;s late and never blank" in page
    assert 'name="filled"' in page
    # Nothing of this project says it in one test.
    assert "Add “It is never blank” as another rule." in page
    address = reverse("proposal-edit", args=place)
    typed = {"table": ORDERS, "column": "status", "promise": "accepted_values", "values": "completed"}
    client.post(address, {**typed, "version": "2", "act": "save"})
    assert proposal.items.get().revision.content.promise == Typed("accepted_values", values=("completed",))  # type: ignore[attr-defined]


def test_a_commit_of_many_rules_lists_them_below_a_short_first_line(story: Story) -> None:
    values = ("completed", "returned", "it's late")
    proposal = drafted(story, STATUS, promise=Typed("accepted_values", values=values))
    second = authoring.item_add(proposal=proposal, kind="test", changing=ORDERS, actor=story.maya)
    said = {"promise": Typed("row_count_between", low="1"), "why": "Reports break otherwise."}
    fields = replace(second.revision.content, **said)  # type: ignore[type-var, arg-type]
    authoring.draft_save(item=second, fields=fields, version=1, actor=story.maya)
    subject = "tests: Require that fct_orders.status is one of completed, returned, it's late and 1 more."

    message = message_of(proposal)

    assert message.startswith(
        f"{subject}\n\n"
        "- Require that fct_orders.status is one of completed, returned, it's late\n"
        "- Require that fct_orders has at least 1 row\n\n"
        "Reports break otherwise.\n\n"
        "Bisync-Proposal: "
    )


def test_a_rule_of_nothing_is_not_begun(story: Story) -> None:
    for name, error in (
        ("", RuleOfNothing),
        ("model.shop.none", NothingOfThatName),
        ("test.shop.none", NoSuchRule),
    ):
        with pytest.raises(error):
            authoring.proposal_open(project=story.project, author=story.maya, kind="test", changing=name)


def test_what_is_typed_is_text_wherever_it_is_shown(story: Story, client: Client) -> None:
    MARKER.unlink(missing_ok=True)
    proposal = drafted(story, STATUS)
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]
    texts = (
        "values",
        "pattern",
        "column",
        "where",
        "label",
        "owner",
        "why",
        "formula",
        "low",
        "to",
        "columns",
    )
    faults = []
    for what, text in TEXTS.items():
        for kind in ("accepted_values", "always_true", "matches_pattern"):
            typed = {**dict.fromkeys(texts, text), "promise": kind, "table": ORDERS, "shown": ""}
            answer = client.post(reverse("proposal-preview", args=place), typed)
            assert answer.status_code == 200
            faults += [f"{what} as {kind}: {one}" for one in harm(answer.content.decode())]
    client.post(reverse("proposal-edit", args=place), {**typed, "version": "2"})
    faults += harm(client.get(reverse("proposal-edit", args=place)).content.decode())

    assert faults == []


def test_the_form_asks_the_database_few_questions(
    story: Story, client: Client, django_assert_max_num_queries: Any
) -> None:
    proposal = drafted(story, STATUS, promise=of("completed"))
    client.force_login(story.maya)
    address = reverse("proposal-edit", args=[story.project.slug, story.production.slug, proposal.number])
    client.get(address)

    with django_assert_max_num_queries(15):
        assert client.get(address).status_code == 200
