"""Who asks: a program by its token, or a person who is signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from governance.models import ApiToken, User
from governance.models.tokens import Scope, digest_of

_NOTED_EVERY = timedelta(minutes=1)


class Bearer(BaseAuthentication):
    """`Authorization: Bearer bisync_…`"""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        word, _space, text = get_authorization_header(request).partition(b" ")
        if word.lower() != b"bearer":
            return None
        digest = digest_of(text.strip().decode("latin-1"))
        token = ApiToken.objects.select_related("user").filter(digest=digest).first()
        if token is None or not token.usable:
            raise AuthenticationFailed(_("This token is unknown, expired or revoked. Make a new one."))
        now = timezone.now()
        if token.last_used_at is None or token.last_used_at < now - _NOTED_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, _request: Request) -> str:
        return "Bearer"


class Scoped(BasePermission):
    """A token needs the view's scope: `read` for looking, `scope` of the view for anything else."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        wanted = Scope.READ if request.method in SAFE_METHODS else view.scope
        self.message = _("This token lacks the scope “%(scope)s”.") % {"scope": wanted}
        return not isinstance(token, ApiToken) or wanted in token.scopes


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = Bearer
    name = "token"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
