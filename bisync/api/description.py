"""What the OpenAPI description says of every method, beside what each says of itself."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter, OpenApiResponse

from bisync.api.drafts import Body
from bisync.api.shapes import Failure

FAILURES = {
    400: "The body is no JSON.",
    401: "There is no token, or none that works any more.",
    403: "The token lacks a scope, or its person a role.",
    404: "There is nothing here, or nothing that you may see.",
    406: "The answer is JSON, and that was not accepted.",
    409: "It is not as you saw it, or not in a state for this.",
    413: "The body is too long.",
    415: "The body has to be application/json.",
    422: "Something in it cannot be used; the parameters say by field what and why.",
    429: "Too many requests; Retry-After says when to come back.",
}
RETRY_AFTER = OpenApiParameter(
    "Retry-After", int, OpenApiParameter.HEADER, response=[429], description="In so many seconds."
)


class Described(AutoSchema):
    """Adds what a view asks of a look, and the failures that any method of its kind can be answered."""

    def get_override_parameters(self) -> list[Any]:
        asks = getattr(self.view, "asks", None) if self.method == "GET" else None
        return [*super().get_override_parameters(), RETRY_AFTER, *([asks] if asks else [])]

    def get_tags(self) -> list[str]:
        """What a path is about: the first plural below the project."""
        about: list[str] = self._tokenize_path()
        return about[1:2] or about[:1]

    def _get_serializer_name(self, *args: Any, **kwargs: Any) -> str:
        name: str = super()._get_serializer_name(*args, **kwargs)
        return name.removesuffix("Shape")

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> Any:
        """Whoever sends a field that a body does not have is told so."""
        shape: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return {**shape, "additionalProperties": False} if isinstance(serializer, Body) else shape

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._failures():
            told = OpenApiResponse(Failure, description=FAILURES[status])
            answers[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                told, str(status), direction=direction
            )
        return answers

    def _failures(self) -> list[int]:
        looks = self.method == "GET"
        never = {400, 409, 413, 415} if looks else set()
        if looks and not (self._is_list_view() or getattr(self.view, "asks", None)):
            never.add(422)
        if "{" not in self.path:
            never.add(404)
        return [status for status in FAILURES if status not in never]
