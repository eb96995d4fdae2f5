"""Who asks, and what for: a program by its token, or a person who is signed in."""

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

from bisync.lib.errors import BisyncError
from bisync.lib.limits import Limit, TooMany
from bisync.lib.web import address_of
from governance.models import ApiToken, User
from governance.models.tokens import Scope, digest_of

_NOTED_EVERY = timedelta(minutes=1)
# By address. So many are a program gone wild, or somebody who guesses.
WRONG_TOKENS = Limit("token", most=60, seconds=60)


class TokenLacksScope(BisyncError):
    code = "token-lacks-scope"
    message = _("This token lacks the scope “%(scope)s”. Make one that has it.")
    http_status = 403


class Bearer(BaseAuthentication):
    """`Authorization: Bearer bisync_…`"""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        word, _space, text = get_authorization_header(request).partition(b" ")
        if word.lower() != b"bearer":
            return None
        address = address_of(request._request)
        if address and (seconds := WRONG_TOKENS.spent(address)):
            raise TooMany(seconds=seconds)
        digest = digest_of(text.strip().decode("latin-1"))
        token = ApiToken.objects.select_related("user").filter(digest=digest).first()
        if token is None and address:
            WRONG_TOKENS.spend(address)
        if token is None or not token.usable:
            raise AuthenticationFailed(_("This token is unknown, expired or revoked. Make a new one."))
        now = timezone.now()
        if token.last_used_at is None or token.last_used_at < now - _NOTED_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, _request: Request) -> str:
        return "Bearer"


class Scoped(BasePermission):
    """A token needs `read` for looking, and the `scope` of the view's method for anything else."""

    def has_permission(self, request: Request, view: Any) -> bool:
        method = (request.method or "").lower()
        if method.upper() in SAFE_METHODS:
            require_scope(request, Scope.READ)
        elif method in view.http_method_names and hasattr(view, method):
            require_scope(request, getattr(view, method).scope)
        return True  # a method that the view does not have is told so


def require_scope(request: Request, scope: Scope) -> None:
    """Raise `TokenLacksScope` unless the token has the scope. A person who is signed in has them all."""
    if isinstance(request.auth, ApiToken) and scope not in request.auth.scopes:
        raise TokenLacksScope(scope=scope.value)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = Bearer
    name = "token"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
