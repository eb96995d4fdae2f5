"""Queries of other projects laid out in their own style and in others: how many, and whether rightly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from sqlglot import exp

from bench._common import Clock, emit
from bench._corpus import folder
from semantic.codegen.sql_models.jinja import Unmaskable, mask, pieces, relation_call
from semantic.codegen.sql_models.layout import laid_out
from semantic.codegen.sql_models.queries import NotAQuery, Query, query_of
from semantic.codegen.sql_models.style import ProjectStyle, style_of
from semantic.codegen.sql_models.words import Unreadable, comments_in

DIALECTS = ("duckdb", "snowflake", "bigquery", "postgres")
OTHERS = (
    ProjectStyle(),
    ProjectStyle(keywords="upper", commas="leading", indent="  ", hanging=True),
)
_CONFIG = re.compile(r"\{\{-?\s*config\b")


def main() -> int:
    clock, counted = Clock(), Counter[str]()
    for query, dialect, own in queries(folder("dbt projects")):
        counted["queries"] += 1
        for style in (own, *OTHERS):
            counted["all"] += 1
            try:
                with clock.running():
                    text = laid_out(query, style, dialect, small_names=False)
            except Unreadable:
                continue
            counted["done"] += 1
            again = query_of(mask(text), dialect)
            counted["wrong"] += again.tree != query.tree or comments_in(again) != comments_in(query)
            counted["twice"] += laid_out(again, style, dialect, small_names=False) != text
            if style is own:
                before, after = query.masked.unmasked(query.masked.text).split("\n"), text.split("\n")
                same = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
                counted["lines"] += len(before)
                counted["kept"] += sum(block.size for block in same)
    emit("layout", "queries", counted["queries"], "queries")
    emit("layout", "laid out", 100 * counted["done"] / max(counted["all"], 1), "%")
    emit("layout", "not the same query any more", counted["wrong"], "queries")
    emit("layout", "another text the second time", counted["twice"], "queries")
    emit(
        "layout",
        "lines kept in their own file's style",
        100 * counted["kept"] / max(counted["lines"], 1),
        "%",
    )
    clock.emit("layout", "one query")
    return 0


def queries(root: Path) -> Iterator[tuple[Query, str, ProjectStyle]]:
    """Each file that is one query with no Jinja but `ref` and `source`, its dialect, and its own style."""
    for path in sorted(root.rglob("*.sql")):
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        try:
            found = [text[piece.start : piece.end] for piece in pieces(text)]
        except Unmaskable:
            continue
        for jinja in found:
            text = text.replace(jinja, "") if _CONFIG.match(jinja) else text
        text = text.strip().rstrip("; \n\t")
        if not text or any(relation_call(one) is None for one in found if not _CONFIG.match(one)):
            continue
        for dialect in DIALECTS:
            try:
                query = query_of(mask(text), dialect)
            except (NotAQuery, Unmaskable):
                continue
            if isinstance(query.tree, exp.Query):
                yield query, dialect, style_of({"models/one.sql": text}, dialect=dialect)
            break


if __name__ == "__main__":
    raise SystemExit(main())
