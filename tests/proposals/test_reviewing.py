"""Reading and deciding: never one's own, never unseen content, never twice, never before the checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bisync.lib.errors import InvalidInput, NotAllowed
from bisync.lib.states import IllegalTransition
from environments.models import Deployment
from governance import audit
from governance.models import AuditEvent, Membership, Project, User
from governance.roles import Role
from proposals import content, selectors
from proposals.actions import authoring, checks, publishing, reviewing
from proposals.actions.checks import ChecksMissing
from proposals.actions.reviewing import ChangedMeanwhile, DecidedAlready, NotInReview
from proposals.models import Item, Proposal, Review
from tests.factories import make_environment, make_member, make_project
from tests.proposals.story import FIELDS
from tests.ready import Ready
from tests.threads import at_once
from workspace.models import Run
from workspace.repositories import mirror_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal(ready: Ready, tmp_path: Path, data_dir: Path) -> Proposal:
    """Of Maya's, sent, and checked."""
    project = make_project(url=ready.origin(tmp_path / "git").url)
    ready.snapshot(project)
    mirror_of(project.repository).fetch()
    ready.live(make_environment(project))
    maya = make_member(project, Role.CONTRIBUTOR, name="Maya Chen")
    found = authoring.proposal_open(project=project, author=maya)
    authoring.draft_save(item=found.items.get(), fields=FIELDS, version=1, actor=maya)
    return checked(authoring.proposal_submit(proposal=found, actor=maya))


def checked(proposal: Proposal) -> Proposal:
    """As after its checks have passed."""
    Run.objects.filter(kind="proposal.check").update(status="succeeded")
    proposal.checks.update(status="passed")
    return proposal


@pytest.fixture
def tom(proposal: Proposal) -> User:
    return make_member(proposal.project, Role.REVIEWER, name="Tom Okafor")


def approve(proposal: Proposal, actor: User, seen: str = "", **options: Any) -> Proposal:
    return reviewing.proposal_approve(
        proposal=proposal, seen=seen or content.hash_of(proposal), actor=actor, **options
    )


def verdicts(proposal: Proposal) -> list[tuple[str, bool]]:
    return list(proposal.reviews.order_by("id").values_list("verdict", "stands"))


# -- Approving ------------------------------------------------------------------------------------------


def test_an_approval_locks_in_exactly_what_was_seen(proposal: Proposal, tom: User) -> None:
    seen = content.hash_of(proposal)

    approved = approve(proposal, tom, note=" Good. ")

    assert (approved.status, approved.approved_hash) == ("approved", seen)
    assert approved.approved_at is not None
    review = Review.objects.get()
    assert (review.person, review.verdict, review.content_hash, review.note) == (
        tom,
        "approve",
        seen,
        "Good.",
    )
    event = AuditEvent.objects.get(action="proposal.approved")
    assert (event.actor, event.after) == (tom, {"content_hash": seen})


def test_its_author_approves_nothing_by_any_role_and_it_is_not_noted_as_done(proposal: Proposal) -> None:
    for role in Role:
        Membership.objects.get_or_create(project=proposal.project, user=proposal.author, role=role)
    User.objects.filter(pk=proposal.author.pk).update(is_superuser=True, is_staff=True)
    author = User.objects.get(pk=proposal.author.pk)

    with pytest.raises(NotAllowed, match="other than its author"):
        approve(proposal, author)
    with pytest.raises(NotAllowed, match="other than its author"):
        reviewing.proposal_return(proposal=proposal, note="No.", actor=author)

    assert not Review.objects.exists()
    assert not AuditEvent.objects.filter(action="proposal.approved").exists()
    assert Proposal.objects.get().status == "in_review"


@pytest.mark.parametrize("door", ["approve", "return"])
def test_its_author_is_refused_at_the_door_too(proposal: Proposal, client: Any, door: str) -> None:
    Membership.objects.create(project=proposal.project, user=proposal.author, role=Role.REVIEWER)
    client.force_login(proposal.author)

    answer = client.post(
        f"/{proposal.project.slug}/proposals/{proposal.number}/{door}/",
        {"seen": content.hash_of(proposal), "note": "Mine."},
    )

    assert answer.status_code == 403
    assert "Somebody other than its author" in answer.content.decode()
    assert Proposal.objects.get().status == "in_review"


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.REVIEWER, Role.STEWARD}))
def test_only_reviewers_and_stewards_decide(proposal: Proposal, role: Role) -> None:
    person = make_member(proposal.project, role)

    with pytest.raises(NotAllowed):
        approve(proposal, person)
    with pytest.raises(NotAllowed):
        reviewing.proposal_return(proposal=proposal, note="No.", actor=person)


