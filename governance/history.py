"""The audit log as people read it: searched, in pages by key, exported, and whether its chain holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from governance import deeds
from governance.models import AuditEvent, ChainCheck, Project, User

PAGE = 50
CHUNK = 1000
# How somebody asks for what Bisync did by itself.
BISYNC = "bisync"
# More people of one name than this are not told apart by it.
NAMESAKES = 100


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; empty fields narrow nothing. `project` None is the whole installation."""

    project: Project | None = None
    person: str = ""
    targets: Collection[str] | None = None
    deed: str = ""
    environment: str = ""
    since: date | None = None
    until: date | None = None

    def events(self) -> QuerySet[AuditEvent]:
        """The matching events, newest first."""
        events = AuditEvent.objects.select_related("actor", "project").order_by("-id")
        if self.project is not None:
            events = events.filter(project=self.project)
        if self.targets is not None:
            events = events.filter(target__in=self.targets)
        if self.deed:
            events = events.filter(action__in=deeds.named(self.deed))
        if self.environment:
            events = events.filter(environment=self.environment)
        return events.filter(self._by(), self._when())

    def _by(self) -> Q:
        if not self.person:
            return Q()
        if self.person.lower() == BISYNC:
            return Q(actor=None)
        # Looked up first: the index that lists somebody's deeds needs to know whose.
        exact = list(User.objects.filter(email__iexact=self.person).values_list("pk", flat=True))
        return Q(actor__in=exact or list(self._namesakes().values_list("pk", flat=True)[:NAMESAKES]))

    def _namesakes(self) -> QuerySet[User]:
        people = User.objects.order_by("pk")
        for word in self.person.split():
            people = people.filter(Q(name__icontains=word) | Q(email__icontains=word))
        return people

    def _when(self) -> Q:
        found = Q()
        if self.since is not None:
            found &= Q(at__gte=_midnight(self.since))
        if self.until is not None:
            found &= Q(at__lt=_midnight(self.until + timedelta(days=1)))
        return found


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in a row. `older` and `newer` are the keys of the pages beside it, None where none is."""

    events: list[AuditEvent]
    older: int | None
    newer: int | None


def page_of(search: Search, *, before: int | None = None, after: int | None = None) -> Page:
    """The newest events, or those before or after an event; found by its key, however many there are."""
    events = search.events()
    if after is not None:
        near = list(events.filter(pk__gt=after).order_by("id")[: PAGE + 1])
        shown = near[:PAGE][::-1]
        newer = shown[0].pk if len(near) > PAGE else None
        return Page(shown, older=shown[-1].pk if shown else None, newer=newer)
    near = list((events if before is None else events.filter(pk__lt=before))[: PAGE + 1])
    shown = near[:PAGE]
    return Page(
        shown,
        older=shown[-1].pk if len(near) > PAGE else None,
        newer=shown[0].pk if before is not None and shown else None,
    )


def chunks(search: Search, upto: int) -> Iterator[list[AuditEvent]]:
    """All matching events up to the one with the id `upto`, newest first, a thousand at a time."""
    events, below = search.events(), upto + 1
    while found := list(events.filter(pk__lt=below)[:CHUNK]):
        yield found
        below = found[-1].pk


@dataclass(frozen=True, slots=True)
class Chain:
    """How far the chain is verified, and what is wrong with it."""

    check: ChainCheck | None
    newest: int
    broken: list[int]

    @property
    def complete(self) -> bool:
        """Whether every event was looked at."""
        return self.check is not None and self.check.upto >= self.newest


def chain() -> Chain:
    """How the last verification stands."""
    check = ChainCheck.objects.order_by("-id").first()
    newest = AuditEvent.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    return Chain(check, newest, check.told if check else [])
