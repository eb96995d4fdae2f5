"""The sentences of the parser: what is wrong, what to do, and often the formula put right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from semantic.formula.errors import Fix, FormulaError, Place, Span, replaced, source
from semantic.formula.function import Function
from semantic.formula.habits import INSTEAD, TRANSLATED
from semantic.formula.lexer import Token
from semantic.formula.registry import find_function, similar_function
from semantic.formula.spellings import GROUPS, numbers
from semantic.formula.tree import COMPARISONS, Binary, Node

_QUERY_WORDS = {
    "SELECT", "FROM", "GROUP", "ORDER", "HAVING", "JOIN", "UNION", "LIMIT", "OVER", "PARTITION",
    "AS", "WITH", "INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "INTERVAL", "ON",
}  # fmt: skip


def quoted(text: str, token: Token) -> str:
    """The token as it was typed, for a message."""
    return f"“{source(text, token)}”"


def too_complex(where: Span) -> FormulaError:
    return FormulaError(
        "too-complex",
        "This formula has too many parts, or too many brackets inside brackets.",
        where,
        "Define parts of it as metrics of their own and use these by name.",
    )


def unexpected_end(text: str, hint: str) -> FormulaError:
    end = len(text.rstrip())
    message = "The formula stops too early."
    return FormulaError("unexpected-end", message, Place(end, end), hint)


def missing_value(text: str, token: Token) -> FormulaError:
    """Something that is no value stands where a value is wanted."""
    if token.kind == "end":
        return unexpected_end(text, "A value or a field is missing at the end.")
    if token.word in _QUERY_WORDS:
        return _query_word(token)
    if token.is_operator("&") and text[: token.start].endswith("&"):
        return _sign_for_word(text, Place(token.start - 1, token.end), "AND")
    message = f"A value or a field is missing before {quoted(text, token)}."
    hint = ""
    if token.word:
        hint = f"If a field has this name, write [{token.value}]."
    return FormulaError("unexpected-token", message, token, hint)


def _sign_for_word(text: str, where: Place, word: str) -> FormulaError:
    """`||` or `&&` between two conditions, as in some programming languages."""
    sign = source(text, where).strip()
    start = text.index(sign, where.start)
    place = Place(start, start + len(sign))
    fixes = (Fix(f"Write {word}", f"{text[: where.start].rstrip()} {word} {text[where.end :].lstrip()}"),)
    message = f"{sign} does not join conditions."
    return FormulaError("unexpected-token", message, place, "Write AND or OR between them.", fixes)


def missing_bracket(text: str, opening: Token, tokens: list[Token]) -> FormulaError:
    opened = sum(token.is_operator("(") for token in tokens)
    opened -= sum(token.is_operator(")") for token in tokens)
    fix = Fix("Add the closing bracket", text.rstrip() + ")" * max(opened, 1))
    message = "A closing bracket ) is missing."
    hint = "It belongs to this opening bracket."
    return FormulaError("missing-bracket", message, opening, hint, (fix,))


def unexpected(text: str, tokens: list[Token], index: int) -> FormulaError:
    """A complete value is followed by something that cannot carry it on."""
    token = tokens[index]
    before = tokens[index - 1]
    if token.word in _QUERY_WORDS:
        return _query_word(token)
    if token.is_operator(")"):
        fix = Fix("Remove this bracket", text[: token.start] + text[token.end :])
        message = "There is one closing bracket ) too many."
        return FormulaError("extra-bracket", message, token, "", (fix,))
    if token.is_operator("%"):
        return percent_remainder(text, before, token, tokens[index + 1])
    if token.kind == "operator" and not token.is_operator("("):
        return _separator(text, token, tokens[index + 1])
    return _missing_operator(text, before, token)


def _query_word(token: Token) -> FormulaError:
    hint = "Bisync adds tables, joins and grouping by itself."
    if token.word == "INTERVAL":
        hint = "Write the length of time directly, for example TODAY() - 30 days."
    if token.word in {"OVER", "PARTITION"}:
        hint = "A metric is one number; windows over time come later as functions of metrics."
    return FormulaError(
        "sql-keyword",
        f"{token.word} belongs to SQL queries. A formula only describes the number.",
        token,
        hint,
    )


def _separator(text: str, token: Token, after: Token) -> FormulaError:
    """A comma, semicolon or point that separates nothing."""
    message = f"{quoted(text, token)} has nothing to separate here."
    if after.kind == "end":
        fix = Fix("Remove it", text[: token.start] + text[token.end :])
        return FormulaError("unexpected-token", message, token, "", (fix,))
    fixes = _number_meant(text, token)
    hint = _PLAIN_NUMBERS if fixes else ""
    return FormulaError("unexpected-token", message, token, hint, fixes)


_PLAIN_NUMBERS = "Write numbers with a point for decimals and without thousands separators."


def _number_meant(text: str, where: Span) -> tuple[Fix, ...]:
    """The numbers that the digits, points and commas around a place may stand for."""
    found = next((one for one in GROUPS.finditer(text) if one.start() < where.start < one.end()), None)
    if found is None:
        return ()
    place = Place(found.start(), found.end())
    return tuple(Fix(f"Write {number}", replaced(text, place, number)) for number in numbers(found[0]))


def several_for_one(text: str, values: Sequence[Node]) -> tuple[Fix, ...]:
    """What was meant where a comma inside a number made two values of it (`1,19`); () where none did."""
    for before, after in pairwise(values):
        if after.start - before.end == 1 and text[before.end - 1].isdigit() and text[after.start].isdigit():
            return _number_meant(text, Place(before.end, after.start))
    return ()


def missing_word(text: str, tokens: list[Token], index: int, word: str, purpose: str) -> FormulaError:
    """Something else stands where a word is wanted, or nothing does."""
    token = tokens[index]
    if token.kind == "end":
        return unexpected_end(text, f"{word} is missing: {purpose}")
    if index and token.is_operator(",") and _number_meant(text, token):
        return _separator(text, token, tokens[index + 1])
    return FormulaError(
        "unexpected-token", f"{word} is missing before {quoted(text, token)}.", token, purpose
    )


def _missing_operator(text: str, before: Token, token: Token) -> FormulaError:
    message = f"Something is missing between {quoted(text, before)} and {quoted(text, token)}."
    place = Place(before.start, token.end)
    meant = _number_meant(text, token) if before.end == token.start else ()
    if meant:
        return FormulaError("missing-operator", message, place, _PLAIN_NUMBERS, meant)
    function = find_function(before.value) if before.kind == "name" else None
    if function and function.parameters and token.kind != "operator":
        call = f"{source(text, before)}({source(text, token)})"
        fix = Fix(f"Write {call}", replaced(text, place, call))
        hint = "The values of a function stand in brackets."
        return FormulaError("missing-operator", message, place, hint, (fix,))
    hint = "Is an operator (+ - * /) or a comma missing? Names with spaces go in [ ]."
    return FormulaError("missing-operator", message, place, hint)


def percent_remainder(text: str, before: Token, sign: Token, after: Token) -> FormulaError:
    simple = {"number", "name", "field"}
    fixes: tuple[Fix, ...] = ()
    follows = text[after.end : after.end + 1]
    if before.kind in simple and after.kind in simple and follows not in {"(", ".", "[", "%"}:
        call = f"MOD({source(text, before)}, {source(text, after)})"
        if text[: before.start].endswith("."):
            call = ""
        if call:
            place = Place(before.start, after.end)
            fixes = (Fix(f"Write {call}", replaced(text, place, call)),)
    message = "% means “percent” here and stands directly behind a number (5% is 0.05)."
    hint = "For a remainder use MOD(a, b)."
    return FormulaError("percent-remainder", message, sign, hint, fixes)


def chained_comparison(text: str, left: Node, operator: Token, right: Node | None) -> FormulaError:
    hint = "Write a range with AND or BETWEEN, for example: 0 < x AND x < 10."
    fixes: tuple[Fix, ...] = ()
    if isinstance(left, Binary) and isinstance(left.right, Binary):
        between = Place(left.right.left.end, left.right.right.start)
        if source(text, between).strip() == "||":
            return _sign_for_word(text, between, "OR")
    place = Place(left.start, operator.end)
    if isinstance(left, Binary) and left.op in COMPARISONS and right is not None:
        middle = source(text, left.right)
        second = f"{middle} {source(text, operator)} {source(text, right)}"
        place = Place(left.start, right.end)
        both = f"{source(text, left)} AND {second}"
        fixes = (Fix(f"Write {both}", text[: place.start] + both + text[place.end :]),)
    message = "Two comparisons in a row have no clear meaning."
    return FormulaError("chained-comparison", message, place, hint, fixes)


def like_pattern(text: str, left: Node, right: Node, place: Place, *, negated: bool) -> FormulaError:
    from_pattern = (
        (r"'%([^%_]+)%'", "CONTAINS"),
        (r"'([^%_]+)%'", "STARTSWITH"),
        (r"'%([^%_]+)'", "ENDSWITH"),
    )
    fixes: tuple[Fix, ...] = ()
    for pattern, function in from_pattern:
        match = re.fullmatch(pattern, source(text, right))
        if match:
            call = f"{function}({source(text, left)}, '{match.group(1)}')"
            call = f"NOT {call}" if negated else call
            fixes = (Fix(f"Write {call}", replaced(text, place, f"({call})")),)
    return FormulaError(
        "like-pattern",
        "LIKE is not part of formulas.",
        place,
        "Use CONTAINS, STARTSWITH or ENDSWITH; they need no % signs.",
        fixes,
    )


def unknown_unit(text: str, token: Token) -> FormulaError:
    if token.kind == "end":
        return unexpected_end(text, "A unit is missing: days, weeks, months, quarters or years.")
    message = f"{quoted(text, token)} is no unit of time here."
    hint = "Use days, weeks, months, quarters or years."
    return FormulaError("unknown-unit", message, token, hint)


def known_function(text: str, token: Token) -> Function:
    """The function of this name; says what to use instead where there is none."""
    function = find_function(token.value)
    if function:
        return function
    name = token.value.upper()
    if name in INSTEAD:
        message = f"There is no {name}() in formulas."
        raise FormulaError("unsupported-function", message, token, INSTEAD[name])
    near = TRANSLATED.get(name) or similar_function(name)
    fixes = (Fix(f"Use {near}()", replaced(text, token, near)),) if near else ()
    hint = f"Did you mean {near}()?" if near else "The list of functions shows what there is."
    message = f"There is no function {token.value}()."
    raise FormulaError("unknown-function", message, token, hint, fixes)
