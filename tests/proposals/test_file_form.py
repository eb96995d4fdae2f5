"""The form in which an engineer edits a generated file: who may, when, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from bisync.lib.errors import InvalidInput, NotAllowed
from governance.models import User
from governance.roles import Role
from proposals import content
from proposals.actions import authoring, hand_edits, reviewing
from proposals.models import Item, Proposal
from tests.factories import make_environment, make_member, make_project
from tests.proposals.story import FIELDS
from tests.ready import Ready
from workspace.repositories import mirror_of

pytestmark = pytest.mark.django_db

PATH = "models/metrics.yml"
TEXT = "metrics:\n  - name: discount_share\n    description: The discount against what was sold.\n"


@dataclass(frozen=True, slots=True)
class World:
    proposal: Proposal
    maya: User
    tom: User

    @property
    def address(self) -> str:
        form = reverse("proposal-file-edit", args=[self.proposal.project.slug, self.proposal.number])
        return f"{form}?path={PATH}"


@pytest.fixture
def world(ready: Ready, tmp_path: Path, data_dir: Path) -> World:
    """A proposal of Maya's under review, and the file that its checks have written."""
    project = make_project(url=ready.origin(tmp_path / "git").url)
    ready.snapshot(project)
    mirror_of(project.repository).fetch()
    ready.live(make_environment(project))
    maya = make_member(project, Role.CONTRIBUTOR, name="Maya Chen")
    tom = make_member(project, Role.REVIEWER, name="Tom Okafor")
    proposal = authoring.proposal_open(project=project, author=maya)
    authoring.draft_save(item=proposal.items.get(), fields=FIELDS, version=1, actor=maya)
    authoring.proposal_submit(proposal=proposal, actor=maya)
    proposal.checks.update(status="passed")
    written = {"path": PATH, "before": "", "after": TEXT, "new": True}
    Item.objects.filter(proposal=proposal).update(files=[written])
    return World(proposal, maya, tom)


def test_the_form_keeps_what_was_typed_and_says_what_is_wrong(world: World, client: Client) -> None:
    client.force_login(world.maya)
    assert client.get(world.address).status_code == 403
    client.force_login(world.tom)
    page = client.get(world.proposal.get_absolute_url()).content.decode()
    assert world.address.partition("?")[0] in page
    assert client.get(world.address.replace(PATH, "none.yml")).status_code == 404

    form = client.get(world.address)
    seen, text = form.context["seen"], form.context["text"]
    assert text == TEXT
    bad = text.replace(FIELDS.meaning, "\"{{ env_var('SECRET') }}\"")
    answer = client.post(world.address, {"text": bad, "seen": seen})
    assert answer.status_code == 422
    assert answer.context["text"] == bad
    assert "runs in dbt" in answer.content.decode()
    stale = client.post(world.address, {"text": text, "seen": "0" * 64})
    assert stale.status_code == 422
    assert "written anew since" in stale.content.decode()

    done = client.post(world.address, {"text": text.replace("\n", "\r\n"), "seen": seen})
    assert done.status_code == 302
    assert not world.proposal.hand_edits.exists()  # the same text, sent as browsers send it


def test_an_edit_is_kept_shown_and_taken_back(world: World, client: Client) -> None:
    client.force_login(world.tom)
    seen = client.get(world.address).context["seen"]

    client.post(world.address, {"text": f"{TEXT}# as finance counts\n", "seen": seen})

    kept = world.proposal.hand_edits.get()
    assert (kept.generated, kept.text, kept.person) == (TEXT, f"{TEXT}# as finance counts\n", world.tom)
    now = content.hash_of(Proposal.objects.get(pk=world.proposal.pk))
    told = {(check.status, check.content_hash) for check in world.proposal.checks.all()}
    assert told == {("waiting", now)}
    form = client.get(world.address)
    assert form.context["text"] == kept.text
    assert "edited by Tom Okafor" in form.content.decode()

    client.post(
        reverse("proposal-file-restore", args=[world.proposal.project.slug, world.proposal.number]),
        {"path": PATH},
    )
    assert not world.proposal.hand_edits.exists()


def test_files_are_edited_while_a_proposal_is_reviewed(world: World) -> None:
    proposal, seen = world.proposal, hand_edits.fingerprint(TEXT)
    with pytest.raises(NotAllowed):
        hand_edits.file_edit(proposal=proposal, path=PATH, text="a: 1", seen=seen, actor=world.maya)
    with pytest.raises(InvalidInput):
        hand_edits.file_edit(proposal=proposal, path=PATH, text="- a", seen=seen, actor=world.tom)
    reviewing.proposal_return(proposal=proposal, note="Another name.", actor=world.tom)
    with pytest.raises(hand_edits.FilesNotOpen):
        hand_edits.file_edit(proposal=proposal, path=PATH, text="a: 1", seen=seen, actor=world.tom)
