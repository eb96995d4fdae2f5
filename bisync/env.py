"""Typed readers for settings in the environment; a bad value stops start-up with a sentence.

A secret may come from a file: where `NAME_FILE` is set, its contents are the value of `NAME`. `READ` keeps
what was read and where it came from, for the page of the settings in force; secrets are not in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from bisync.lib.addresses import Places

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
ENVIRONMENT, DEFAULT = "environment", "default"


@dataclass(frozen=True, slots=True)
class Reading:
    """A setting as it was read. `source` is the environment, the default, or the file that it came from."""

    value: str
    source: str
    secret: bool = False


READ: dict[str, Reading] = {}


def _note(name: str, value: str, source: str = "", *, secret: bool = False) -> None:
    given = bool(os.environ.get(name, "").strip())
    READ[name] = Reading(value, source or (ENVIRONMENT if given else DEFAULT), secret)


def text(name: str, default: str = "") -> str:
    """The setting as text, or `default` where it is unset or empty."""
    value = os.environ.get(name) or default
    _note(name, value)
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Whether the setting says yes (1, true, yes, on) or no (0, false, no, off)."""
    value = os.environ.get(name, "").strip().lower()
    said = {"": default} | dict.fromkeys(("1", "true", "yes", "on"), True)
    said |= dict.fromkeys(("0", "false", "no", "off"), False)
    if value not in said:
        raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")
    _note(name, "yes" if said[value] else "no")
    return said[value]


def number(name: str, default: int) -> int:
    """The setting as a whole number."""
    value = os.environ.get(name, "").strip()
    _note(name, value or str(default))
    try:
        return int(value) if value else default
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
    file = os.environ.get(f"{name}_FILE", "")
    try:
        value = Path(file).read_text(encoding="utf-8").strip() if file else text(name, default)
    except OSError as exc:
        raise ImproperlyConfigured(
            f"{name}_FILE names {file}, which cannot be read: {exc.strerror}."
        ) from None
    _note(name, "", file, secret=True)
    return value
