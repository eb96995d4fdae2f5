"""One's own API tokens."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from bisync.lib.errors import InvalidInput
from bisync.lib.web import go, page
from governance.actions import token_create, token_revoke
from governance.forms import TokenForm
from governance.models import ApiToken
from governance.web import Request


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def token_list(request: Request) -> HttpResponse:
    """The tokens that still work, and a form for another one, whose text is shown this once."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    made, text = None, ""
    if form.is_bound and form.is_valid():
        try:
            made, text = token_create(user=request.user, **form.cleaned_data)
        except InvalidInput as exc:
            for name, sentences in exc.fields.items():
                form.add_error(name, sentences)
        else:
            form = TokenForm()
    tokens = ApiToken.objects.filter(user=request.user, revoked_at=None, expires_at__gt=timezone.now())
    context = {"form": form, "tokens": tokens, "made": made, "text": text}
    return page(request, "governance/token_list.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def revoke(request: Request, pk: int) -> HttpResponse:
    """End one's token at once."""
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    token_revoke(token=token, actor=request.user)
    return go(request, reverse("tokens"), say=_("Revoked: %(name)s.") % {"name": token.name})
