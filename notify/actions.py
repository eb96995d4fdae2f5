"""Tell people what happened; keep what they have read and what they want to hear."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, TooLateToUndo
from governance.models import AuditEvent, User
from notify import selectors, telling
from notify.models import Announced, Following, Kind, Notification, Silence

logger = logging.getLogger(__name__)

AT_ONCE = 500
KEPT = timedelta(days=90)


class NoThread(BisyncError):
    code = "no-thread"
    message = _("There is nothing of this kind that you can follow.")
    http_status = 404


# -- Telling ------------------------------------------------------------------------------------------


def announce() -> int:
    """Tell of every audit event that nobody was told of yet, in their order; returns of how many.

    Two that do so at once, or one that is stopped half-way, tell nobody twice and forget nothing: an event's
    notifications are written with the mark that it is done.
    """
    mark, _created = Announced.objects.get_or_create(pk=1)
    events = AuditEvent.objects.filter(pk__gt=mark.event).select_related("actor", "project").order_by("pk")
    done = 0
    for event in events[:AT_ONCE]:
        with transaction.atomic():
            if not Announced.objects.filter(pk=1, event=mark.event).update(event=event.pk):
                return done
            _tell(event)
        mark.event = event.pk
        done += 1
    return done


def _tell(event: AuditEvent) -> None:
    told: set[int] = {event.actor_id} if event.actor_id else set()
    for notice in telling.notices_of(event):
        try:
            with transaction.atomic():
                mine = {
                    pk for concerns in notice.tell(event) for pk in _carry(event, notice, concerns, but=told)
                }
            told |= mine
        except DatabaseError:
            raise  # it is told with the next tick
        except Exception:
            # A bug in one notice must not keep everybody from hearing of everything else.
            logger.exception("not announced", extra={"event": event.pk, "notice": notice.name})


def _carry(
    event: AuditEvent, notice: telling.Notice, concerns: telling.Told, *, but: Collection[int]
) -> set[int]:
    """Write one notice to those whom it concerns, and who want and may hear of it."""
    thread = concerns.thread
    decided = dict(Following.objects.filter(thread=thread).values_list("person", "muted"))
    # What waits for somebody waits for those alone who can do it.
    following = [pk for pk, muted in decided.items() if not muted and notice.kind != Kind.WAITING]
    followers = User.objects.filter(pk__in=following)
    people = {person.pk: person for person in [*concerns.people, *followers] if person.is_active}
    silent = set(Silence.objects.filter(person__in=people, kind=notice.kind).values_list("person", flat=True))
    wanted = [
        person
        for pk, person in people.items()
        if pk not in but and pk not in silent and not decided.get(pk) and telling.titles(person, [thread])
    ]
    Notification.objects.bulk_create(
        Notification(
            person=person,
            project=concerns.project,
            event=event,
            notice=notice.name,
            thread=thread,
            url=concerns.url,
            at=event.at,
        )
        for person in wanted
    )
    return {person.pk for person in wanted}


def read_forget() -> int:
    """Forget what was read long ago; returns how many."""
    gone, _kinds = Notification.objects.filter(read_at__lt=timezone.now() - KEPT).delete()
    return gone


# -- One's own ----------------------------------------------------------------------------------------


@transaction.atomic
def thread_read(*, notification: Notification, actor: User) -> None:
    """Note that somebody has read one of their notifications, and what came before it in its thread."""
    unread = Notification.objects.filter(person=actor, thread=notification.thread, read_at=None)
    unread.filter(pk__lte=notification.pk).update(read_at=timezone.now())


@transaction.atomic
def all_read(*, actor: User, until: int) -> tuple[int, datetime]:
    """Note that everything up to the one on top is read; returns how many, and the time to undo it by."""
    now = timezone.now()
    return Notification.objects.filter(person=actor, read_at=None, pk__lte=until).update(read_at=now), now


@transaction.atomic
def unread_again(*, actor: User, read_at: datetime) -> None:
    """Undo `all_read`. Raises `TooLateToUndo` where nothing is as it left it."""
    if not Notification.objects.filter(person=actor, read_at=read_at).update(read_at=None):
        raise TooLateToUndo


@transaction.atomic
def kinds_choose(*, actor: User, kinds: Collection[str]) -> None:
    """Keep which kinds somebody wants to hear of."""
    if not set(kinds) <= set(Kind.values):
        raise InvalidInput({"kinds": [str(_("Choose from the kinds that there are."))]})
    off = set(Kind.values) - set(kinds)
    Silence.objects.filter(person=actor).exclude(kind__in=off).delete()
    for kind in sorted(off):
        Silence.objects.get_or_create(person=actor, kind=kind)


@transaction.atomic
def thread_choose(*, actor: User, thread: str, choice: str, was: str | None = None) -> str:
    """Keep that somebody follows a thread, mutes it, or neither; returns what they had chosen before.

    Raises `NoThread` for what they do not see, `TooLateToUndo` where `was` is not their choice any more.
    """
    kind, _colon, pk = thread.partition(":")
    if (
        kind not in telling.SUBJECTS
        or not pk.isdecimal()
        or len(pk) > 18
        or not telling.titles(actor, [thread])
    ):
        raise NoThread
    if choice not in {"follow", "mute", ""}:
        raise InvalidInput({"choice": [str(_("Follow it, mute it, or neither."))]})
    before = selectors.choice(actor, thread)
    if was is not None and was != before:
        raise TooLateToUndo
    if choice:
        Following.objects.update_or_create(person=actor, thread=thread, defaults={"muted": choice == "mute"})
    else:
        Following.objects.filter(person=actor, thread=thread).delete()
    return before
