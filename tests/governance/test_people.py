"""How people come into projects, change their roles, leave, and keep their passwords to themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from bisync.lib.errors import InvalidInput, NotAllowed
from governance import actions, audit
from governance.models import ApiToken, AuditEvent, Membership, PasswordLink, Project, User
from governance.permissions import roles_of
from governance.roles import Role
from tests.factories import PASSWORD, make_member, make_project, make_user
from tests.threads import at_once

pytestmark = pytest.mark.django_db
in_threads = pytest.mark.django_db(transaction=True)

GOOD = "violets-under-slow-rain"


@pytest.fixture
def project() -> Project:
    return make_project(slug="shop")


@pytest.fixture
def ada(project: Project) -> User:
    return User.objects.get(name="Ada Admin")


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss@example.com", PASSWORD, name="Boss")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def link_in(html: str) -> str:
    """The link of a page that shows one, as an address on this server."""
    found = re.search(r'id="link"[^>]*>([^<]+)<', html)
    assert found, html
    parts = urlsplit(found[1])
    return f"{parts.path}?{parts.query}"


def typed(password: str) -> dict[str, str]:
    return {"password": password, "again": password}


def invited(project: Project, actor: User, *roles: Role) -> tuple[User, str]:
    return actions.person_add(
        email="new@example.com", name="New Person", project=project, roles=roles or [Role.VIEWER], actor=actor
    )


def said(user: User) -> list[str]:
    """What the log holds about a person's account, oldest first."""
    events = AuditEvent.objects.filter(target=audit.key(user)).order_by("id")
    return list(events.values_list("action", flat=True))


# -- Coming in ------------------------------------------------------------------------------------------


def test_somebody_new_joins_by_a_link_that_works_once_and_is_kept_nowhere(
    project: Project, ada: User
) -> None:
    asked = {"email": "Maya@Example.com ", "name": "Maya Chen", "roles": ["contributor", "viewer"]}

    answer = signed_in(ada).post("/shop/people/add/", asked)

    maya = User.objects.get(email="maya@example.com")
    link = link_in(answer.content.decode())
    key = link.partition("key=")[2]
    assert (maya.joined, roles_of(maya, project)) == (False, {"contributor", "viewer"})
    assert "no-store" in answer["Cache-Control"]
    assert not mail.outbox
    assert key not in repr([*PasswordLink.objects.values(), *AuditEvent.objects.values()])

    browser = Client()
    opened = browser.get(link)
    assert opened["Location"] == "/account/join/"  # the key leaves the address at once
    assert "maya@example.com" in browser.get("/account/join/").content.decode()
    weak = browser.post("/account/join/", typed("password"))
    assert weak.status_code == 422
    assert "too common" in weak.content.decode()
    done = browser.post("/account/join/", typed(GOOD), follow=True)
    assert done.context["user"] == maya
    assert done.redirect_chain[-1] == ("/shop/", 302)
    assert Client().login(username="maya@example.com", password=GOOD)
    assert said(maya) == ["person.created", "person.link_made", "person.password_set"]

    thief = Client()
    thief.get(link)
    again = thief.post("/account/join/", typed("another-fine-password"))
    assert again.status_code == 410
    assert "used already" in again.content.decode()
    assert Client().login(username="maya@example.com", password=GOOD)


@pytest.mark.parametrize("spoilt", ["older", "replaced", "deactivated", "unknown"])
def test_a_link_that_does_not_count_any_more_sets_no_password(
    project: Project, ada: User, boss: User, spoilt: str
) -> None:
    person, key = invited(project, ada)
    if spoilt == "older":
        PasswordLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif spoilt == "replaced":
        actions.link_make(person=person, actor=ada)
    elif spoilt == "deactivated":
        actions.person_deactivate(person=person, actor=boss)
    else:
        key += "x"
    browser = Client()
    browser.get("/account/join/", {"key": key})

    answers = [browser.get("/account/join/"), browser.post("/account/join/", typed(GOOD))]

    assert [answer.status_code for answer in answers] == [410, 410]
    assert not User.objects.get(pk=person.pk).joined


