"""What apps declare in their `notices`: whom an event concerns, its words, and the names of threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.models import AuditEvent, Project, User
from notify.models import Kind

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True)
class Told:
    """Whom an event concerns, in which thread, and where it leads."""

    project: Project
    thread: str
    url: str
    people: Iterable[User]


Tell = Callable[[AuditEvent], Iterable[Told]]


@dataclass(frozen=True, slots=True)
class Notice:
    """One way to tell of an event. `words` may name the person who did it: %(who)s."""

    name: str
    kind: Kind
    words: StrPromise
    tell: Tell


NOTICES: dict[str, Notice] = {}
_BY_ACTION: dict[str, list[Notice]] = {}
# The names of those things of a kind that a person may see, by their ids.
Titles = Callable[[User, Collection[int]], Mapping[int, str]]
SUBJECTS: dict[str, Titles] = {}


def notice(name: str, *, kind: Kind, words: StrPromise, on: str = "") -> Callable[[Tell], Tell]:
    """Register what tells of the events of the action `on`: the notice's own name where it is left out.

    Of several notices about one event, a person gets the first that concerns them.
    """

    def register(tell: Tell) -> Tell:
        made = Notice(name, kind, words, tell)
        NOTICES[name] = made
        _BY_ACTION.setdefault(on or name, []).append(made)
        return tell

    return register


def subject(kind: str) -> Callable[[Titles], Titles]:
    """Register who may see the things of a kind, and what they are called."""

    def register(titles: Titles) -> Titles:
        SUBJECTS[kind] = titles
        return titles

    return register


def notices_of(event: AuditEvent) -> list[Notice]:
    return _BY_ACTION.get(event.action, [])


def titles(person: User, threads: Iterable[str]) -> dict[str, str]:
    """The name of each thread that the person may see now; one question for each kind of them."""
    wanted: dict[str, set[int]] = {}
    for thread in threads:
        kind, _colon, pk = thread.partition(":")
        wanted.setdefault(kind, set()).add(int(pk))
    return {
        f"{kind}:{pk}": title
        for kind, ids in wanted.items()
        if kind in SUBJECTS
        for pk, title in SUBJECTS[kind](person, ids).items()
    }
