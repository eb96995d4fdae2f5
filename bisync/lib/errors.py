"""Expected failures: a code, its parameters, and a sentence that is made when somebody reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext_lazy as _

from bisync.lib.stored import storable

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class BisyncError(Exception):
    """Base of every expected failure.

    `code` is part of the public contract: API clients match on it, the docs list it, tests assert on it.
    `message` may be reworded freely and is translated when it is read, not when it is raised.
    `temporary` failures are worth another attempt by themselves.
    """

    code: ClassVar[str] = "failed"
    message: ClassVar[str | StrPromise] = _("That did not work.")
    http_status: ClassVar[int] = 400
    temporary: ClassVar[bool] = False

    def __init__(self, **params: object) -> None:
        # Their words may come from anywhere, and end in the database.
        self.params = {name: storable(value) for name, value in params.items()}
        super().__init__(self.code, self.params)

    def __str__(self) -> str:
        return str(self.message) % self.params


class NotAllowed(BisyncError):
    code = "not-allowed"
    message = _("%(reason)s")
    http_status = 403


class TooLateToUndo(BisyncError):
    code = "too-late-to-undo"
    message = _("This cannot be undone any more: it has been changed since.")
    http_status = 409


class InvalidInput(BisyncError):
    """What a person typed cannot be used; `fields` maps a form field to its sentences.

    `about` is the key of the thing whose fields they are, where several were sent at once.
    """

    code = "invalid-input"
    message = _("Some fields need another look: %(summary)s")
    http_status = 422

    def __init__(self, fields: dict[str, list[str]], *, about: int = 0) -> None:
        first = " ".join(sentence for sentences in fields.values() for sentence in sentences)
        super().__init__(summary=first, fields=fields)
        self.fields = fields
        self.about = about


def known_errors() -> dict[str, type[BisyncError]]:
    """Every error class of the product by its code, for the reference and for stored failures."""
    found: dict[str, type[BisyncError]] = {}
    waiting = [BisyncError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting.extend(kind.__subclasses__())
    return found


def sentence(code: str, params: dict[str, object]) -> str:
    """The sentence of a stored failure; the code itself where its parameters no longer fit."""
    kind = known_errors().get(code)
    if kind is None:
        return code
    try:
        return str(kind.message) % params
    except (KeyError, TypeError, ValueError):
        return code