@in_threads
def test_of_two_who_open_a_link_at_once_one_sets_the_password() -> None:
    project = make_project()
    person, _key = invited(project, User.objects.get(name="Ada Admin"))
    link = PasswordLink.objects.select_related("user").get()

    outcomes = at_once(
        *[lambda word=word: actions.link_use(link=link, password=word) for word in (GOOD, GOOD[::-1])]
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkSpent", "User"]
    assert said(person).count("person.password_set") == 1


def test_somebody_who_is_here_already_is_added_by_the_address_alone(project: Project, ada: User) -> None:
    tom = make_user("Tom Okafor")

    answer = signed_in(ada).post("/shop/people/add/", {"email": tom.email.upper(), "roles": ["reviewer"]})

    assert answer["Location"] == "/shop/people/"
    assert roles_of(tom, project) == {"reviewer"}
    assert not PasswordLink.objects.exists()


def test_what_is_missing_or_impossible_is_told_beside_its_field(project: Project, ada: User) -> None:
    gone = make_user()
    User.objects.filter(pk=gone.pk).update(is_active=False)

    def problems(**asked: Any) -> dict[str, list[str]]:
        with pytest.raises(InvalidInput) as caught:
            actions.person_add(project=project, actor=ada, **asked)
        return caught.value.fields

    nothing = problems(email="no address", name=" ", roles=[])
    assert set(nothing) == {"email", "name", "roles"}
    assert set(problems(email="new@example.com", name="New", roles=["king"])) == {"roles"}
    assert "deactivated" in problems(email=gone.email, name="", roles=["viewer"])["email"][0]
    assert not AuditEvent.objects.filter(action="person.created").exists()


def test_only_those_who_manage_people_add_them(project: Project) -> None:
    others = make_member(project, *(set(Role) - {Role.ADMIN}))

    with pytest.raises(NotAllowed):
        invited(project, others)
    with pytest.raises(NotAllowed):
        actions.person_add(email="new@example.com", name="New", actor=others)


# -- Roles ----------------------------------------------------------------------------------------------


def test_a_persons_roles_are_exactly_those_that_were_ticked(project: Project, ada: User) -> None:
    tom = make_member(project, Role.VIEWER, Role.REVIEWER)

    signed_in(ada).post(f"/shop/people/{tom.pk}/", {"roles": ["reviewer", "publisher"]})

    assert roles_of(tom, project) == {"reviewer", "publisher"}
    events = AuditEvent.objects.filter(action__startswith="role.", actor=ada).order_by("-id")[:2]
    assert [(event.action, (event.after or event.before)["role"]) for event in events] == [
        ("role.revoked", "viewer"),
        ("role.granted", "publisher"),
    ]


def test_somebody_who_was_removed_finds_no_project_and_stays_in_the_installation(
    project: Project, ada: User
) -> None:
    tom = make_member(project, Role.VIEWER, Role.REVIEWER)

    signed_in(ada).post(f"/shop/people/{tom.pk}/remove/")

    assert not Membership.objects.filter(user=tom).exists()
    assert signed_in(tom).get("/shop/").status_code == 404
    assert User.objects.get(pk=tom.pk).is_active


def test_nobody_raises_their_own_rights(project: Project, ada: User, boss: User) -> None:
    for person in (ada, boss):
        with pytest.raises(NotAllowed, match="to themselves"):
            actions.role_grant(project=project, user=person, role=Role.REVIEWER, actor=person)
    answer = signed_in(ada).post(f"/shop/people/{ada.pk}/", {"roles": ["admin", "reviewer"]})

    assert answer.status_code == 403
    assert roles_of(User.objects.get(pk=ada.pk), project) == {"admin"}
    # What an administrator of the installation may do anyway is no rise.
    actions.role_grant(project=project, user=boss, role=Role.ADMIN, actor=boss)


def test_an_admin_may_step_down_and_the_last_one_may_not(project: Project, ada: User) -> None:
    second = make_member(project, Role.ADMIN, Role.VIEWER)

    actions.roles_set(project=project, user=second, roles=[Role.VIEWER], actor=second)
    answers = [
        signed_in(ada).post(f"/shop/people/{ada.pk}/remove/"),
        signed_in(ada).post(f"/shop/people/{ada.pk}/", {"roles": ["viewer"]}),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert roles_of(User.objects.get(pk=ada.pk), project) == {"admin"}
    assert roles_of(User.objects.get(pk=second.pk), project) == {"viewer"}


# -- Links for people who are here ----------------------------------------------------------------------


def test_an_admin_of_a_project_makes_no_link_that_would_give_them_rights(project: Project, ada: User) -> None:
    joined = make_member(project, Role.VIEWER)
    elsewhere, _key = invited(project, ada)
    Membership.objects.create(project=make_project(), user=elsewhere, role=Role.VIEWER)
    chief = User.objects.create_superuser("chief@example.com", name="Chief")
    Membership.objects.create(project=project, user=chief, role=Role.VIEWER)
    before = PasswordLink.objects.count()

    for person in (joined, elsewhere, chief):
        assert signed_in(ada).post(f"/shop/people/{person.pk}/link/").status_code == 403

    assert PasswordLink.objects.count() == before


def test_an_admin_makes_a_new_link_for_whom_they_invited(project: Project, ada: User) -> None:
    person, _key = invited(project, ada)

    answer = signed_in(ada).post(f"/shop/people/{person.pk}/link/")

    browser = Client()
    browser.get(link_in(answer.content.decode()))
    browser.post("/account/join/", typed(GOOD))
    assert User.objects.get(pk=person.pk).check_password(GOOD)
    assert PasswordLink.objects.count() == 1


def test_a_forgotten_password_is_replaced_by_a_link_of_an_administrator(boss: User) -> None:
    tom = make_user("Tom Okafor")
    somewhere = signed_in(tom)

    answer = signed_in(boss).post(f"/system/people/{tom.pk}/link/")

    assert somewhere.get("/account/password/").status_code == 200  # until the link is used
    browser = Client()
    browser.get(link_in(answer.content.decode()))
    browser.post("/account/join/", typed(GOOD))
    assert somewhere.get("/account/password/").status_code == 302
    assert not Client().login(username=tom.email, password=PASSWORD)


# -- One's own password ---------------------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one() -> None:
    tom = make_user()
    here, there = signed_in(tom), signed_in(tom)

    answer = here.post("/account/password/", {"old": PASSWORD, **typed(GOOD)}, follow=True)

    assert "signed out everywhere else" in answer.content.decode()
    assert here.get("/account/password/").status_code == 200
    assert there.get("/account/password/").status_code == 302
    assert said(tom) == ["person.password_changed"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"old": "wrong", **typed(GOOD)}, "old"),
        ({"old": PASSWORD, **typed("short")}, "password"),
        ({"old": PASSWORD, "password": GOOD, "again": GOOD + "x"}, "again"),
    ],
)
def test_a_password_that_cannot_be_changed_stays(asked: dict[str, str], field: str) -> None:
    tom = make_user()

    answer = signed_in(tom).post("/account/password/", asked)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert GOOD not in answer.content.decode()
    assert User.objects.get(pk=tom.pk).check_password(PASSWORD)


