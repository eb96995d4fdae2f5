"""People as pages show them."""

from __future__ import annotations

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Prefetch, Q, QuerySet

from governance.models import Membership, Project, User
from governance.roles import GRANTS

# What the list of everybody may be narrowed to.
SHOWN = {
    "invited": Q(is_active=True, password__startswith=UNUSABLE_PASSWORD_PREFIX),
    "deactivated": Q(is_active=False),
    "administrators": Q(is_active=True, is_superuser=True),
}


def members_of(project: Project) -> QuerySet[User]:
    """Who holds a role in the project, with their roles there as `held`."""
    held = Membership.objects.filter(project=project).order_by("role")
    people = User.objects.filter(memberships__project=project).distinct()
    return people.prefetch_related(Prefetch("memberships", held, to_attr="held")).order_by("name", "pk")


def holders(project: Project, permission: str) -> QuerySet[User]:
    """The people whose roles let them do `permission` there; rules beside the roles are not asked."""
    able = Membership.objects.filter(project=project, role__in=GRANTS[permission])
    return User.objects.filter(pk__in=able.values("user"), is_active=True)


def everybody(*, search: str = "", show: str = "") -> QuerySet[User]:
    """Everybody in the installation whose name or address has the words, with their roles as `held`."""
    held = Membership.objects.select_related("project").order_by("project__name", "role")
    people = User.objects.filter(SHOWN.get(show, Q()))
    for word in search.split():
        people = people.filter(Q(name__icontains=word) | Q(email__icontains=word))
    return people.prefetch_related(Prefetch("memberships", held, to_attr="held")).order_by("name", "pk")
