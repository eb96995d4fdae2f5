from __future__ import annotations

import pytest
from django.db import connection

from governance import audit
from governance.models import AuditEvent
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


def test_every_event_names_the_hash_of_its_predecessor() -> None:
    make_project()

    events = list(AuditEvent.objects.order_by("id"))

    assert len(events) > 3
    assert [event.previous_hash for event in events] == ["start", *(event.hash for event in events[:-1])]
    assert list(audit.broken_links()) == []


def test_a_changed_event_is_found() -> None:
    make_project()
    victim = AuditEvent.objects.order_by("id")[1]
    AuditEvent.objects.filter(pk=victim.pk).update(action="something.else")

    assert list(audit.broken_links()) == [victim.pk]


def test_a_removed_event_is_found_at_its_successor() -> None:
    make_project()
    events = list(AuditEvent.objects.order_by("id"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM governance_auditevent WHERE id = %s", [events[1].pk])

    assert list(audit.broken_links()) == [events[2].pk]


def test_an_event_can_be_neither_changed_nor_deleted() -> None:
    make_project()
    event = AuditEvent.objects.first()
    assert event is not None

    with pytest.raises(TypeError, match="never changed"):
        event.save()
    with pytest.raises(TypeError, match="never deleted"):
        event.delete()


@pytest.mark.django_db(transaction=True)
def test_an_event_goes_when_its_change_is_rolled_back() -> None:
    user = make_user()
    before = AuditEvent.objects.count()

    with pytest.raises(ZeroDivisionError), audit.atomic():  # noqa: PT012 (the failure comes after the record)
        audit.record(actor=user, action="person.changed", target=user)
        1 / 0  # noqa: B018

    assert AuditEvent.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_an_event_without_its_change_is_refused() -> None:
    user = make_user()

    with pytest.raises(RuntimeError, match="transaction"):
        audit.record(actor=user, action="person.changed", target=user)