# -- Going ----------------------------------------------------------------------------------------------


def test_whoever_is_deactivated_is_out_at_once_and_what_they_held_does_not_come_back(
    project: Project, boss: User
) -> None:
    tom = make_member(project, Role.REVIEWER, name="Tom Okafor")
    _token, text = actions.token_create(user=tom, name="export", scopes=["read"], days=30)
    actions.link_make(person=tom, actor=boss)
    session, bearer = signed_in(tom), {"authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/me/", headers=bearer).status_code == 200

    def let_in() -> list[int]:
        return [
            session.get("/shop/").status_code,
            Client().get("/api/v1/me/", headers=bearer).status_code,
        ]

    signed_in(boss).post(f"/system/people/{tom.pk}/deactivate/")
    assert let_in() == [302, 401]
    assert not Client().login(username=tom.email, password=PASSWORD)

    signed_in(boss).post(f"/system/people/{tom.pk}/reactivate/")
    assert let_in() == [302, 401]
    assert not PasswordLink.objects.exists()
    assert ApiToken.objects.get().revoked_at is not None
    assert Client().login(username=tom.email, password=PASSWORD)
    assert roles_of(User.objects.get(pk=tom.pk), project) == {"reviewer"}
    assert said(tom)[-2:] == ["person.deactivated", "person.reactivated"]


