"""May this person do that? An answer with a reason, the same for pages, actions and templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from bisync.lib.errors import NotAllowed
from governance.models import Membership, Project, User
from governance.roles import GRANTS, LABELS, Role


@dataclass(frozen=True, slots=True)
class Decision:
    """True or false, and why not."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


ALLOWED = Decision(allowed=True)
Rule = Callable[[User, Any], Decision]
_RULES: dict[str, list[Rule]] = {}


def refused(reason: str) -> Decision:
    return Decision(allowed=False, reason=reason)


def rule(permission: str) -> Callable[[Rule], Rule]:
    """Add what a role cannot express (four eyes, ownership) to a permission."""
    if permission not in GRANTS:
        raise KeyError(permission)

    def add(check: Rule) -> Rule:
        _RULES.setdefault(permission, []).append(check)
        return check

    return add


def roles_of(user: User, project: Project) -> frozenset[str]:
    """The roles a person holds in a project, read once per user object (that is: per request)."""
    known: dict[int, frozenset[str]] = user.__dict__.setdefault("_roles", {})
    if project.pk not in known:
        held = Membership.objects.filter(user=user, project=project).values_list("role", flat=True)
        known[project.pk] = frozenset(held) | ({Role.ADMIN.value} if user.is_superuser else set())
    return known[project.pk]


def learn_roles(user: User, projects: Iterable[Project]) -> None:
    """Read the roles in many projects at once, before a list asks for them one by one."""
    known: dict[int, frozenset[str]] = user.__dict__.setdefault("_roles", {})
    wanted = {project.pk for project in projects} - set(known)
    held: dict[int, set[str]] = {pk: {Role.ADMIN.value} if user.is_superuser else set() for pk in wanted}
    for project, role in Membership.objects.filter(user=user, project__in=wanted).values_list(
        "project", "role"
    ):
        held[project].add(role)
    known.update({pk: frozenset(roles) for pk, roles in held.items()})


def forget_roles(user: User) -> None:
    """Have a person's roles read again: one was given or taken."""
    user.__dict__.pop("_roles", None)


def would_raise(actor: User, role: Role, project: Project) -> bool:
    """Whether the role would let somebody do what their present ones do not."""
    held = roles_of(actor, project)
    return any(role in granted and not held & granted for granted in GRANTS.values())


def decide(actor: User, permission: str, obj: Any) -> Decision:
    """Whether `actor` may do `permission` to `obj` (a project, or anything with a `.project`)."""
    granted = GRANTS[permission]  # an unknown permission is a typo: fail loudly
    if not actor.is_active or not roles_of(actor, obj.project) & granted:
        what = LABELS[permission]
        return refused(_("Your role in this project does not let you %(what)s.") % {"what": what})
    for check in _RULES.get(permission, ()):
        answer = check(actor, obj)
        if not answer:
            return answer
    return ALLOWED


def require(actor: User, permission: str, obj: Any) -> None:
    """Raise `NotAllowed` with the reason unless `decide` allows it."""
    answer = decide(actor, permission, obj)
    if not answer:
        raise NotAllowed(reason=answer.reason)


def operates(actor: User) -> Decision:
    """Whether `actor` administers this installation: its people, queues, settings and whole history."""
    if actor.is_active and actor.is_superuser:
        return ALLOWED
    return refused(_("Only administrators of this installation may do this."))


def may_connect(actor: User) -> Decision:
    """Whether `actor` may connect a repository: its code runs here, and they become admin of a project."""
    admin = Membership.objects.filter(user=actor, role=Role.ADMIN)
    if actor.is_active and (actor.is_superuser or admin.exists()):
        return ALLOWED
    return refused(_("Administrators of this installation, and admins of a project, connect repositories."))


def require_connecting(actor: User) -> None:
    """Raise `NotAllowed` unless `actor` may connect a repository."""
    answer = may_connect(actor)
    if not answer:
        raise NotAllowed(reason=answer.reason)


def require_operator(actor: User) -> None:
    """Raise `NotAllowed` unless `actor` administers this installation."""
    answer = operates(actor)
    if not answer:
        raise NotAllowed(reason=answer.reason)


def may_make_link(actor: User, person: User) -> Decision:
    """Whether `actor` may make the link by which `person` sets a password, and so could sign in as them.

    Admins of a project may for whom they invited, as long as that gives them no right they do not have.
    """
    if not person.is_active:
        return refused(_("%(name)s is deactivated.") % {"name": person})
    if operates(actor):
        return ALLOWED
    if not person.joined and not person.is_superuser:
        projects = list(Project.objects.filter(memberships__user=person).distinct())
        if projects and all(decide(actor, "people.manage", project) for project in projects):
            return ALLOWED
    return refused(
        _("Ask an administrator of this installation for a new link for %(name)s.") % {"name": person}
    )