def test_what_changed_since_it_was_opened_is_not_approved(proposal: Proposal, tom: User) -> None:
    seen = content.hash_of(proposal)
    authoring.proposal_take_back(proposal=proposal, actor=proposal.author)
    authoring.draft_save(
        item=proposal.items.get(),
        fields=replace(FIELDS, formula="SUM(discount)"),
        version=2,
        actor=proposal.author,
    )
    checked(authoring.proposal_submit(proposal=proposal, actor=proposal.author))

    with pytest.raises(ChangedMeanwhile, match="was not counted"):
        approve(proposal, tom, seen)

    assert verdicts(proposal) == []
    assert approve(proposal, tom).status == "approved"


def test_other_code_from_the_same_words_is_other_content(proposal: Proposal, tom: User) -> None:
    seen = content.hash_of(proposal)
    Item.objects.update(entries={"metrics": []})

    with pytest.raises(ChangedMeanwhile):
        approve(proposal, tom, seen)


@pytest.mark.parametrize("status", ["waiting", "running", "failed", "skipped"])
@pytest.mark.parametrize("kind", ["rules", "numbers"])
def test_nothing_is_approved_before_every_check_has_passed(
    proposal: Proposal, tom: User, status: str, kind: str
) -> None:
    proposal.checks.filter(kind=kind).update(status=status)

    with pytest.raises(ChecksMissing, match={"rules": "Definition", "numbers": "The number"}[kind]):
        approve(proposal, tom)


def test_checks_of_other_content_do_not_count_and_no_checks_are_none_that_passed(
    proposal: Proposal, tom: User
) -> None:
    proposal.checks.filter(kind="build").update(content_hash="other")
    with pytest.raises(ChecksMissing, match=r"passed: dbt build\."):
        approve(proposal, tom)

    proposal.checks.all().delete()
    with pytest.raises(ChecksMissing, match="Definition, dbt code, dbt parse, dbt build, The number"):
        approve(proposal, tom)


def test_a_note_may_be_nothing_that_no_database_holds(proposal: Proposal, tom: User) -> None:
    with pytest.raises(InvalidInput) as caught:
        approve(proposal, tom, note="a\x00b")

    assert list(caught.value.fields) == ["note"]


@pytest.mark.parametrize("status", ["draft", "approved", "withdrawn"])
def test_only_what_is_under_review_is_approved(proposal: Proposal, tom: User, status: str) -> None:
    Proposal.objects.update(status=status, approved_hash="h")

    with pytest.raises(NotInReview):
        approve(proposal, tom)


def test_whoever_approved_cannot_approve_again(proposal: Proposal, tom: User) -> None:
    approve(proposal, tom)
    Proposal.objects.update(status="in_review")

    with pytest.raises(DecidedAlready):
        approve(proposal, tom)


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_approves_and_the_other_is_told(proposal: Proposal) -> None:
    people = [make_member(proposal.project, Role.REVIEWER) for _ in range(2)]
    seen = content.hash_of(proposal)

    outcomes = at_once(*[lambda p=person: approve(proposal, p, seen) for person in people])  # type: ignore[misc]

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotInReview", "Proposal"]
    assert verdicts(proposal) == [("approve", True)]
    assert AuditEvent.objects.filter(action="proposal.approved").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_decides_once(proposal: Proposal, tom: User) -> None:
    seen = content.hash_of(proposal)

    outcomes = at_once(*[lambda: approve(proposal, tom, seen)] * 4)

    assert sum(isinstance(outcome, Proposal) for outcome in outcomes) == 1
    assert {type(outcome) for outcome in outcomes} <= {Proposal, NotInReview, DecidedAlready}
    assert verdicts(proposal) == [("approve", True)]


