"""Typed readers for settings in the environment; a bad value stops start-up with a sentence.

A secret may come from a file: where `NAME_FILE` is set, its contents are the value of `NAME`.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from bisync.lib.addresses import Places

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


def text(name: str, default: str = "") -> str:
    """The setting as text, or `default` where it is unset or empty."""
    return os.environ.get(name) or default


def flag(name: str, *, default: bool = False) -> bool:
    """Whether the setting says yes (1, true, yes, on) or no (0, false, no, off)."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")


def number(name: str, default: int) -> int:
    """The setting as a whole number."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def rate(name: str, default: str) -> tuple[int, int]:
    """The setting, such as 600/minute, as a number and the seconds in which it is allowed."""
    value = text(name, default).strip()
    most, _slash, unit = value.partition("/")
    if unit not in _SECONDS or not most.isdecimal() or int(most) < 1:
        raise ImproperlyConfigured(
            f"{name} must be a number for each second, minute, hour or day, such as {default}, not {value!r}."
        )
    return int(most), _SECONDS[unit]


def words(name: str, default: str = "") -> list[str]:
    """The setting split at commas, without blanks."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def places(name: str, default: str = "") -> Places:
    """The setting as hosts and networks, separated by commas."""
    try:
        return Places.of(words(name, default))
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name} lists a network that is none: {exc}.") from None


def secret(name: str, default: str = "") -> str:
    """The setting, or the contents of the file that `NAME_FILE` names."""
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return text(name, default)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ImproperlyConfigured(
            f"{name}_FILE names {file}, which cannot be read: {exc.strerror}."
        ) from None
