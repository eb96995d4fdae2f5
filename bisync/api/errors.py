"""Every failure as `{code, message, params}`."""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from bisync.lib.errors import BisyncError, InvalidInput
from bisync.lib.limits import TooMany
from bisync.lib.stored import storable
from workspace.recording import DATABASE_AWAY


class DatabaseAway(BisyncError):
    code = "database-away"
    message = gettext_lazy("The database does not answer just now. Nothing was saved; try again in a moment.")
    http_status = 503


class BodyTooLong(BisyncError):
    code = "body-too-long"
    message = gettext_lazy("This is more than a request may hold. Send less at a time.")
    http_status = 413


def answer(exc: Exception, _context: dict[str, Any]) -> Response | None:
    """The answer to an expected failure; None for a bug, which becomes a 500."""
    if isinstance(exc, RequestDataTooBig):
        exc = BodyTooLong()
    elif isinstance(exc, DATABASE_AWAY):
        exc = DatabaseAway()
    elif isinstance(exc, exceptions.Throttled):
        exc = TooMany(seconds=math.ceil(getattr(exc, "wait", None) or 1))
    if isinstance(exc, BisyncError):
        set_rollback()
        headers = {"Retry-After": str(exc.params["seconds"])} if isinstance(exc, TooMany) else {}
        return _told(exc.http_status, exc.code, str(exc), _params(exc), headers)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound(_("There is nothing here, or nothing that you may see."))
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if not isinstance(exc, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = exc.auth_header  # type: ignore[attr-defined]
    if isinstance(exc, exceptions.ValidationError):
        fields = exc.detail if isinstance(exc.detail, dict) else {"": exc.detail}
        first = next(iter(fields.items()), ("", ""))
        message = _("Some fields need another look: %(name)s.") % {"name": first[0] or _("the whole")}
        return _told(422, InvalidInput.code, message, {"fields": fields})
    code = str(getattr(exc.detail, "code", exc.default_code)).replace("_", "-")
    return _told(exc.status_code, code, str(exc.detail), {}, headers)


def _params(exc: BisyncError) -> dict[str, Any]:
    plain = (str, int, float, bool, type(None), list, dict)
    return {name: value if isinstance(value, plain) else str(value) for name, value in exc.params.items()}


def _told(
    status: int, code: str, message: str, params: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    # A sentence may repeat what was sent, and half a character cannot be sent back.
    told = storable({"code": code, "message": message, "params": params})
    return Response(told, status=status, headers=headers)
