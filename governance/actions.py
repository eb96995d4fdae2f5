"""Projects and the people in them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, NotAllowed
from governance import audit, permissions
from governance.models import Answered, ApiToken, Membership, Project, Scope, User
from governance.models.tokens import digest_of
from governance.roles import Role

LONGEST_TOKEN_DAYS = 366
ANSWERS_KEPT = timedelta(days=2)


class LastAdmin(BisyncError):
    code = "last-admin"
    message = _("A project needs an admin. Make somebody else one first.")
    http_status = 409


def checked(instance: Project) -> Project:
    """The instance, or `InvalidInput` with a sentence for each field that is wrong."""
    try:
        instance.full_clean()
    except ValidationError as exc:
        raise InvalidInput({name: list(texts) for name, texts in exc.message_dict.items()}) from None
    return instance


@audit.atomic()
def project_create(*, slug: str, name: str, actor: User) -> Project:
    """A new project, with its creator as admin."""
    project = checked(Project(slug=slug, name=name.strip()))
    project.save()
    audit.record(actor=actor, action="project.created", target=project, after={"slug": slug, "name": name})
    Membership.objects.create(project=project, user=actor, role=Role.ADMIN)
    audit.record(actor=actor, action="role.granted", target=project, after=_role(actor, Role.ADMIN))
    return project


@audit.atomic()
def role_grant(*, project: Project, user: User, role: Role, actor: User) -> Membership:
    """Give a person a role; one they hold already stays as it is."""
    permissions.require(actor, "people.manage", project)
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
    others = Membership.objects.filter(project=project, role=Role.ADMIN, user__is_active=True)
    if role == Role.ADMIN and not others.exclude(user=user).exists():
        raise LastAdmin
    gone, _kinds = Membership.objects.filter(project=project, user=user, role=role).delete()
    if gone:
        permissions.forget_roles(user)
        audit.record(actor=actor, action="role.revoked", target=project, before=_role(user, role))


@audit.atomic()
def theme_choose(*, user: User, theme: str) -> User:
    """Keep a person's choice of appearance."""
    if theme not in User.Theme.values:
        raise InvalidInput({"theme": [str(_("Choose light, dark, or as the system."))]})
    user.theme = theme
    user.save(update_fields=["theme"])
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


def _role(user: User, role: Role) -> dict[str, object]:
    return {"person": user.email, "role": str(role)}
