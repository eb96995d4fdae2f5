"""What the form and the pages of proposals say: nothing that is not so, and what to do."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import User
from governance.roles import Role
from proposals.actions import authoring
from proposals.content import hash_of
from proposals.models import Conflict, Proposal
from semantic.models import Revision
from tests.factories import make_environment, make_member, make_project, make_proposal
from tests.proposals.story import FIELDS
from tests.ready import Ready
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


@pytest.fixture
def proposal(maya: User) -> Proposal:
    """Of Maya's, sent, and checked."""
    found = make_proposal(maya.memberships.get().project, author=maya, fields=FIELDS)
    authoring.proposal_submit(proposal=found, actor=maya)
    found.checks.update(status="passed")
    return found


@pytest.fixture
def tom(proposal: Proposal) -> User:
    return make_member(proposal.project, Role.REVIEWER, name="Tom Okafor")


def test_the_form_shows_again_what_was_typed_and_names_each_field_that_is_not_fit(
    maya: User, client: Client
) -> None:
    proposal = authoring.proposal_open(project=maya.memberships.get().project, author=maya)
    client.force_login(maya)
    place = [proposal.project.slug, "prod", proposal.number]
    typed = {"label": "N" * 150, "meaning": "Say {{ it }}.", "low": "much", "version": "1"}

    line = client.post(reverse("proposal-save", args=place), typed).content.decode()
    shown = client.get(reverse("proposal-edit", args=place)).content.decode()
    kept = client.post(reverse("proposal-edit", args=place), {**typed, "low": "", "version": "2"})

    assert "Not saved" in line
    assert '<a href="#id_low">Never below</a>: Enter a number.' in line
    assert "150 characters" not in line
    assert f'value="{typed["label"]}"' in shown
    assert "Say {{ it }}.</textarea>" in shown
    assert "<b>Name</b>: This is 150 characters long; 100 is the most." in shown
    assert re.search(r'id="id_label_unfit".*?<div>This is 150 characters long; 100 is the most.</div>', shown)
    assert (kept.status_code, "Not saved" in kept.content.decode()) == (200, False)
    assert proposal.items.get().revision.metric.label == typed["label"]


def test_reviewers_quote_dbt_code_which_is_shown_as_they_wrote_it(
    proposal: Proposal, tom: User, client: Client
) -> None:
    client.force_login(tom)
    place = f"/{proposal.project.slug}/proposals/{proposal.number}/"
    quoted = "Write {{ 7 * 191 }} {# why #} {% if x %} there."

    answers = [
        client.post(f"{place}comment/", {"body": quoted}),
        client.post(f"{place}return/", {"note": quoted}),
    ]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert [comment.body for comment in proposal.comments.all()] == [quoted, quoted]
    assert client.get(place).content.decode().count(quoted) == 3  # both comments, and why it came back


def test_a_failed_check_is_told_wherever_the_proposal_stands(proposal: Proposal, client: Client) -> None:
    place = f"/{proposal.project.slug}/"
    client.force_login(proposal.author)
    before = client.get(f"{place}proposals/?tab=all").content.decode()
    proposal.checks.filter(kind="build").update(status="failed")

    shown = [
        client.get(place + page).content.decode()
        for page in ("", "proposals/?tab=all", f"proposals/{proposal.number}/")
    ]

    assert ("In review" in before, "A check failed" in before) == (True, False)
    assert [("In review" in page, "A check failed" in page) for page in shown] == [(False, True)] * 3
    assert '<a href="#checks">See what to do</a>' in shown[-1]


def test_a_page_that_looks_again_lets_nobody_approve_what_they_have_not_read(
    proposal: Proposal, tom: User, client: Client
) -> None:
    proposal.checks.filter(kind="numbers").update(status="running")
    client.force_login(tom)
    place = f"/{proposal.project.slug}/proposals/{proposal.number}/"
    opened = client.get(place).content.decode()
    again = re.search(r'hx-get="([^"]+)"', opened)
    assert again
    htmx = {"HX-Request": "true", "HX-Target": "proposal-state"}
    same = client.get(again[1], headers=htmx).content.decode()

    authoring.proposal_take_back(proposal=proposal, actor=proposal.author)
    item = proposal.items.get()
    other = replace(FIELDS, meaning="Another wording.")
    version = item.revision.version
    authoring.draft_save(item=item, fields=other, version=version, actor=proposal.author)
    authoring.proposal_submit(proposal=proposal, actor=proposal.author)
    busy = client.get(again[1], headers=htmx).content.decode()
    proposal.checks.update(status="passed")
    done = client.get(again[1], headers=htmx).content.decode()
    opened_again = client.get(place).content.decode()

    assert [('name="seen"' in page, "Read it again" in page) for page in (opened, same, busy, done)] == [
        (True, False),
        (True, False),
        (False, True),
        (False, True),
    ]
    assert again[1] in busy
    assert "Your turn" not in done
    assert ("Another wording." in done, "Another wording." in opened) == (True, False)
    assert ('name="seen"' in opened_again, "Read it again" in opened_again) == (True, False)


