"""`Idempotency-Key`: the same request twice does its work once and is answered the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.lib.errors import BisyncError
from governance import audit
from governance.models import Answered, User

HEADER = "Idempotency-Key"
_KEY = r"[!-~]{1,200}"
KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "pattern": f"^{_KEY}$"},
    OpenApiParameter.HEADER,
    description="Makes a repetition within two days do nothing twice.",
)


class KeyReused(BisyncError):
    code = "idempotency-key-reused"
    message = _("This Idempotency-Key belongs to another request. Make a new key for each request.")
    http_status = 422


class KeyUnusable(BisyncError):
    code = "idempotency-key-unusable"
    message = _("An Idempotency-Key has 1 to 200 letters, digits or signs, and no blanks. Make another one.")
    http_status = 422


View = Callable[..., Response]


def once(view: View, unkept: Collection[str] = ()) -> View:
    """Let a view's work and the note of its answer be one transaction; a repetition reads the note.

    The note has nothing of what is `unkept`: secrets. The view's project has been found by then, so whoever
    was removed from it reads no old answers.
    """

    @wraps(view)
    def inner(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            with audit.atomic():
                return view(self, request, *args, **kwargs)
        if not re.fullmatch(_KEY, key):
            raise KeyUnusable
        user, digest = request.user, _digest(request)
        assert isinstance(user, User)
        with audit.atomic():
            # Whoever asks the same at the same moment waits here until the first is answered.
            note, fresh = Answered.objects.get_or_create(
                user=user, key=key, defaults={"request_digest": digest}
            )
            if not fresh:
                if note.request_digest != digest:
                    raise KeyReused
                return Response(note.body, status=note.status, headers={"Idempotent-Replayed": "true"})
            response = view(self, request, *args, **kwargs)
            note.status = response.status_code
            body = json.loads(JSONRenderer().render(response.data))
            note.body = {**body, **dict.fromkeys(unkept, "")} if unkept else body
            note.save(update_fields=["status", "body"])
            return response

    return inner


def _digest(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, default=lambda raw: hashlib.sha256(raw).hexdigest())
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
