"""Projects, the people in them, and how people come in and go."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, NotAllowed, TooLateToUndo
from bisync.lib.stored import is_line
from governance import audit, permissions
from governance.models import (
    Answered,
    ApiToken,
    AuditEvent,
    Membership,
    PasswordLink,
    Project,
    Scope,
    User,
)
from governance.models.tokens import digest_of
from governance.roles import Role

LONGEST_TOKEN_DAYS = 366
ANSWERS_KEPT = timedelta(days=2)
LINK_DAYS = 7
# Names end in commits and their trailers, in logs and in lists.
NOT_A_LINE = _("Write it on one line, without characters that nobody sees.")


class LastAdmin(BisyncError):
    code = "last-admin"
    message = _("A project needs an admin. Make somebody else one first.")
    http_status = 409


class ChangedMeanwhile(BisyncError):
    code = "changed-meanwhile"
    message = _("Somebody changed %(what)s since this page was opened. Open it again to see how it is now.")
    http_status = 409


class LinkSpent(BisyncError):
    code = "link-spent"
    message = _("This link was used already, or is too old. Ask whoever gave it to you for a new one.")
    http_status = 410


def checked(instance: Project) -> Project:
    """The instance, or `InvalidInput` with a sentence for each field that is wrong."""
    if not is_line(instance.name):
        raise InvalidInput({"name": [str(NOT_A_LINE)]})
    try:
        instance.full_clean()
    except ValidationError as exc:
        raise InvalidInput({name: list(texts) for name, texts in exc.message_dict.items()}) from None
    return instance


@audit.atomic()
def project_create(*, slug: str, name: str, actor: User) -> Project:
    """A new project, with its creator as admin who may propose: whoever is alone has something to do."""
    permissions.require_connecting(actor)
    project = checked(Project(slug=slug, name=name.strip()))
    project.save()
    audit.record(actor=actor, action="project.created", target=project, after={"slug": slug, "name": name})
    for role in (Role.ADMIN, Role.CONTRIBUTOR):
        Membership.objects.create(project=project, user=actor, role=role)
        audit.record(actor=actor, action="role.granted", target=project, after=_role(actor, role))
    return project


@audit.atomic()
def role_grant(*, project: Project, user: User, role: Role, actor: User) -> Membership:
    """Give a person a role; one they hold already stays as it is."""
    permissions.require(actor, "people.manage", project)
    if user == actor and permissions.would_raise(actor, role, project):
        raise NotAllowed(reason=_("Nobody gives rights to themselves. Ask another admin of the project."))
    membership, created = Membership.objects.get_or_create(project=project, user=user, role=role)
    if created:
        permissions.forget_roles(user)
        audit.record(actor=actor, action="role.granted", target=project, after=_role(user, role))
    return membership


@audit.atomic()
def role_revoke(*, project: Project, user: User, role: Role, actor: User) -> None:
    """Take a role away. Raises `LastAdmin` rather than leave a project without one."""
    permissions.require(actor, "people.manage", project)
    # Two admins who remove each other at once would both still see the other one.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if role == Role.ADMIN and _last_admin(project, user):
        raise LastAdmin
    gone, _kinds = Membership.objects.filter(project=project, user=user, role=role).delete()
    if gone:
        permissions.forget_roles(user)
        audit.record(actor=actor, action="role.revoked", target=project, before=_role(user, role))


@audit.atomic()
def roles_set(
    *,
    project: Project,
    user: User,
    roles: Collection[str],
    actor: User,
    was: Collection[str] | None = None,
) -> frozenset[str]:
    """Have a person hold exactly these roles in a project; with none of them they have left it.

    Returns those that they held before. Raises `TooLateToUndo` where those are not `was`.
    """
    permissions.require(actor, "people.manage", project)
    if not set(roles) <= set(Role.values):
        raise InvalidInput({"roles": [str(_("Choose from the roles that there are."))]})
    # Before anything is noted: whoever deactivates somebody takes the two in this order as well.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    held = set(Membership.objects.filter(project=project, user=user).values_list("role", flat=True))
    if was is not None and held != set(was):
        raise TooLateToUndo
    for role in sorted(set(roles) - held):
        role_grant(project=project, user=user, role=Role(role), actor=actor)
    # Whoever leaves may do so as long as they are still an admin.
    for role in sorted(held - set(roles), key=lambda role: role == Role.ADMIN):
        role_revoke(project=project, user=user, role=Role(role), actor=actor)
    return frozenset(held)


@audit.atomic()
def person_add(
    *,
    email: str,
    name: str,
    actor: User,
    project: Project | None = None,
    roles: Collection[str] = (),
    link: bool = True,
) -> tuple[User, str]:
    """A person with these roles, and where they are new the text of their password `link`.

    Without a project they come into the installation alone, which only its administrators may have.
    """
    if project is None:
        permissions.require_operator(actor)
    else:
        permissions.require(actor, "people.manage", project)
    email = email.strip().lower()
    if problems := _problems(email, name, project, roles):
        raise InvalidInput(problems)
    person, created = User.objects.get_or_create(
        email=email, defaults={"name": name.strip(), "password": make_password(None)}
    )
    if created:
        after = {"email": email, "name": person.name}
        audit.record(actor=actor, action="person.created", target=person, after=after)
    if project is not None:
        for role in sorted(set(roles)):
            role_grant(project=project, user=person, role=Role(role), actor=actor)
    return person, _new_link(person, actor) if created and link else ""


def _problems(email: str, name: str, project: Project | None, roles: Collection[str]) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    known = User.objects.filter(email=email).first()
    if known is None:
        try:
            User(email=email, name=name.strip()).clean_fields(exclude={"password"})
        except ValidationError as exc:
            problems = {field: list(texts) for field, texts in exc.message_dict.items()}
        if not name.strip():
            problems["name"] = [str(_("Nobody here has this address yet: say what they are called."))]
        elif not is_line(name.strip()):
            problems["name"] = [str(NOT_A_LINE)]
    elif not known.is_active:
        words = _("%(name)s was deactivated. An administrator of this installation can reactivate them.")
        problems["email"] = [str(words % {"name": known})]
    elif project is None:
        problems["email"] = [str(_("%(name)s is here already.") % {"name": known})]
    if project is not None and (not roles or not set(roles) <= set(Role.values)):
        problems["roles"] = [str(_("Choose at least one role."))]
    return problems


@audit.atomic()
def link_make(*, person: User, actor: User) -> str:
    """The text of a new password link, shown this once; an older one that nobody used is void."""
    answer = permissions.may_make_link(actor, person)
    if not answer:
        raise NotAllowed(reason=answer.reason)
    return _new_link(person, actor)


def _new_link(person: User, actor: User) -> str:
    # Two who make one at once would both find nothing to remove.
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    PasswordLink.objects.filter(user=person, used_at=None).delete()
    text = secrets.token_urlsafe(32)
    expires = timezone.now() + timedelta(days=LINK_DAYS)
    PasswordLink.objects.create(user=person, digest=digest_of(text), made_by=actor, expires_at=expires)
    audit.record(
        actor=actor, action="person.link_made", target=person, after={"expires": expires.isoformat()}
    )
    return text


@audit.atomic()
def link_use(*, link: PasswordLink, password: str) -> User:
    """Set the password of the link's person, once. Raises `LinkSpent` or `InvalidInput`."""
    now = timezone.now()
    person = User.objects.select_for_update(no_key=True).get(pk=link.user_id)
    # Without a join: PostgreSQL would judge a row that it waited for by how it was before.
    unused = PasswordLink.objects.filter(pk=link.pk, used_at=None, expires_at__gt=now)
    if not person.is_active or not unused.update(used_at=now):
        raise LinkSpent
    return _set_password(person, password, "person.password_set")


