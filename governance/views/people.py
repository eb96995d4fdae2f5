"""The people of a project, and everybody in the installation."""

from __future__ import annotations

from urllib.parse import urlencode

from django.core import signing
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.errors import TooLateToUndo
from bisync.lib.forms import carry_out
from bisync.lib.web import came_from, go, page
from governance import actions, permissions
from governance.forms import MemberForm, NewPersonForm, RolesForm
from governance.models import ApiToken, Project, User
from governance.selectors import everybody, members_of
from governance.web import Request, for_operators, in_project

# Whom a change of roles is undone for is told by a signed address, good for so long.
UNDO, UNDO_SECONDS = "roles-undo", 3600

# -- Of a project ---------------------------------------------------------------------------------------


@require_safe
@in_project
def member_list(request: Request, project: Project) -> HttpResponse:
    """Who is in the project, with which roles."""
    return page(
        request,
        "governance/member_list.html",
        {
            "people": Paginator(members_of(project), 50).get_page(request.GET.get("page")),
            "may_manage": permissions.decide(request.user, "people.manage", project),
        },
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def member_add(request: Request, project: Project) -> HttpResponse:
    """Somebody who is here already, or somebody new, whose link is shown this once."""
    permissions.require(request.user, "people.manage", project)
    form = MemberForm(request.POST or None)
    if request.method == "POST":
        added = carry_out(
            form,
            lambda: actions.person_add(project=project, actor=request.user, **form.cleaned_data),
        )
        if added is not None:
            person, key = added
            if key:
                return _link_page(request, person, key, reverse("people", args=[project.slug]))
            say = _("Added %(name)s to the project.") % {"name": person}
            return go(request, reverse("people", args=[project.slug]), say=say)
    return page(request, "governance/member_add.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def member(request: Request, project: Project, member: int) -> HttpResponse:
    """One person's roles in the project."""
    permissions.require(request.user, "people.manage", project)
    person = get_object_or_404(members_of(project), pk=member)
    held = sorted(membership.role for membership in person.held)  # type: ignore[attr-defined]
    form = RolesForm(request.POST or None, initial={"roles": held})
    if request.method == "POST":
        undo = carry_out(form, lambda: _set_roles(request, project, person, form.cleaned_data["roles"]))
        if undo is not None:
            say = _("Saved the roles of %(name)s.") % {"name": person}
            return go(request, reverse("people", args=[project.slug]), say=say, undo=undo)
    context = {"form": form, "person": person, "may_link": permissions.may_make_link(request.user, person)}
    return page(request, "governance/member.html", context, status=422 if form.is_bound else 200)


def _set_roles(request: Request, project: Project, person: User, roles: list[str]) -> str:
    """The address that undoes it; "" where nothing changed, or where it was about oneself."""
    before = actions.roles_set(project=project, user=person, roles=roles, actor=request.user)
    if person == request.user or before == set(roles):
        return ""
    # Signed, so that nobody is brought into a project by their number.
    kept = {"project": project.pk, "person": person.pk, "roles": sorted(before), "was": sorted(roles)}
    token = signing.dumps(kept, salt=UNDO)
    return f"{reverse('roles-undo', args=[project.slug])}?{urlencode({'undo': token})}"


@require_POST
@in_project
def roles_undo(request: Request, project: Project) -> HttpResponse:
    """Give somebody the roles back that they held before the last change."""
    permissions.require(request.user, "people.manage", project)
    try:
        kept = signing.loads(request.GET.get("undo", ""), salt=UNDO, max_age=UNDO_SECONDS)
    except signing.BadSignature:
        raise TooLateToUndo from None
    if kept["project"] != project.pk:
        raise TooLateToUndo
    person = get_object_or_404(User, pk=kept["person"], is_active=True)
    actions.roles_set(project=project, user=person, roles=kept["roles"], was=kept["was"], actor=request.user)
    say = _("%(name)s has the roles from before again.") % {"name": person}
    return go(request, reverse("people", args=[project.slug]), say=say)


@require_POST
@in_project
def member_remove(request: Request, project: Project, member: int) -> HttpResponse:
    """Take somebody out of the project; they stay in the installation."""
    permissions.require(request.user, "people.manage", project)
    person = get_object_or_404(members_of(project), pk=member)
    undo = _set_roles(request, project, person, [])
    # Whoever removed themselves finds no such project any more.
    home = reverse("home") if person == request.user else reverse("people", args=[project.slug])
    return go(request, home, say=_("Removed %(name)s from the project.") % {"name": person}, undo=undo)


@never_cache
@require_POST
@in_project
def member_link(request: Request, project: Project, member: int) -> HttpResponse:
    """A new link for somebody who has not joined yet."""
    permissions.require(request.user, "people.manage", project)
    person = get_object_or_404(members_of(project), pk=member)
    key = actions.link_make(person=person, actor=request.user)
    return _link_page(request, person, key, reverse("people", args=[project.slug]))


def _link_page(request: Request, person: User, key: str, back: str) -> HttpResponse:
    """The link to hand over: the only time that it is shown."""
    link = request.build_absolute_uri(f"{reverse('join')}?{urlencode({'key': key})}")
    context = {"person": person, "link": link, "days": actions.LINK_DAYS, "back": back}
    return page(request, "governance/person_link.html", context)


# -- Of the installation --------------------------------------------------------------------------------


@require_safe
@for_operators
def person_list(request: Request) -> HttpResponse:
    """Everybody, with their roles; searched on the server."""
    search, show = request.GET.get("q", "")[:200], request.GET.get("show", "")
    people = everybody(search=search, show=show)
    return page(
        request,
        "governance/person_list.html",
        {
            "people": Paginator(people, 50).get_page(request.GET.get("page")),
            "search": search,
            "show": show,
            "query": f"{urlencode({'q': search, 'show': show})}&",
        },
        fragment="rows",
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@for_operators
def person_add(request: Request) -> HttpResponse:
    """Somebody new, whose link is shown this once; their roles are given in projects."""
    form = NewPersonForm(request.POST or None)
    if request.method == "POST":
        added = carry_out(form, lambda: actions.person_add(actor=request.user, **form.cleaned_data))
        if added is not None:
            return _link_page(request, *added, reverse("system-person", args=[added[0].pk]))
    return page(request, "governance/person_add.html", {"form": form}, status=422 if form.is_bound else 200)


@require_safe
@for_operators
def person(request: Request, person: int) -> HttpResponse:
    """One person: where they work, their tokens, and what may be done about their account."""
    found = get_object_or_404(everybody(), pk=person)
    context = {"person": found, "tokens": ApiToken.objects.filter(user=found, revoked_at=None)}
    return page(request, "governance/person.html", context)


@never_cache
@require_POST
@for_operators
def person_link(request: Request, person: int) -> HttpResponse:
    """A link by which somebody sets a new password."""
    found = get_object_or_404(User, pk=person)
    key = actions.link_make(person=found, actor=request.user)
    return _link_page(request, found, key, found.get_absolute_url())


@require_POST
@for_operators
def person_deactivate(request: Request, person: int) -> HttpResponse:
    found = actions.person_deactivate(person=get_object_or_404(User, pk=person), actor=request.user)
    return go(request, found.get_absolute_url(), say=_("%(name)s cannot sign in any more.") % {"name": found})


@require_POST
@for_operators
def person_reactivate(request: Request, person: int) -> HttpResponse:
    found = actions.person_reactivate(person=get_object_or_404(User, pk=person), actor=request.user)
    return go(request, found.get_absolute_url(), say=_("%(name)s can sign in again.") % {"name": found})


@require_POST
@for_operators
def person_appoint(request: Request, person: int) -> HttpResponse:
    found = actions.operator_appoint(person=get_object_or_404(User, pk=person), actor=request.user)
    say = _("%(name)s administers this installation now.") % {"name": found}
    return go(request, found.get_absolute_url(), say=say)


@require_POST
@for_operators
def person_dismiss(request: Request, person: int) -> HttpResponse:
    found = actions.operator_dismiss(person=get_object_or_404(User, pk=person), actor=request.user)
    say = _("%(name)s does not administer this installation any more.") % {"name": found}
    return go(request, found.get_absolute_url(), say=say)


@require_POST
@for_operators
def token_revoke(request: Request, person: int, token: int) -> HttpResponse:
    """End somebody's token at once."""
    found = get_object_or_404(ApiToken.objects.select_related("user"), pk=token, user=person)
    actions.token_revoke(token=found, actor=request.user)
    here = came_from(request, found.user.get_absolute_url())
    return go(request, here, say=_("Revoked: %(name)s.") % {"name": found.name})
