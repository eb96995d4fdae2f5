"""Who hears of what, once, and only what they may see; and that nothing is lost on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from bisync.celery import app
from bisync.lib.errors import TooLateToUndo
from governance import audit
from governance.actions import person_deactivate, role_revoke
from governance.models import AuditEvent, User
from governance.roles import Role
from notify import actions, selectors, telling
from notify.actions import announce, thread_choose
from notify.models import Announced, Notification
from proposals import content
from proposals.actions import authoring, checks, publishing, reviewing
from proposals.models import Proposal
from tests.factories import make_hold, make_member, make_proposal
from tests.programs import Program
from tests.proposals.story import FIELDS, Story
from workspace import runs
from workspace.models import Run, SyncSettings

pytestmark = [pytest.mark.django_db, pytest.mark.dbt]


def sent(story: Story) -> Proposal:
    """A proposal of Maya's in review, of which nobody has heard yet."""
    proposal = make_proposal(story.project, author=story.maya, fields=FIELDS)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    announce()
    return proposal


def checked(story: Story, *, status: str = "passed") -> Proposal:
    """As if its checks had run."""
    proposal = sent(story)
    proposal.checks.update(status=status)
    checks.checks_ended(proposal=proposal, run=proposal.checks.first().run)
    announce()
    return proposal


def approved(story: Story) -> Proposal:
    proposal = checked(story)
    reviewing.proposal_approve(proposal=proposal, seen=content.hash_of(proposal), actor=story.tom)
    announce()
    proposal.refresh_from_db()
    return proposal


def heard(person: User) -> list[str]:
    """What is in somebody's inbox, in words, the newest first."""
    shown = selectors.threads(person, selectors.inbox(person, unread=False))
    return [line.text for thread in shown for line in thread.lines]


def failed(run: Run, error_code: str = "worker-lost") -> None:
    """As if a worker had carried the run out, and failed."""
    Run.objects.filter(pk=run.pk).update(status="running")
    runs._close(Run.objects.filter(pk=run.pk), "failed", error_code=error_code, error_params={"attempts": 3})
    announce()


def test_each_step_is_told_to_those_whom_it_concerns_and_never_to_who_did_it(story: Story) -> None:
    proposal = approved(story)
    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    Proposal.objects.filter(pk=proposal.pk).update(published_commit="c" * 40)
    proposal.refresh_from_db()
    publishing.proposal_arrived(proposal=proposal)
    announce()

    assert heard(story.maya) == ["It is published.", "Tom Okafor approved it."]
    assert heard(story.tom) == ["It is published.", "Its checks have passed. It waits for your review."]
    assert heard(story.priya) == ["Tom Okafor approved it. It waits to be published."]
    (thread,) = selectors.threads(story.maya, selectors.inbox(story.maya, unread=True))
    assert (thread.title, thread.newest.url) == ("#1 Discount share", f"/{story.project.slug}/proposals/1/")


def test_a_reviewer_is_not_told_to_approve_what_is_their_own(story: Story) -> None:
    both = make_member(story.project, Role.CONTRIBUTOR, Role.REVIEWER, name="Both Roles")
    proposal = make_proposal(story.project, author=both, fields=FIELDS)
    authoring.proposal_submit(proposal=proposal, actor=both)
    proposal.checks.update(status="passed")
    checks.checks_ended(proposal=proposal, run=proposal.checks.first().run)
    announce()

    assert heard(both) == []
    assert len(heard(story.tom)) == 1


def test_a_check_that_fails_is_told_to_the_author_alone(story: Story) -> None:
    checked(story, status="failed")

    assert (heard(story.maya), heard(story.tom)) == (["A check failed."], [])


def test_checks_whose_worker_was_lost_are_told_as_well(story: Story) -> None:
    proposal = sent(story)

    failed(proposal.checks.first().run)

    assert heard(story.maya) == ["A check failed."]


def test_a_comment_reaches_whoever_takes_part_and_its_address_is_the_comment(story: Story) -> None:
    proposal = sent(story)
    reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    comment = reviewing.comment_add(proposal=proposal, body="Because.", actor=story.maya)
    announce()

    assert heard(story.maya) == ["Tom Okafor commented."]
    assert heard(story.tom) == ["Maya Chen commented."]
    assert heard(story.priya) == []
    told = Notification.objects.get(person=story.tom)
    assert told.url == f"/{story.project.slug}/proposals/1/#comment-{comment.pk}"


def test_a_held_pull_reaches_whoever_may_agree_and_is_no_failure(story: Story) -> None:
    pull = runs.request(kind="pull", project=story.project, requested_by=story.tom)
    with audit.atomic():
        audit.record(actor=story.tom, action="hold.opened", target=make_hold(story.project))
    failed(pull, error_code="pull-held")

    assert heard(User.objects.get(name="Ada Admin")) == ["A pull waits until you agree."]
    assert heard(story.tom) == []