@audit.atomic()
def password_change(*, user: User, old: str, new: str) -> User:
    """Change one's own password, which ends every session: the door renews the one it came by."""
    if not user.check_password(old):
        raise InvalidInput({"old": [str(_("This is not your present password."))]})
    return _set_password(user, new, "person.password_changed")


def _set_password(user: User, password: str, action: str) -> User:
    try:
        validate_password(password, user)
    except ValidationError as exc:
        raise InvalidInput({"password": list(exc.messages)}) from None
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(actor=user, action=action, target=user)
    return user


@audit.atomic()
def person_deactivate(*, person: User, actor: User) -> User:
    """Close somebody's account: their sessions, tokens and links end at once and do not come back.

    Nothing holds it up: where they were a project's only admin, administrators of the installation are left.
    """
    person = _other(person, actor)
    if User.objects.filter(pk=person.pk, is_active=True).update(
        is_active=False, sessions_ended=F("sessions_ended") + 1
    ):
        ApiToken.objects.filter(user=person, revoked_at=None).update(revoked_at=timezone.now())
        PasswordLink.objects.filter(user=person, used_at=None).delete()
        audit.record(actor=actor, action="person.deactivated", target=person)
    person.refresh_from_db()
    return person


@audit.atomic()
def person_reactivate(*, person: User, actor: User) -> User:
    """Let somebody sign in again, with the roles they had."""
    person = _other(person, actor)
    if User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        audit.record(actor=actor, action="person.reactivated", target=person)
    person.refresh_from_db()
    return person