@pytest.mark.django_db(transaction=True)
def test_of_approving_and_returning_at_once_one_happens_first_and_both_are_written_down(
    proposal: Proposal,
) -> None:
    one, other = (make_member(proposal.project, Role.REVIEWER) for _ in range(2))
    seen = content.hash_of(proposal)

    outcomes = at_once(
        lambda: approve(proposal, one, seen),
        lambda: reviewing.proposal_return(proposal=proposal, note="Not yet.", actor=other),
    )

    now = Proposal.objects.get()
    done = set(AuditEvent.objects.filter(project=proposal.project).values_list("action", flat=True))
    assert now.status == "draft"  # a return wins, whenever it comes
    assert "proposal.returned" in done
    assert ("proposal.approved" in done) is isinstance(outcomes[0], Proposal)
    assert not Review.objects.filter(verdict="approve", stands=True).exists()


# -- Returning ------------------------------------------------------------------------------------------


def test_asking_for_changes_says_why_and_gives_it_back(proposal: Proposal, tom: User) -> None:
    reviewing.proposal_return(proposal=proposal, note=" Use net revenue. ", actor=tom)

    assert (proposal.status, proposal.returned_reason) == ("draft", "Use net revenue.")
    assert proposal.comments.get().body == "Use net revenue."
    assert verdicts(proposal) == [("changes", True)]
    assert proposal.items.get().revision.state == "draft"
    assert AuditEvent.objects.get(action="proposal.returned").actor == tom
    assert proposal in selectors.needing(proposal.author, proposal.project)


