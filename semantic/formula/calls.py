"""Function calls as written → their one meaning in the tree (`SUMIF(a, c)` is `SUM(a) WHERE c`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from typing import cast, get_args

from semantic.formula.errors import Fix, FormulaError, Place, Span, replaced, source
from semantic.formula.function import Function
from semantic.formula.lexer import Token
from semantic.formula.messages import several_for_one
from semantic.formula.registry import CONDITIONAL, find_unit
from semantic.formula.spellings import days
from semantic.formula.tree import (
    Binary,
    BinaryOperator,
    Call,
    Case,
    Conversion,
    IsBlank,
    Kept,
    Literal_,
    Name,
    Node,
    Period,
    Prior,
    Running,
    Total,
    Where,
)


@dataclass(frozen=True, slots=True)
class Written:
    """One call as it was typed; `rows` is "" for `*` and the model's name for `orders.*`."""

    text: str
    name: Token
    args: tuple[Node, ...]
    start: int
    end: int
    distinct: bool = False
    rows: str | None = None


def build(function: Function, call: Written) -> Node:
    """The tree of a call; raises FormulaError where its values do not fit the function."""
    if (call.distinct or call.rows is not None) and function.name != "COUNT":
        what = "DISTINCT" if call.distinct else "*"
        hint = "Name a field, or count different values with COUNT(DISTINCT field)."
        raise _wrong(call, f"{what} only has a meaning in COUNT().", hint)
    if call.rows is None and not function.accepts(len(call.args)):
        raise _wrong_count(function, call)
    if function.role == "total":
        return _total(function, call)
    if function.role == "conditional":
        return _conditional(function, call)
    if function.name in _REWRITE:
        return _REWRITE[function.name](call)
    return _placed(call, Call(function.name, _with_units(function, call)))


def date_literal(text: str, value: str, where: Span) -> Literal_:
    """The date that a text like '2026-01-31' means."""
    try:
        return Literal_(date.fromisoformat(_iso(value)), start=where.start, end=where.end)
    except ValueError:
        message = f"'{value}' is no date."
        hint = "Write year, month and day like this: '2026-01-31'."
        raise FormulaError("invalid-date", message, where, hint, _date_fix(text, value, where)) from None