@audit.atomic()
def operator_appoint(*, person: User, actor: User) -> User:
    """Make somebody an administrator of this installation."""
    person = _other(person, actor)
    if not (person.joined and person.is_active):
        # Whoever holds the link of somebody who has not joined would become one.
        raise NotAllowed(reason=_("%(name)s has to sign in once before that.") % {"name": person})
    return _operate(person, actor, operator=True)


@audit.atomic()
def operator_dismiss(*, person: User, actor: User) -> User:
    """Make an administrator of this installation a person like others; one always remains: `actor`."""
    return _operate(_other(person, actor), actor, operator=False)


@audit.atomic()
def person_set(
    *,
    person: User,
    name: str,
    active: bool,
    operator: bool,
    actor: User,
    was: tuple[str, bool, bool] | None = None,
) -> User:
    """Somebody's name, whether their account is open, and whether they administer this installation.

    What stays as it is needs no right. Raises `ChangedMeanwhile` where the three are not `was`, and what the
    single actions raise.
    """
    before = _held(person, actor)[person.pk]
    if was is not None and was != (before.name.strip(), before.is_active, before.is_superuser):
        raise ChangedMeanwhile(what=str(before))
    if before.name.strip() != name.strip():
        permissions.require_operator(actor)
        if not name.strip():
            raise InvalidInput({"name": [str(_("Say what they are called."))]})
        if not is_line(name.strip()):
            raise InvalidInput({"name": [str(NOT_A_LINE)]})
        User.objects.filter(pk=person.pk).update(name=name.strip())
        audit.record(
            actor=actor,
            action="person.changed",
            target=before,
            before={"name": before.name},
            after={"name": name.strip()},
        )
    if before.is_active != active:
        (person_reactivate if active else person_deactivate)(person=before, actor=actor)
    if before.is_superuser != operator:
        (operator_appoint if operator else operator_dismiss)(person=before, actor=actor)
    before.refresh_from_db()
    return before


def _operate(person: User, actor: User, *, operator: bool) -> User:
    if User.objects.filter(pk=person.pk, is_superuser=not operator).update(
        is_superuser=operator, is_staff=operator
    ):
        action = "person.administers" if operator else "person.administers_no_more"
        audit.record(actor=actor, action=action, target=person)
    person.refresh_from_db()
    return person


