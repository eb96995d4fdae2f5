"""The audit log as people read it: found by anything, in pages, taken away as a file, and verified."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bisync.system import objects
from environments.actions import environment_save
from governance import audit, chain, history
from governance.actions import project_create, roles_set
from governance.history import Search, page_of
from governance.models import AuditEvent, ChainCheck, Project, User
from governance.roles import Role
from tests.factories import (
    make_environment,
    make_member,
    make_operator,
    make_project,
    make_proposal,
    make_user,
)
from workspace.actions import pull_request
from workspace.models import Connection, Hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(url="https://git.example.com/shop.git", slug="shop")
    proposal = make_proposal(project)
    pull_request(project=project, actor=proposal.author)
    ada = User.objects.get(name="Ada Admin")
    environment_save(environment=make_environment(project), values={"name": "Live"}, actor=ada)
    return project


@pytest.fixture
def auditor(project: Project) -> Client:
    return signed_in(make_member(project, Role.AUDITOR, name="Olga Auditor"))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def events_on(client: Client, path: str) -> list[str]:
    """What the rows of a page say was done."""
    answer = client.get(path)
    assert answer.status_code == 200
    return [row.event.action for row in answer.context["rows"]]


def test_it_is_searched_by_person_object_action_environment_and_day(auditor: Client) -> None:
    day = timezone.localdate()

    assert events_on(auditor, "/shop/audit/?person=maya") == ["pull.requested", "proposal.opened"]
    assert events_on(auditor, "/shop/audit/?person=nobody+at+all") == []
    assert events_on(auditor, "/shop/audit/?object=Live") == ["environment.changed", "environment.created"]
    assert events_on(auditor, "/shop/audit/?action=pull.requested") == ["pull.requested"]
    assert set(events_on(auditor, "/shop/audit/?action=environment")) == {
        "environment.created",
        "environment.changed",
    }
    assert events_on(auditor, "/shop/audit/?environment=prod") == [
        "environment.changed",
        "environment.created",
    ]
    assert len(events_on(auditor, f"/shop/audit/?since={day}&until={day}")) > 6
    assert events_on(auditor, f"/shop/audit/?since={day + timedelta(days=1)}") == []
    assert events_on(auditor, f"/shop/audit/?until={day - timedelta(days=1)}") == []


def test_a_filter_that_cannot_be_is_told_beside_its_field(auditor: Client) -> None:
    answer = auditor.get("/shop/audit/?since=2026-02-03&until=2026-01-01&action=no.such")

    assert answer.status_code == 422
    assert "This is before the first day." in answer.content.decode()


@pytest.mark.parametrize("asked", ["until=9999-12-31", "since=0001-01-01", "since=9999-12-31"])
def test_days_that_no_calendar_has_are_refused_on_the_page_and_in_exports(
    auditor: Client, asked: str
) -> None:
    page = auditor.get(f"/shop/audit/?{asked}")

    assert page.status_code == 422
    assert "Ask for a day between 1970 and 2999." in page.content.decode()
    assert 'name="format"' not in page.content.decode()  # nothing is exported of what cannot be
    assert auditor.post(f"/shop/audit/export/?{asked}").status_code == 302
    assert 'name="format"' in auditor.get("/shop/audit/?until=2999-12-31").content.decode()


def test_what_was_done_about_somebodys_roles_is_found_by_their_name(
    project: Project, auditor: Client
) -> None:
    ada, maya = User.objects.get(name="Ada Admin"), User.objects.get(name="Maya Chen")
    other = make_project(slug="other")
    namesake = User.objects.exclude(pk=ada.pk).get(name="Ada Admin")
    roles_set(project=other, user=maya, roles=[Role.ADMIN], actor=namesake)
    roles_set(project=project, user=maya, roles=[Role.VIEWER], actor=ada)
    done = ["role.revoked", "role.granted"]

    assert events_on(auditor, "/shop/audit/?object=maya")[:2] == done
    assert events_on(auditor, f"/shop/audit/?object=user:{maya.pk}")[:2] == done
    assert (
        f'href="/shop/audit/?object=user:{maya.pk}"'
        in signed_in(ada).get(f"/shop/people/{maya.pk}/").content.decode()
    )

    roles_set(project=project, user=maya, roles=[], actor=ada)
    assert events_on(auditor, "/shop/audit/?object=maya")[:3] == ["role.revoked", *done]
    assert {
        event.project for event in Search(project=project, targets=[], holders=[maya.email]).events()
    } == {project}


def test_of_too_many_of_one_name_the_newest_are_looked_for_and_that_is_said(
    project: Project, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST", 2)
    monkeypatch.setattr(history, "NAMESAKES", 1)
    first, second, third = (
        make_member(project, Role.VIEWER, name=f"Kim {name}") for name in ("Uno", "Dos", "Tres")
    )
    said = "only what is newest was looked for"

    assert objects.named("kim", project).keys == [f"user:{third.pk}", f"user:{second.pk}"]
    assert history.actors("kim") == ([third.pk], True)
    for query in ("object=kim", "person=kim"):
        assert said in auditor.get(f"/shop/audit/?{query}").content.decode()
    for query in ("object=kim+uno", "person=kim+dos", "object=nobody"):
        assert said not in auditor.get(f"/shop/audit/?{query}").content.decode()
    assert objects.named("kim uno", project).keys == [f"user:{first.pk}"]


def test_a_metrics_story_is_that_of_its_proposals(project: Project, auditor: Client) -> None:
    proposal = project.proposals.get()
    definition = project.definitions.create(name="refund_share", label="Refund share", state="published")
    proposal.items.get().revision.__class__.objects.update(definition=definition)

    by_key = events_on(auditor, f"/shop/audit/?object=definition:{definition.pk}")
    by_name = events_on(auditor, "/shop/audit/?object=refund")

    assert by_key == by_name == ["proposal.opened"]


def test_pages_are_found_by_key_in_both_directions(project: Project) -> None:
    actor = make_user()
    for number in range(120):
        with audit.atomic():
            audit.record(actor=actor, action="project.created", target=project, after={"n": number})
    search = Search(project=project)
    every = [event.pk for event in search.events()]

    first = page_of(search)
    second = page_of(search, before=first.older)
    back = page_of(search, after=second.newer)

    assert [event.pk for event in first.events] == every[:50]
    assert [event.pk for event in second.events] == every[50:100]
    assert [event.pk for event in back.events] == every[:50]
    assert (first.newer, back.newer) == (None, None)
    last = page_of(search, before=second.older)
    assert last.older is None
    assert last.events[-1].pk == every[-1]


def test_it_says_in_words_who_did_what_and_what_it_was_before(auditor: Client) -> None:
    told = " ".join(auditor.get("/shop/audit/?action=environment.changed").content.decode().split())

    assert "<b>Ada Admin</b> changed the environment <b>Live</b>" in told
    with audit.atomic():
        values = {"on": True, "list": ["a", None], "none": None, "zero": 0}
        audit.record(actor=None, action="environment.changed", target=None, after=values)
    boss = signed_in(User.objects.create_superuser("boss@example.com", name="Boss"))
    [row, *_rest] = boss.get("/system/audit/?action=environment.changed").context["rows"]
    assert row.changes == [
        *(("on", "", "true"), ("list", "", '["a", null]'), ("none", "", ""), ("zero", "", "0")),
    ]
    assert '<span class="was">Production</span>' in told
    assert '<details class="part event"' in told


def test_an_event_leads_to_what_it_is_about(project: Project, auditor: Client) -> None:
    proposal = project.proposals.get()

    here = auditor.get(f"/shop/audit/object/proposal:{proposal.pk}/")
    other = make_project(url="https://git.example.com/other.git")
    theirs = auditor.get(f"/shop/audit/object/repository:{other.repository.pk}/")

    assert here["Location"] == proposal.get_absolute_url()
    assert theirs.status_code == 404
    assert auditor.get("/shop/audit/object/artifact:1/").status_code == 404


def test_what_has_a_page_is_opened_and_nothing_else_offers_to(
    project: Project, auditor: Client, settings: Any
) -> None:
    warehouse = project.connections.get()
    Connection.objects.update(password="a-password")
    hold = Hold.objects.create(project=project, commit="a" * 40, digest="x", changes=[])
    with audit.atomic():
        audit.record(actor=None, action="connection.changed", target=warehouse)
        audit.record(actor=None, action="hold.opened", target=hold)
        audit.record(actor=None, action="pull.arrived", target=ChainCheck(pk=7))

    rows = auditor.get("/shop/audit/").context["rows"][:3]
    system = signed_in(User.objects.create_superuser("boss@example.com", name="Boss")).get("/system/audit/")

    assert [row.object_url for row in rows[:2]] == [
        f"/shop/audit/object/hold:{hold.pk}/",
        f"/shop/audit/object/connection:{warehouse.pk}/",
    ]
    settings.BISYNC_SECRET_KEYS = ["another-key-of-many-characters"]
    assert auditor.get(rows[0].object_url)["Location"] == hold.get_absolute_url()
    assert auditor.get(rows[1].object_url)["Location"] == warehouse.get_absolute_url()
    assert system.context["rows"][0].object_url == ""


def test_it_is_for_auditors_and_admins_and_the_whole_of_it_for_operators(project: Project) -> None:
    other = project_create(slug="other", name="Other", actor=make_operator())
    boss = signed_in(User.objects.create_superuser("boss@example.com", name="Boss"))
    for role in Role:
        client = signed_in(make_member(project, role))
        allowed = role in {Role.AUDITOR, Role.ADMIN}
        assert client.get("/shop/audit/").status_code == (200 if allowed else 403), role
        assert client.post("/shop/audit/export/").status_code == (200 if allowed else 403), role
        assert ('href="/shop/audit/"' in client.get("/shop/").content.decode()) == allowed
        assert client.get("/system/audit/").status_code == 403

    assert f"project:{other.pk}" in {row.event.target for row in boss.get("/system/audit/").context["rows"]}


# -- Exports --------------------------------------------------------------------------------------------


def body(answer: object) -> str:
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_what_is_filtered_is_exported_and_that_is_an_event_itself(project: Project, auditor: Client) -> None:
    answer = auditor.post("/shop/audit/export/?action=environment", {"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(body(answer))))

    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    assert {row["action"] for row in rows} == {"environment.created", "environment.changed"}
    assert json.loads(rows[0]["after"])["name"] == "Live"
    event = AuditEvent.objects.get(action="audit.exported")
    assert (event.project, event.actor and event.actor.name) == (project, "Olga Auditor")
    assert event.after == {"format": "csv", "filter": {"action": "environment"}}


def test_an_export_as_json_holds_what_is_needed_to_verify_it_elsewhere(auditor: Client) -> None:
    rows = json.loads(body(auditor.post("/shop/audit/export/", {"format": "json"})))

    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert "audit.exported" not in {row["action"] for row in rows}
    assert all(len(row["hash"]) == 64 for row in rows)
    assert (
        json.loads(body(auditor.post("/shop/audit/export/?person=nobody+at+all", {"format": "json"}))) == []
    )


def test_a_long_log_is_exported_in_chunks(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "CHUNK", 3)
    search = Search(project=project)
    every = [event.pk for event in search.events()]

    assert [event.pk for chunk in history.chunks(search, every[2]) for event in chunk] == every[2:]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", "\t=1"])
def test_nothing_in_a_csv_is_computed_by_a_spreadsheet(project: Project, auditor: Client, name: str) -> None:
    User.objects.filter(name="Ada Admin").update(name=name)

    rows = csv.DictReader(io.StringIO(body(auditor.post("/shop/audit/export/?action=environment"))))

    assert {row["name"] for row in rows} == {f"'{name}"}


def test_an_export_with_a_filter_that_cannot_be_goes_back_to_the_page(auditor: Client) -> None:
    answer = auditor.post("/shop/audit/export/?since=yesterday")

    assert (answer.status_code, answer["Location"]) == (302, "/shop/audit/?since=yesterday")
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


# -- The chain ------------------------------------------------------------------------------------------


def test_the_chain_is_verified_step_by_step(project: Project) -> None:
    total = AuditEvent.objects.count()

    first = chain.verify(most=3)
    told = history.chain()
    assert (first.events, told.complete, told.broken) == (3, False, [])
    chain.verify()
    told = history.chain()
    assert (told.check and told.check.events, told.complete, told.broken) == (total, True, [])
    assert ChainCheck.objects.count() == 1


def test_a_change_is_found_from_the_start_and_stays_told_until_it_is_looked_at_again(
    project: Project,
) -> None:
    chain.verify()
    victim = AuditEvent.objects.order_by("id")[2]
    AuditEvent.objects.filter(pk=victim.pk).update(environment="nowhere")

    chain.verify()
    assert history.chain().broken == []  # only what is new was looked at
    chain.verify(anew=True)
    assert history.chain().broken == [victim.pk]
    chain.verify(anew=True, most=1)
    assert history.chain().broken == [victim.pk]


def test_an_end_that_was_cut_off_is_found(project: Project) -> None:
    chain.verify()
    last = AuditEvent.objects.order_by("-id")[0].pk
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM governance_auditevent WHERE id = %s", [last])

    chain.verify()

    assert history.chain().broken == [last]


def cut_off(*events: int) -> None:
    """What only somebody beside Bisync can do."""
    with connection.cursor() as cursor:
        cursor.executemany("DELETE FROM governance_auditevent WHERE id = %s", [(event,) for event in events])


def an_event(project: Project) -> None:
    with audit.atomic():
        audit.record(actor=None, action="project.created", target=project)


def test_an_end_that_was_cut_off_stays_told_when_the_log_goes_on_and_is_verified_anew(
    project: Project,
) -> None:
    chain.verify()
    last = AuditEvent.objects.order_by("-id")[0].pk
    cut_off(last, last - 1)
    an_event(project)

    chain.verify(anew=True)  # before any other step has looked
    assert history.chain().broken == [last]
    for _again in range(2):
        an_event(project)
        chain.verify(anew=True)
    assert history.chain().broken == [last]


def test_an_end_that_was_replaced_under_the_same_number_stays_told(project: Project) -> None:
    chain.verify()
    last = AuditEvent.objects.order_by("-id")[0].pk
    cut_off(last)
    an_event(project)
    AuditEvent.objects.filter(pk__gt=last).update(id=last)  # a sequence that was set back

    for _again in range(2):
        chain.verify(anew=True)

    assert list(audit.broken_links()) == []
    assert history.chain().broken == [last]


def test_an_end_that_was_cut_off_while_a_verification_goes_on_is_found(project: Project) -> None:
    chain.verify()
    chain.verify(anew=True, most=1)
    last = AuditEvent.objects.order_by("-id")[0].pk
    cut_off(last)
    an_event(project)

    chain.verify(anew=True, most=1)
    chain.verify()
    chain.verify(anew=True)

    assert history.chain().broken == [last]


def test_a_finding_whose_row_is_gone_is_kept_and_one_that_was_mended_is_not(project: Project) -> None:
    second = AuditEvent.objects.order_by("id")[1]
    whole = AuditEvent.objects.order_by("-id")[0]
    chain.verify()
    AuditEvent.objects.filter(pk=second.pk).update(label="Something else")
    cut_off(whole.pk)
    ChainCheck.objects.update(broken=[whole.pk + 7])  # as somebody found before there were anchors

    chain.verify(anew=True)
    assert history.chain().broken == [second.pk, whole.pk, whole.pk + 7]

    AuditEvent.objects.filter(pk=second.pk).update(label=second.label)
    AuditEvent.objects.bulk_create([whole])  # from a backup
    chain.verify(anew=True)
    assert history.chain().broken == [whole.pk + 7]


def test_beginning_anew_again_and_again_hides_nothing(project: Project) -> None:
    victim = AuditEvent.objects.order_by("id")[2]
    AuditEvent.objects.filter(pk=victim.pk).update(environment="nowhere")
    chain.verify()

    for _again in range(3):
        chain.verify(anew=True, most=1)
        assert history.chain().broken == [victim.pk]


def test_what_nobody_can_read_counts_as_broken_and_holds_nothing_up(project: Project) -> None:
    odd, unreadable, deep = AuditEvent.objects.order_by("id")[1:4]
    AuditEvent.objects.filter(pk=odd.pk).update(hash="\u00e9" * 64)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE governance_auditevent SET at = 'infinity' WHERE id = %s", [unreadable.pk])
        cursor.execute(
            "UPDATE governance_auditevent SET after = %s WHERE id = %s", ["[" * 900 + "]" * 900, deep.pk]
        )

    check = chain.verify()

    assert check.broken == [odd.pk, unreadable.pk, deep.pk]
    assert check.events == AuditEvent.objects.count()
    assert check.upto == AuditEvent.objects.latest("id").pk


@pytest.mark.parametrize("days", [-2, 2])
def test_a_verification_that_began_a_day_ago_or_in_the_future_gives_way_to_a_new_one(
    project: Project, days: int
) -> None:
    chain.watch()
    chain.watch()
    assert ChainCheck.objects.count() == 1

    ChainCheck.objects.update(began_at=timezone.now() + timedelta(days=days))
    chain.watch()

    assert ChainCheck.objects.count() == 2
    assert history.chain().complete


def test_the_page_says_how_far_the_chain_is_verified(auditor: Client) -> None:
    assert "Not verified yet" in auditor.get("/shop/audit/").content.decode()

    auditor.post("/shop/audit/verify/")
    total = AuditEvent.objects.count()
    assert f"{total} rows, none changed, none missing" in auditor.get("/shop/audit/").content.decode()

    AuditEvent.objects.filter(pk=AuditEvent.objects.earliest("id").pk).update(label="Something else")
    auditor.post("/shop/audit/verify/", {"anew": "1"})
    assert "none changed" in auditor.get("/shop/audit/").content.decode()  # beginning anew is an operator's
    boss = signed_in(User.objects.create_superuser("boss@example.com", name="Boss"))
    answer = boss.post("/system/audit/verify/", {"anew": "1"}, follow=True)
    [said] = answer.context["messages"]
    assert (said.level_tag, str(said)[:20]) == ("error", "The chain is broken:")
    assert "the chain breaks at #" in auditor.get("/shop/audit/").content.decode()


def test_events_of_before_there_were_names_keep_their_hash(project: Project) -> None:
    event = AuditEvent.objects.latest("id")
    event.label = event.environment = ""
    payload_before = audit.digest(event)
    event.label = "x"

    assert audit.digest(event) != payload_before


# -- Ways there -----------------------------------------------------------------------------------------


def test_the_pages_of_things_lead_to_their_history(project: Project) -> None:
    boss = User.objects.create_superuser("boss@example.com", name="Boss")
    maya = User.objects.get(name="Maya Chen")
    roles_set(project=project, user=boss, roles=[Role.AUDITOR], actor=User.objects.get(name="Ada Admin"))
    client = signed_in(boss)
    production = make_environment(project)
    pages = {
        "/shop/environments/prod/": f"/shop/audit/?object=environment:{production.pk}",
        "/shop/settings/repository/": f"/shop/audit/?object=repository:{project.repository.pk}",
        f"/shop/people/{maya.pk}/": f"/shop/audit/?person={maya.email}",
        f"/system/people/{maya.pk}/": f"/system/audit/?person={maya.email}",
    }
    lost = {page: link for page, link in pages.items() if link not in client.get(page).content.decode()}

    assert lost == {}
