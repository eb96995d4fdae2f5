"""What a model in Python sets by `dbt.config(…)`, read from its syntax tree: nothing is imported or run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from semantic.written import Layer, Written, as_line, field_of
from semantic.written_jinja import MOST_CODE

# What a text that is no Python, or is made to be hard on its reader, ends in.
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def in_python(text: str) -> list[Written] | None:
    """What the calls of `dbt.config` set, by name; None where the text cannot be read as Python.

    A value that would have to be computed is left out: dbt refuses it, too.
    """
    # Python takes a lone carriage return for a line's end, and git does not.
    if len(text) > MOST_CODE or "\r" in text.replace("\r\n", "\n"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the model's author, not ours
            tree = ast.parse(text.removeprefix("\ufeff"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _configures(node.func)]
        calls.sort(key=lambda call: (call.lineno, call.col_offset))
        return [one for call in calls for keyword in call.keywords for one in _set_by(keyword)]
    except _UNREADABLE:
        return None


def _configures(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and called.attr == "config"
        and isinstance(called.value, ast.Name)
        and called.value.id == "dbt"
    )


def _set_by(keyword: ast.keyword) -> Iterator[Written]:
    if keyword.arg is None:  # **others, which have no names here
        return
    if keyword.arg == "meta" and isinstance(keyword.value, ast.Dict):
        for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _one(f"meta.{key.value}", key, value)
    else:
        yield from _one(field_of(keyword.arg), keyword, keyword.value)


def _one(field: str, begins: ast.keyword | ast.expr, value: ast.expr) -> Iterator[Written]:
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError):
        return
    last = value.end_lineno or begins.lineno
    yield Written(field, as_line(literal), Layer.CODE, begins.lineno, last)