def test_a_wrong_sync_file_reaches_whoever_may_choose_strategies(story: Story) -> None:
    with audit.atomic():
        chosen, _created = SyncSettings.objects.get_or_create(project=story.project)
        audit.record(actor=None, action="sync.refused", target=chosen)
    announce()

    ada = User.objects.get(name="Ada Admin")
    assert heard(ada) == ["bisync/sync.yml is wrong and was not taken over."]
    assert Notification.objects.get(person=ada).url == f"/{story.project.slug}/settings/pulls/"
    assert heard(story.tom) == []


def test_what_failed_reaches_admins_and_whoever_waits_for_it(story: Story) -> None:
    ada = User.objects.get(name="Ada Admin")
    pull = runs.request(kind="pull", project=story.project, requested_by=story.tom)
    failed(pull)
    proposal = approved(story)
    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    failed(Run.objects.get(kind="proposal.publish"))
    publishing.proposal_pushed(proposal=proposal, commit="c" * 40, head="c" * 40, models=[])
    failed(Run.objects.get(kind="environment.deploy"))

    assert heard(ada) == ["A deployment failed.", "A pull failed."]
    assert "A pull failed." in heard(story.tom)
    stopped = ["Publishing stopped: the version that contains it could not be built.", "Publishing stopped."]
    assert heard(story.maya)[:2] == stopped
    assert heard(story.priya)[:2] == stopped


def test_what_somebody_may_not_see_any_more_is_not_shown_nor_counted(story: Story, client: Client) -> None:
    proposal = checked(story)
    client.force_login(story.tom)
    assert "1 unread notification" in client.get("/account/notifications/").content.decode()

    Proposal.objects.filter(pk=proposal.pk).update(submitted_at=None, status="draft")
    assert heard(story.tom) == []
    Proposal.objects.filter(pk=proposal.pk).update(submitted_at=timezone.now(), status="in_review")
    assert len(heard(story.tom)) == 1
    ada = User.objects.get(name="Ada Admin")
    role_revoke(project=story.project, user=story.tom, role=Role.REVIEWER, actor=ada)

    assert (heard(story.tom), selectors.unread_count(story.tom)) == ([], 0)


def test_whoever_is_gone_or_does_not_want_it_is_not_told(story: Story) -> None:
    boss = User.objects.create_superuser("boss@example.com", name="Boss")
    other = make_member(story.project, Role.REVIEWER)
    person_deactivate(person=other, actor=boss)
    actions.kinds_choose(actor=story.tom, kinds=["comments"])
    proposal = checked(story)
    assert not Notification.objects.exists()

    thread_choose(actor=story.maya, thread=audit.key(proposal), choice="mute")
    thread_choose(actor=story.priya, thread=audit.key(proposal), choice="follow")
    reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    announce()

    assert (heard(story.maya), heard(story.priya)) == ([], ["Tom Okafor commented."])


def test_a_draft_of_somebody_else_cannot_be_followed(story: Story) -> None:
    draft = make_proposal(story.project, author=story.maya)

    for thread in (audit.key(draft), "proposal:0", "proposal:x", "nothing:1", ""):
        with pytest.raises(actions.NoThread):
            thread_choose(actor=story.tom, thread=thread, choice="follow")


