"""Projects and the people in them."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput
from governance import audit, permissions
from governance.models import Membership, Project, User
from governance.roles import Role


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


@transaction.atomic
def project_create(*, slug: str, name: str, actor: User) -> Project:
    """A new project, with its creator as admin."""
    project = checked(Project(slug=slug, name=name.strip()))
    project.save()
    audit.record(actor=actor, action="project.created", target=project, after={"slug": slug, "name": name})
    Membership.objects.create(project=project, user=actor, role=Role.ADMIN)
    audit.record(actor=actor, action="role.granted", target=project, after=_role(actor, Role.ADMIN))
    return project


@transaction.atomic
def role_grant(*, project: Project, user: User, role: Role, actor: User) -> Membership:
    """Give a person a role; one they hold already stays as it is."""
    permissions.require(actor, "people.manage", project)
    membership, created = Membership.objects.get_or_create(project=project, user=user, role=role)
    if created:
        permissions.forget_roles(user)
        audit.record(actor=actor, action="role.granted", target=project, after=_role(user, role))
    return membership


@transaction.atomic
def role_revoke(*, project: Project, user: User, role: Role, actor: User) -> None:
    """Take a role away. Raises `LastAdmin` rather than leave a project without one."""
    permissions.require(actor, "people.manage", project)
    # Two admins who remove each other at once would both still see the other one.
    Project.objects.select_for_update().get(pk=project.pk)
    others = Membership.objects.filter(project=project, role=Role.ADMIN, user__is_active=True)
    if role == Role.ADMIN and not others.exclude(user=user).exists():
        raise LastAdmin
    gone, _kinds = Membership.objects.filter(project=project, user=user, role=role).delete()
    if gone:
        permissions.forget_roles(user)
        audit.record(actor=actor, action="role.revoked", target=project, before=_role(user, role))


@transaction.atomic
def theme_choose(*, user: User, theme: str) -> User:
    """Keep a person's choice of appearance."""
    if theme not in User.Theme.values:
        raise InvalidInput({"theme": [str(_("Choose light, dark, or as the system."))]})
    user.theme = theme
    user.save(update_fields=["theme"])
    return user


def _role(user: User, role: Role) -> dict[str, object]:
    return {"person": user.email, "role": str(role)}
