"""One's own password: changed by oneself, or set for the first time through a link."""

from __future__ import annotations

from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from bisync.lib.forms import carry_out
from bisync.lib.web import go, page
from governance.actions import LinkSpent, link_use, password_change
from governance.forms import NewPasswordForm, PasswordForm
from governance.models import PasswordLink
from governance.models.tokens import digest_of
from governance.web import Request

_KEPT = "password-link"


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: Request) -> HttpResponse:
    """Change one's own password; every other session of one's own ends."""
    form = PasswordForm(request.POST or None)
    if request.method == "POST":
        user = carry_out(
            form,
            lambda: password_change(
                user=request.user, old=form.cleaned_data["old"], new=form.cleaned_data["password"]
            ),
        )
        if user is not None:
            update_session_auth_hash(request, user)
            return go(request, reverse("password"), say=_("Changed. You are signed out everywhere else."))
    return page(request, "governance/password.html", {"form": form}, status=422 if form.errors else 200)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: Request) -> HttpResponse:
    """Set the password of the link's person and sign them in.

    The key moves from the address into the session first: addresses end up in histories and logs.
    """
    if key := request.GET.get("key"):
        request.session[_KEPT] = digest_of(key)
        return redirect("join")
    links = PasswordLink.objects.select_related("user")
    link = links.filter(digest=request.session.get(_KEPT, "")).first()
    if link is None or not link.usable:
        raise LinkSpent
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST":
        user = carry_out(form, lambda: link_use(link=link, password=form.cleaned_data["password"]))
        if user is not None:
            del request.session[_KEPT]
            login(request, user)
            return go(request, reverse("home"), say=_("Welcome to Bisync."))
    context = {"form": form, "person": link.user}
    return page(request, "governance/join.html", context, status=422 if form.errors else 200)