def _other(person: User, actor: User) -> User:
    """The person as they are now, held until the end, for an administrator who is somebody else.

    Two administrators who close each other's accounts at once would otherwise leave none.
    """
    held = _held(person, actor)
    permissions.require_operator(held[actor.pk])
    if person.pk == actor.pk:
        raise NotAllowed(reason=_("Nobody does this to themselves. Ask another administrator."))
    return held[person.pk]


def _held(*people: User) -> dict[int, User]:
    """People as they are now, held until the end; in one order, so that nobody waits in a circle."""
    locked = User.objects.select_for_update(no_key=True).filter(pk__in=[person.pk for person in people])
    return {person.pk: person for person in locked.order_by("pk")}


def _last_admin(project: Project, user: User) -> bool:
    """Whether nobody else who is active could administer the project."""
    admins = Membership.objects.filter(project=project, role=Role.ADMIN, user__is_active=True)
    return not admins.exclude(user=user).exists()


@audit.atomic()
def theme_choose(*, user: User, theme: str) -> User:
    """Keep a person's choice of appearance."""
    if theme not in User.Theme.values:
        raise InvalidInput({"theme": [str(_("Choose light, dark, or as the system."))]})
    user.theme = theme
    user.save(update_fields=["theme"])
    return user


@audit.atomic()
def shortcuts_choose(*, user: User, on: bool) -> User:
    """Keep whether single keys do something for this person."""
    user.shortcuts = on
    user.save(update_fields=["shortcuts"])
    return user


@audit.atomic()
def token_create(*, user: User, name: str, scopes: Collection[str], days: int) -> tuple[ApiToken, str]:
    """A token of one's own, and its text, which is shown this once and kept nowhere."""
    problems: dict[str, list[str]] = {}
    if not name.strip() or len(name) > 80:
        problems["name"] = [str(_("Say in up to 80 characters what uses it."))]
    if not scopes or not set(scopes) <= set(Scope.values):
        problems["scopes"] = [str(_("Choose from: %(names)s.") % {"names": ", ".join(Scope.values)})]
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        words = _("Between 1 and %(days)s days.") % {"days": LONGEST_TOKEN_DAYS}
        problems["days"] = [str(words)]
    if problems:
        raise InvalidInput(problems)
    text = f"bisync_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        user=user,
        name=name.strip(),
        prefix=text[:12],
        digest=digest_of(text),
        scopes=sorted({Scope.READ.value, *scopes}),
        expires_at=timezone.now() + timedelta(days=days),
    )
    after = {"name": token.name, "scopes": token.scopes, "expires": token.expires_at.isoformat()}
    audit.record(actor=user, action="token.created", target=token, after=after)
    return token, text


@audit.atomic()
def token_revoke(*, token: ApiToken, actor: User) -> ApiToken:
    """End a token at once: one's own, or anybody's by whoever administers Bisync."""
    if token.user_id != actor.pk and not actor.is_superuser:
        raise NotAllowed(reason=_("This token belongs to somebody else."))
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record(actor=actor, action="token.revoked", target=token)
    token.refresh_from_db()
    return token


def answers_forget() -> int:
    """Forget what requests were answered so long ago that nobody repeats them; returns how many."""
    gone, _kinds = Answered.objects.filter(at__lt=timezone.now() - ANSWERS_KEPT).delete()
    return gone


@audit.atomic()
def log_exported(*, project: Project | None, asked: Mapping[str, str], format: str, actor: User) -> int:  # noqa: A002
    """Note that somebody takes a copy of the log; returns the id of the last event that is in it."""
    if project is None:
        permissions.require_operator(actor)
    else:
        permissions.require(actor, "audit.view", project)
    newest = AuditEvent.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    audit.record(
        actor=actor, action="audit.exported", target=project, after={"format": format, "filter": dict(asked)}
    )
    return newest


def _role(user: User, role: Role) -> dict[str, object]:
    return {"person": user.email, "role": str(role)}