@pytest.mark.parametrize("note", ["", "   ", "a\x00", "x" * 10_001])
def test_asking_for_changes_needs_a_reason_that_can_be_shown(
    proposal: Proposal, tom: User, note: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        reviewing.proposal_return(proposal=proposal, note=note, actor=tom)

    assert list(caught.value.fields) == ["note"]
    assert Proposal.objects.get().status == "in_review"


def test_the_page_shows_the_missing_reason_beside_the_field(
    proposal: Proposal, tom: User, client: Any
) -> None:
    client.force_login(tom)

    answer = client.post(f"/{proposal.project.slug}/proposals/{proposal.number}/return/", {"note": " "})

    assert answer.status_code == 422
    assert "Say what should change." in answer.content.decode()


def test_what_was_approved_can_still_be_returned_and_the_approval_is_gone(
    proposal: Proposal, tom: User
) -> None:
    approve(proposal, tom)

    returned = reviewing.proposal_return(proposal=Proposal.objects.get(), note="I was wrong.", actor=tom)

    assert (returned.status, returned.approved_hash, returned.approved_at) == ("draft", "", None)
    assert verdicts(proposal) == [("approve", False), ("changes", True)]


# -- Again ----------------------------------------------------------------------------------------------


def sent_again(proposal: Proposal, **changes: Any) -> Proposal:
    proposal = Proposal.objects.get(pk=proposal.pk)
    if proposal.status != "draft":
        authoring.proposal_take_back(proposal=proposal, actor=proposal.author)
    revision = proposal.items.get().revision
    if changes:
        authoring.draft_save(
            item=proposal.items.get(),
            fields=replace(FIELDS, **changes),
            version=revision.version,
            actor=proposal.author,
        )
    return checked(authoring.proposal_submit(proposal=proposal, actor=proposal.author))


def test_an_approval_falls_when_the_content_changes(proposal: Proposal, tom: User) -> None:
    approve(proposal, tom)

    again = sent_again(proposal, formula="SUM(discount)")

    assert (again.status, again.approved_hash) == ("in_review", "")
    assert verdicts(again) == [("approve", False)]
    assert approve(again, tom).status == "approved"
    assert verdicts(again) == [("approve", False), ("approve", True)]


def test_what_comes_back_unchanged_can_be_decided_by_the_same_person(proposal: Proposal, tom: User) -> None:
    approve(proposal, tom)
    again = sent_again(proposal)
    assert again.status == "in_review"

    reviewing.proposal_return(proposal=again, note="After all, no.", actor=tom)
    again = sent_again(proposal)
    reviewing.proposal_return(proposal=again, note="Still no.", actor=tom)
    again = sent_again(proposal)

    assert approve(again, tom).status == "approved"
    assert [verdict for verdict, stands in verdicts(again) if stands] == ["approve"]


def test_only_the_reason_may_change_under_an_approval(proposal: Proposal) -> None:
    before = content.hash_of(proposal)

    assert content.hash_of(sent_again(proposal, why="Better said.")) == before


# -- Talking --------------------------------------------------------------------------------------------


def test_people_talk_about_a_proposal(proposal: Proposal, tom: User) -> None:
    comment = reviewing.comment_add(proposal=proposal, body=" Why not net? ", actor=tom)

    assert (comment.body, comment.author) == ("Why not net?", tom)
    assert AuditEvent.objects.get(action="proposal.commented").after == {"comment": comment.pk}


@pytest.mark.parametrize("body", ["", " \n ", "\u202e", "x" * 10_001])
def test_nothing_is_not_a_comment(proposal: Proposal, tom: User, body: str) -> None:
    with pytest.raises(InvalidInput):
        reviewing.comment_add(proposal=proposal, body=body, actor=tom)


def test_viewers_read(proposal: Proposal) -> None:
    with pytest.raises(NotAllowed, match="comment"):
        reviewing.comment_add(
            proposal=proposal, body="Me too.", actor=make_member(proposal.project, Role.VIEWER)
        )


# -- The inbox ------------------------------------------------------------------------------------------


def needs(user: User, project: Project) -> list[int]:
    fresh = User.objects.get(pk=user.pk)
    return [proposal.number for proposal in selectors.needing(fresh, project)]


def test_the_inbox_holds_what_waits_for_this_person(proposal: Proposal, tom: User) -> None:
    project = proposal.project
    priya = make_member(project, Role.PUBLISHER)
    people = {"maya": proposal.author, "tom": tom, "priya": priya}

    def waiting() -> dict[str, list[int]]:
        return {name: needs(person, project) for name, person in people.items()}

    assert waiting() == {"maya": [], "tom": [1], "priya": []}
    approve(proposal, tom)
    assert waiting() == {"maya": [], "tom": [], "priya": [1]}
    reviewing.proposal_return(proposal=Proposal.objects.get(), note="No.", actor=tom)
    assert waiting() == {"maya": [1], "tom": [], "priya": []}


def test_what_failed_waits_for_its_author_and_not_for_reviewers(proposal: Proposal, tom: User) -> None:
    proposal.checks.filter(kind="build").update(status="failed")

    assert needs(proposal.author, proposal.project) == [1]
    assert needs(tom, proposal.project) == []


@pytest.mark.parametrize(
    ("commit", "build", "waits"),
    [
        ("running", None, False),
        ("failed", None, True),
        ("cancelled", None, True),
        ("succeeded", None, False),
        ("lost", None, True),
        ("succeeded", "applying", False),
        ("succeeded", "failed", True),
        ("queued", "failed", False),
        ("succeeded", "planned", False),
    ],
)
def test_publishing_that_stopped_waits_for_the_publishers(
    proposal: Proposal, commit: str, build: str | None, waits: bool
) -> None:
    priya = make_member(proposal.project, Role.PUBLISHER)
    approve(proposal, make_member(proposal.project, Role.REVIEWER))
    # A commit that is gone from the branch has to be pushed again.
    Proposal.objects.update(status="publishing", published_commit="c1" if commit == "succeeded" else "")
    commit = "succeeded" if commit == "lost" else commit
    subject = audit.key(proposal)
    Run.objects.create(project=proposal.project, kind="proposal.publish", subject=subject, status="failed")
    Run.objects.filter(kind="proposal.publish").update(finished_at=timezone.now())
    Run.objects.create(project=proposal.project, kind="proposal.publish", subject=subject, status=commit)
    if build:
        Deployment.objects.create(
            environment=proposal.target, number=9, subject=subject, status=build, commit="c2"
        )

    assert needs(priya, proposal.project) == ([1] if waits else [])


def test_the_inbox_costs_the_same_for_one_row_and_for_twelve(
    proposal: Proposal, tom: User, client: Any, django_assert_num_queries: Callable[..., Any]
) -> None:
    client.force_login(tom)
    path = f"/{proposal.project.slug}/proposals/"
    client.get(path)
    with CaptureQueriesContext(connection) as one_row:
        client.get(path)
    for _ in range(11):
        other = authoring.proposal_open(project=proposal.project, author=proposal.author)
        Proposal.objects.filter(pk=other.pk).update(
            status="in_review", title="Another", submitted_at=timezone.now()
        )

    with django_assert_num_queries(len(one_row)):
        answer = client.get(path)

    assert answer.content.decode().count("Another") >= 11


# -- Publishing what was approved -----------------------------------------------------------------------


def test_what_was_not_approved_is_not_published(proposal: Proposal) -> None:
    priya = make_member(proposal.project, Role.PUBLISHER)

    with pytest.raises(IllegalTransition):
        publishing.proposal_publish(proposal=proposal, actor=priya)

    assert not Run.objects.filter(kind="proposal.publish").exists()


def test_content_that_changed_under_its_approval_is_not_published(proposal: Proposal, tom: User) -> None:
    priya = make_member(proposal.project, Role.PUBLISHER)
    approved = approve(proposal, tom)
    Item.objects.update(entries={"metrics": [{"name": "something_else"}]})

    with pytest.raises(publishing.ApprovalFell, match="not what was approved"):
        publishing.proposal_publish(proposal=approved, actor=priya)

    assert Proposal.objects.get().status == "approved"


@pytest.mark.parametrize("status", ["waiting", "running", "failed", "skipped"])
def test_an_approved_proposal_whose_checks_were_repeated_is_not_published_before_they_pass(
    proposal: Proposal, tom: User, client: Client, status: str
) -> None:
    priya = make_member(proposal.project, Role.PUBLISHER)
    approved = approve(proposal, tom)
    checks.checks_repeat(proposal=approved, actor=proposal.author)
    approved.checks.filter(kind="build").update(status=status)
    approved.checks.exclude(kind="build").update(status="passed")

    with pytest.raises(ChecksMissing, match=r"passed: dbt build\."):
        publishing.proposal_publish(proposal=approved, actor=priya)

    failed = status == "failed"
    assert Proposal.objects.get().status == "approved"
    assert needs(priya, proposal.project) == ([] if failed else [1])
    assert needs(proposal.author, proposal.project) == ([1] if failed else [])
    client.force_login(priya)
    page = client.get(approved.get_absolute_url()).content.decode()
    assert 'id="publish-button" disabled' in page
    assert ("Have it checked again" in page, "A check failed" in page) == (failed, failed)
    approved.checks.update(status="passed")
    publishing.proposal_publish(proposal=approved, actor=priya)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.PUBLISHER}))
