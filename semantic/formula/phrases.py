"""English words for names, values and functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# Words of operators between two values; dates have their own.
OPERATORS: Mapping[str, str] = {
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "divided by",
    "^": "to the power of",
    "&": "followed by",
    "=": "is",
    "<>": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "AND": "and",
    "OR": "or",
}
DATE_OPERATORS: Mapping[str, str] = {
    "<": "is before",
    "<=": "is on or before",
    ">": "is after",
    ">=": "is on or after",
}
# Totals of one field, and of a calculation.
TOTALS: Mapping[str, tuple[str, str]] = {
    "SUM": ("total {}", "the total of {}"),
    "AVERAGE": ("average {}", "the average of {}"),
    "MIN": ("the smallest {}", "the smallest value of {}"),
    "MAX": ("the largest {}", "the largest value of {}"),
    "MEDIAN": ("the median {}", "the median of {}"),
    "COUNT": ("the number of rows where {} is filled in", "the number of rows where {} is filled in"),
    "COUNTDISTINCT": ("the number of different {}", "the number of different values of {}"),
}
# Functions that read like a noun: they need no brackets inside a calculation.
NOUNS: Mapping[str, str] = {
    "ABS": "the absolute value of {}",
    "SQRT": "the square root of {}",
    "MOD": "the remainder of {} divided by {}",
    "LEN": "the length of {}",
    "LEFT": "the first {1} characters of {0}",
    "RIGHT": "the last {1} characters of {0}",
    "TODAY": "today",
    "YEAR": "the year of {}",
    "QUARTER": "the quarter of {}",
    "MONTH": "the month of {}",
    "DAY": "the day of the month of {}",
    "DATEDIFF": "the number of {2}s from {0} to {1}",
    "STARTOF": "the start of the {1} of {0}",
}
# Functions that read like a remark: in brackets inside a calculation.
REMARKS: Mapping[str, str] = {
    "CEILING": "{} rounded up to a whole number",
    "FLOOR": "{} rounded down to a whole number",
    "NULLIF": "{}, or blank where that is {}",
    "DIVIDE": "{} divided by {}, or {} where that is blank",
    "UPPER": "{} in capital letters",
    "LOWER": "{} in small letters",
    "TRIM": "{} without spaces at both ends",
    "DATEADD": "{} plus {} {}s",
}
# How those read that count something, where it is one.
COUNTED: Mapping[str, str] = {
    "LEFT": "the first character of {0}",
    "RIGHT": "the last character of {0}",
    "DATEADD": "{} plus {} {}",
}
# Which day of a period counts, other than its last one.
KEPT: Mapping[str, str] = {"first": "on the first day", "average": "on average of its days"}
# Functions that are conditions, and their denial.
CONDITIONS: Mapping[str, tuple[str, str]] = {
    "CONTAINS": ("{} contains {}", "{} does not contain {}"),
    "STARTSWITH": ("{} starts with {}", "{} does not start with {}"),
    "ENDSWITH": ("{} ends with {}", "{} does not end with {}"),
}


def words_of(name: str, label: str = "") -> str:
    """A name or label as words inside a sentence: `net_amount` and `Net amount` are “net amount”."""
    words = (label or name.replace("_", " ")).split()
    plain = [word[:1].isupper() and word[1:].islower() for word in words]
    if all(plain):
        return " ".join(words).lower()
    if plain[0]:
        words[0] = words[0].lower()
    return " ".join(words)


def plural(words: str) -> str:
    """`customer id` → `customer ids`; what looks like a plural already stays."""
    if words.endswith(("us", "ss", "x", "z", "ch", "sh")):
        return f"{words}es"
    if words.endswith("s"):
        return words
    if words.endswith("y") and words[-2:-1] not in "aeiou":
        return f"{words[:-1]}ies"
    return f"{words}s"


def listed(parts: Sequence[str], last: str) -> str:
    """`a, b or c`"""
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def ordinal(fraction: float) -> str:
    """0.9 → 90th"""
    percent = f"{fraction * 100:.10g}"
    if "." in percent or percent[-2:] in {"11", "12", "13"}:
        return f"{percent}th"
    return percent + {"1": "st", "2": "nd", "3": "rd"}.get(percent[-1], "th")


def constant(value: object, text: str = "") -> str:
    """A constant as people read it."""
    if value is None:
        return "blank"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, date):
        return f"{value.day} {MONTHS[value.month - 1]} {value.year}"
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    return text or repr(value)
