"""What a proposal's commit says: what was done, why, by whom, and who approved it."""

from __future__ import annotations

from collections.abc import Sequence

from bisync.lib.numbers import amounts_in
from proposals.changed import changes_of
from proposals.kinds import kind_of
from proposals.models import Proposal
from proposals.rules import editors_of
from semantic.models import Revision

# As long a first line as forges show before they cut it.
_SUBJECT = 100
_LONGEST = 200


def message_of(proposal: Proposal) -> str:
    """The commit's message: what, why, and trailers that name proposal, approvers and content.

    Where the first line has no room for all that is done, a list of it follows.
    """
    revisions = [item.revision for item in proposal.items.select_related("revision").order_by("id")]
    said = [(kind_of(revision), revision.content, revision.agreed) for revision in revisions]
    done = [(kind.area, kind.done(fields, base), kind.about(fields, base)) for kind, fields, base in said]
    subject, listed = first_line(done)
    # Those who change many things at once often give one reason for all of them.
    with amounts_in(proposal.project.currency):
        paragraphs = dict.fromkeys(text for revision in revisions for text in _paragraphs(revision) if text)
    body = "\n\n".join(paragraphs)
    approvers = [
        f"Approved-by: {review.person} <{review.person.email}>"
        for review in proposal.reviews.filter(stands=True, verdict="approve").select_related("person")
    ]
    editors = editors_of(proposal).exclude(pk=proposal.author_id).order_by("email")
    trailers = [
        *(f"Co-authored-by: {one} <{one.email}>" for one in editors),
        f"Bisync-Proposal: {proposal.project.slug}#{proposal.number}",
        *approvers,
        f"Bisync-Content: {proposal.approved_hash}",
    ]
    return "\n\n".join(filter(None, [subject, listed, body, "\n".join(trailers)])) + "\n"


def _paragraphs(revision: Revision) -> tuple[str, ...]:
    """What the body says: of a change each field before and after, and why; of a new thing what it is."""
    changes = changes_of(revision)
    if not changes:
        return kind_of(revision).body(revision.content)
    lines = [f"{one.label}: {_in_line(one.before)} → {_in_line(one.after)}" for one in changes]
    return ("\n".join(lines), revision.content.why)


def _in_line(text: str) -> str:
    """A value in one line, cut where it only goes on."""
    line = " ".join(text.split()) or "nothing"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"


def first_line(done: Sequence[tuple[str, str, str]]) -> tuple[str, str]:
    """What a commit begins with, and a list of all that was done where the line has no room for it."""
    whole = subject_of(done)
    if len(whole) <= _SUBJECT:
        return whole, ""
    listed = "\n".join(f"- {verb} {title}" for _area, verb, title in done)
    if len(done) > 1:
        for line in (subject_of(done, most=1), _begun(done)):
            if len(line) <= _SUBJECT:
                return line, listed
    return _counted(done), listed


def subject_of(said: Sequence[tuple[str, str, str]], *, most: int | None = None) -> str:
    """The first line: the areas, the verbs, and what they are about: all of it, or `most` for each verb."""
    by_verb: dict[str, list[str]] = {}
    for _area, verb, title in said:
        by_verb.setdefault(verb, []).append(title)
    parts = [f"{verb} {_named(titles, most)}" for verb, titles in by_verb.items()]
    whole = ", ".join([parts[0], *(part[0].lower() + part[1:] for part in parts[1:])])
    return f"{_areas(said)}: {whole}."


def _begun(said: Sequence[tuple[str, str, str]]) -> str:
    """The first line that names the first thing alone."""
    _area, verb, title = said[0]
    return f"{_areas(said)}: {verb} {title} and {len(said) - 1} more."


def _areas(said: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(dict.fromkeys(area for area, _verb, _title in said))


def _counted(said: Sequence[tuple[str, str, str]]) -> str:
    """The first line where no title has room: how many things, or the beginning of the only one."""
    if len(said) == 1:
        return f"{subject_of(said)[: _SUBJECT - 1].rpartition(' ')[0]}…"
    first, *others = dict.fromkeys(verb for _area, verb, _title in said)
    return f"{_areas(said)}: {' and '.join([first, *map(str.lower, others)])} {len(said)} things."


def _named(titles: Sequence[str], most: int | None) -> str:
    more = len(titles) - len(titles[:most])
    *others, last = [*titles[:most], *([f"{more} more"] if more else [])]
    return f"{', '.join(others)} and {last}" if others else last
