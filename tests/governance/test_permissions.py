"""Who may do what: the whole table, four eyes, and what is asked of the database."""

from __future__ import annotations

import pytest
from django.test import Client

from bisync.lib.errors import NotAllowed
from governance import permissions
from governance.actions import LastAdmin, project_create, role_grant, role_revoke
from governance.models import AuditEvent, Membership, Project, User
from governance.roles import GRANTS, LABELS, Role
from proposals.models import Proposal
from tests.factories import make_member, make_operator, make_project, make_proposal, make_user
from tests.threads import at_once

pytestmark = pytest.mark.django_db

# What people were promised; the code has a table of its own.
TABLE = """
                       viewer contributor reviewer steward publisher auditor admin
project.view           yes    yes         yes      yes     yes       yes     yes
project.pull           -      yes         yes      yes     yes       -       yes
proposal.create        -      yes         yes      yes     yes       -       -
proposal.comment       -      yes         yes      yes     yes       yes     yes
proposal.approve       -      -           yes      yes     -         -       -
proposal.amend         -      -           yes      yes     yes       -       -
proposal.publish       -      -           -        -       yes       -       -
environment.deploy     -      -           -        -       yes       -       -
environment.configure  -      -           -        -       -         -       yes
repository.configure   -      -           -        -       -         -       yes
repository.trust       -      -           -        -       -         -       yes
people.manage          -      -           -        -       -         -       yes
audit.view             -      -           -        -       -         yes     yes
catalogue.settle       -      -           yes      yes     -         -       -
"""
ROLES, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
PROMISED = [
    (permission, Role(role), word == "yes")
    for permission, *words in ROWS
    for role, word in zip(ROLES, words, strict=True)
]


def test_every_permission_and_every_role_is_in_the_table() -> None:
    assert {permission for permission, _role, _allowed in PROMISED} == set(GRANTS) == set(LABELS)
    assert set(ROLES) == set(Role)


@pytest.mark.parametrize(("permission", "role", "allowed"), PROMISED)
def test_a_role_lets_people_do_what_was_promised_and_no_more(
    permission: str, role: Role, allowed: bool
) -> None:
    project = make_project()
    person = make_member(project, role)

    answer = permissions.decide(person, permission, project)

    assert bool(answer) is allowed
    assert bool(answer.reason) is not allowed
    if not allowed:
        with pytest.raises(NotAllowed, match="role"):
            permissions.require(person, permission, project)


def test_several_roles_add_up() -> None:
    project = make_project()
    person = make_member(project, Role.VIEWER, Role.REVIEWER, Role.PUBLISHER)

    assert permissions.decide(person, "proposal.approve", project)
    assert permissions.decide(person, "proposal.publish", project)
    assert not permissions.decide(person, "environment.configure", project)


@pytest.mark.parametrize("permission", sorted(GRANTS))
def test_a_role_in_one_project_is_none_in_another(permission: str) -> None:
    person = make_member(make_project(), *Role)

    assert not permissions.decide(person, permission, make_project())


@pytest.mark.parametrize("permission", sorted(GRANTS))
def test_somebody_who_was_deactivated_may_do_nothing(permission: str) -> None:
    project = make_project()
    person = make_member(project, *Role)
    User.objects.filter(pk=person.pk).update(is_active=False, is_superuser=True)

    assert not permissions.decide(User.objects.get(pk=person.pk), permission, project)


def test_a_permission_that_nobody_defined_is_a_mistake_and_no_refusal() -> None:
    project = make_project()

    with pytest.raises(KeyError):
        permissions.decide(make_member(project, Role.ADMIN), "proposal.aprove", project)


# -- Four eyes ------------------------------------------------------------------------------------------


def draft_of(author: User, project: Project) -> Proposal:
    return make_proposal(project, author=author, fields=None)


def test_nobody_approves_what_they_wrote_whatever_their_roles() -> None:
    project = make_project()
    author = make_member(project, *Role)

    answer = permissions.decide(author, "proposal.approve", draft_of(author, project))

    assert not answer
    assert "other than its author" in answer.reason


def test_not_even_as_superuser() -> None:
    project = make_project()
    author = make_member(project, *Role)
    User.objects.filter(pk=author.pk).update(is_superuser=True, is_staff=True)
    author = User.objects.get(pk=author.pk)

    assert not permissions.decide(author, "proposal.approve", draft_of(author, project))


def test_a_superuser_without_the_role_of_a_reviewer_approves_nothing() -> None:
    project = make_project()
    proposal = draft_of(make_member(project, Role.CONTRIBUTOR), project)
    boss = User.objects.create_superuser("boss@example.com", name="Boss")

    assert not permissions.decide(boss, "proposal.approve", proposal)
    assert permissions.decide(boss, "environment.configure", project)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.STEWARD])
def test_another_reviewer_may(role: Role) -> None:
    project = make_project()
    proposal = draft_of(make_member(project, Role.CONTRIBUTOR), project)

    assert permissions.decide(make_member(project, role), "proposal.approve", proposal)


# -- What is asked of the database ----------------------------------------------------------------------


