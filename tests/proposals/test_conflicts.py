"""What dbt changes while a proposal is under way: merged by itself, or decided by people; never lost."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client

from bisync.lib.errors import InvalidInput, NotAllowed
from catalog.models import Snapshot
from governance.models import AuditEvent, User
from governance.roles import Role
from notify.actions import announce
from notify.models import Notification
from proposals import content, merging
from proposals.actions import authoring, conflicts, publishing, reviewing
from proposals.models import Conflict, ConflictState, Item, Proposal
from proposals.selectors import needing
from semantic.fields import MetricFields
from tests.factories import make_member, work_off
from tests.proposals.story import FIELDS, Story
from tests.proposals.test_changes import colleague, submitted
from workspace.actions import pull_request
from workspace.models import Run
from workspace.strategies import strategy_set

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

OURS, THEIRS, OWN = ConflictState.OURS, ConflictState.THEIRS, ConflictState.OWN


def pull(story: Story) -> None:
    Run.objects.filter(finished_at=None).exclude(kind="pull").delete()
    pull_request(project=story.project, actor=story.priya)
    story.work()


def said(proposal: Proposal) -> tuple[MetricFields, MetricFields | None]:
    """What is proposed, and what is agreed."""
    revision = proposal.items.get().revision
    return revision.metric, revision.agreed


def approved(story: Story, proposal: Proposal) -> Proposal:
    """Sent and approved, without waiting for its checks."""
    submitted(story, proposal)
    proposal.checks.update(status="passed")
    Run.objects.update(status="succeeded", finished_at="2026-01-01T00:00Z")
    return story.approve(proposal)


def test_what_only_dbt_changed_is_taken_and_what_both_changed_alike_is_agreed(story: Story) -> None:
    draft = story.changing("revenue", meaning="Net of tax.", owner="Sales")
    waiting = approved(story, story.changing("revenue", owner="Sales"))
    colleague(
        story,
        "label: Revenue\n    description: All net revenue.",
        "label: Turnover\n    description: Net of tax.",
    )

    pull(story)

    ours, base = said(draft)
    assert base
    assert (ours.label, base.label, base.meaning) == ("Turnover", "Turnover", "Net of tax.")
    assert list(ours.changes_from(base)) == ["owner"]
    assert not Conflict.objects.exists()
    waiting.refresh_from_db()
    assert (waiting.status, content.hash_of(waiting)) == ("approved", waiting.approved_hash)
    assert AuditEvent.objects.filter(action="proposal.merged").count() == 2
    pull(story)
    assert AuditEvent.objects.filter(action="proposal.merged").count() == 2


@pytest.mark.both
def test_a_clash_is_kept_with_three_states_and_blocks_this_proposal_alone(story: Story) -> None:
    proposal = approved(story, story.changing("revenue", meaning="Net of tax."))
    other = approved(story, story.changing("orders_total", label="All orders"))
    commit = colleague(story, "All net revenue.", "Everything.")

    pull(story)

    conflict = Conflict.objects.get()
    assert (conflict.item.proposal, conflict.field) == (proposal, "meaning")
    states = (conflict.base, conflict.ours, conflict.theirs)
    assert states == ("All net revenue.", "Net of tax.", "Everything.")
    assert (conflict.commit, conflict.author, conflict.state) == (commit, "Origin", "open") or conflict.author
    with pytest.raises(authoring.ConflictsOpen):
        publishing.proposal_publish(proposal=proposal, actor=story.priya)
    publishing.proposal_publish(proposal=other, actor=story.priya)
    assert said(proposal)[0].meaning == "Net of tax."


@pytest.mark.parametrize(
    ("choice", "own", "meaning", "changes"),
    [
        (OURS, None, "Net of tax.", ["meaning", "owner"]),
        (THEIRS, None, "Everything.", ["owner"]),
        (OWN, "Everything, net of tax.", "Everything, net of tax.", ["meaning", "owner"]),
    ],
)
def test_a_decision_makes_another_content_that_is_checked_and_approved_anew(
    story: Story, choice: ConflictState, own: str | None, meaning: str, changes: list[str]
) -> None:
    proposal = approved(story, story.changing("revenue", meaning="Net of tax.", owner="Sales"))
    colleague(story, "All net revenue.", "Everything.")
    pull(story)

    conflicts.conflict_decide(conflict=Conflict.objects.get(), choice=choice, own=own, actor=story.maya)

    proposal.refresh_from_db()
    ours, base = said(proposal)
    assert base
    assert (ours.meaning, base.meaning) == (meaning, "Everything.")
    assert list(ours.changes_from(base)) == changes
    assert (proposal.status, proposal.approved_hash) == ("in_review", "")
    assert set(proposal.checks.values_list("status", flat=True)) == {"waiting"}
    assert Conflict.objects.get().decided_by == story.maya
    pull(story)
    assert Conflict.objects.get().state == choice


def test_its_author_hears_of_a_clash_and_finds_it_among_what_waits(story: Story) -> None:
    proposal = approved(story, story.changing("revenue", meaning="Net of tax."))
    announce()
    colleague(story, "All net revenue.", "Everything.")

    pull(story)
    announce()

    heard = Notification.objects.get(notice="proposal.conflict_found")
    assert (heard.person, heard.url) == (story.maya, f"{proposal.get_absolute_url()}conflicts/")
    assert list(needing(story.maya, story.project)) == [proposal]


def test_a_decision_can_be_undone_until_somebody_edits(story: Story) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    colleague(story, "All net revenue.", "Everything.")
    pull(story)
    conflict = Conflict.objects.get()
    conflicts.conflict_decide(conflict=conflict, choice=THEIRS, actor=story.maya)
    assert said(proposal)[0].meaning == "Everything."

    conflicts.conflict_reopen(conflict=conflict, actor=story.maya)

    conflict.refresh_from_db()
    ours, base = said(proposal)
    assert base
    assert (conflict.state, ours.meaning, base.meaning) == ("open", "Net of tax.", "All net revenue.")
    conflicts.conflict_decide(conflict=conflict, choice=THEIRS, actor=story.maya)
    version = proposal.items.get().revision.version
    edited = MetricFields.from_json({**said(proposal)[0].to_json(), "meaning": "Mine."})
    authoring.draft_save(item=proposal.items.get(), fields=edited, version=version, actor=story.maya)
    with pytest.raises(conflicts.NotUndone):
        conflicts.conflict_reopen(conflict=conflict, actor=story.maya)


def test_what_was_typed_since_is_what_is_kept(story: Story) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    colleague(story, "All net revenue.", "Everything.")
    pull(story)
    version = proposal.items.get().revision.version
    newer = MetricFields.from_json({**said(proposal)[0].to_json(), "meaning": "Net of all tax."})
    authoring.draft_save(item=proposal.items.get(), fields=newer, version=version, actor=story.maya)

    conflicts.conflict_decide(conflict=Conflict.objects.get(), choice=OURS, actor=story.maya)

    assert said(proposal)[0].meaning == "Net of all tax."


def test_a_form_that_was_open_meanwhile_does_not_undo_what_was_merged(story: Story) -> None:
    proposal = story.changing("revenue", owner="Sales")
    client = Client()
    client.force_login(story.maya)
    address = f"/{story.project.slug}/prod/proposals/{proposal.number}/edit/"
    form = client.get(address).context["form"].initial
    filled = client.get(address).context["filled_with"]
    colleague(story, "All net revenue.", "Everything.")
    pull(story)

    typed = {k: v for k, v in form.items() if v is not None} | {"context": "Mine.", "filled_with": filled}
    assert client.post(address, typed).status_code == 409
    client.post(address, {**typed, "act": "mine"})

    metric, _base = said(proposal)
    assert (metric.meaning, metric.context, metric.owner) == ("Everything.", "Mine.", "Sales")


def test_a_policy_about_one_field_leaves_the_other_to_people(story: Story) -> None:
    admin = make_member(story.project, Role.ADMIN, name="Ada Admin")
    strategy_set(project=story.project, choices={"documentation.conflicts": "business"}, actor=admin)
    proposal = approved(story, story.changing("revenue", meaning="Net.", formula="SUM(net_amount) * 2"))
    colleague(
        story,
        "All net revenue.\n    type: simple\n    type_params: {measure: net_amount_total}",
        "Everything.\n    type: simple\n    type_params: {measure: high_amount}",
    )

    pull(story)

    proposal.refresh_from_db()
    assert proposal.status == "approved"
    assert dict(Conflict.objects.values_list("field", "state")) == {"meaning": "ours", "formula": "open"}


@pytest.mark.parametrize("field", ["rules", "value_format", "time", "group"])
def test_what_is_chosen_from_a_list_is_not_written_as_a_text(story: Story, field: str) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    conflict = Conflict.objects.create(item=proposal.items.get(), field=field, theirs="x")

    with pytest.raises(InvalidInput):
        conflicts.conflict_decide(conflict=conflict, choice=OWN, own="abc", actor=story.maya)


def test_a_clash_that_dbt_takes_back_is_none(story: Story) -> None:
    story.changing("revenue", meaning="Net of tax.")
    colleague(story, "All net revenue.", "Everything.")
    pull(story)
    colleague(story, "Everything.", "All net revenue.")

    pull(story)

    assert not Conflict.objects.exists()


def test_a_policy_decides_at_once_and_can_be_undone(story: Story) -> None:
    admin = make_member(story.project, Role.ADMIN, name="Ada Admin")
    strategy_set(
        project=story.project,
        choices={"documentation.conflicts": "dbt", "semantic_layer.conflicts": "business"},
        actor=admin,
    )
    proposal = story.changing("revenue", meaning="Net of tax.", formula="SUM(net_amount) * 2")
    colleague(
        story,
        "All net revenue.\n    type: simple\n    type_params: {measure: net_amount_total}",
        "Everything.\n    type: simple\n    type_params: {measure: high_amount}",
    )

    pull(story)

    ours, _base = said(proposal)
    assert (ours.meaning, ours.formula) == ("Everything.", "SUM(net_amount) * 2")
    decided = {one.field: (one.state, one.decided_by) for one in Conflict.objects.all()}
    assert decided == {"meaning": ("theirs", None), "formula": ("ours", None)}
    conflicts.conflict_reopen(conflict=Conflict.objects.get(field="meaning"), actor=story.maya)
    assert said(proposal)[0].meaning == "Net of tax."
    with pytest.raises(NotAllowed):
        strategy_set(project=story.project, choices={"documentation.conflicts": "ask"}, actor=story.maya)
    with pytest.raises(InvalidInput):
        strategy_set(project=story.project, choices={"documentation.conflicts": "nobody"}, actor=admin)


def test_who_decides_does_not_approve_and_others_do_not_decide(story: Story) -> None:
    steward = make_member(story.project, Role.STEWARD, name="Sam Steward")
    proposal = approved(story, story.changing("revenue", meaning="Net of tax."))
    colleague(story, "All net revenue.", "Everything.")
    pull(story)
    conflict = Conflict.objects.get()
    with pytest.raises(NotAllowed, match="Only Maya Chen or a steward"):
        conflicts.conflict_decide(conflict=conflict, choice=OURS, actor=story.tom)

    conflicts.conflict_decide(conflict=conflict, choice=OURS, actor=steward)

    proposal.refresh_from_db()
    proposal.checks.update(status="passed")
    with pytest.raises(NotAllowed, match="somebody else approves"):
        reviewing.proposal_approve(proposal=proposal, seen=content.hash_of(proposal), actor=steward)
    reviewing.proposal_approve(proposal=proposal, seen=content.hash_of(proposal), actor=story.tom)


def test_an_own_wording_has_to_be_fit(story: Story) -> None:
    story.changing("revenue", meaning="Net of tax.")
    colleague(story, "All net revenue.", "Everything.")
    pull(story)

    for own in ("", "{{ env_var('HOME') }}"):
        with pytest.raises(InvalidInput):
            conflicts.conflict_decide(conflict=Conflict.objects.get(), choice=OWN, own=own, actor=story.maya)


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "swap"])
def test_a_formula_that_would_replace_both_is_tried_out_before_it_is_chosen(
    story: Story, headers: dict[str, str]
) -> None:
    proposal = story.changing("revenue", formula="SUM(net_amount) * 2")
    sides = {"base": "SUM(net_amount)", "ours": "SUM(net_amount) * 2", "theirs": "SUM(quantity)"}
    conflict = Conflict.objects.create(item=proposal.items.get(), field="formula", **sides)
    client = Client(headers=headers)
    client.force_login(story.maya)
    address = f"{proposal.get_absolute_url()}conflicts/{conflict.pk}/try/"

    fit, wrong = (
        client.post(address, {"own": own}).content.decode() for own in ("SUM(net_amount) * 3", "SUMM(x")
    )

    assert "total net amount times 3" in fit
    assert "975" in fit
    assert "SUMM" in wrong
    assert "All time" not in wrong or not headers
    conflict.refresh_from_db()
    assert conflict.state == ConflictState.OPEN
    words = Conflict.objects.create(item=proposal.items.get(), field="meaning")
    assert client.post(address.replace(f"/{conflict.pk}/", f"/{words.pk}/"), {"own": "x"}).status_code == 404


def test_formulas_are_tried_out_only_by_whoever_may_decide_and_while_it_is_open(story: Story) -> None:
    proposal = story.changing("revenue", formula="SUM(net_amount) * 2")
    Proposal.objects.update(status="in_review")
    conflict = Conflict.objects.create(item=proposal.items.get(), field="formula")
    address = f"{proposal.get_absolute_url()}conflicts/{conflict.pk}/try/"

    def tried(by: User) -> int:
        client = Client()
        client.force_login(by)
        return client.post(address, {"own": "MAX(net_amount)"}).status_code

    assert tried(make_member(story.project, Role.VIEWER)) == 403
    assert tried(story.maya) == 200
    Conflict.objects.update(state=ConflictState.THEIRS)
    assert tried(story.maya) == 409


@pytest.mark.both
def test_a_metric_that_dbt_brings_under_the_same_name_can_be_changed_instead(story: Story) -> None:
    proposal = authoring.proposal_open(project=story.project, author=story.maya)
    authoring.draft_save(item=proposal.items.get(), fields=FIELDS, version=1, actor=story.maya)
    text = story.git("show", "main:models/metrics.yml") + "\n"
    theirs = "  - name: discount_share\n    label: Theirs\n    type: simple\n    type_params: {measure: net_amount_total}\n"
    story.origin.commit({"models/metrics.yml": text + theirs}, "metrics: Add a share.")

    pull(story)

    conflict = Conflict.objects.get()
    assert (conflict.field, conflict.base) == ("", {})
    conflicts.conflict_decide(conflict=conflict, choice=OURS, actor=story.maya)
    ours, base = said(proposal)
    assert base
    assert (ours.label, base.label) == ("Discount share", "Theirs")
    assert (ours.model, ours.formula) == ("", FIELDS.formula)
    submitted(story, proposal)


@pytest.mark.parametrize("choice", [OURS, THEIRS])
def test_a_metric_that_dbt_took_away_is_brought_back_or_given_up(story: Story, choice: ConflictState) -> None:
    proposal = story.changing("buyers", meaning="Who bought.", owner="Sales")
    text = story.git("show", "main:models/metrics.yml") + "\n"
    start, end = text.index("  - name: buyers"), text.index("  - name: gifts")
    story.origin.commit({"models/metrics.yml": text[:start] + text[end:]}, "metrics: Drop buyers.")
    pull(story)

    conflicts.conflict_decide(conflict=Conflict.objects.get(), choice=choice, actor=story.maya)

    proposal.refresh_from_db()
    if choice == THEIRS:
        assert proposal.status == "withdrawn"
        return
    assert said(proposal)[1] is None
    submitted(story, proposal)


def test_a_pull_without_news_merges_nothing(story: Story, django_assert_max_num_queries) -> None:
    story.changing("revenue", meaning="Net of tax.")
    snapshot = Snapshot.objects.latest()
    with transaction.atomic():
        merging.merge_project(story.project, snapshot)

    with django_assert_max_num_queries(2):
        merging.merge_project(story.project, snapshot)
    assert Item.objects.get().merged_commit == snapshot.commit
    assert work_off() == []
