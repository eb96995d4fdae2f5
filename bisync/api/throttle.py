"""How much of the API one person may ask."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from bisync.lib.limits import Limit


class PerPerson(BaseThrottle):
    """BISYNC_API_RATE, whichever of their tokens or windows asks."""

    seconds = 0

    def allow_request(self, request: Request, _view: Any) -> bool:
        self.seconds = Limit("api", *settings.API_RATE).spend(str(request.user.pk))
        return not self.seconds

    def wait(self) -> float:
        return self.seconds
