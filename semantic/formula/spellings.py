"""Numbers and dates as they are written elsewhere, and what a formula would say instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

# Digits with points and commas between them, as they stand in a text, at an end of a range (10..29,99) too.
GROUPS = re.compile(
    r"(?<![\w,])(?<![^.]\.)(?<!^\.)[0-9]+(?:[.,][0-9]+)+(?:(?=\.\.[^.])|(?![\w.,]*\w))", re.MULTILINE
)
# Where a point may have been meant to separate thousands: 1.000 and 2.500, but not 1.125.
POINTED = re.compile(r"(?<![\w.,])[1-9][0-9]{0,2}(?:\.[0-9]{3})*\.[0-9]{2}0(?![\w.,]*\w)")
DATE = (
    r"(?:(?:19|20)[0-9]{2}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}\.[0-9]{1,2}\.(?:19|20)[0-9]{2}"
    r"|[0-9]{1,2}/[0-9]{1,2}/(?:19|20)[0-9]{2})(?![\w./]|-[0-9])"
)


def numbers(written: str) -> tuple[str, ...]:
    """What `1,5`, `1.000,50`, `1,000` or `1.000.000` may mean, in digits with a point; () for none of these.

    >>> numbers("1.000,50"), numbers("1,000"), numbers("1,5")
    (('1000.50',), ('1000', '1'), ('1.5',))
    """
    marks = [char for char in written if char in ".,"]
    if not marks or not re.fullmatch(r"[0-9]+(?:[.,][0-9]+)+", written):
        return ()
    whole, decimals = written.rsplit(marks[-1], 1)
    other = marks[0]
    if other != marks[-1]:
        return (f"{_joined(whole, other)}.{decimals}",) if _in_thousands(whole, other) else ()
    together = (_joined(written, other),) if _in_thousands(written, other) else ()
    if len(marks) > 1:
        return together
    return (*together, _shortened(whole, decimals) if together else f"{whole}.{decimals}")


def in_doubt(written: str) -> tuple[str, ...]:
    """What digits with a comma, or with points that may separate thousands, may mean; () for all others."""
    return numbers(written) if "," in written or POINTED.fullmatch(written) else ()


def doubtful(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The numbers in a text that mean different things to different readers, each with what it may mean."""
    for found in GROUPS.finditer(text):
        if meant := in_doubt(found[0]):
            yield found[0], meant


def one_number(typed: str) -> tuple[str, ...]:
    """The number that a text means, with a point for decimals; several where it is in doubt, smallest first.

    >>> one_number("-1.000,50"), one_number("1.000"), one_number("ten")
    (('-1000.50',), ('1', '1000'), ('ten',))
    """
    sign, digits = ("-", typed[1:]) if typed.startswith("-") else ("", typed)
    meant = numbers(digits)
    if len(meant) > 1:
        meant = in_doubt(digits)
    return tuple(f"{sign}{one}" for one in sorted(meant, key=float)) or (typed,)


def _in_thousands(digits: str, mark: str) -> bool:
    return re.fullmatch(rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+", digits) is not None


def _joined(digits: str, mark: str) -> str:
    return digits.replace(mark, "")


def _shortened(whole: str, decimals: str) -> str:
    """Without the zeros that would leave the same doubt."""
    return f"{whole}.{decimals}".rstrip("0").rstrip(".")


def days(written: str) -> tuple[date, ...]:
    """The days that `31.1.2026`, `2026/1/31` or `2/1/2026` may name: of the last one, two."""
    found = re.fullmatch(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:[ T].*)?", written)
    if found:
        return _existing((found[1], found[2], found[3]))
    found = re.fullmatch(r"([0-9]{1,2})([./])([0-9]{1,2})\2([0-9]{4})", written)
    if not found:
        return ()
    european = (found[4], found[3], found[1])
    american = (found[4], found[1], found[3])
    return _existing(european) if found[2] == "." else _existing(american, european)


def _existing(*dates: tuple[str, str, str]) -> tuple[date, ...]:
    found = []
    for year, month, day in dates:
        try:
            found.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))
