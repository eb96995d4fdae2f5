"""Values as YAML text: lines in the style of a file, readable the same way by YAML 1.1 and 1.2."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from semantic.codegen.yaml_blocks import Block, fits_in_block, in_block
from semantic.codegen.yaml_marks import (
    UNSAFE,
    YamlRefused,
    YamlScalar,
    load,
    plain_tag,
)

YamlValue: TypeAlias = "YamlScalar | Sequence[YamlValue] | Mapping[str, YamlValue]"
Quote: TypeAlias = Literal["'", '"']
Where: TypeAlias = Literal["block", "flow", "key"]
_T = TypeVar("_T")

LONGEST_ROW = 100
LONGEST_LIST = 80
QUOTES: Mapping[str, Quote] = {"'": "'", '"': '"'}

# Words and numbers of YAML 1.1 or 1.2, generously: a needless quote is harmless, a missing one is not.
_AMBIGUOUS = re.compile(
    r"y|n|yes|no|on|off|true|false|null|~|=|<<|\.{3}|[-+]?\.(inf|nan)|[-+]?\.?[0-9][0-9a-fox_.:+-]*",
    re.IGNORECASE,
)
_INDICATORS = tuple("-?:,[]{}#&*!|>'\"%@`")
_NEEDS_QUOTES = re.compile(r"^\s|\s$|:\s|:$|\s#|\t|\{\{|\{%|\{#")
_NEEDS_ESCAPES = re.compile("[\n\t\x85\u2028\u2029]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Habit:
    """How texts and lists of single values are written, in a file or below one of its keys."""

    quote: Quote | None = None  # of every text, even where none is needed
    in_brackets: bool = False


# What accepted_values accepts stands on one line in dbt's own examples, and nearly everywhere else.
IN_BRACKETS = ("values",)


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is written; what it leaves open is dbt's usual style."""

    step: int = 2  # columns from a key to the keys below it
    offset: int = 2  # columns from a key to the dashes below it
    quote: Quote = '"'  # where one is needed
    habit: Habit = Habit()  # where the value stands that is being written
    usual: Habit = Habit()  # of a key that the file does not show
    # Of each key that it shows, and of those that are written in one way everywhere.
    habits: Mapping[str, Habit] = field(
        default_factory=lambda: dict.fromkeys(IN_BRACKETS, Habit(in_brackets=True))
    )
    block: Block | None = None  # the block to write texts in like, even those of a single line
    blocks: bool = True  # whether a text of several lines may become a block

    def below(self, key: str) -> Style:
        """The style of what stands below `key`."""
        return replace(self, habit=self.habits.get(key, self.usual))


class Row(dict[str, Any]):
    """A mapping to write on one line, `{status: paid, amount: 5}`, unless that would be too long."""


class Rendered(NamedTuple):
    """A value as text: what stands behind its key or dash, and the whole lines that follow."""

    inline: str
    lines: list[str]


