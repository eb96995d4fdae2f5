"""The inbox as pages show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _

from governance.models import User
from notify import telling
from notify.models import Following, Notification, Silence

# Above this the bell says "99+".
MOST = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, in words."""

    notification: Notification
    text: str
    who: User | None

    @property
    def unread(self) -> bool:
        return self.notification.read_at is None


@dataclass(frozen=True, slots=True)
class Thread:
    """What happened to one thing, newest first."""

    key: str
    title: str
    project: str
    lines: list[Line]

    @property
    def unread(self) -> bool:
        return any(line.unread for line in self.lines)

    @property
    def at(self) -> datetime:
        return self.lines[0].notification.at

    @property
    def newest(self) -> Notification:
        return self.lines[0].notification


def inbox(person: User, *, unread: bool) -> QuerySet[Notification]:
    """Somebody's notifications, newest first."""
    found = Notification.objects.of(person).select_related("event__actor", "project").order_by("-pk")
    return found.filter(read_at=None) if unread else found


def threads(person: User, notifications: Iterable[Notification]) -> list[Thread]:
    """These notifications by thread, as far as the person may see now what they are about."""
    found = list(notifications)
    titles = telling.titles(person, {one.thread for one in found})
    grouped: dict[str, Thread] = {}
    for one in found:
        if one.thread in titles and one.notice in telling.NOTICES:
            thread = Thread(one.thread, titles[one.thread], one.project.name, [])
            grouped.setdefault(one.thread, thread).lines.append(_line(one))
    return list(grouped.values())


def _line(notification: Notification) -> Line:
    actor = notification.event.actor
    words = telling.NOTICES[notification.notice].words
    return Line(notification, str(words) % {"who": actor or _("Bisync")}, actor)


def unread_count(person: User) -> int:
    """How many are unread, up to `MOST`; asked on every page."""
    return Notification.objects.of(person).filter(read_at=None)[:MOST].count()


def silenced(person: User) -> list[str]:
    """The kinds that somebody has switched off."""
    return list(Silence.objects.filter(person=person).values_list("kind", flat=True))


CHOICES = {None: "", True: "mute", False: "follow"}


def choice(person: User, thread: str) -> str:
    """What somebody decided about a thread: follow, mute, or nothing."""
    mine = Following.objects.filter(person=person, thread=thread)
    return CHOICES[mine.values_list("muted", flat=True).first()]


def muted(person: User, kind: str) -> Subquery:
    """For a query of things of a kind: whether the person mutes each, None where they chose nothing."""
    thread = Concat(Value(f"{kind}:"), Cast(OuterRef("pk"), CharField()))
    return Subquery(Following.objects.filter(person=person, thread=thread).values("muted")[:1])


def chosen(person: User) -> list[tuple[str, str, bool]]:
    """The threads that somebody follows or mutes, as far as they see them: key, title, muted."""
    found = dict(Following.objects.filter(person=person).order_by("-pk").values_list("thread", "muted")[:200])
    titles = telling.titles(person, found)
    return [(thread, titles[thread], muted) for thread, muted in found.items() if thread in titles]