def test_only_publishers_publish(proposal: Proposal, tom: User, role: Role) -> None:
    approved = approve(proposal, tom)

    with pytest.raises(NotAllowed):
        publishing.proposal_publish(proposal=approved, actor=make_member(proposal.project, role))


def test_publishing_begins_with_a_run_and_a_trace(proposal: Proposal, tom: User) -> None:
    priya = make_member(proposal.project, Role.PUBLISHER)

    publishing.proposal_publish(proposal=approve(proposal, tom), actor=priya)

    now = Proposal.objects.get()
    assert (now.status, now.published_by) == ("publishing", priya)
    run = Run.objects.get(kind="proposal.publish")
    assert (run.status, run.requested_by) == ("queued", priya)
    assert AuditEvent.objects.get(action="proposal.publishing").after == {"content_hash": now.approved_hash}


@pytest.mark.django_db(transaction=True)
def test_of_publishing_and_taking_back_at_once_one_happens(proposal: Proposal, tom: User) -> None:
    priya = make_member(proposal.project, Role.PUBLISHER)
    approved = approve(proposal, tom)
    mine = Proposal.objects.get()

    outcomes = at_once(
        lambda: publishing.proposal_publish(proposal=approved, actor=priya),
        lambda: authoring.proposal_take_back(proposal=mine, actor=proposal.author),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["IllegalTransition", "Proposal"]
    status = Proposal.objects.get().status
    assert status in {"publishing", "draft"}
    assert Run.objects.filter(kind="proposal.publish").exists() is (status == "publishing")


def test_there_is_nothing_to_repeat_unless_it_is_on_its_way(proposal: Proposal, tom: User) -> None:
    priya = make_member(proposal.project, Role.PUBLISHER)

    with pytest.raises(publishing.NotPublishing, match="approved"):
        publishing.publishing_repeat(proposal=approve(proposal, tom), actor=priya)
