"""Writing a proposal: every keystroke kept, nothing unsafe sent, and the way to the reviewers and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from bisync.lib.errors import InvalidInput, NotAllowed
from bisync.lib.states import IllegalTransition
from environments.models import Environment
from governance.models import AuditEvent, User
from governance.roles import Role
from proposals import content
from proposals.actions import authoring, checks, restoring, reviewing
from proposals.actions.authoring import EditedMeanwhile, InFlight, NotADraft, NoTarget
from proposals.broken import broken_promises
from proposals.checking import CheckRun
from proposals.models import Check, Proposal, ProposalStatus
from proposals.preview import preview
from semantic.codegen.value_tests import test_names as rule_names
from semantic.fields import MetricFields, ValueRule
from semantic.models import Definition, Revision
from tests.factories import make_environment, make_member, make_project, make_user
from tests.proposals.story import FIELDS, Story
from tests.ready import Ready
from tests.threads import at_once
from workspace import runs
from workspace.actions import run_cancel, run_retry
from workspace.models import Run
from workspace.repositories import mirror_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya(ready: Ready, tmp_path: Path, data_dir: Path) -> User:
    """A contributor of a project that was pulled and built."""
    project = make_project(url=ready.origin(tmp_path / "git").url)
    ready.snapshot(project)
    mirror_of(project.repository).fetch()
    ready.live(make_environment(project))
    return make_member(project, Role.CONTRIBUTOR, name="Maya Chen")


def opened(author: User) -> Proposal:
    return authoring.proposal_open(project=author.memberships.get().project, author=author)


def saved(proposal: Proposal, fields: MetricFields = FIELDS, **options: Any) -> authoring.Saved:
    version = Revision.objects.get(item__proposal=proposal).version
    return authoring.draft_save(
        **{
            "item": proposal.items.get(),
            "fields": fields,
            "version": version,
            "actor": proposal.author,
            **options,
        }
    )


def sent(author: User, fields: MetricFields = FIELDS) -> Proposal:
    proposal = opened(author)
    saved(proposal, fields)
    return authoring.proposal_submit(proposal=proposal, actor=author)


def revision(proposal: Proposal) -> Revision:
    return Revision.objects.get(item__proposal=proposal)


# -- Opening --------------------------------------------------------------------------------------------


def test_a_new_proposal_is_an_empty_draft_for_production(maya: User) -> None:
    proposal = opened(maya)

    assert (proposal.number, proposal.status, proposal.author) == (1, "draft", maya)
    assert proposal.target.kind == "production"
    assert revision(proposal).metric == MetricFields(owner="Maya Chen")
    assert AuditEvent.objects.get(action="proposal.opened").actor == maya


def test_each_project_counts_its_own(maya: User, ready: Ready) -> None:
    other = make_member(make_project(), Role.CONTRIBUTOR)

    assert [opened(maya).number, opened(maya).number, opened(other).number] == [1, 2, 1]


@pytest.mark.django_db(transaction=True)
def test_proposals_opened_at_once_have_different_numbers() -> None:
    project = make_project()
    people = [make_member(project, Role.CONTRIBUTOR) for _ in range(6)]

    made = at_once(*[lambda p=person: opened(p) for person in people])  # type: ignore[misc]

    assert sorted(proposal.number for proposal in made) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.ADMIN])
def test_not_everybody_proposes(role: Role) -> None:
    with pytest.raises(NotAllowed, match="propose"):
        opened(make_member(make_project(), role))


def test_without_a_production_there_is_nowhere_to_go(maya: User) -> None:
    Environment.objects.filter(kind="production").update(kind="staging")

    with pytest.raises(NoTarget, match="admin can add one"):
        opened(maya)


# -- Saving ---------------------------------------------------------------------------------------------


def test_what_was_typed_is_kept_and_the_version_counts_on(maya: User) -> None:
    proposal = opened(maya)

    first = saved(proposal)
    second = saved(proposal, replace(FIELDS, meaning="Said better."))

    assert (first.problems, second.problems) == ({}, {})
    assert second.revision.version == 3
    assert second.revision.metric == replace(FIELDS, meaning="Said better.")
    assert second.revision.content_hash == replace(FIELDS, meaning="Said better.").content_hash
    assert proposal.title == "Discount share"


def test_the_name_in_dbt_follows_from_the_name_for_people(maya: User) -> None:
    proposal = opened(maya)

    saved(proposal, MetricFields(label="Net revenue, per customer"))

    assert revision(proposal).metric.name == "net_revenue_per_customer"


def test_an_unfinished_or_wrong_formula_is_kept_for_later(maya: User) -> None:
    proposal = opened(maya)

    for formula in ("SUM(", "SUM(nothing)", "SELECT * FROM orders; --", "=1+"):
        assert saved(proposal, replace(FIELDS, formula=formula)).problems == {}
        assert revision(proposal).metric.formula == formula


UNFIT = [
    ({"label": "N" * 300, "name": ""}, "label"),
    ({"label": "Net {{ x }}", "name": ""}, "label"),
    ({"label": "Sales \u202egnp.exe", "name": ""}, "label"),
    ({"meaning": "{{ env_var('SECRET') }}"}, "meaning"),
    ({"meaning": "x" * 5_000}, "meaning"),
    ({"owner": "two\nlines"}, "owner"),
    ({"formula": "SUM(net_amount) {# #}"}, "formula"),
    ({"why": "{% raw %}"}, "why"),
    ({"rules": (ValueRule("range", 2, 1),)}, "rules"),
]


@pytest.mark.parametrize(("typed", "field"), UNFIT)
def test_what_dbt_may_not_read_is_kept_in_the_draft_said_beside_its_field_and_never_sent(
    maya: User, typed: dict[str, Any], field: str
) -> None:
    proposal = opened(maya)
    fields = replace(FIELDS, **typed)

    result = saved(proposal, fields)

    assert (list(result.problems), result.refused) == ([field], {})
    kept = revision(proposal).metric
    assert kept == replace(fields, name=kept.name)
    assert preview(kept, proposal.target).yaml == ""
    with pytest.raises(InvalidInput) as caught:
        authoring.proposal_submit(proposal=proposal, actor=maya)
    assert field in caught.value.fields
    assert Proposal.objects.get().status == "draft"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"context": "a\x00b"}, "context"),
        ({"label": "Sales \ud800", "name": ""}, "label"),
        ({"why": "x" * 20_001}, "why"),
        ({"rules": (ValueRule("range", float("nan"), 1),)}, "rules"),
        ({"rules": (ValueRule("odd"),)}, "rules"),  # type: ignore[arg-type]
        ({"value_format": "script"}, "value_format"),
    ],
)
def test_what_no_database_holds_is_left_as_it_was_and_said_while_the_rest_is_kept(
    maya: User, typed: dict[str, Any], field: str
) -> None:
    proposal = opened(maya)
    saved(proposal)

    result = saved(proposal, replace(FIELDS, group="kept", **typed))

    assert list(result.refused) == [field]
    assert result.refused[field]
    assert revision(proposal).metric == replace(FIELDS, group="kept")


def test_a_title_is_one_line_of_which_everybody_sees_the_same(maya: User) -> None:
    proposal = opened(maya)

    saved(proposal, replace(FIELDS, label="Net\n\u202esales\u200b" + "x" * 300))

    assert Proposal.objects.get().title == ("Net sales" + "x" * 300)[:200]


def test_of_two_windows_the_second_to_save_is_told_and_overwrites_nothing(maya: User) -> None:
    proposal = opened(maya)
    saved(proposal, version=1)

    with pytest.raises(EditedMeanwhile, match="another window"):
        saved(proposal, replace(FIELDS, meaning="From the other window."), version=1)

    assert revision(proposal).metric == FIELDS


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_the_same_moment_one_is_kept() -> None:
    maya = make_member(make_project(), Role.CONTRIBUTOR)
    proposal = opened(maya)
    texts = ["One.", "Other."]

    outcomes = at_once(
        *[lambda t=text: saved(proposal, replace(FIELDS, meaning=t), version=1) for text in texts]  # type: ignore[misc]
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EditedMeanwhile", "Saved"]
    assert revision(proposal).version == 2


def test_only_its_author_edits_a_proposal(maya: User) -> None:
    proposal = opened(maya)
    other = make_member(proposal.project, *Role)
    deeds = [
        lambda: saved(proposal, actor=other),
        lambda: authoring.proposal_submit(proposal=proposal, actor=other),
        lambda: authoring.proposal_take_back(proposal=proposal, actor=other),
        lambda: authoring.proposal_withdraw(proposal=proposal, actor=other),
    ]

    for deed in deeds:
        with pytest.raises(NotAllowed, match="Only Maya Chen"):
            deed()


# -- Sending --------------------------------------------------------------------------------------------


def test_sending_hands_it_to_the_reviewers_starts_the_checks_and_leaves_a_trace(maya: User) -> None:
    proposal = sent(maya)

    assert (proposal.status, proposal.title) == ("in_review", "Discount share")
    assert proposal.submitted_at is not None
    assert revision(proposal).state == "proposed"
    definition = Definition.objects.get(name="discount_share")
    assert (definition.state, definition.unique_id) == ("draft", "")
    run = Run.objects.get(kind="proposal.check")
    assert (run.status, run.requested_by, run.params) == ("queued", maya, {"proposal": proposal.pk})
    checks = list(proposal.checks.all())
    assert [check.kind for check in checks] == ["rules", "files", "parse", "build", "numbers"]
    assert {(check.status, check.content_hash, check.run) for check in checks} == {
        ("waiting", content.hash_of(proposal), run)
    }
    event = AuditEvent.objects.get(action="proposal.submitted")
    assert event.actor == maya
    assert event.after["formula"] == FIELDS.formula
    assert event.after["content_hash"] == content.hash_of(proposal)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"label": "", "name": ""}, "label"),
        ({"meaning": ""}, "meaning"),
        ({"owner": ""}, "owner"),
        ({"formula": ""}, "formula"),
        ({"formula": "SUM("}, "formula"),
        ({"formula": "SUM(nothing)"}, "formula"),
        ({"label": "Revenue", "name": ""}, "label"),
        ({"label": "Net amount total", "name": ""}, "formula"),  # the name of a measure
    ],
)
def test_what_is_not_ready_is_said_beside_its_field_and_nothing_moves(
    maya: User, typed: dict[str, str], field: str
) -> None:
    proposal = opened(maya)
    saved(proposal, replace(FIELDS, **typed))

    with pytest.raises(InvalidInput) as caught:
        authoring.proposal_submit(proposal=proposal, actor=maya)

    assert field in caught.value.fields
    proposal.refresh_from_db()
    assert proposal.status == "draft"
    assert not Run.objects.exists()
    assert not Definition.objects.filter(name="discount_share").exists()


def test_before_the_first_pull_there_is_nothing_to_write_code_with() -> None:
    maya = make_member(make_project(), Role.CONTRIBUTOR)
    proposal = opened(maya)
    saved(proposal)

    with pytest.raises(authoring.generate.NothingPulled):
        authoring.proposal_submit(proposal=proposal, actor=maya)


def test_it_is_sent_once(maya: User) -> None:
    proposal = sent(maya)

    with pytest.raises((EditedMeanwhile, IllegalTransition)):
        authoring.proposal_submit(proposal=proposal, actor=maya)

    assert AuditEvent.objects.filter(action="proposal.submitted").count() == 1


def test_what_is_under_review_cannot_be_edited(maya: User) -> None:
    proposal = sent(maya)

    with pytest.raises(NotADraft, match="Take it back"):
        saved(proposal, replace(FIELDS, meaning="Sneaked in."))

    assert revision(proposal).metric == FIELDS


def test_a_window_that_is_still_open_cannot_edit_it_either(maya: User) -> None:
    proposal = opened(maya)
    saved(proposal)
    stale = Proposal.objects.get(pk=proposal.pk)
    authoring.proposal_submit(proposal=proposal, actor=maya)

    with pytest.raises((EditedMeanwhile, NotADraft)):
        saved(stale, replace(FIELDS, meaning="Sneaked in."))

    assert revision(proposal).metric == FIELDS


def test_a_metric_has_one_proposal_at_a_time(maya: User) -> None:
    sent(maya)
    second = opened(maya)
    saved(second)

    with pytest.raises(InFlight, match="Discount share has an open proposal"):
        authoring.proposal_submit(proposal=second, actor=maya)

    second.refresh_from_db()
    assert second.status == "draft"


def test_the_form_says_beside_the_name_that_a_colleague_is_at_it_already(maya: User, client: Client) -> None:
    sent(maya)
    second = opened(maya)
    client.force_login(maya)
    typed = {name: value for name, value in FIELDS.to_json().items() if name != "rules"}

    answer = client.post(
        f"/{second.project.slug}/prod/proposals/{second.number}/edit/", {**typed, "act": "send", "version": 1}
    )

    assert answer.status_code == 422
    assert "has an open proposal already" in answer.context["form"].errors["label"][0]
    assert revision(second).metric.formula == FIELDS.formula


# -- Taking back and giving up --------------------------------------------------------------------------


def test_it_can_be_taken_back_changed_and_sent_again(maya: User) -> None:
    proposal = sent(maya)
    before = content.hash_of(proposal)

    authoring.proposal_take_back(proposal=proposal, actor=maya)
    assert proposal.status == "draft"
    saved(proposal, replace(FIELDS, formula="SUM(discount)"))
    authoring.proposal_submit(proposal=proposal, actor=maya)

    assert proposal.status == "in_review"
    assert content.hash_of(proposal) != before
    assert {check.content_hash for check in Check.objects.all()} == {content.hash_of(proposal)}


def test_a_draft_that_was_given_up_stays_readable_and_frees_its_name(maya: User) -> None:
    proposal = sent(maya)

    authoring.proposal_withdraw(proposal=proposal, actor=maya)

    assert (proposal.status, revision(proposal).state) == ("withdrawn", "superseded")
    assert revision(proposal).metric == FIELDS
    assert not Definition.objects.filter(name="discount_share").exists()
    assert sent(maya).status == "in_review"


def test_a_draft_that_was_given_up_comes_back_as_it_was_and_can_be_sent(maya: User) -> None:
    proposal = opened(maya)
    before = saved(proposal).revision.fields
    authoring.proposal_withdraw(proposal=proposal, actor=maya)

    with pytest.raises(NotAllowed):
        restoring.proposal_restore(proposal=proposal, actor=make_member(proposal.project, *Role))
    restoring.proposal_restore(proposal=proposal, actor=maya)

    assert (proposal.status, revision(proposal).state, revision(proposal).fields) == (
        "draft",
        "draft",
        before,
    )
    with pytest.raises(IllegalTransition):
        restoring.proposal_restore(proposal=proposal, actor=maya)
    authoring.proposal_submit(proposal=proposal, actor=maya)
    assert proposal.status == "in_review"


@pytest.mark.parametrize("status", [ProposalStatus.PUBLISHING, ProposalStatus.PUBLISHED])
def test_what_is_on_its_way_can_be_neither_taken_back_nor_given_up_nor_returned(
    maya: User, status: str
) -> None:
    proposal = sent(maya)
    Proposal.objects.update(status=status, approved_hash="h", published_commit="c")
    proposal.refresh_from_db()
    tom = make_member(proposal.project, Role.REVIEWER)

    for deed in (
        lambda: authoring.proposal_take_back(proposal=proposal, actor=maya),
        lambda: authoring.proposal_withdraw(proposal=proposal, actor=maya),
        lambda: reviewing.proposal_return(proposal=proposal, note="No.", actor=tom),
    ):
        with pytest.raises(IllegalTransition):
            deed()
    proposal.refresh_from_db()
    assert proposal.status == status


# -- Checks ---------------------------------------------------------------------------------------------


def test_checks_can_be_run_again_by_those_who_propose(maya: User) -> None:
    proposal = sent(maya)
    Run.objects.update(status="failed")
    Check.objects.update(status="failed")

    checks.checks_repeat(proposal=proposal, actor=make_member(proposal.project, Role.REVIEWER))

    assert set(proposal.checks.values_list("status", flat=True)) == {"waiting"}
    assert Run.objects.filter(status="queued").count() == 1
    with pytest.raises(NotAllowed):
        checks.checks_repeat(proposal=proposal, actor=make_user())


def test_checks_of_a_draft_are_not_run(maya: User) -> None:
    with pytest.raises(checks.NotUnderReview):
        checks.checks_repeat(proposal=opened(maya), actor=maya)


def test_checks_whose_run_is_cancelled_are_not_left_waiting(maya: User) -> None:
    proposal = sent(maya)

    runs.cancel(Run.objects.get())

    told = list(proposal.checks.order_by("id").values_list("status", "message"))
    assert told == [("failed", "This was cancelled."), *[("skipped", "")] * 4]


def test_checks_whose_run_met_a_bug_are_not_left_running(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = sent(story.maya)

    def bug(*_args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("proposals.checking.CheckRun.files", bug)
    with pytest.raises(ZeroDivisionError):
        runs.execute(Run.objects.get().pk)

    checks = list(proposal.checks.order_by("id"))
    assert [check.status for check in checks] == ["passed", "failed", "skipped", "skipped", "skipped"]
    assert "Something unexpected" in checks[1].message


def test_a_remote_that_is_away_fails_the_check_in_words_and_the_button_repeats_it(story: Story) -> None:
    proposal = sent(story.maya)
    story.origin.path.rename(story.origin.path.with_name("away"))

    runs.execute(Run.objects.get().pk)

    run = Run.objects.get()
    checks = list(proposal.checks.order_by("id"))
    assert [check.status for check in checks] == ["passed", "failed", "skipped", "skipped", "skipped"]
    assert checks[1].message == run.error != ""
    again = run_retry(run=run, actor=story.maya)
    runs.execute(again.pk)
    assert set(proposal.checks.values_list("run", flat=True)) == {again.pk}
    assert [check.status for check in proposal.checks.order_by("id")][:2] == ["passed", "failed"]


def test_checks_that_were_replaced_meanwhile_end_quietly(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = sent(story.maya)
    first = Run.objects.get()

    def replace_them(_self: object) -> None:
        authoring.proposal_take_back(proposal=proposal, actor=story.maya)
        saved(proposal, replace(FIELDS, formula="SUM(discount)"))
        authoring.proposal_submit(proposal=proposal, actor=story.maya)

    monkeypatch.setattr("proposals.checking.CheckRun.rules", replace_them)
    runs.execute(first.pk)

    first.refresh_from_db()
    assert (first.status, first.result) == ("succeeded", {"replaced": True})
    assert set(proposal.checks.values_list("status", flat=True)) == {"waiting"}


@pytest.mark.dbt
@pytest.mark.django_db(transaction=True)
def test_a_rule_that_does_not_hold_is_told_in_words(story: Story) -> None:
    rules = (ValueRule("not_null"), ValueRule("range", None, 0.001))
    proposal = sent(story.maya, replace(FIELDS, rules=rules))

    story.work()

    build = proposal.checks.get(kind="build")
    assert (build.status, proposal.checks.get(kind="numbers").status) == ("failed", "skipped")
    assert build.message == (
        "Discount share is not “never blank” in 1 month. Discount share is not “at most 0.001” in 2 months. "
        "Change the formula or the rule. COALESCE gives a value where there is none."
    )


def test_a_rule_that_could_not_be_tried_is_not_told_as_broken(maya: User) -> None:
    proposal = sent(maya, replace(FIELDS, rules=(ValueRule("not_null"),)))
    checks = CheckRun(runs.Work(Run.objects.get()), proposal)
    (name,) = rule_names(FIELDS.name, (ValueRule("not_null"),))
    failed = {"name": name, "status": "fail", "failures": 2}
    nothing: dict[str, Any] = {"nodes": {}}

    assert "“never blank” in 2 months" in broken_promises(checks.items, [failed], nothing, checks.known)
    untried = failed | {"status": "error", "failures": None}
    assert broken_promises(checks.items, [untried], nothing, checks.known) == ""


def test_a_lost_run_of_checks_is_repeated_while_the_proposal_is_under_review(maya: User) -> None:
    proposal = sent(maya)
    run_cancel(run=Run.objects.get(), actor=maya)
    assert set(proposal.checks.values_list("status", flat=True)) == {"failed", "skipped"}

    again = run_retry(run=Run.objects.get(), actor=maya)
    assert set(proposal.checks.values_list("status", "run")) == {("waiting", again.pk)}

    run_cancel(run=again, actor=maya)
    again.refresh_from_db()
    authoring.proposal_withdraw(proposal=proposal, actor=maya)
    with pytest.raises(checks.NotUnderReview, match="withdrawn"):
        run_retry(run=again, actor=maya)
    assert "waiting" not in proposal.checks.values_list("status", flat=True)
