"""Text to tree, by operator precedence: every message says what was expected and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import NoReturn, cast

from semantic.definitions import Grain
from semantic.formula import calls, messages
from semantic.formula.errors import FormulaError, Place
from semantic.formula.lexer import MAX_LENGTH, Token, tokenize
from semantic.formula.registry import find_unit
from semantic.formula.tree import (
    Between,
    Binary,
    BinaryOperator,
    Call,
    Case,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    Name,
    Node,
    Period,
    Unary,
    Where,
    walk,
)

MAX_NODES = 200
MAX_DEPTH = 60

# How strongly an operator pulls at what stands left of it; the right side must pull more strongly
# (one more), except that ^ groups from the right.
COMPARISON, MINUS, NOT = 7, 15, 5
STRENGTH: Mapping[str, int] = {
    "OR": 1,
    "AND": 3,
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">="), COMPARISON),
    "&": 9,
    "+": 11,
    "-": 11,
    "*": 13,
    "/": 13,
    "^": 18,
}
_PREDICATES = {"IS", "IN", "BETWEEN", "LIKE", "ILIKE", "CONTAINS", "STARTSWITH", "ENDSWITH"}
_NEVER_CALLED = {"THEN", "ELSE", "END", "WHEN", "WHERE", "IN", "IS", "BETWEEN"}
_NOT_A_VALUE = _NEVER_CALLED | {"AND", "OR", "DISTINCT"}
_STARTS_A_QUERY = {"SELECT", "INTERVAL", "WITH"}
# A field with one of these names is written in square brackets.
RESERVED = _NOT_A_VALUE | _STARTS_A_QUERY
RESERVED |= {"NOT", "CASE", "TRUE", "FALSE", "BLANK", "NULL", "CURRENT_DATE"}


def parse(text: str) -> Node:
    """The tree of a formula, names not yet looked up; raises FormulaError."""
    if len(text) > MAX_LENGTH:
        message = f"A formula may have {MAX_LENGTH:,} characters; this one has {len(text):,}."
        hint = "Define parts of it as metrics of their own and use these by name."
        raise FormulaError("too-long", message, Place(MAX_LENGTH, len(text)), hint)
    if not text.strip():
        hint = "Start with a total, for example SUM(amount), or with the name of a metric."
        raise FormulaError("empty", "The formula is empty.", Place(0, len(text)), hint)
    tree = _Parser(text).formula()
    if sum(1 for _ in walk(tree)) > MAX_NODES:
        raise messages.too_complex(tree)
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.depth = 0
        self.nodes = 0

    # -- reading tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    @property
    def following(self) -> Token:
        return self.tokens[min(self.index + 1, len(self.tokens) - 1)]

    @property
    def end(self) -> int:
        """Where the last token that was read ends."""
        return self.tokens[self.index - 1].end if self.index else 0

    def advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.index += 1
        return token

    def accept(self, *words: str) -> Token | None:
        """The next token, read, if it is one of these words or operators."""
        token = self.token
        wanted = token.word or (token.value if token.kind == "operator" else "")
        return self.advance() if wanted in words else None

    def expect(self, word: str, purpose: str) -> Token:
        return self.accept(word) or self._missing(word, purpose)

    def close(self, opening: Token) -> Token:
        token = self.accept(")")
        if token:
            return token
        if self.token.kind == "end":
            raise messages.missing_bracket(self.text, opening, self.tokens)
        raise messages.unexpected(self.text, self.tokens, self.index)

    def _missing(self, word: str, purpose: str) -> NoReturn:
        raise messages.missing_word(self.text, self.tokens, self.index, word, purpose)

    # -- the grammar, from the loosest to the tightest

    def formula(self) -> Node:
        self.accept("=")
        tree = self.total()
        if self.token.kind != "end":
            raise messages.unexpected(self.text, self.tokens, self.index)
        return tree

    def total(self) -> Node:
        start = self.token.start
        node = self.expression()
        while self.accept("WHERE"):
            node = Where(node, self.expression(), start=start, end=self.end)
        return node

    def expression(self, floor: int = 0) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise messages.too_complex(self.token)
        start = self.token.start
        left = self._operand()
        compared = False
        while (strength := self._strength()) >= max(floor, 1):
            self._count()
            if strength == COMPARISON:
                if compared:
                    raise self._chained(left)
                compared = True
            left = self._infix(left, start, strength)
        self.depth -= 1
        return left

    def _count(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise messages.too_complex(self.token)

    def _strength(self) -> int:
        token = self.token
        if token.kind == "operator":
            return STRENGTH.get(token.value, 0)
        if token.word in _PREDICATES or (token.word == "NOT" and self.following.word in _PREDICATES):
            return COMPARISON
        return STRENGTH.get(token.word, 0)

    def _infix(self, left: Node, start: int, strength: int) -> Node:
        token = self.advance()
        operator = token.word or token.value
        if operator == "NOT" or operator in _PREDICATES:
            return self._predicate(left, start, token)
        right = self.expression(strength - 1 if operator == "^" else strength + 1)
        return Binary(cast("BinaryOperator", operator), left, right, start=start, end=self.end)

    def _chained(self, left: Node) -> FormulaError:
        operator = self.advance()
        right = self.expression(COMPARISON + 1) if operator.kind == "operator" else None
        return messages.chained_comparison(self.text, left, operator, right)

    def _predicate(self, left: Node, start: int, token: Token) -> Node:
        negated = token.word == "NOT"
        word = self.advance().word if negated else token.word
        if word == "IS":
            return self._is(left, start)
        if word == "IN":
            return self._in(left, start, negated=negated)
        if word == "BETWEEN":
            low = self.expression(COMPARISON + 1)
            self.expect("AND", "BETWEEN needs two values, for example BETWEEN 1 AND 10.")
            high = self.expression(COMPARISON + 1)
            return Between(left, low, high, negated, start=start, end=self.end)
        right = self.expression(COMPARISON + 1)
        if word in {"LIKE", "ILIKE"}:
            place = Place(start, self.end)
            raise messages.like_pattern(self.text, left, right, place, negated=negated)
        call = Call(word, (left, right), start=start, end=self.end)
        return Unary("NOT", call, start=start, end=self.end) if negated else call

    def _is(self, left: Node, start: int) -> Node:
        negated = self.accept("NOT") is not None
        token = self.advance()
        end = token.end
        if token.word in {"BLANK", "NULL", "EMPTY"}:
            return IsBlank(left, negated, start=start, end=end)
        if token.word in {"TRUE", "FALSE"}:
            value = Literal_(token.word == "TRUE", start=token.start, end=end)
            if not negated:
                return Binary("=", left, value, start=start, end=end)
            unequal = Binary("<>", left, value, start=start, end=end)
            return Binary("OR", unequal, IsBlank(left, start=start, end=end), start=start, end=end)
        if token.kind == "end":
            raise messages.unexpected_end(self.text, "After IS comes BLANK, TRUE or FALSE.")
        message = "After IS comes BLANK, TRUE or FALSE."
        raise FormulaError("unexpected-token", message, token, "To compare with a value use =.")

    def _in(self, left: Node, start: int, *, negated: bool) -> Node:
        self.accept("THE")
        if self.token.word in {"LAST", "THIS"}:
            found = self._in_period(left, start)
            return Unary("NOT", found, start=start, end=self.end) if negated else found
        opening = self.token
        if not self.accept("("):
            self._missing("(", "After IN comes a list in brackets, or LAST 30 DAYS.")
        items = [self.expression()]
        while self.accept(","):
            items.append(self.expression())
        self.close(opening)
        return In(left, tuple(items), negated, start=start, end=self.end)

    def _in_period(self, left: Node, start: int) -> Node:
        if self.accept("THIS"):
            return InPeriod(left, 0, self._unit(), start=start, end=self.end)
        self.accept("LAST")
        count = self._whole_number(self.advance()) if self.token.kind == "number" else 1
        complete = self.accept("COMPLETE", "FULL") is not None
        return InPeriod(left, count, self._unit(), complete, start=start, end=self.end)

    def _unit(self) -> Grain:
        token = self.token
        unit = find_unit(token.value) if token.kind == "name" else None
        if unit is None:
            raise messages.unknown_unit(self.text, token)
        self.advance()
        return unit

    def _whole_number(self, token: Token) -> int:
        if not token.value.isdigit() or not 0 < int(token.value) <= 10_000:
            message = f"{token.value} is no length of time."
            hint = "Use a whole number from 1 to 10,000, for example 30 days."
            raise FormulaError("unknown-unit", message, token, hint)
        return int(token.value)

    # -- operands

    def _operand(self) -> Node:
        self._count()
        token = self.advance()
        node = self._primary(token)
        while self.token.word == "FILTER" and self.following.is_operator("("):
            node = self._filter(node, token.start)
        return node

    def _primary(self, token: Token) -> Node:
        if token.kind == "number":
            return self._number(token)
        if token.kind == "text":
            return Literal_(token.value, start=token.start, end=token.end)
        if token.kind == "field":
            return self._name(token)
        if token.kind == "name":
            return self._word(token)
        if token.is_operator("("):
            return self._group(token)
        if token.is_operator("-"):
            value = self.expression(MINUS)
            return Unary("-", value, start=token.start, end=self.end)
        if token.is_operator("+"):
            return self.expression(MINUS)
        raise messages.missing_value(self.text, token)

    def _group(self, opening: Token) -> Node:
        inner = self.total()
        closing = self.close(opening)
        return replace(inner, start=opening.start, end=closing.end)

    def _filter(self, node: Node, start: int) -> Node:
        self.advance()
        opening = self.advance()
        self.accept("WHERE")
        condition = self.expression()
        self.close(opening)
        return Where(node, condition, start=start, end=self.end)

    def _number(self, token: Token) -> Node:
        if self.token.is_operator("%"):
            return self._percent(token)
        if self.token.kind == "name" and find_unit(self.token.value) and token.value.isdigit():
            count = self._whole_number(token)
            return Period(count, self._unit(), start=token.start, end=self.end)
        value = int(token.value) if token.value.isdigit() else float(token.value)
        text = "" if isinstance(value, int) else token.value
        return Literal_(value, text, start=token.start, end=token.end)

    def _percent(self, token: Token) -> Node:
        sign = self.advance()
        if self._starts_a_value(self.token):
            raise messages.percent_remainder(self.text, token, sign, self.token)
        value = float(Decimal(token.value) / 100)
        return Literal_(value, f"{token.value}%", start=token.start, end=sign.end)

    def _starts_a_value(self, token: Token) -> bool:
        if token.kind == "name":
            return token.word not in _PREDICATES | _NOT_A_VALUE | {"NOT", "FILTER"}
        return token.kind in {"number", "field", "text"} or token.is_operator("(")

    def _word(self, token: Token) -> Node:
        word = token.word
        if word == "NOT":
            return self._not(token)
        if word == "CASE":
            return self._case(token)
        if word in {"TRUE", "FALSE", "BLANK", "NULL"}:
            return self._constant(token)
        if word == "DATE" and self.token.kind == "text":
            text = self.advance()
            return calls.date_literal(self.text, text.value, Place(token.start, text.end))
        if self.token.is_operator("(") and word not in _NEVER_CALLED:
            return self._call(token)
        if word == "CURRENT_DATE":
            return Call("TODAY", start=token.start, end=token.end)
        if word in _NOT_A_VALUE or self._starts_a_query(token):
            raise messages.missing_value(self.text, token)
        return self._name(token)

    def _constant(self, token: Token) -> Node:
        if self.token.is_operator("(") and self.following.is_operator(")"):
            self.index += 2
        value = {"TRUE": True, "FALSE": False}.get(token.word)
        return Literal_(value, start=token.start, end=self.end)

    def _starts_a_query(self, token: Token) -> bool:
        return token.word in _STARTS_A_QUERY and (
            self.token.kind in {"name", "number", "text"} or self.token.value == "*"
        )

    def _not(self, token: Token) -> Node:
        value = self.expression(NOT)
        return Unary("NOT", value, start=token.start, end=self.end)

    def _name(self, token: Token) -> Node:
        adjacent = self.token.kind == "field" and self.token.start == token.end
        if adjacent or (self.token.is_operator(".") and self.following.kind in {"name", "field"}):
            self.accept(".")
            column = self.advance()
            return Name(column.value, token.value, start=token.start, end=column.end)
        return Name(token.value, start=token.start, end=token.end)

    def _case(self, token: Token) -> Node:
        subject = None if self.token.word == "WHEN" else self.expression()
        whens: list[tuple[Node, Node]] = []
        while self.accept("WHEN"):
            start = self.token.start
            condition = self.expression()
            if subject is not None:
                condition = Binary("=", subject, condition, start=start, end=self.end)
            self.expect("THEN", "CASE WHEN condition THEN value … END.")
            whens.append((condition, self.expression()))
        if not whens:
            self._missing("WHEN", "CASE WHEN condition THEN value … END.")
        otherwise = self.expression() if self.accept("ELSE") else None
        self.expect("END", "CASE WHEN condition THEN value … END.")
        return Case(tuple(whens), otherwise, start=token.start, end=self.end)

    def _call(self, name: Token) -> Node:
        function = messages.known_function(self.text, name)
        opening = self.advance()
        distinct = self.accept("DISTINCT") is not None
        rows = self._all_rows()
        args: list[Node] = []
        if rows is None and not self.token.is_operator(")"):
            args.append(self.total())
            while self.accept(","):
                args.append(self.total())
        self.close(opening)
        written = calls.Written(
            self.text, name, tuple(args), name.start, self.end, distinct=distinct, rows=rows
        )
        return calls.build(function, written)

    def _all_rows(self) -> str | None:
        """ "" for `*`, the model for `orders.*`, None for anything else."""
        if self.token.is_operator("*") and self.following.is_operator(")"):
            self.advance()
            return ""
        words = self.tokens[self.index : self.index + 3]
        if len(words) == 3 and words[1].is_operator(".") and words[2].is_operator("*"):
            self.index += 3
            return words[0].value
        return None