def test_taking_back_opens_the_form(proposal: Proposal, client: Client) -> None:
    client.force_login(proposal.author)

    answer = client.post(f"/{proposal.project.slug}/proposals/{proposal.number}/take-back/")

    assert answer["Location"] == f"/{proposal.project.slug}/prod/proposals/{proposal.number}/edit/"


def test_what_was_withdrawn_promises_nothing(proposal: Proposal, client: Client) -> None:
    draft = authoring.proposal_open(project=proposal.project, author=proposal.author)
    authoring.proposal_withdraw(proposal=draft, actor=proposal.author)
    client.force_login(proposal.author)

    shown = client.get(f"/{proposal.project.slug}/proposals/{draft.number}/").content.decode()

    assert [
        text for text in ("wrote it", "would have gone to", "It was withdrawn before") if text not in shown
    ] == []
    assert [text for text in ("is writing it", "goes to", "appear when", "They start") if text in shown] == []


def test_a_name_in_another_direction_leaves_its_surroundings_in_order(
    proposal: Proposal, client: Client
) -> None:
    Proposal.objects.update(title="שלום")
    client.force_login(proposal.author)
    place = f"/{proposal.project.slug}/"

    for page in ("", "proposals/?tab=all", f"proposals/{proposal.number}/"):
        assert "<bdi>שלום</bdi>" in client.get(place + page).content.decode(), page


def test_a_value_of_before_is_shown_in_the_format_of_before(proposal: Proposal, client: Client) -> None:
    client.force_login(proposal.author)
    before = {"format": "number", "total": 6.49, "points": [["2026-05-01", 6.49]]}
    told = {"format": "percent", "total": 0.065, "points": [["2026-05-01", 0.065]], "before": before}
    proposal.checks.filter(kind="numbers").update(result={"metrics": [told]})

    shown = client.get(proposal.get_absolute_url()).content.decode()

    assert "<small>today 6.49</small>" in re.sub(r"\s+<", "<", shown)
    assert "649" not in shown
    assert shown.count("99%") == 2  # a share of the figure of before, not points of a percentage


def test_the_number_of_another_metric_has_its_name(proposal: Proposal, client: Client) -> None:
    client.force_login(proposal.author)
    told = {"title": "Average order", "format": "number", "total": 3, "points": [["2026-05-01", 3]]}
    proposal.checks.filter(kind="numbers").update(result={"metrics": [told]})

    assert "<bdi>Average order</bdi></h3>" in client.get(proposal.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("how", "chip"), [("rename", "Rename"), ("deprecate", "Deprecation"), ("now", "Removal")]
)
def test_each_way_of_going_is_called_by_its_name(
    proposal: Proposal, client: Client, how: str, chip: str
) -> None:
    client.force_login(proposal.author)
    fields = {"name": "metric:revenue", "how": how}
    Revision.objects.filter(item__proposal=proposal).update(kind="removal", fields=fields)

    shown = client.get(proposal.get_absolute_url()).content.decode()

    assert f'<span class="chip chip-accent">{chip}</span>' in shown


def test_nobody_approves_before_a_conflict_is_decided(proposal: Proposal, tom: User, client: Client) -> None:
    client.force_login(tom)
    proposal.checks.update(content_hash=hash_of(proposal))
    before = client.get(proposal.get_absolute_url())
    assert 'id="approve-button">' in before.content.decode()
    assert before.context["turn"]

    Conflict.objects.create(item=proposal.items.get(), field="formula")
    after = client.get(proposal.get_absolute_url())

    assert 'id="approve-button" disabled>' in after.content.decode()
    assert "Somebody has to decide first what holds" in after.content.decode()
    assert not after.context["turn"]
