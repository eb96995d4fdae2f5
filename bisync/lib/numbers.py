"""Numbers as people read them, in the active language's separators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal, TypeAlias

from django.utils.formats import number_format

Kind: TypeAlias = Literal["number", "currency", "percent", "integer"]
Figure: TypeAlias = "int | float | Decimal | None"

BLANK = "–"  # noqa: RUF001
MINUS = "−"  # noqa: RUF001
# The currency of the project whose page is made, as ISO 4217 has it.
CURRENCY: ContextVar[str] = ContextVar("currency", default="")
_SYMBOLS = {"": "€", "EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "CNY": "CN¥", "INR": "₹", "KRW": "₩"}
# Room for every digit of the largest float and of the smallest; Decimal's usual 28 are too few for some sums.
_ROOM = Context(prec=700, rounding=ROUND_HALF_UP)
_TOO_LONG = Decimal(10) ** 15
_SCALES = ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "m"), (Decimal(10) ** 3, "k"))


@contextmanager
def amounts_in(currency: str) -> Iterator[None]:
    """Amounts without a currency of their own are in this one meanwhile."""
    before = CURRENCY.set(currency)
    try:
        yield
    finally:
        CURRENCY.reset(before)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How one figure is written: in full, or short enough for an axis or a headline.

    A percentage is stored as a fraction: 0.031 reads 3.1%. A blank reads as a dash. `currency` is its code;
    without one it is the project's.
    """

    kind: Kind = "number"
    currency: str = ""

    @property
    def symbol(self) -> str:
        """What stands before an amount: £, or the code and a space where few know the sign."""
        code = self.currency or CURRENCY.get()
        return _SYMBOLS.get(code, f"{code}\u00a0")

    def full(self, value: Figure) -> str:
        """All the digits that matter: 1,234.50 with a currency, 1,234.5 without."""
        number = exact(value)
        if number is None:
            return BLANK
        match self.kind:
            case "currency":
                return self._signed(number, _digits(number, 2))
            case "integer":
                return self._signed(number, _digits(number, 0))
            case "percent":
                return self._signed(number, _trimmed(number * 100, 1))
            case _:
                return self._signed(number, _trimmed(number, _places(number)))

    def short(self, value: Figure) -> str:
        """Three digits that matter and a k, m or bn: £4.61m; 1.5e18 where those are too small."""
        number = exact(value)
        if number is None:
            return BLANK
        if self.kind == "percent":
            return self.full(number)
        if abs(number) >= _TOO_LONG:
            digits, _e, power = f"{abs(number):.2e}".partition("e+")
            return self._signed(number, f"{_trimmed(Decimal(digits), 2)}e{power}")
        for scale, letter in _SCALES:
            # 999,950 would round to 1,000k: it is 1m.
            if abs(number) >= scale * Decimal("0.9995"):
                scaled = number / scale
                return self._signed(number, _trimmed(scaled, 2 - _magnitude(scaled)) + letter)
        if self.kind == "currency" and number != number.to_integral_value():
            return self.full(number)
        return self._signed(number, _trimmed(number, 0 if self.kind == "integer" else _places(number)))

    def _signed(self, number: Decimal, digits: str) -> str:
        before = self.symbol if self.kind == "currency" else ""
        after = "%" if self.kind == "percent" else ""
        # What rounds to nothing has no sign.
        sign = MINUS if number < 0 and any(digit in digits for digit in "123456789") else ""
        return f"{sign}{before}{digits}{after}"


def points(share: Decimal) -> str:
    """A difference of two percentages in their points, with a second place only where one shows nothing."""
    return _trimmed(share * 100, 1 if share >= Decimal("0.001") else 2)


def in_cell(value: object) -> str:
    """A value of a row, not grouped: of a number the digits that matter, at most 15 of a fraction.

    >>> in_cell(0.1 + 0.2), in_cell(Decimal("12.3400")), in_cell(1000000), in_cell(None)
    ('0.3', '12.34', '1000000', '–')
    """  # noqa: RUF002
    if value is None:
        return BLANK
    if isinstance(value, float):
        return f"{value:.15g}" if abs(value) < float(_TOO_LONG) else str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value.normalize(_ROOM):f}"
    return str(value)


def exact(value: Figure) -> Decimal | None:
    """The value without the noise of binary fractions; nothing for what is not a number."""
    if value is None:
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number if number.is_finite() else None


def _digits(number: Decimal, places: int) -> str:
    rounded = number.copy_abs().quantize(Decimal(1).scaleb(-places), context=_ROOM)
    return number_format(rounded, places, use_l10n=True, force_grouping=True)


def _trimmed(number: Decimal, places: int) -> str:
    """At most so many places, and no zeros at the end."""
    step = Decimal(1).scaleb(-max(places, 0))
    rounded = number.copy_abs().quantize(step, context=_ROOM).normalize(_ROOM)
    exponent = rounded.as_tuple().exponent
    return _digits(rounded, max(0, -exponent) if isinstance(exponent, int) else 0)


def _magnitude(number: Decimal) -> int:
    """The power of ten of the first digit, after rounding to three digits."""
    return int(f"{abs(number):.2e}".partition("e")[2])


def _places(number: Decimal) -> int:
    """Two places, and below one as many as three digits that matter need."""
    return max(2, 2 - _magnitude(number)) if number else 2