def _iso(value: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError(value)
    return value


def _date_fix(text: str, value: str, where: Span) -> tuple[Fix, ...]:
    return tuple(Fix(f"Write '{day}'", replaced(text, where, f"DATE '{day}'")) for day in days(value))


def _placed(call: Written, node: Node) -> Node:
    return replace(node, start=call.start, end=call.end)


def _wrong(call: Written, message: str, hint: str, fixes: tuple[Fix, ...] = ()) -> FormulaError:
    return FormulaError("wrong-arguments", message, Place(call.start, call.end), hint, fixes)


def _wrong_count(function: Function, call: Written) -> FormulaError:
    least = sum(not parameter.optional for parameter in function.parameters)
    most = len(function.parameters)
    needs = f"at least {least}" if function.accepts(99) else str(least)
    if not function.accepts(99) and most != least:
        needs = f"{least} to {most}"
    values = "value" if needs in {"1", "at least 1"} else "values"
    given = len(call.args)
    message = f"{function.name}() needs {needs if needs != '0' else 'no'} {values}; this has {given}."
    hint = f"Write {function.signature}, for example {function.example}."
    meant = several_for_one(call.text, call.args)
    if meant:
        return _wrong(call, message, "A comma separates values; decimals have a point.", meant)
    return _wrong(call, message, hint, _criteria_fix(function, call) or _several_fix(function, call))


def _several_fix(function: Function, call: Written) -> tuple[Fix, ...]:
    """MAX(a, b) of spreadsheets compares values of one row, which GREATEST does here."""
    instead = {"MAX": "GREATEST", "MIN": "LEAST"}.get(function.name)
    if instead is None or len(call.args) < 2:
        return ()
    new = f"{instead}({', '.join(source(call.text, arg) for arg in call.args)})"
    return (Fix(f"Use {instead}()", replaced(call.text, Place(call.start, call.end), new)),)


def _criteria_fix(function: Function, call: Written) -> tuple[Fix, ...]:
    """Excel's COUNTIF(range, "x") and SUMIF(range, "x", values) in the form used here."""
    given = [source(call.text, arg) for arg in call.args]
    if function.role != "conditional" or len(given) != len(function.parameters) + 1:
        return ()
    criterion = call.args[1]
    if not isinstance(criterion, Literal_) or re.match(r"[<>=]", str(criterion.value)):
        return ()
    values = given[2:] if len(given) > 2 else []
    new = f"{function.name}({', '.join([*values, f'{given[0]} = {given[1]}'])})"
    return (Fix(f"Write {new}", replaced(call.text, Place(call.start, call.end), new)),)


# -- totals


def _total(function: Function, call: Written) -> Node:
    """SUM(amount), and SUM(amount WHERE c) for SUM(amount) WHERE c."""
    if call.rows is not None or not call.args:
        return _placed(call, Total("COUNT", model=call.rows or ""))
    given = call.args[0]
    arg = given.value if isinstance(given, Where) else given
    name = "COUNTDISTINCT" if call.distinct else function.name
    if name == "COUNT" and isinstance(arg, Literal_) and arg.value is not None:
        total = Total("COUNT")
    else:
        total = Total(name, arg, _fraction(call) if name == "PERCENTILE" else None)
    placed = _placed(call, total)
    return _placed(call, Where(placed, given.condition)) if isinstance(given, Where) else placed


def _fraction(call: Written) -> float:
    given = call.args[1]
    number = given.value if isinstance(given, Literal_) else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        hint = "For example PERCENTILE(amount, 0.9) or PERCENTILE(amount, 90%)."
        raise _wrong(call, "The second value of PERCENTILE() is a number from 0 to 1.", hint)
    return float(number)


def _conditional(function: Function, call: Written) -> Node:
    *values, condition = call.args
    total = Total(CONDITIONAL[function.name], values[0] if values else None)
    return _placed(call, Where(_placed(call, total), condition))


# -- totals along with time


def _rolling(call: Written) -> Node:
    return _placed(call, Running(call.args[0], window=_length(call, "ROLLING"), keep=_kept(call, 2)))


def _to_date(call: Written) -> Node:
    """TODATE(total, month)"""
    unit = _unit_of(call.args[1])
    if unit is None or unit.unit == "day":
        hint = "Use week, month, quarter or year."
        raise FormulaError("unknown-unit", "TODATE() needs a unit of time here.", call.args[1], hint)
    return _placed(call, Running(call.args[0], to_date=unit.unit, keep=_kept(call, 2)))


def _cumulative(call: Written) -> Node:
    return _placed(call, Running(call.args[0], keep=_kept(call, 1)))


def _prior(call: Written) -> Node:
    return _placed(call, Prior(call.args[0], _length(call, "PRIOR")))


def _conversion(call: Written) -> Node:
    """CONVERSION(COUNT(visits.*), COUNT(orders.*), customer, 7 days)"""
    given = call.args[2]
    if not isinstance(given, Name) or given.table:
        hint = "Name the entity of dbt that both belong to, for example customer."
        raise FormulaError("wrong-arguments", "CONVERSION() needs an entity here.", given, hint)
    window = _length(call, "CONVERSION", 3) if len(call.args) > 3 else None
    return _placed(call, Conversion(call.args[0], call.args[1], given.name.lower(), window))


def _length(call: Written, name: str, position: int = 1) -> Period:
    """`30 days`; a unit alone is one of it."""
    given = call.args[position]
    length = given if isinstance(given, Period) else _unit_of(given)
    if length is None:
        hint = "For example 30 days, 1 month or 1 year."
        raise FormulaError("unknown-unit", f"{name}() needs a length of time here.", given, hint)
    return length


def _kept(call: Written, position: int) -> Kept:
    """Which day stands for a longer period."""
    if len(call.args) <= position:
        return "last"
    given = call.args[position]
    word = given.name.lower() if isinstance(given, Name) and not given.table else ""
    found = next((kept for kept in get_args(Kept) if kept == word), None)
    if found is None:
        raise _wrong(call, "The last value says which day counts.", "Write first, last or average.")
    return cast("Kept", found)


# -- functions that are another way to write something


def _case(call: Written) -> Node:
    condition, then, *otherwise = call.args
    return _placed(call, Case(((condition, then),), otherwise[0] if otherwise else None))


def _cases(call: Written) -> Node:
    """IFS(c1, v1, c2, v2, TRUE, otherwise)"""
    if len(call.args) % 2:
        hint = "Write IFS(condition, value, condition, value); TRUE as the last condition means otherwise."
        raise _wrong(call, "IFS() takes conditions and values in pairs.", hint)
    whens = list(zip(call.args[::2], call.args[1::2], strict=True))
    otherwise = None
    if len(whens) > 1 and isinstance(whens[-1][0], Literal_) and whens[-1][0].value is True:
        otherwise = whens.pop()[1]
    return _placed(call, Case(tuple(whens), otherwise))


def _switch(call: Written) -> Node:
    """SWITCH(x, v1, r1, v2, r2, otherwise)"""
    subject, *rest = call.args
    otherwise = rest.pop() if len(rest) % 2 else None
    whens = tuple(
        (Binary("=", subject, match, start=match.start, end=match.end), then)
        for match, then in zip(rest[::2], rest[1::2], strict=True)
    )
    return _placed(call, Case(whens, otherwise))


def _chain(operator: BinaryOperator) -> Callable[[Written], Node]:
    def build_chain(call: Written) -> Node:
        return reduce(lambda left, right: _placed(call, Binary(operator, left, right)), call.args)

    return build_chain


def _divide(call: Written) -> Node:
    if call.name.word == "DIV0":
        zero = Literal_(0, start=call.end, end=call.end)
        return _placed(call, Call("DIVIDE", (*call.args[:2], zero)))
    if len(call.args) == 3:
        return _placed(call, Call("DIVIDE", call.args))
    return _placed(call, Binary("/", call.args[0], call.args[1]))


def _is_blank(call: Written) -> Node:
    return _placed(call, IsBlank(call.args[0]))


def _date(call: Written) -> Node:
    """DATE(2026, 1, 31) and DATE('2026-01-31')"""
    values = [arg.value for arg in call.args if isinstance(arg, Literal_)]
    place = Place(call.start, call.end)
    if len(call.args) == 1 and values and isinstance(values[0], str):
        return date_literal(call.text, values[0], place)
    numbers = [value for value in values if type(value) is int]
    if len(numbers) != 3 or len(call.args) != 3:
        hint = "Write DATE(2026, 1, 31). For the day of a date with time write STARTOF(field, day)."
        raise _wrong(call, "DATE() takes a fixed year, month and day.", hint)
    year, month, day = numbers
    return date_literal(call.text, f"{year:04}-{month:02}-{day:02}", place)


_REWRITE: Mapping[str, Callable[[Written], Node]] = {
    "IF": _case,
    "IFS": _cases,
    "SWITCH": _switch,
    "AND": _chain("AND"),
    "OR": _chain("OR"),
    "CONCAT": _chain("&"),
    "POWER": _chain("^"),
    "DIVIDE": _divide,
    "ISBLANK": _is_blank,
    "DATE": _date,
    "ROLLING": _rolling,
    "TODATE": _to_date,
    "CUMULATIVE": _cumulative,
    "PRIOR": _prior,
    "CONVERSION": _conversion,
}


# -- units of time as values


def _with_units(function: Function, call: Written) -> tuple[Node, ...]:
    """The values with a `Period` for the unit, which stands last; databases also write it first."""
    if not function.parameters or function.parameters[-1].kind != "unit":
        return call.args
    args = list(call.args)
    if len(args) == len(function.parameters) and not _unit_of(args[-1]) and _unit_of(args[0]):
        args = args[::-1] if function.name == "DATEADD" else [*args[1:], args[0]]
    if len(args) < len(function.parameters):
        return (*args, Period(1, "day", start=call.end, end=call.end))
    unit = _unit_of(args[-1])
    if unit is None:
        raise FormulaError(
            "unknown-unit",
            f"{function.name}() needs a unit of time here.",
            args[-1],
            "Use day, week, month, quarter or year.",
        )
    return (*args[:-1], unit)


def _unit_of(node: Node) -> Period | None:
    word = node.name if isinstance(node, Name) and not node.table else ""
    if isinstance(node, Literal_) and isinstance(node.value, str):
        word = node.value
    unit = find_unit(word)
    return Period(1, unit, start=node.start, end=node.end) if unit else None
