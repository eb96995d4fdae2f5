"""One function as people write it, and enough to check a call of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from semantic.definitions import ValueType

RowKind: TypeAlias = Literal["number", "text", "date", "condition", "any", "same", "unit"]
ArgumentKind: TypeAlias = RowKind | Literal["total", "length", "day", "entity"]
_KINDS = {kind for kinds in get_args(ArgumentKind) for kind in get_args(kinds)}
# total: SUM …  conditional: SUMIF …  timed: ROLLING …  row: stays a Call  rewritten: another part of the tree
Role = Literal["total", "conditional", "timed", "row", "rewritten"]
Category = Literal["Totals", "Over time", "Conditions", "Blanks", "Numbers", "Text", "Dates"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that a function takes; `same` means: of one kind with the other `same` values."""

    name: str
    kind: ArgumentKind
    optional: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function as people write it, and enough to check a call of it."""

    name: str
    role: Role
    category: Category
    parameters: tuple[Parameter, ...]
    result: ValueType | Literal["same"]
    summary: str
    example: str
    aliases: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        parts = [
            f"[{parameter.name}]" if parameter.optional else parameter.name for parameter in self.parameters
        ]
        if self.parameters and self.parameters[-1].repeated:
            parts.append("…")
        return f"{self.name}({', '.join(parts)})"

    def accepts(self, count: int) -> bool:
        """Whether a call may have this many values."""
        least = sum(not parameter.optional for parameter in self.parameters)
        endless = bool(self.parameters) and self.parameters[-1].repeated
        return count >= least and (endless or count <= len(self.parameters))

    def parameter(self, index: int) -> Parameter:
        """The parameter that the value at this place belongs to; the last one may repeat."""
        return self.parameters[min(index, len(self.parameters) - 1)]


@dataclass(frozen=True, slots=True)
class FunctionDoc:
    """What the editor shows about a function."""

    name: str
    aliases: tuple[str, ...]
    signature: str
    summary: str
    example: str
    category: str


def parameters_of(text: str) -> tuple[Parameter, ...]:
    """`value:number, [digits]:number, …` in the short form of the registry."""
    found: list[Parameter] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, kind = part.partition(":")
        repeated = kind.endswith("+")
        kind = kind.removesuffix("+")
        assert kind in _KINDS
        optional = name.startswith("[")
        checked = cast("ArgumentKind", kind)
        found.append(Parameter(name.strip("[]"), checked, optional, repeated))
    return tuple(found)


def total(name: str, takes: str, summary: str, example: str, *aliases: str) -> Function:
    result: ValueType | Literal["same"] = (
        "integer" if name.startswith("COUNT") else "same" if name in {"MIN", "MAX"} else "number"
    )
    return Function(name, "total", "Totals", parameters_of(takes), result, summary, example, aliases)


def conditional(name: str, takes: str, summary: str, example: str, *aliases: str) -> Function:
    found = parameters_of(takes)
    return Function(name, "conditional", "Totals", found, "number", summary, example, aliases)


def timed(call: str, summary: str, example: str, *aliases: str) -> Function:
    """A function over a whole total and the time that passes."""
    name, _, takes = call.removesuffix(")").partition("(")
    return Function(name, "timed", "Over time", parameters_of(takes), "number", summary, example, aliases)


def row(
    category: Category,
    call: str,
    result: ValueType | Literal["same"],
    summary: str,
    example: str,
    *aliases: str,
) -> Function:
    name, _, takes = call.removesuffix(")").partition("(")
    return Function(name, "row", category, parameters_of(takes), result, summary, example, aliases)


def rewritten(category: Category, call: str, summary: str, example: str, *aliases: str) -> Function:
    name, _, takes = call.removesuffix(")").partition("(")
    found = parameters_of(takes)
    return Function(name, "rewritten", category, found, "any", summary, example, aliases)
