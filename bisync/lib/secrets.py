"""Secrets at rest (encrypted columns) and in output (struck out)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError

STRUCK = "•••"


class SecretUnreadable(BisyncError):
    code = "secret-unreadable"
    message = _("A stored secret cannot be read with the present keys. Restore the old key or type it again.")
    http_status = 500


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    """Keys of any length become Fernet keys by SHA-256; the first encrypts, all decrypt."""
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys]
    )


def sealed(text: str) -> str:
    """`text`, encrypted with the newest key."""
    return _box(tuple(settings.BISYNC_SECRET_KEYS)).encrypt(text.encode()).decode()


def unsealed(token: str, keys: Sequence[str] | None = None) -> str:
    """What was sealed, by any of `keys` or the settings'. Raises `SecretUnreadable` where none fits."""
    try:
        return _box(tuple(keys or settings.BISYNC_SECRET_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise SecretUnreadable from None


if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField


class EncryptedTextField(_Text):
    """Text that the database holds encrypted (Fernet) and that no form shows again."""

    def get_prep_value(self, value: Any) -> Any:
        return sealed(str(value)) if value else value

    def from_db_value(self, value: str | None, *_args: object) -> str | None:
        return unsealed(value) if value else value


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` with every secret, and its URL-quoted form, struck out."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, STRUCK).replace(quote(secret, safe=""), STRUCK)
    return text
