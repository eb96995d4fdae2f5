"""`Idempotency-Key`: the same request twice does its work once and is answered the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.lib.errors import BisyncError
from governance import audit
from governance.models import Answered, User

HEADER = "Idempotency-Key"
KEPT = timedelta(days=2)
LONGEST = 200


class KeyReused(BisyncError):
    code = "idempotency-key-reused"
    message = _("This Idempotency-Key belongs to another request. Make a new key for each request.")
    http_status = 422


View = Callable[..., Response]


def once(view: View) -> View:
    """Let a view's work and the note of its answer be one transaction; a repetition reads the note."""

    @wraps(view)
    def inner(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER, "")
        if not key:
            with audit.atomic():
                return view(self, request, *args, **kwargs)
        if len(key) > LONGEST:
            raise KeyReused
        Answered.objects.filter(at__lt=timezone.now() - KEPT).delete()
        user, digest = request.user, _digest(request)
        assert isinstance(user, User)
        with audit.atomic():
            # Whoever asks the same at the same moment waits here until the first is answered.
            note, fresh = _noted(user, key, digest)
            if not fresh:
                if note.request_digest != digest:
                    raise KeyReused
                return Response(note.body, status=note.status, headers={"Idempotent-Replayed": "true"})
            response = view(self, request, *args, **kwargs)
            note.status = response.status_code
            note.body = json.loads(json.dumps(response.data, default=str))
            note.save(update_fields=["status", "body"])
            return response

    return inner


def _noted(user: User, key: str, digest: str) -> tuple[Answered, bool]:
    """The note of this key, and whether it was made now."""
    return Answered.objects.get_or_create(user=user, key=key, defaults={"request_digest": digest})


def _digest(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