def plain_data(value: Any) -> Any:
    """A copy of `value` as dicts, lists and scalars, refused where YAML or its readers would stumble."""
    if isinstance(value, str):
        found = UNSAFE.search(value) or re.search("\r", value)
        if found:
            raise YamlRefused(
                "unsafe-text",
                f"The text holds a character that a YAML file cannot hold (U+{ord(found[0][0]):04X})."
                " Type the text again without it.",
            )
        return value
    if isinstance(value, Mapping):
        kind = Row if isinstance(value, Row) else dict
        return kind({plain_data(key): plain_data(item) for key, item in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain_data(item) for item in value]
    if value is None or isinstance(value, int | float | date):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written as YAML")


def new_file(data: Mapping[str, YamlValue]) -> str:
    """The text of a properties file that does not exist yet, `version` first."""
    wanted = plain_data(data)
    text = "\n".join(file_lines(wanted)) + "\n"
    if load(text) != wanted:
        raise YamlRefused("not-as-intended", "This content cannot be written as YAML. Simplify it.")
    return text


def file_lines(data: dict[str, Any]) -> list[str]:
    """The lines of a whole file in our own style: blank lines between its keys and between their items."""
    style = Style()
    lines: list[str] = []
    for key in sorted(data, key=lambda key: key != "version"):
        value = data[key]
        lines += [""] if lines else []
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            lines.append(f"{scalar_text(key, style, 'key')}:")
            for number, item in enumerate(value):
                lines += [""] if number else []
                lines += item_lines(item, style.offset, 2, style)
        else:
            lines += pair_lines(key, value, 0, style)
    return lines


def pair_lines(key: str, value: Any, column: int, style: Style) -> list[str]:
    """`key: value` as whole lines."""
    inline, lines = under_key(value, column, style.below(key))
    return [" " * column + f"{scalar_text(key, style, 'key')}: {inline}".rstrip(" "), *lines]


def item_lines(value: Any, column: int, width: int, style: Style) -> list[str]:
    """`- value` as whole lines; `width` is the distance from the dash to what stands behind it."""
    inline, lines = behind_dash(value, column, width, style)
    return [" " * column + "-".ljust(width) + inline, *lines]


def under_key(value: Any, column: int, style: Style) -> Rendered:
    """`value` for a key that begins at `column`."""
    if isinstance(value, dict) and value:
        below = [pair_lines(key, item, column + style.step, style) for key, item in value.items()]
        return Rendered("", [line for lines in below for line in lines])
    if style.habit.in_brackets and is_short(value, column, style):
        return Rendered(flow_text(value, style), [])
    if isinstance(value, list) and value:
        below = [item_lines(item, column + style.offset, 2, style) for item in value]
        return Rendered("", [line for lines in below for line in lines])
    return _leaf(value, column + style.step, style)


def behind_dash(value: Any, column: int, width: int, style: Style) -> Rendered:
    """`value` for a dash at `column`."""
    inner = column + width
    if isinstance(value, Row) and len(line := flow_text(value, style)) <= LONGEST_ROW:
        return Rendered(line, [])
    if isinstance(value, dict) and value:
        below = [pair_lines(key, item, inner, style) for key, item in value.items()]
    elif isinstance(value, list) and value:
        below = [item_lines(item, inner, 2, style) for item in value]
    else:
        return _leaf(value, inner, style)
    first, *rest = [line for lines in below for line in lines]
    return Rendered(first[inner:], rest)


def flow_text(value: Any, style: Style) -> str:
    """`value` on one line, for places inside brackets or braces."""
    if isinstance(value, dict):
        pairs = [f"{scalar_text(k, style, 'key')}: {flow_text(v, style.below(k))}" for k, v in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow_text(item, style) for item in value) + "]"
    return scalar_text(value, style, "flow")


def is_short(value: Any, column: int, style: Style) -> bool:
    """Whether it is a list of single values that fits into the line of a key at `column`."""
    if not isinstance(value, list) or any(isinstance(item, dict | list) for item in value):
        return False
    lines = any("\n" in item for item in value if isinstance(item, str))
    return not lines and column + len(flow_text(value, style)) <= LONGEST_LIST


def scalar_text(value: YamlScalar, style: Style, where: Where = "block") -> str:
    """One value on one line, quoted unless every reader takes it for the same plain value."""
    if isinstance(value, str):
        always = None if where == "key" else style.habit.quote
        return value if not always and is_plain(value, where) else _quoted(value, always or style.quote)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def _leaf(value: Any, column: int, style: Style) -> Rendered:
    block = style.block or Block("|")
    in_lines = isinstance(value, str) and ("\n" in value or style.block) and fits_in_block(value, block)
    if in_lines and style.blocks:
        return Rendered(*in_block(value, column, block))
    return Rendered(flow_text(value, style) if value in ({}, []) else scalar_text(value, style), [])


def is_plain(text: str, where: Where) -> bool:
    """Whether a text can stand without quotes, so that every reader takes it for this text."""
    if not text or text.startswith(_INDICATORS) or _NEEDS_QUOTES.search(text):
        return False
    if _AMBIGUOUS.fullmatch(text) or plain_tag(text) != "str" or _NEEDS_ESCAPES.search(text):
        return False
    return where == "block" or not re.search(r"[,\[\]{}:]", text)


def _quoted(text: str, quote: Quote) -> str:
    if _NEEDS_ESCAPES.search(text):
        return '"' + "".join(_escaped(char) for char in text) + '"'
    double_needs_escape = '"' in text or "\\" in text
    if quote == "'" and "'" in text and not double_needs_escape:
        quote = '"'
    if quote == '"' and not double_needs_escape:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _escaped(char: str) -> str:
    return _ESCAPES.get(char) or (f"\\u{ord(char):04x}" if _NEEDS_ESCAPES.match(char) else char)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    digits, exponent, power = repr(value).partition("e")
    # YAML 1.1 reads 1e+20 as text: it wants the point.
    return digits + (".0" if exponent and "." not in digits else "") + exponent + power