def test_a_page_that_asks_ten_things_reads_the_roles_once(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    project = make_project()
    person = User.objects.get(pk=make_member(project, Role.REVIEWER).pk)

    with django_assert_num_queries(1):
        for permission in GRANTS:
            permissions.decide(person, permission, project)


def test_the_roles_of_two_projects_are_kept_apart() -> None:
    mine, theirs = make_project(), make_project()
    person = make_member(mine, Role.ADMIN)

    assert permissions.decide(person, "people.manage", mine)
    assert not permissions.decide(person, "people.manage", theirs)
    assert permissions.decide(person, "people.manage", mine)


def test_a_role_counts_at_once_when_given_and_when_taken() -> None:
    project = make_project()
    admin, person = make_member(project, Role.ADMIN), make_member(project, Role.VIEWER)
    assert not permissions.decide(person, "proposal.create", project)

    role_grant(project=project, user=person, role=Role.CONTRIBUTOR, actor=admin)
    assert permissions.decide(person, "proposal.create", project)

    role_revoke(project=project, user=person, role=Role.CONTRIBUTOR, actor=admin)
    assert not permissions.decide(person, "proposal.create", project)


# -- Giving and taking roles ----------------------------------------------------------------------------


def test_who_creates_a_project_is_its_admin_and_may_propose() -> None:
    person = make_operator()

    project = project_create(slug="shop", name=" Shop ", actor=person)

    assert project.name == "Shop"
    assert permissions.roles_of(person, project) == {"admin", "contributor"}
    noted = ["role.granted", "role.granted", "project.created"]
    assert list(AuditEvent.objects.values_list("action", flat=True)) == noted


def test_only_who_administers_something_brings_code_here() -> None:
    project = make_project()
    for role in Role:
        person = make_member(project, role)
        assert bool(permissions.may_connect(person)) == (role == Role.ADMIN), role
    assert permissions.may_connect(make_operator())

    with pytest.raises(NotAllowed, match="connect repositories"):
        project_create(slug="mine", name="Mine", actor=make_user())
    client = Client()
    client.force_login(make_user())
    assert client.get("/connect/").status_code == 403
    assert "/connect/" not in client.get("/").content.decode()


def test_a_role_is_given_once_and_noted_once() -> None:
    project = make_project()
    admin, person = make_member(project, Role.ADMIN), make_user("Tom Okafor")

    for _ in range(2):
        role_grant(project=project, user=person, role=Role.REVIEWER, actor=admin)

    assert Membership.objects.filter(user=person).count() == 1
    event = AuditEvent.objects.get(action="role.granted")
    assert (event.actor, event.after) == (admin, {"person": person.email, "role": "reviewer"})


def test_taking_a_role_that_nobody_had_is_not_noted() -> None:
    project = make_project()
    admin = make_member(project, Role.ADMIN)

    role_revoke(project=project, user=make_user(), role=Role.REVIEWER, actor=admin)

    assert not AuditEvent.objects.filter(action="role.revoked").exists()


@pytest.mark.parametrize("change", [role_grant, role_revoke])
def test_only_admins_give_and_take_roles(change) -> None:  # type: ignore[no-untyped-def]
    project = make_project()
    others = make_member(project, *(set(Role) - {Role.ADMIN}))

    with pytest.raises(NotAllowed):
        change(project=project, user=others, role=Role.ADMIN, actor=others)


def only_admin(project: Project) -> User:
    return User.objects.get(memberships__project=project, memberships__role=Role.ADMIN)


def test_the_last_admin_stays() -> None:
    project = make_project()
    admin = only_admin(project)

    with pytest.raises(LastAdmin):
        role_revoke(project=project, user=admin, role=Role.ADMIN, actor=admin)

    assert only_admin(project) == admin


def test_an_admin_who_was_deactivated_is_none() -> None:
    project = make_project()
    admin, gone = only_admin(project), make_member(project, Role.ADMIN)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    with pytest.raises(LastAdmin):
        role_revoke(project=project, user=admin, role=Role.ADMIN, actor=admin)


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_remove_each_other_at_once_one_stays() -> None:
    project = make_project()
    one, other = only_admin(project), make_member(project, Role.ADMIN)

    outcomes = at_once(
        lambda: role_revoke(project=project, user=other, role=Role.ADMIN, actor=one),
        lambda: role_revoke(project=project, user=one, role=Role.ADMIN, actor=other),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) in (
        ["LastAdmin", "NoneType"],
        ["NoneType", "NotAllowed"],
    )
    assert Membership.objects.filter(project=project, role=Role.ADMIN).count() == 1


def test_the_admin_site_takes_no_project_its_last_admin(client) -> None:  # type: ignore[no-untyped-def]
    project = make_project()
    boss = User.objects.create_superuser("boss@example.com", "a-long-enough-password", name="Boss")
    membership = Membership.objects.get(project=project, role=Role.ADMIN)
    client.force_login(boss)

    one = client.post(f"/admin/governance/membership/{membership.pk}/delete/", {"post": "yes"}, follow=True)
    all_of_them = client.post(
        "/admin/governance/membership/",
        {"action": "delete_selected", "_selected_action": [membership.pk], "post": "yes"},
        follow=True,
    )

    for answer in (one, all_of_them):
        assert "A project needs an admin. Make somebody else one first." in answer.content.decode()
        assert "successfully" not in answer.content.decode()
    assert Membership.objects.filter(pk=membership.pk).exists()


def test_the_admin_site_gives_and_takes_roles_by_the_same_actions(client) -> None:  # type: ignore[no-untyped-def]
    project, person = make_project(), make_user()
    boss = User.objects.create_superuser("boss@example.com", "a-long-enough-password", name="Boss")
    client.force_login(boss)

    client.post(
        "/admin/governance/membership/add/", {"project": project.pk, "user": person.pk, "role": "reviewer"}
    )
    membership = Membership.objects.get(user=person)
    client.post(f"/admin/governance/membership/{membership.pk}/delete/", {"post": "yes"})

    assert not Membership.objects.filter(user=person).exists()
    noted = AuditEvent.objects.filter(action__startswith="role.").order_by("id")
    assert [(event.action, event.actor) for event in noted] == [
        ("role.granted", boss),
        ("role.revoked", boss),
    ]
