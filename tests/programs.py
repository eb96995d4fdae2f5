"""A program that speaks to the API."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from governance.actions import token_create
from governance.models import User
from governance.models.tokens import Scope


class Program:
    """Somebody's program, with a token for some scopes; for all of them where none is named."""

    def __init__(self, user: User, *scopes: str) -> None:
        self.token, self.text = token_create(user=user, name="script", scopes=scopes or Scope.values, days=1)
        self.client = Client()

    def send(self, method: str, path: str, data: object = None, **headers: str) -> HttpResponse:
        """The whole answer; `path` is below /api/v1."""
        return self.client.generic(  # type: ignore[return-value]
            method,
            f"/api/v1{path}",
            json.dumps(data) if data is not None else "",
            content_type="application/json",
            headers={"authorization": f"Bearer {self.text}", **headers},
        )

    def ask(self, method: str, path: str, data: object = None, **headers: str) -> tuple[int, Any]:
        """The status and what was told."""
        answer = self.send(method, path, data, **headers)
        return answer.status_code, json.loads(answer.content)

    def get(self, path: str) -> tuple[int, Any]:
        return self.ask("GET", path)

    def post(self, path: str, data: object = None, **headers: str) -> tuple[int, Any]:
        return self.ask("POST", path, {} if data is None else data, **headers)
