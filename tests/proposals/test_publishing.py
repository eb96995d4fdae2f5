"""One approval, one commit: whatever colleagues push meanwhile and wherever the worker dies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bisync.lib import crash
from catalog.models import Snapshot
from environments.models import Deployment, Environment
from governance.models import AuditEvent
from proposals import content, selectors
from proposals.actions import authoring, publishing, reviewing
from proposals.models import Proposal
from semantic.models import Definition
from tests.proposals.story import FIELDS, Story
from workspace import runs
from workspace.models import Repository, Run
from workspace.repositories import mirror_of

# The worker keeps its lease alive from a thread of its own, which needs to see the rows.
pytestmark = pytest.mark.django_db(transaction=True)

METRICS = "models/metrics.yml"


class Killed(BaseException):
    """As `kill -9`: nothing behind it is carried out that would write a row."""


@pytest.fixture
def proposal(story: Story) -> Proposal:
    """Approved by Tom, and Priya has pressed the button."""
    found = authoring.proposal_open(project=story.project, author=story.maya)
    authoring.draft_save(item=found.items.get(), fields=FIELDS, version=1, actor=story.maya)
    authoring.proposal_submit(proposal=found, actor=story.maya)
    found.checks.update(status="passed")
    Run.objects.update(status="succeeded")
    approved = reviewing.proposal_approve(proposal=found, seen=content.hash_of(found), actor=story.tom)
    return publishing.proposal_publish(proposal=approved, actor=story.priya)


def publish() -> Run:
    """What the worker does, without the build that follows."""
    run = Run.objects.filter(kind="proposal.publish").latest("id")
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def let_lease_lapse() -> None:
    Run.objects.filter(status="running").update(lease_until=timezone.now() - timedelta(seconds=1))


def at_point(monkeypatch: pytest.MonkeyPatch, name: str, action: Any) -> None:
    """Have something happen once, the first time that work comes to this point."""
    waiting = [action]

    def point(here: str) -> None:
        if here == name and waiting:
            waiting.pop()()

    monkeypatch.setattr(crash, "point", point)


def ours(story: Story) -> list[str]:
    """The commits on the remote that came by Bisync, oldest first."""
    return story.git("log", "--reverse", "--committer=bisync@localhost", "--format=%H", "main").split()


def shown(story: Story, path: str, commit: str = "main") -> str:
    return story.git("show", f"{commit}:{path}")


def told(proposal: Proposal) -> list[str]:
    events = AuditEvent.objects.filter(target=f"proposal:{proposal.pk}").order_by("id")
    return list(events.values_list("action", flat=True))


# -- The commit -----------------------------------------------------------------------------------------


def test_one_commit_says_who_wrote_it_who_approved_it_and_what(story: Story, proposal: Proposal) -> None:
    parent = story.head()

    run = publish()

    proposal.refresh_from_db()
    (commit,) = ours(story)
    assert (run.status, run.result["commit"]) == ("succeeded", commit)
    assert proposal.published_commit == commit == story.head()
    assert story.git("rev-parse", f"{commit}^") == parent
    (found,) = mirror_of(story.project.repository).log(commit, limit=1)
    assert (found.author.name, found.author.email) == ("Maya Chen", story.maya.email)
    assert (found.committer.name, found.subject) == ("Bisync", "metrics: Add Discount share.")
    assert FIELDS.meaning in found.body
    assert FIELDS.why in found.body
    assert mirror_of(story.project.repository).trailers(commit) == {
        "Bisync-Proposal": [f"{story.project.slug}#{proposal.number}"],
        "Approved-by": [f"Tom Okafor <{story.tom.email}>"],
        "Bisync-Content": [proposal.approved_hash],
    }
    assert found.at == proposal.approved_at.replace(microsecond=0)  # type: ignore[union-attr]


def test_lines_are_added_and_no_other_byte_changes(story: Story, proposal: Proposal) -> None:
    parent = story.head()

    publish()

    changed = [line.split("\t") for line in story.git("diff", "--numstat", parent, "main").splitlines()]
    assert METRICS in [path for _added, _removed, path in changed]
    assert {removed for _added, removed, _path in changed} == {"0"}
    assert all(path.startswith(("models/", "macros/")) for _added, _removed, path in changed)
    assert "name: discount_share" in shown(story, METRICS)


def test_the_commit_is_then_built_for_production(story: Story, proposal: Proposal) -> None:
    publish()

    deployment = Deployment.objects.get(status="planned")
    assert (deployment.environment, deployment.commit) == (story.production, story.head())
    assert deployment.affected == ["fct_orders"]
    assert (deployment.subject, deployment.requested_by) == (f"proposal:{proposal.pk}", story.priya)
    assert told(proposal)[-2:] == ["proposal.publishing", "proposal.pushed"]
    assert Definition.objects.get(name="discount_share").state == "draft"
    assert Proposal.objects.get().status == "publishing"


# -- Colleagues -----------------------------------------------------------------------------------------


@pytest.mark.dbt
def test_what_colleagues_push_before_and_during_it_stays_and_there_is_one_commit_on_top(
    story: Story, proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.origin.commit({"README.md": "Hello\n"}, "docs: Say hello.")
    text = shown(story, METRICS) + "\n"
    edited = text.replace("All net revenue.", "Net of discounts.")
    at_point(
        monkeypatch,
        "publish-committed",
        lambda: story.origin.commit({METRICS: edited}, "docs: Say it better."),
    )

    run = publish()

    assert (run.status, run.error) == ("succeeded", "")
    (commit,) = ours(story)
    assert commit == story.head()
    assert story.git("log", "--format=%s", "-3", "main").splitlines() == [
        "metrics: Add Discount share.",
        "docs: Say it better.",
        "docs: Say hello.",
    ]
    assert shown(story, "README.md") == "Hello"
    now = shown(story, METRICS)
    assert "Net of discounts." in now
    assert "name: discount_share" in now
    assert "# What the sales team looks at" in now


@pytest.mark.dbt
def test_a_name_that_a_colleague_took_meanwhile_gives_the_proposal_back_and_pushes_nothing(
    story: Story, proposal: Proposal
) -> None:
    theirs = """metrics:
  - {name: discount_share, label: Something else, type: simple, type_params: {measure: net_amount_total}}
