"""The work behind a proposal: its checks, its publication, its arrival."""

from __future__ import annotations

from functools import partial
from typing import Any

from bisync.lib import crash
from catalog.models import Snapshot
from environments.selectors import known_in
from proposals import content, generate, merging
from proposals.actions import checks, publishing
from proposals.checking import CheckRun, ChecksReplaced
from proposals.commit_message import message_of
from proposals.kinds import CannotGenerate
from proposals.models import Item, Proposal, ProposalStatus
from semantic.codegen.metrics import Compiled
from semantic.jobs import parsed
from semantic.known import Known
from semantic.sync import after_pull
from workspace import holds, runs
from workspace.git.commits import Person
from workspace.git.process import RemoteMoved
from workspace.git.repository import Mirror
from workspace.models import Run
from workspace.repositories import mirror_of

BISYNC = Person("Bisync", "bisync@localhost")
_PUSHES = 5
# Why a proposal goes back to its author: the repository is not any more what it was approved for.
_GIVEN_BACK = (CannotGenerate, generate.FileRefused, publishing.ApprovalFell, publishing.NothingToWrite)


@runs.handles("proposal.check")
def check(work: runs.Work) -> dict[str, object]:
    """Try everything that is tried before anybody approves; each check shows its own outcome."""
    proposal = proposal_of(work)
    try:
        outcome = CheckRun(work, proposal).all()
    except ChecksReplaced:
        return {"replaced": True}
    with work.fenced():
        checks.checks_ended(proposal=proposal, run=work.run)
    return outcome


@runs.handles("proposal.publish")
def publish(work: runs.Work) -> dict[str, object]:
    """Commit the approved content once, push it, and ask for the production build.

    The commit's hash is saved before the push, and the remote is asked for it before a retry, so that a
    worker that dies anywhere leaves exactly one commit.
    """
    proposal = proposal_of(work)
    if proposal.status != ProposalStatus.PUBLISHING:
        return {"nothing": proposal.status}
    crash.point("publish-start")
    mirror = mirror_of(proposal.project.repository)
    head = mirror.fetch()
    decided = _decided(work)
    if not (decided and mirror.has(decided["commit"]) and mirror.is_ancestor(decided["commit"], head)):
        try:
            decided = _commit_and_push(work, proposal, mirror, head)
        except _GIVEN_BACK as exc:
            with work.fenced():
                publishing.publishing_returned(proposal=proposal, reason=str(exc))
            raise
        head = decided["commit"]
    crash.point("publish-pushed")
    with work.fenced():
        publishing.proposal_pushed(
            proposal=proposal, commit=decided["commit"], head=head, models=decided["models"]
        )
    crash.point("publish-saved")
    return {"commit": decided["commit"]}


def proposal_of(work: runs.Work) -> Proposal:
    """The proposal that a run is about."""
    return Proposal.objects.select_related(
        "project__repository", "author", "published_by", "target__connection", "target__live"
    ).get(pk=work.params["proposal"])


def known_at(work: runs.Work, proposal: Proposal, mirror: Mirror, head: str) -> Known:
    """What the repository's head says: as of the last pull, or read anew where it moved on since."""
    if Snapshot.objects.filter(project=proposal.project).latest().commit == head:
        return generate.known_for(proposal)
    manifest, semantic = parsed(work, proposal.project.repository, mirror, head)
    return known_in(manifest, semantic, proposal.target, head)


def approved_code(proposal: Proposal, known: Known) -> list[Compiled]:
    """What of the approved code is still to be written, where this much is there already.

    Another proposal may have brought a measure that both need; it has to be the very same. Raises
    `ApprovalFell` where something else would be written or meant than was approved, `CannotGenerate` where a
    name has been taken.
    """
    items: list[Item] = list(proposal.items.select_related("revision").order_by("id"))
    if content.hash_of(proposal, items) != proposal.approved_hash:
        raise publishing.ApprovalFell
    code = generate.remaining(items, known, dialect=proposal.target.connection.adapter)
    if code is None:
        raise publishing.ApprovalFell
    return code


def _decided(work: runs.Work) -> dict[str, Any]:
    """The commit that this run, or an earlier one for the same proposal, decided on; {} where none did."""
    same = Run.objects.filter(project=work.project, kind=work.run.kind, subject=work.run.subject)
    for intent in same.order_by("-id").values_list("intent", flat=True):
        if intent.get("commit"):
            return dict(intent)
    return {}


def _commit_and_push(work: runs.Work, proposal: Proposal, mirror: Mirror, head: str) -> dict[str, Any]:
    for _attempt in range(_PUSHES):
        holds.require_known(work, proposal.project.repository, mirror, head)
        code = approved_code(proposal, known_at(work, proposal, mirror, head))
        models = sorted({name for one in code for name in one.models})
        read = partial(generate.present, mirror, head)
        edits = generate.file_edits(code, read, folder=proposal.project.repository.folder)
        edits = generate.with_hand_edits(edits, proposal.hand_edits.all(), read)
        if not edits:
            raise publishing.NothingToWrite
        commit = mirror.commit(
            parent=head,
            files={edit.path: edit.after for edit in edits},
            message=message_of(proposal),
            author=Person(str(proposal.author), proposal.author.email),
            committer=BISYNC,
            at=proposal.approved_at or proposal.changed_at,
        )
        work.save_intent(commit=commit, parent=head, models=models)
        crash.point("publish-committed")
        try:
            mirror.push(commit, expecting=head)
        except RemoteMoved:
            head = mirror.fetch()
            continue
        return work.intent
    raise RemoteMoved(command="push", stderr="the branch moved at every attempt")


@after_pull
def merge(work: runs.Work, snapshot: Snapshot) -> None:
    """Bring what is still proposed in step with what dbt says now."""
    merging.merge_project(work.project, snapshot)


@after_pull
def arrive(work: runs.Work, snapshot: Snapshot) -> None:
    """Call those proposals published whose commit the pull has seen and whose build readers see."""
    waiting = (
        Proposal.objects.filter(project=work.project, status=ProposalStatus.PUBLISHING)
        .exclude(published_commit="")
        .select_related("target__live", "published_by", "project__repository")
    )
    if not waiting:
        return
    mirror = mirror_of(work.project.repository)
    for proposal in waiting:
        live = proposal.target.live
        commit = proposal.published_commit
        if not mirror.is_ancestor(commit, snapshot.commit):
            # Where the push came after this pull had looked, the branch holds it by now.
            if not mirror.is_ancestor(commit, mirror.fetch()):
                publishing.commit_lost(proposal=proposal)
            continue
        if live is None:
            continue
        if mirror.has(live.commit) and mirror.is_ancestor(commit, live.commit):
            publishing.proposal_arrived(proposal=proposal)
