"""Tree to sentence: the one controlled sentence that says what a rule means, to be read back as the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from semantic.definitions import Vocabulary
from semantic.formula.phrases import listed
from semantic.formula.tree import (
    COMPARISONS,
    MIRRORED,
    Between,
    Binary,
    BinaryOperator,
    Call,
    Case,
    ColumnRef,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    Node,
    Period,
    Unary,
    shape,
)
from semantic.rules.conditions import joined
from semantic.rules.constants import constant_of, read_number, read_yes_no, unsafe, write_constant
from semantic.rules.sets import Value
from semantic.rules.tables import Mixed
from semantic.rules.words import (
    ARTICLES,
    BE,
    ENDING,
    LEADING,
    NOT,
    OTHERWISE,
    VERBS_ALONE,
    WHEN,
    Phrases,
    comparator_at,
    tokens_of,
)

_OPPOSITE: Mapping[BinaryOperator, BinaryOperator] = {
    "=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "AND": "OR", "OR": "AND",
}  # fmt: skip
_NUMBERS: Mapping[BinaryOperator, str] = {
    "=": "is", "<>": "is something other than",
    "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least",
}  # fmt: skip
_DATES: Mapping[BinaryOperator, str] = {
    "<": "is before", "<=": "is on or before", ">": "is after", ">=": "is on or after",
}  # fmt: skip
_TEXTS: Mapping[str, tuple[str, str]] = {
    "CONTAINS": ("contains", "contain"),
    "STARTSWITH": ("starts with", "start with"),
    "ENDSWITH": ("ends with", "end with"),
}
_BARE = re.compile(r"[^\W\d_][\w-]*(?: [^\W\d_][\w-]*)*")


class _UnsayableError(ValueError):
    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


# -- the tree in the shape that sentences have


def denied(node: Node) -> Node:
    """What holds exactly where a condition is not true: also where it is unknown, a field being blank."""
    if isinstance(node, Between) and node.negated:
        return Binary("OR", Between(node.value, node.low, node.high), IsBlank(node.value))
    node = plain(node)
    match node:
        case Binary(op="AND" | "OR"):
            return flat(Binary(_OPPOSITE[node.op], denied(node.left), denied(node.right)))
        case IsBlank():
            return IsBlank(node.value, not node.negated)
        case Unary(op="NOT"):
            return Binary("OR", node.value, IsBlank(_tested(node.value)))
    return flat(Binary("OR", plain(node, negated=True), IsBlank(_tested(node))))


def _tested(node: Node) -> Node:
    match node:
        case Binary():
            return node.left
        case In() | Between() | InPeriod():
            return node.value
        case Call() if node.name in _TEXTS:
            return node.args[0]
    return node


def plain(node: Node, *, negated: bool = False) -> Node:
    """The same condition in SQL's logic with NOT only in front of fields, and constants on the right."""
    match node:
        case Binary(op="AND" | "OR"):
            op = _OPPOSITE[node.op] if negated else node.op
            return flat(Binary(op, plain(node.left, negated=negated), plain(node.right, negated=negated)))
        case Unary(op="NOT"):
            return plain(node.value, negated=not negated)
        case IsBlank():
            return IsBlank(node.value, node.negated != negated)
        case In():
            return In(node.value, node.items, node.negated != negated)
        case Between():
            return _between(node, negated=node.negated != negated)
        case Binary() if node.op in COMPARISONS:
            return _compared(node, negated=negated)
    return Unary("NOT", node) if negated else node


def _between(node: Between, *, negated: bool) -> Node:
    if not negated:
        return Between(node.value, node.low, node.high)
    return Binary("OR", Binary("<", node.value, node.low), Binary(">", node.value, node.high))


def _compared(node: Binary, *, negated: bool) -> Node:
    left, right, op = node.left, node.right, node.op
    if constant_of(right) is None and constant_of(left) is not None:
        left, right, op = right, left, MIRRORED[op]
    op = _OPPOSITE[op] if negated else op
    value = constant_of(right)
    if isinstance(value, bool) and op in {"=", "<>"}:
        return left if value == (op == "=") else Unary("NOT", left)
    return Binary(op, left, right)