"""
    head = story.origin.commit({"models/more.yml": theirs}, "metrics: Add theirs.")

    run = publish()

    proposal.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "cannot-generate")
    assert story.head() == head
    assert ours(story) == []
    assert proposal.status == "draft"
    assert "There is a metric discount_share already" in proposal.returned_reason
    assert (proposal.approved_hash, proposal.published_commit) == ("", "")
    assert not proposal.reviews.filter(stands=True).exists()
    assert not Deployment.objects.filter(status="planned").exists()
    assert told(proposal)[-1] == "proposal.returned"
    # Its author finds another name and sends it again.
    other = replace(FIELDS, name="share_of_discounts", label="Share of discounts")
    version = proposal.items.get().revision.version
    authoring.draft_save(item=proposal.items.get(), fields=other, version=version, actor=story.maya)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    assert proposal.status == "in_review"


@pytest.mark.dbt
def test_a_repository_that_dbt_cannot_read_is_left_alone_until_it_can_be_read_again(
    story: Story, proposal: Proposal
) -> None:
    good = shown(story, METRICS) + "\n"
    head = story.origin.commit(
        {METRICS: good.replace("measure: rows_total", "measure: nonsense")}, "Break it."
    )

    run = publish()

    proposal.refresh_from_db()
    assert run.status == "failed"
    assert (story.head(), proposal.status) == (head, "publishing")
    assert selectors.progress(proposal).error == run.error
    assert "nonsense" in run.error
    assert proposal.approved_hash

    story.origin.commit({METRICS: good}, "Mend it.")
    publishing.publishing_repeat(proposal=proposal, actor=story.priya)
    assert publish().status == "succeeded"
    assert len(ours(story)) == 1
    proposal.refresh_from_db()
    assert selectors.progress(proposal).error == ""


def test_a_branch_that_moves_at_every_attempt_is_given_up_for_now(
    story: Story, proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(99))

    def move(here: str) -> None:
        if here == "publish-committed":
            story.origin.commit({"README.md": f"{next(numbers)}\n"})

    monkeypatch.setattr(crash, "point", move)
    monkeypatch.setattr("proposals.jobs.parsed", lambda *_args: _manifests(story))

    run = publish()

    assert (run.status, run.error_code) == ("failed", "git-remote-moved")
    assert ours(story) == []
    assert Proposal.objects.get().status == "publishing"


def _manifests(story: Story) -> tuple[bytes, bytes]:
    """What dbt would say of a head in which only the README differs."""
    snapshot = Snapshot.objects.get(project=story.project)
    return snapshot.manifest.content(), snapshot.semantic_manifest.content()


def rewritten(story: Story, base: str) -> None:
    """A colleague pushes another history by force, one that knows nothing of what came after `base`."""
    git = story.origin.git
    git("checkout", "--quiet", "-B", "other", base)
    (story.origin.clone / "README.md").write_text("Rewritten.\n")
    git("add", ".")
    git("commit", "--quiet", "--amend", "--message", "all: Begin anew.")
    git("push", "--quiet", "--force", "origin", "other:main")


@pytest.mark.parametrize("point", ["publish-start", "publish-committed", "publish-pushed", "publish-saved"])
def test_a_history_that_is_rewritten_meanwhile_is_never_overwritten_and_a_lost_commit_is_told(
    story: Story, proposal: Proposal, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    base = story.head()
    monkeypatch.setattr("proposals.jobs.parsed", lambda *_args: _manifests(story))

    at_point(monkeypatch, point, lambda: rewritten(story, base))
    assert publish().status == "succeeded"
    head = story.head()
    snapshot_at(story, head)
    mirror_of(story.project.repository).fetch()
    pulled(story)

    proposal.refresh_from_db()
    if ours(story):
        assert proposal.published_commit == head
    else:
        assert proposal.published_commit == ""
        assert "rewrote its history" in selectors.progress(proposal).error
        assert proposal in selectors.needing(story.priya, story.project)
        assert told(proposal)[-1] == "proposal.commit_lost"
        publishing.publishing_repeat(proposal=proposal, actor=story.priya)
        assert publish().status == "succeeded"
        proposal.refresh_from_db()
    assert ours(story) == [proposal.published_commit] == [story.head()]
    assert shown(story, "README.md") == "Rewritten."
    assert selectors.progress(proposal).error == ""


# -- Workers that die -----------------------------------------------------------------------------------

POINTS = ["publish-start", "publish-committed", "publish-pushed", "publish-saved"]


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_anywhere_leaves_one_commit_one_build_and_one_trace(
    story: Story, proposal: Proposal, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def kill() -> None:
        raise Killed

    at_point(monkeypatch, point, kill)
    with pytest.raises(Killed):
        publish()
    let_lease_lapse()

    run = publish()

    proposal.refresh_from_db()
    assert (run.status, run.attempt) == ("succeeded", 2)
    assert ours(story) == [proposal.published_commit] == [story.head()]
    assert Deployment.objects.filter(status="planned").count() == 1
    assert told(proposal).count("proposal.pushed") == 1


def test_a_worker_that_slept_while_another_one_finished_pushes_nothing_more(
    story: Story, proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep() -> None:
        let_lease_lapse()
        publish()

    at_point(monkeypatch, "publish-committed", sleep)

    run = publish()

    assert (run.status, run.attempt) == ("succeeded", 2)
    assert len(ours(story)) == 1
    assert Deployment.objects.filter(status="planned").count() == 1
    assert told(proposal).count("proposal.pushed") == 1


def test_a_push_whose_answer_was_lost_is_not_repeated(story: Story, proposal: Proposal) -> None:
    story.origin.hook("post-receive", "kill -9 $PPID")

    run = publish()

    assert run.status == "succeeded"
    assert len(ours(story)) == 1


def test_pressing_the_button_again_repeats_only_what_is_missing(story: Story, proposal: Proposal) -> None:
    publish()
    publishing.publishing_repeat(proposal=proposal, actor=story.priya)
    publish()
    assert Deployment.objects.filter(subject=f"proposal:{proposal.pk}").count() == 1

    Deployment.objects.filter(status="planned").update(status="failed")
    publishing.publishing_repeat(proposal=proposal, actor=story.priya)
    publish()

    assert len(ours(story)) == 1
    assert Deployment.objects.filter(subject=f"proposal:{proposal.pk}", status="planned").count() == 1


def test_a_publication_that_was_cancelled_can_be_repeated_and_its_page_says_so(
    story: Story, proposal: Proposal, client: Any
) -> None:
    runs.cancel(Run.objects.get(kind="proposal.publish"))
    client.force_login(story.priya)

    page = client.get(f"/{story.project.slug}/proposals/{proposal.number}/").content.decode()

    assert "This was cancelled." in page
    assert "publish-again" in page
    client.post(f"/{story.project.slug}/proposals/{proposal.number}/publish-again/")
    assert publish().status == "succeeded"
    assert len(ours(story)) == 1


# -- Arriving -------------------------------------------------------------------------------------------


def pulled(story: Story) -> None:
    """A pull that finds the repository as the last one left it."""
    run = runs.request(kind="pull", project=story.project)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", "")


def snapshot_at(story: Story, commit: str) -> None:
    Snapshot.objects.update(commit=commit)
    Repository.objects.update(synced_commit=commit)


def live_at(story: Story, commit: str) -> None:
    Deployment.objects.filter(pk=Environment.objects.get(pk=story.production.pk).live_id).update(
        commit=commit
    )


def test_it_is_published_when_a_pull_has_seen_it_and_readers_see_its_build(
    story: Story, proposal: Proposal
) -> None:
    publish()
    commit = story.head()
    snapshot_at(story, commit)
    pulled(story)
    assert Proposal.objects.get().status == "publishing"
    assert Definition.objects.get(name="discount_share").state == "draft"

    live_at(story, commit)
    pulled(story)

    proposal.refresh_from_db()
    definition = Definition.objects.get(name="discount_share")
    assert proposal.status == "published"
    assert proposal.published_at is not None
    assert (definition.state, definition.published_commit) == ("published", commit)
    assert proposal.items.get().revision.state == "agreed"
    assert told(proposal)[-1] == "proposal.published"
    pulled(story)
    assert told(proposal).count("proposal.published") == 1


def test_a_later_build_that_contains_it_publishes_it_too(story: Story, proposal: Proposal) -> None:
    publish()
    later = story.origin.commit({"README.md": "More.\n"})
    mirror_of(story.project.repository).fetch()
    snapshot_at(story, later)
    live_at(story, later)

    pulled(story)

    assert Proposal.objects.get().status == "published"


def test_a_pull_that_failed_after_the_build_is_told_and_repeated(story: Story, proposal: Proposal) -> None:
    publish()
    deployment = Deployment.objects.get(status="planned")
    Deployment.objects.filter(pk=story.production.live_id).update(status="superseded")
    Deployment.objects.filter(pk=deployment.pk).update(
        status="live",
        live_at=timezone.now(),
        manifest=story.production.live.manifest_id,  # type: ignore[union-attr]
    )
    Environment.objects.filter(pk=story.production.pk).update(live=deployment)
    Run.objects.create(project=story.project, kind="pull", status="failed", error_code="git-empty")

    assert selectors.progress(proposal).error
    publishing.publishing_repeat(proposal=proposal, actor=story.priya)
    publish()

    assert Run.objects.filter(kind="pull", status="queued").count() == 1
    assert Deployment.objects.filter(subject=f"proposal:{proposal.pk}").count() == 1
