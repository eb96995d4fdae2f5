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
    """What is looked for; empty fields narrow nothing. `project` None is the whole installation.

    Among the `actors` None is Bisync itself. Events about `targets` are found, and those that gave or took a
    role of the people with the addresses `holders`: they are about the project.
    """

    project: Project | None = None
    actors: Collection[int | None] | None = None
    targets: Collection[str] | None = None
    holders: Collection[str] = ()
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
            events = events.filter(Q(target__in=self.targets) | self._roles())
        if self.deed:
            events = events.filter(action__in=deeds.named(self.deed))
        if self.environment:
            events = events.filter(environment=self.environment)
        if self.actors is not None:
            alone = Q(actor=None) if None in self.actors else Q()
            events = events.filter(Q(actor__in=[pk for pk in self.actors if pk]) | alone)
        return events.filter(self._when())

    def _roles(self) -> Q:
        if not self.holders:
            return Q()
        return Q(action="role.granted", after__person__in=self.holders) | Q(
            action="role.revoked", before__person__in=self.holders
        )

    def _when(self) -> Q:
        found = Q()
        if self.since is not None:
            found &= Q(at__gte=_midnight(self.since))
        if self.until is not None:
            found &= Q(at__lt=_midnight(self.until + timedelta(days=1)))
        return found


def actors(text: str) -> tuple[list[int | None] | None, bool]:
    """Whom somebody means who types this, those that came last first, and whether there are more of them."""
    if not text:
        return None, False
    if text.lower() == BISYNC:
        return [None], False
    # Looked up first: the index that lists somebody's deeds needs to know whose.
    people = User.objects.filter(email__iexact=text)
    if not people.exists():
        people = User.objects.order_by("-pk")
        for word in text.split():
            people = people.filter(Q(name__icontains=word) | Q(email__icontains=word))
    found: list[int | None] = list(people.values_list("pk", flat=True)[: NAMESAKES + 1])
    return found[:NAMESAKES], len(found) > NAMESAKES


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
