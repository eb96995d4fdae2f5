"""MetricFlow's filter text, `{{ Dimension('order__status') }} = 'paid'`, read without running its Jinja."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from sqlglot import exp

from semantic.definitions import Grain
from semantic.query.rows import Rows, parsed, truncated
from semantic.query.spec import Unsupported

JINJA = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
PLACE = "bisync_place_"


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands between double braces: `path` and `name` are the parts of `customer__country`."""

    kind: str
    path: tuple[str, ...]
    name: str
    grain: Grain | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition whose columns are only place holders for `references`."""

    condition: exp.Expr
    references: Mapping[str, Reference]


def read(text: str, dialect: str) -> Filter:
    """The filter as a tree; raises Unsupported where it is more than a condition on dimensions."""
    references: dict[str, Reference] = {}

    def place(match: re.Match[str]) -> str:
        name = f"{PLACE}{len(references)}"
        references[name] = reference(match.group(1))
        return name

    condition = parsed(JINJA.sub(place, text), dialect)
    for column in condition.find_all(exp.Column):
        if column.name not in references:
            raise Unsupported(f"The filter `{text}` uses {column.name} without saying whose dimension it is.")
    return Filter(condition, references)


def condition(text: str, rows: Rows, time: exp.Expr | None) -> exp.Expr:
    """The filter as SQL over `rows`; `time` is what `metric_time` stands for."""
    found = read(text, rows.warehouse.dialect)

    def resolved(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        return _value(found.references[node.name], rows, time)

    return found.condition.transform(resolved)


def _value(wanted: Reference, rows: Rows, time: exp.Expr | None) -> exp.Expr:
    if wanted.kind == "Entity":
        if wanted.path:
            raise Unsupported(f"The filter names the entity {wanted.name} of another model.")
        return rows.entity(wanted.name)
    if wanted.name == "metric_time" and not wanted.path:
        if time is None:
            raise Unsupported(f"{rows.model.name} has no time dimension.")
        return truncated(time.copy(), wanted.grain or "day", rows.warehouse.dialect)
    return rows.dimension(wanted.path, wanted.name, wanted.grain)


def reference(jinja: str) -> Reference:
    """`Dimension('customer__country')`, `TimeDimension('x', 'month')`, `Entity('customer')` as a value."""
    try:
        call = ast.parse(jinja.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unsupported(f"`{jinja.strip()[:200]}` in a filter cannot be read.") from error
    grain: str | None = None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "grain":
        grain, call = _texts(call)[0], call.func.value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise Unsupported(f"`{jinja.strip()}` in a filter cannot be read.")
    kind, texts = call.func.id, _texts(call)
    if kind not in ("Dimension", "TimeDimension", "Entity") or not texts:
        raise Unsupported(f"{kind}() in a filter is something only MetricFlow can compute.")
    grain = grain or (texts[1] if len(texts) > 1 else None)
    path = _paths(call) + texts[0].lower().split("__")
    return Reference(kind, tuple(path[:-1]), path[-1], _grain(grain))


def _texts(call: ast.Call) -> list[str]:
    """The plain text arguments, a granularity given by keyword included."""
    named = [word.value for word in call.keywords if word.arg == "time_granularity_name"]
    values = [*call.args, *named]
    texts = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
    others = [word.arg for word in call.keywords if word.arg not in ("time_granularity_name", "entity_path")]
    if others or len(texts) != len(values):
        raise Unsupported("A filter uses an argument that Bisync does not know.")
    return texts


def _paths(call: ast.Call) -> list[str]:
    """The entities of `entity_path=[...]`, which stand before the name's own."""
    lists = [word.value for word in call.keywords if word.arg == "entity_path"]
    if not lists:
        return []
    if not isinstance(lists[0], ast.List):
        raise Unsupported("A filter gives its entity path in a way that Bisync does not know.")
    return [str(item.value) for item in lists[0].elts if isinstance(item, ast.Constant)]


def _grain(text: str | None) -> Grain | None:
    if text is None:
        return None
    for grain in get_args(Grain):
        if text.lower() == grain:
            return grain  # type: ignore[no-any-return]
    raise Unsupported(f"A filter asks for periods of one {text}.")