def test_nobody_is_too_needed_to_be_deactivated(project: Project, ada: User, boss: User) -> None:
    answer = signed_in(boss).post(f"/system/people/{ada.pk}/deactivate/")

    assert answer.status_code == 302
    assert not User.objects.get(pk=ada.pk).is_active


def test_what_somebody_changed_meanwhile_is_told_before_it_is_replaced(project: Project, ada: User) -> None:
    tom = make_member(project, Role.REVIEWER)
    one, other = signed_in(ada), signed_in(ada)
    place = f"/shop/people/{tom.pk}/"
    seen = one.get(place).context["form"]["seen"].value()
    other.post(place, {"roles": ["reviewer", "auditor"], "seen": seen})

    late = one.post(place, {"roles": ["reviewer", "steward"], "seen": seen})

    assert late.status_code == 422
    assert "meanwhile, to “auditor, reviewer”" in late.content.decode()
    assert roles_of(User.objects.get(pk=tom.pk), project) == {"reviewer", "auditor"}
    again = one.post(place, {"roles": ["reviewer", "steward"], "seen": late.context["form"]["seen"].value()})
    assert again.status_code == 302
    assert roles_of(User.objects.get(pk=tom.pk), project) == {"reviewer", "steward"}


OF_OPERATORS: list[Callable[..., User]] = [
    actions.person_deactivate,
    actions.person_reactivate,
    actions.operator_appoint,
    actions.operator_dismiss,
]


@pytest.mark.parametrize("act", OF_OPERATORS, ids=lambda act: act.__name__)
def test_accounts_are_for_administrators_of_the_installation_and_never_ones_own(
    project: Project, ada: User, boss: User, act: Callable[..., User]
) -> None:
    before = list(User.objects.order_by("pk").values())

    for person, actor in ((make_user(), ada), (boss, ada), (boss, boss)):
        with pytest.raises(NotAllowed):
            act(person=person, actor=actor)

    assert list(User.objects.order_by("pk").values())[: len(before)] == before


def test_an_administrator_of_the_installation_is_appointed_and_dismissed(boss: User) -> None:
    tom = make_user()

    actions.operator_appoint(person=tom, actor=boss)
    assert signed_in(tom).get("/system/people/").status_code == 200
    actions.operator_dismiss(person=tom, actor=boss)

    assert signed_in(tom).get("/system/people/").status_code == 403
    assert said(tom) == ["person.administers", "person.administers_no_more"]


def test_somebody_whose_link_is_still_about_becomes_no_administrator(
    project: Project, ada: User, boss: User
) -> None:
    person, _key = invited(project, ada)

    with pytest.raises(NotAllowed, match="sign in once"):
        actions.operator_appoint(person=person, actor=boss)


@in_threads
@pytest.mark.parametrize("act", [actions.person_deactivate, actions.operator_dismiss])
def test_of_two_administrators_who_end_each_other_at_once_one_stays(act: Callable[..., User]) -> None:
    one, other = (
        User.objects.create_superuser(f"{name}@example.com", name=name) for name in ("one", "other")
    )

    outcomes = at_once(lambda: act(person=other, actor=one), lambda: act(person=one, actor=other))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotAllowed", "User"]
    assert User.objects.filter(is_active=True, is_superuser=True).count() == 1


