"""A business rule, from its sentence to dbt's models and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Node
from environments import numbers
from environments.selectors import reading
from proposals.actions import authoring, publishing
from proposals.kinds import KINDS
from proposals.models import Proposal
from semantic.business_rules import BusinessRuleFields
from semantic.fields import MetricFields
from semantic.formula import analyse
from semantic.models import Revision
from semantic.query.engine import engine_for, with_relations
from tests.programs import Program
from tests.proposals.story import SIZE, Story, example
from workspace.models import Artifact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]


SMALL_ORDERS = MetricFields(
    name="small_orders",
    label="Small orders",
    meaning="Orders that one person packs.",
    formula="COUNT(fct_orders.*) WHERE fct_order_size.order_size = 'small'",
    owner="Maya Chen",
    why="To plan shifts.",
)
SMALL_REVENUE = replace(
    SMALL_ORDERS, name="small_revenue", label="Small revenue", formula="revenue WHERE order_size = 'small'"
)


def drafted(story: Story, fields: BusinessRuleFields = SIZE) -> Proposal:
    proposal = authoring.proposal_open(project=story.project, author=story.maya, kind="rule")
    item = proposal.items.get()
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    proposal.refresh_from_db()
    return proposal


def checked(story: Story, proposal: Proposal) -> Proposal:
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    return proposal


def test_what_dbt_says_of_a_failed_example_is_told_with_the_rule() -> None:
    node = {"name": "fct_order_size__examples", "status": "fail", "message": "actual differs from expected"}
    fields = replace(SIZE, name="order_size")

    assert KINDS["rule"].failed(fields, node) == (
        "The examples of Order size do not come out in dbt as the rule says. actual differs from expected"
    )
    table = "@@ ,amount,size\n→  ,50.00,large→small\n   ,49,small\n+++,1,big\n---,NULL,small\n"
    assert KINDS["rule"].failed(fields, {**node, "message": f"actual differs:\n\n{table}"}) == (
        "The examples of Order size do not come out in dbt as the rule says. "
        "Where amount is 50.00, dbt says “small” and the example “large”. "
        "No row comes out as amount: blank, size: small. A row comes out as amount: 1, size: big."
    )
    many = "".join(f"→  ,{number},a→b\n" for number in range(7))
    told = KINDS["rule"].failed(fields, {**node, "message": f"@@ ,amount,size\n{many}"})
    assert told.endswith("Where amount is 4, dbt says “b” and the example “a”. And 2 more.")
    assert KINDS["rule"].failed(fields, {**node, "name": "unique_orders_id"}) == ""


def test_a_sentence_becomes_a_model_whose_unit_tests_pass_and_is_changed_from_its_page_in_the_catalogue(
    story: Story, client: Client
) -> None:
    wrong = drafted(story)
    authoring.proposal_submit(proposal=wrong, actor=story.maya)
    examples = (example("small", quantity="3", net_amount="1"), *SIZE.examples)
    told = replace(wrong.items.get().revision.content, examples=examples)  # type: ignore[type-var]
    Revision.objects.filter(item__proposal=wrong).update(fields=told.to_json())
    story.work()
    assert wrong.checks.get(kind="rules").message == (
        "Example 1: when quantity is 3 and net amount is 1, the rule says “big” and the example “small”."
    )
    authoring.proposal_withdraw(proposal=wrong, actor=story.maya)

    draft = drafted(story)
    for fields in (SMALL_ORDERS, SMALL_REVENUE):
        item = authoring.item_add(proposal=draft, kind="metric", actor=story.maya)
        authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    draft.refresh_from_db()
    proposal = checked(story, draft)
    checks = {check.kind: (check.status, check.message) for check in proposal.checks.all()}
    assert {status for status, _message in checks.values()} == {"passed"}, checks
    assert checks["numbers"][1] == (
        "3 months and the total agree for Small orders; 2 months and the total agree for Small revenue; "
        "Order size: 3 big, 3 small"
    )
    client.force_login(story.tom)
    page = client.get(reverse("proposal", args=[story.project.slug, proposal.number])).content.decode()
    assert "Order size: 3 big, 3 small" in page
    assert "Rows in the trial build" in page
    assert "<td>&gt;= 100</td>" in page  # the sentence as a table

    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()
    assert proposal.status == "published"

    node = Node.objects.get(project=story.project, name="fct_order_size")
    assert node.description == "Which orders need two people to pack."
    assert node.meta["bisync"]["owner"] == "Maya Chen"
    assert {"order_size", "order_id", "quantity"} <= set(node.columns.values_list("name", flat=True))
    story.production.refresh_from_db()
    assert story.production.live is not None
    version = reading(story.production.live)
    rows = numbers.ask(
        version, f"select order_size from {version.relations['fct_order_size']} order by 1"
    ).rows
    assert [row[0] for row in rows] == ["big"] * 3 + ["small"] * 3
    subject = story.git("log", "-1", "--format=%s", proposal.published_commit).strip()
    assert subject == "rules, metrics: Add Order size, Small orders and Small revenue."
    names = version.vocabulary
    manifest = json.loads(Artifact.objects.get(pk=version.semantic_manifest).content())
    engine = engine_for(with_relations(manifest, version.relations, names), version.dialect)
    for fields, value in ((SMALL_ORDERS, 3.0), (SMALL_REVENUE, 70.0)):
        assert names.metrics[fields.name].formula == fields.formula
        tree = analyse(fields.formula, names).tree
        assert tree is not None
        theirs = numbers.ask(version, engine.sql(fields.name)).rows
        assert [numbers.in_all(version, tree), numbers.number(theirs[0][0])] == [value, value]
    changed_from_its_page(story, client)


def changed_from_its_page(story: Story, client: Client) -> None:
    """The rule that was published gets another threshold and another example."""
    uid, place = "model.shop.fct_order_size", [story.project.slug, "prod"]
    client.force_login(story.maya)
    page = client.get(reverse("node", args=[story.project.slug, uid])).content.decode()
    assert f"{reverse('propose', args=place)}?kind=rule&amp;of={uid}" in page

    asked = {"kind": "rule", "of": uid}
    assert "Order size" in client.get(reverse("propose", args=place), asked).content.decode()
    client.post(reverse("propose", args=place), asked)
    proposal = Proposal.objects.latest("pk")
    item = proposal.items.get()
    base = item.revision.agreed
    assert isinstance(base, BusinessRuleFields)
    assert (base.text, base.examples, base.owner) == (SIZE.text, SIZE.examples, "Maya Chen")
    examples = (example("big", quantity="4", net_amount="1"), *base.examples[1:])
    text = base.text.replace("more than 2", "more than 3")
    fields = replace(base, text=text, examples=examples, model="dim_customers", why="Packing is faster.")
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    form = client.get(reverse("proposal-edit", args=[*place, proposal.number])).content.decode()
    assert "<td>big</td><td>small</td><td" in form  # the rows that change, in the live version
    assert 'name="model"' not in form

    address = f"/projects/{story.project.slug}/proposals/{proposal.number}/items/{item.pk}/"
    _status, told = Program(story.maya).get(address)
    assert (told["kind"], told["base"]["text"], told["missing"]) == ("rule", SIZE.text, {})

    proposal = checked(story, proposal)
    checks = {check.kind: (check.status, check.message) for check in proposal.checks.all()}
    assert {status for status, _message in checks.values()} == {"passed"}, checks
    assert checks["numbers"][1] == "Order size: 4 small, 2 big (1 from big to small)"
    client.force_login(story.tom)
    page = client.get(reverse("proposal", args=[story.project.slug, proposal.number])).content.decode()
    assert "Rows that change" in page
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()
    assert proposal.status == "published"
    shown = story.git("show", "--format=%s", "-U0", proposal.published_commit)
    assert [
        line for line in shown.splitlines() if line[:1] in {"r", "+", "-"} and line[1:3] not in {"++", "--"}
    ] == [
        "rules: Change Order size.",
        "-        when quantity > 2 or net_amount >= 100 then 'big'",
        "+        when quantity > 3 or net_amount >= 100 then 'big'",
        f"-          rule: {base.text}",
        f"+          rule: {text}",
        "-          - {quantity: 3, net_amount: 1}",
        "+          - {quantity: 4, net_amount: 1}",
        "-        - {quantity: 3, net_amount: 1, order_size: big}",
        "+        - {quantity: 4, net_amount: 1, order_size: big}",
    ]
