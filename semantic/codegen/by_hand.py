"""Generated files that a person edits before they are approved: what may stand in them, and how lines end.

An edited file runs in dbt and in the warehouse before anybody approves it. So an edit may do what the
definitions of a proposal may do, and no more: no templates but those that name things, no SQL but
expressions and the query of a model, no key that makes dbt run something by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from sqlglot import exp

from semantic.codegen.quality.spelled import is_call
from semantic.codegen.sql_models.jinja import Unmaskable, pieces, relation_call
from semantic.codegen.sql_models.pasted import QueryRefused, query_in
from semantic.codegen.yaml_marks import BOM, YamlRefused, load
from semantic.rules.text import text_problems

MOST_TEXT = 200_000
# What defines code that runs elsewhere: such a file is the same in every project, and nobody's to change.
_DEFINES = re.compile(r"\{%-?\s*(macro|test|data_test|materialization|snapshot)\b")
# Templates that name something and do nothing else.
_TEXT = r"(?:'[^'\\{}]*'|\"[^\"\\{}]*\")"
_LIST = rf"\[\s*(?:{_TEXT}\s*(?:,\s*{_TEXT}\s*)*)?\]"
_ARGUMENT = rf"(?:\w+\s*=\s*)?(?:{_TEXT}|{_LIST})"
_NAMES = re.compile(
    rf"\{{\{{-?\s*(?:doc|Dimension|TimeDimension|Entity|Metric)\(\s*{_ARGUMENT}"
    rf"(?:\s*,\s*{_ARGUMENT})*\s*\)(?:\.grain\(\s*{_TEXT}\s*\))?\s*-?\}}\}}"
)
_RUNS_BY_ITSELF = re.compile(r"\+?((pre|post)[-_]hook|sql_header|on[-_]run[-_]\w+)")
# Keys whose texts people read; all other texts may end up in SQL.
_PROSE = frozenset(("description", "label", "meta", "docs", "owner", "tags", "synonyms"))
_PLAIN = re.compile(r"(?!.*--)[\w .,:%/+@-]*")
_COMMENT = re.compile(r"--|/\*|;")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


def may_be_edited(path: str, generated: str) -> bool:
    """Whether a file that was generated is one that people may edit."""
    return path.endswith((".yml", ".yaml", ".sql", ".md")) and not _DEFINES.search(generated)


def edit_problems(path: str, generated: str, text: str, dialect: str) -> list[str]:
    """The sentences that say why `text` cannot take the place of what was generated; empty where it can.

    What was generated itself is never refused.
    """
    if not may_be_edited(path, generated):
        return ["This file holds code that dbt runs by itself. It is written by Bisync, or in git."]
    lines = text.removeprefix(BOM).replace("\r\n", "\n")
    if problems := text_problems(lines, limit=MOST_TEXT, dbt=False):
        return problems
    if not lines.strip():
        return ["An empty file says nothing. To leave a change out, take it out of the proposal."]
    try:
        return list(dict.fromkeys(_problems(path, generated, text, dialect)))
    except (Unmaskable, YamlRefused) as error:
        return [str(error)]


def _problems(path: str, generated: str, text: str, dialect: str) -> Iterator[str]:
    new = Counter(_jinja(text)) - Counter(_jinja(generated))
    for jinja in new:
        if not (_NAMES.fullmatch(jinja) or relation_call(jinja) or jinja.startswith("{#")):
            yield f"{jinja[:80]} runs in dbt. Here only names are called, such as ref() and doc()."
    if path.endswith(".sql"):
        yield from _sql_problems(generated, text, dialect)
    elif not path.endswith(".md"):
        yield from _yaml_problems(generated, text, dialect)


def _jinja(text: str) -> Iterator[str]:
    for piece in pieces(text):
        yield text[piece.start : piece.end]


def _sql_problems(generated: str, text: str, dialect: str) -> Iterator[str]:
    try:
        query_in(generated, dialect)
    except QueryRefused:
        yield "Bisync cannot read the SQL of this file well enough to let it be edited here. Edit it in git."
        return
    try:
        query_in(text, dialect)
    except QueryRefused as error:
        yield str(error)


def _yaml_problems(generated: str, text: str, dialect: str) -> Iterator[str]:
    data = load(text)
    if not isinstance(data, dict):
        yield "A file of properties is a list of keys, such as models: and metrics:."
        return
    before = Counter(_values(load(generated)))
    for key, value, prose in (Counter(_values(data)) - before).elements():
        if _RUNS_BY_ITSELF.fullmatch(key):
            yield f"{key} makes dbt run something by itself. That is added in git."
        elif is_call(value) and not relation_call(f"{{{{ {value} }}}}"):
            yield f"dbt would run “{value[:80]}” rather than take it as text. Write it in another way."
        elif not (prose or is_call(value) or _is_expression(value, dialect)):
            yield f"“{value[:80]}” is neither a plain text nor an expression that Bisync can read."


def _values(data: Any, key: str = "", *, prose: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Every text with the key that it stands below, and whether people alone read it."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield str(name), "", True
            yield from _values(value, str(name), prose=prose or str(name) in _PROSE)
    elif isinstance(data, list):
        for value in data:
            yield from _values(value, key, prose=prose)
    elif isinstance(data, str):
        yield key, data, prose


def _is_expression(value: str, dialect: str) -> bool:
    """Whether a text can stand in SQL without leaving its place."""
    if _PLAIN.fullmatch(value):
        return True
    if _COMMENT.search(value):
        return False
    try:
        tree = query_in(f"select ({value}\n) as whole", dialect).tree
    except QueryRefused:
        return False
    found = tree.expressions if isinstance(tree, exp.Select) else []
    alone = len(found) == 1 and isinstance(found[0], exp.Alias) and isinstance(found[0].this, exp.Paren)
    return alone and tree.find(exp.From) is None


def with_line_ends(generated: str, typed: str) -> str:
    """What was typed into a form, with the byte order mark and the ends of lines that the file has.

    Lines that were not touched are as they were, however they end; new ones end as most of the file's do.
    """
    bom = BOM if generated.startswith(BOM) else ""
    before = _LINES.findall(generated.removeprefix(BOM))
    after = _LINES.findall(typed.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n"))
    usual = "\r\n" if sum(line.endswith("\r\n") for line in before) * 2 > len(before) else "\n"
    plain = [line.replace("\r\n", "\n") for line in before]
    kept: list[str] = []
    for tag, first, last, start, end in SequenceMatcher(None, plain, after, autojunk=False).get_opcodes():
        kept += (
            before[first:last] if tag == "equal" else [line.replace("\n", usual) for line in after[start:end]]
        )
    return bom + "".join(kept)
