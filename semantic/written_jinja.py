"""What a text of dbt's Jinja calls: read as far as its tree, and never rendered."""

from __future__ import annotations

from collections.abc import Iterator

import jinja2
from jinja2 import nodes as jinja
from jinja2.ext import Extension
from jinja2.parser import Parser

MOST_CODE = 1_000_000
# How a text cannot be read; the last: a number without end, or more text than is read.
UNREADABLE = (jinja2.TemplateSyntaxError, RecursionError, ValueError)


class _OfDbt(Extension):
    """dbt's own block tags, whose insides are read like the rest."""

    tags = {"snapshot", "test", "data_test", "materialization", "docs"}

    def parse(self, parser: Parser) -> list[jinja.Node]:
        tag = next(parser.stream).value
        while parser.stream.current.type != "block_end":
            next(parser.stream)
        return parser.parse_statements((f"name:end{tag}",), drop_needle=True)


def calls(text: str) -> Iterator[jinja.Call]:
    """Every call in a text. Raises one of `UNREADABLE`."""
    if len(text) > MOST_CODE:
        raise ValueError(len(text))
    tree = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do", _OfDbt]).parse(text)
    return tree.find_all(jinja.Call)


def is_called(function: str, text: str) -> bool:
    """Whether a text calls a function by its name; no where it cannot be read."""
    if function not in text:
        return False
    try:
        called = [call.node for call in calls(text)]
    except UNREADABLE:
        return False
    return any(isinstance(one, jinja.Name) and one.name == function for one in called)