def flat(node: Node) -> Node:
    """Chains of one operator grouped from the left, however they were bracketed."""
    if isinstance(node, Binary) and node.op in {"AND", "OR"}:
        return joined(node.op, parts(node, node.op)) or node
    return node


def parts(node: Node, op: BinaryOperator) -> Iterator[Node]:
    """What a chain of AND, or of OR, joins."""
    if isinstance(node, Binary) and node.op == op:
        yield from parts(node.left, op)
        yield from parts(node.right, op)
    else:
        yield node


# -- in words


def write_sentence(case: Case, vocabulary: Vocabulary, model: str, subject: str = "") -> str | Mixed:
    """The sentence of a checked rule about rows of `model`; Mixed with the reason where none can say it.

    Deterministic, and stable: reading the sentence gives a tree of which this is the sentence again.
    """
    try:
        return _Writer(Phrases(vocabulary, model), vocabulary, model).sentence(case, subject)
    except _UnsayableError as error:
        return Mixed(f"This rule cannot be said as a sentence, because {error}.", error.node)


class _Writer:
    def __init__(self, phrases: Phrases, vocabulary: Vocabulary, model: str) -> None:
        self.phrases = phrases
        self.columns = vocabulary.models[model]
        self.model = model

    def sentence(self, case: Case, subject: str) -> str:
        verb = "is " if subject else ""
        clauses = [
            f"{verb}{self.outcome(value)} when {self.condition(plain(shape(condition)))}"
            for condition, value in case.whens
        ]
        if case.otherwise is not None and self.outcome(case.otherwise) != "blank":
            clauses.append(f"otherwise {self.outcome(case.otherwise)}")
        return f"{subject} {', '.join(clauses)}".strip()

    def outcome(self, node: Node) -> str:
        value = constant_of(node)
        if value is None and not isinstance(node, Literal_):
            message = "an outcome is calculated"
            raise _UnsayableError(message, node)
        if not isinstance(value, str):
            return "blank" if value is None else write_constant(value)
        words = value.lower().split(" ")
        misread = set(words) & (WHEN | OTHERWISE | VERBS_ALONE) or words[0] in ARTICLES | LEADING
        bare = not misread and read_yes_no(value) is None and value.lower() != "blank"
        return self.text(value, bare=bool(bare))

    def condition(self, node: Node) -> str:
        for op, word in (("AND", "and"), ("OR", "or")):
            if isinstance(node, Binary) and node.op == op:
                return f" {word} ".join(self._joined(list(parts(node, op)), op))  # type: ignore[arg-type]
        return self._test(node)

    def _joined(self, items: list[Node], op: BinaryOperator) -> Iterator[str]:
        while items:
            pair = self._is_not(items) if op == "OR" else None
            if pair:
                items = items[2:]
                yield pair
                continue
            item, *items = items
            alone = self._is_not(list(parts(item, "OR"))) if isinstance(item, Binary) else None
            whole = alone and len(list(parts(item, "OR"))) == 2
            brackets = isinstance(item, Binary) and item.op in {"AND", "OR"} and not whole
            yield f"({self.condition(item)})" if brackets else self.condition(item)

    def _is_not(self, items: list[Node]) -> str | None:
        """“x is not y” for `x <> y OR x IS BLANK`, which is what it means."""
        if len(items) < 2 or not isinstance(items[1], IsBlank) or items[1].negated:
            return None
        test = items[0]
        opposite = plain(test, negated=True)
        flag = isinstance(test, ColumnRef | Unary) or (isinstance(test, In) and test.negated)
        different = isinstance(test, Binary) and test.op == "<>"
        tested = _tested(test.value if isinstance(test, Unary) else test)
        if not (flag or different) or shape(tested) != shape(items[1].value):
            return None
        return self._denied(opposite)

    # -- single tests

    def field(self, node: Node) -> str:
        column = self.columns.column(node.column) if isinstance(node, ColumnRef) else None
        if not isinstance(node, ColumnRef) or column is None or node.model != self.model:
            message = "it compares something other than a field of its model with a value"
            raise _UnsayableError(message, node)
        return self.phrases.words(column)

    def _test(self, node: Node) -> str:
        match node:
            case ColumnRef():
                return f"{self.field(node)} is yes"
            case IsBlank():
                return f"{self.field(node.value)} is {'not ' if node.negated else ''}blank"
            case In():
                words = "something other than" if node.negated else "one of"
                return f"{self.field(node.value)} is {words} {self._list(node)}"
            case Between():
                low, high = self.operand(node.low), self.operand(node.high)
                return f"{self.field(node.value)} is between {low} and {high}"
            case Binary() if node.op in _NUMBERS:
                return self._comparison(node)
            case Call() if node.name in _TEXTS:
                return f"{self.field(node.args[0])} {_TEXTS[node.name][0]} {self.operand(node.args[1])}"
            case InPeriod():
                return f"{self.field(node.value)} is {_period(node)}"
            case Unary(op="NOT"):
                return self._not(node.value)
        message = "a part of it has no words in sentences"
        raise _UnsayableError(message, node)

    def _not(self, node: Node) -> str:
        """A denial that leaves blank out."""
        match node:
            case ColumnRef():
                return f"{self.field(node)} is no"
            case Call() if node.name in _TEXTS:
                verb = f"something that does not {_TEXTS[node.name][1]}"
                return f"{self.field(node.args[0])} is {verb} {self.operand(node.args[1])}"
            case InPeriod():
                return f"{self.field(node.value)} is something not {_period(node)}"
        message = "a part of it has no words in sentences"
        raise _UnsayableError(message, node)

    def _denied(self, node: Node) -> str:
        """A denial that includes blank."""
        match node:
            case In():
                return f"{self.field(node.value)} is not one of {self._list(node)}"
            case Call() if node.name in _TEXTS:
                return (
                    f"{self.field(node.args[0])} does not {_TEXTS[node.name][1]} {self.operand(node.args[1])}"
                )
            case InPeriod():
                return f"{self.field(node.value)} is not {_period(node)}"
            case Unary():
                return f"{self.field(node.value)} is not no"
            case Binary():
                return f"{self.field(node.left)} is not {self.operand(node.right)}"
        return f"{self.field(node)} is not yes"

    def _comparison(self, node: Binary) -> str:
        name = self.field(node.left)
        column = self.columns.column(node.left.column) if isinstance(node.left, ColumnRef) else None
        value = constant_of(node.right)
        if isinstance(value, str) and node.op not in {"=", "<>"}:
            message = "it compares texts by size"
            raise _UnsayableError(message, node)
        words = _NUMBERS[node.op]
        if column and column.type in {"date", "timestamp"}:
            words = _DATES.get(node.op, words)
        return f"{name} {words} {self.operand(node.right)}"

    def _list(self, node: In) -> str:
        return listed([self.operand(item) for item in node.items], "or")

    def operand(self, node: Node) -> str:
        match node:
            case Call(name="TODAY"):
                return "today"
            case Binary(op="-", left=Call(name="TODAY"), right=Period() as period):
                return f"{period.count} {period.unit}{'' if period.count == 1 else 's'} ago"
        value = constant_of(node)
        if value is None:
            message = "it compares a field with something other than a value"
            raise _UnsayableError(message, node)
        return self.value(value)

    def value(self, value: Value) -> str:
        """A constant of a condition; a text in quotes only where it would be misread without."""
        if not isinstance(value, str):
            return write_constant(value)
        tokens = tokens_of(value)
        starts = tokens[0].word in ARTICLES | BE | NOT or comparator_at(tokens, 0)
        fields = any(self.phrases.at(value, tokens, at) for at in range(len(tokens) - 1))
        ends = any(token.word in ENDING for token in tokens)
        return self.text(value, bare=not (starts or fields or ends))

    def text(self, value: str, *, bare: bool) -> str:
        if unsafe(value):
            message = "a text in it cannot stand in a sentence"
            raise _UnsayableError(message, Literal_(value))
        plain_words = bare and _BARE.fullmatch(value) and read_number(value) is None
        return value if plain_words else '"' + value.replace('"', '""') + '"'


def _period(node: InPeriod) -> str:
    if not node.count:
        return f"in this {node.unit}"
    complete = "complete " if node.complete else ""
    return f"in the last {node.count} {complete}{node.unit}{'' if node.count == 1 else 's'}"