def test_nothing_is_told_twice_and_a_failure_half_way_loses_nothing(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = sent(story)
    for _twice in range(2):
        reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    before = Announced.objects.get().event
    log = list(AuditEvent.objects.values())

    def dies(_event: AuditEvent) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(actions, "_tell", dies)
        with pytest.raises(SystemExit):
            announce()
    assert Announced.objects.get().event == before
    assert announce() == 2
    assert announce() == 0
    assert heard(story.maya) == ["Tom Okafor commented."] * 2
    assert list(AuditEvent.objects.values()) == log


def test_of_two_who_announce_at_once_one_does_it(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = sent(story)
    reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    real = Announced.objects.get_or_create

    def overtaken(**which: int) -> tuple[Announced, bool]:
        found = real(**which)
        monkeypatch.undo()
        assert announce() == 1
        return found

    monkeypatch.setattr(Announced.objects, "get_or_create", overtaken)

    assert announce() == 0
    assert heard(story.maya) == ["Tom Okafor commented."]


def test_a_bug_in_one_notice_keeps_nobody_from_the_others(
    story: Story, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(_event: AuditEvent) -> list[telling.Told]:
        raise ZeroDivisionError

    broken = telling.Notice("broken", telling.Kind.REVIEWS, "", wrong)
    monkeypatch.setitem(
        telling._BY_ACTION, "proposal.commented", [broken, *telling._BY_ACTION["proposal.commented"]]
    )
    proposal = sent(story)
    reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    announce()

    assert heard(story.maya) == ["Tom Okafor commented."]
    assert "not announced" in caplog.text


def test_what_the_database_refused_to_keep_is_told_with_the_next_tick(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_event: AuditEvent) -> list[telling.Told]:
        raise OperationalError("database is locked")

    proposal = sent(story)
    announce()
    reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    with monkeypatch.context() as patch:
        refused = telling.Notice("refused", telling.Kind.REVIEWS, "", locked)
        patch.setitem(telling._BY_ACTION, "proposal.commented", [refused])
        with pytest.raises(OperationalError):
            announce()

    announce()

    assert heard(story.maya) == ["Tom Okafor commented."]


def test_reading_one_reads_its_thread_and_reading_all_can_be_undone(story: Story, client: Client) -> None:
    proposal = sent(story)
    other = make_proposal(story.project, author=story.maya)
    Proposal.objects.filter(pk=other.pk).update(submitted_at=timezone.now(), status="in_review")
    for one in (proposal, proposal, other):
        reviewing.comment_add(proposal=one, body="Why?", actor=story.tom)
    announce()
    newest = Notification.objects.filter(person=story.maya, thread=audit.key(proposal)).first()
    client.force_login(story.tom)
    assert client.post(f"/account/notifications/{newest.pk}/read/").status_code == 404
    client.force_login(story.maya)

    client.post(f"/account/notifications/{newest.pk}/read/")
    assert selectors.unread_count(story.maya) == 1
    page = client.post(
        "/account/notifications/all-read/", {"until": Notification.objects.first().pk}, follow=True
    )
    assert selectors.unread_count(story.maya) == 0
    undo = str(next(iter(page.context["messages"])).extra_tags)
    assert undo.startswith("/account/notifications/unread/?at=")
    client.post(undo)
    assert selectors.unread_count(story.maya) == 1
    with pytest.raises(TooLateToUndo):
        actions.unread_again(actor=story.maya, read_at=timezone.now())
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert client.post("/account/notifications/unread/", query_params={"at": at}).status_code == 404
    assert client.post(undo).status_code == 409


def test_a_choice_about_a_thread_is_undone_unless_it_has_changed_since(story: Story, client: Client) -> None:
    proposal = sent(story)
    thread = audit.key(proposal)
    client.force_login(story.tom)

    page = client.post("/account/notifications/thread/", {"thread": thread, "choice": "mute"}, follow=True)
    undo = str(next(iter(page.context["messages"])).extra_tags)
    assert selectors.choice(story.tom, thread) == "mute"
    client.post(undo)
    assert selectors.choice(story.tom, thread) == ""
    assert client.post(undo).status_code == 409


def test_what_was_read_long_ago_is_forgotten_and_the_rest_stays(story: Story) -> None:
    proposal = sent(story)
    for _thrice in range(3):
        reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    announce()
    old, recent, unread = Notification.objects.order_by("pk")
    Notification.objects.filter(pk=old.pk).update(read_at=timezone.now() - timedelta(days=91))
    Notification.objects.filter(pk=recent.pk).update(read_at=timezone.now() - timedelta(days=89))
    Notification.objects.filter(pk=unread.pk).update(at=timezone.now() - timedelta(days=500))

    assert actions.read_forget() == 1
    assert set(Notification.objects.all()) == {recent, unread}


def test_the_clock_announces_and_forgets(story: Story) -> None:
    proposal = sent(story)
    reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert {"notify.announce", "notify.forget"} <= scheduled
    app.tasks["notify.announce"]()
    assert heard(story.maya) == ["Tom Okafor commented."]
    Notification.objects.update(read_at=timezone.now() - timedelta(days=91))
    app.tasks["notify.forget"]()
    assert heard(story.maya) == []


def test_programs_read_what_their_person_was_told(story: Story) -> None:
    proposal = sent(story)
    for _twice in range(2):
        reviewing.comment_add(proposal=proposal, body="Why?", actor=story.tom)
    announce()
    program = Program(story.maya, "propose")

    status, told = program.get("/notifications/?limit=1")
    assert (status, len(told["results"]), told["next"] is not None) == (200, 1, True)
    first = told["results"][0]
    assert (first["title"], first["text"], first["who"]["name"]) == (
        "#1 Discount share",
        "Tom Okafor commented.",
        "Tom Okafor",
    )
    assert Program(story.tom, "propose").post(f"/notifications/{first['id']}/read/")[0] == 404
    status, read = program.post(f"/notifications/{first['id']}/read/")
    assert (status, read["read_at"] is not None) == (200, True)
    assert program.get("/notifications/?unread=true")[1]["results"] == []
    assert len(program.get("/notifications/")[1]["results"]) == 2