def test_everybody_is_found_by_name_address_and_state(project: Project, ada: User, boss: User) -> None:
    invited(project, ada)
    client = signed_in(boss)

    def found(query: str) -> list[str]:
        return [str(person) for person in client.get(f"/system/people/?{query}").context["people"]]

    assert found("q=ADA+example.com") == ["Ada Admin"]
    assert found("show=invited") == ["New Person"]
    assert found("show=administrators") == ["Boss"]
    assert found("show=deactivated") == []
    assert found("") == ["Ada Admin", "Boss", "New Person"]


def test_an_administrator_revokes_somebodys_token(boss: User) -> None:
    tom = make_user()
    token, _text = actions.token_create(user=tom, name="export", scopes=["read"], days=30)

    signed_in(boss).post(f"/system/people/{tom.pk}/tokens/{token.pk}/revoke/")

    token.refresh_from_db()
    assert token.revoked_at is not None
    assert AuditEvent.objects.get(action="token.revoked").actor == boss


def undo_in(answer: Any) -> str:
    """The address that the toast of a page offers."""
    *_before, message = answer.context["messages"]
    return str(message.extra_tags)


def test_roles_that_were_changed_or_taken_come_back_by_undo(project: Project, ada: User) -> None:
    tom = make_member(project, Role.REVIEWER, Role.CONTRIBUTOR, name="Tom Okafor")
    client = signed_in(ada)

    undo = undo_in(client.post(f"/shop/people/{tom.pk}/", {"roles": ["viewer"]}, follow=True))
    assert client.post(undo).status_code == 302
    assert roles_of(User.objects.get(pk=tom.pk), project) == {"reviewer", "contributor"}
    undo = undo_in(client.post(f"/shop/people/{tom.pk}/remove/", follow=True))
    assert client.post(undo).status_code == 302
    assert roles_of(User.objects.get(pk=tom.pk), project) == {"reviewer", "contributor"}
    assert AuditEvent.objects.filter(action="role.granted", actor=ada, project=project).count() == 5


def test_roles_are_not_undone_once_they_have_changed_again_nor_by_a_made_up_address(
    project: Project, ada: User
) -> None:
    tom = make_member(project, Role.REVIEWER, name="Tom Okafor")
    client = signed_in(ada)
    undo = undo_in(client.post(f"/shop/people/{tom.pk}/", {"roles": ["viewer"]}, follow=True))
    actions.role_grant(project=project, user=tom, role=Role.STEWARD, actor=ada)

    answer = client.post(undo)
    assert (answer.status_code, "has been changed since" in answer.content.decode()) == (409, True)
    assert client.post("/shop/people/undo/?undo=made:up").status_code == 409
    elsewhere = make_project(slug="elsewhere")
    actions.role_grant(
        project=elsewhere, user=ada, role=Role.ADMIN, actor=elsewhere.memberships.get(role="admin").user
    )
    assert client.post(undo.replace("/shop/", "/elsewhere/")).status_code == 409
    assert signed_in(tom).post(undo).status_code == 403
    assert roles_of(User.objects.get(pk=tom.pk), project) == {"viewer", "steward"}


def test_what_changed_nothing_or_oneself_offers_no_undo(project: Project, ada: User) -> None:
    tom = make_member(project, Role.VIEWER, name="Tom Okafor")
    actions.role_grant(project=project, user=tom, role=Role.ADMIN, actor=ada)
    client = signed_in(ada)

    assert undo_in(client.post(f"/shop/people/{tom.pk}/", {"roles": ["viewer", "admin"]}, follow=True)) == ""
    assert undo_in(client.post(f"/shop/people/{ada.pk}/remove/", follow=True)) == ""
