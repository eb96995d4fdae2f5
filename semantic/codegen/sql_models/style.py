"""How a project writes its models, read from its files, with the evidence for each habit.

A file has one vote on each habit that it shows, and those of a folder or layer decide for it where they are
enough. What no file shows is as dbt's own projects have it, and what cannot be read shows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, Literal, TypeAlias

from sqlglot import Token, TokenType
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from semantic.codegen.sql_models.evidence import Evidence, Votes, majority
from semantic.codegen.sql_models.folders import FEWEST, Places, layer_of, places_of
from semantic.codegen.sql_models.jinja import Masked, Unmaskable, mask, relation_call
from semantic.codegen.sql_models.properties import models_in
from semantic.codegen.sql_text import calls
from semantic.definitions import KeywordCase

Commas: TypeAlias = Literal["trailing", "leading"]
Functions: TypeAlias = Literal["like keywords", "unlike keywords"]
# So many show the habits of a project; one file more or less changes hardly any of the choice.
MOST_FILES = 300
OWN_NAME = "{model}"
_KEYWORDS = frozenset(
    (TokenType.SELECT, TokenType.FROM, TokenType.WHERE, TokenType.ALIAS, TokenType.WITH, TokenType.JOIN)
)


@dataclass(frozen=True, slots=True)
class ProjectStyle:
    """How new code looks and where it goes.

    `functions` are in the case of the keywords, or in the other one. `hanging` says that with leading
    commas the first column stands as deep as the others, without a comma; `imports` that models begin with a
    common table for each relation they read; `final` names the last common table where they end in
    `select * from` it, `{model}` for the model's own name, "" where they end in the select list itself;
    `airy` that a common table's query stands between blank lines; `with_alone` that WITH has its own line.
    `local` has what is otherwise in a layer, or in a folder, whose key ends with a slash. `evidence` tells
    why, and is no part of what the style is.
    """

    keywords: KeywordCase = "lower"
    functions: Functions = "like keywords"
    commas: Commas = "trailing"
    indent: str = "    "
    hanging: bool = False
    imports: bool = True
    final: str = ""
    airy: bool = False
    with_alone: bool = False
    local: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    evidence: tuple[Evidence, ...] = ()

    @property
    def of_functions(self) -> KeywordCase:
        """The case that functions are written in."""
        if self.functions == "like keywords":
            return self.keywords
        return "lower" if self.keywords == "upper" else "upper"

    def data(self) -> dict[str, Any]:
        """The style without its evidence, as plain data that can be stored and approved."""
        return asdict(replace(self, evidence=()))

    def at(self, path: str) -> ProjectStyle:
        """The style of a model at this path: as the files of its folder have it, else those of its layer."""
        layer, folder = (self.local.get(key, {}) for key in _groups(path))
        return replace(self, **{**layer, **folder})


def style_from(data: Mapping[str, Any]) -> ProjectStyle:
    """The style that `ProjectStyle.data` told."""
    known = {item.name for item in fields(ProjectStyle)} - {"places", "evidence"}
    return ProjectStyle(
        **{key: value for key, value in data.items() if key in known},
        places=Places.from_data(data.get("places") or {}),
    )


def style_of(files: Mapping[str, str], *, dialect: str = "") -> ProjectStyle:
    """The habits of a project by its model and properties files (path → text); never raises."""
    shown = _Shown()
    groups: dict[str, _Shown] = {}
    for path in _chosen(models_in(files)):
        for look in _looks(files[path], dialect):
            for one in (shown, *(groups.setdefault(key, _Shown()) for key in _groups(path))):
                one.add(look, path)
    places, found = places_of(files)
    habits = shown.habits(_DEFAULTS)
    local = _local(habits, groups)
    return ProjectStyle(**habits, local=local, places=places, evidence=(*shown.evidence(), *found))


def _groups(path: str) -> tuple[str, ...]:
    """The layer and the folder of a model; what the latter says counts for more."""
    return (layer_of(path) or "", f"{PurePosixPath(path).parent}/")


def _local(habits: Mapping[str, Any], groups: Mapping[str, _Shown]) -> dict[str, dict[str, Any]]:
    """What is otherwise in some layers and folders, as far as enough files show it."""
    found = {key: one.habits(habits, least=FEWEST) for key, one in groups.items()}
    layers = [said for key, said in found.items() if not key.endswith("/")]
    local = {}
    for key, said in sorted(found.items()):
        other = [habits, *(layers if key.endswith("/") else ())]
        local[key] = {
            name: value for name, value in said.items() if any(one.get(name, value) != value for one in other)
        }
    return {key: said for key, said in local.items() if said}


def _chosen(paths: Iterable[str]) -> list[str]:
    """The files that are read: all, or of very many those with the least digests of their paths."""
    found = sorted(paths, key=lambda path: sha256(path.encode()).digest())
    return sorted(found[:MOST_FILES])


def file_style(text: str, style: ProjectStyle, *, dialect: str = "") -> ProjectStyle:
    """The style of one file, and what it leaves open as the project has it."""
    changes: dict[str, Any] = {}
    for look in _looks(text, dialect):
        for name in ("keywords", "functions", "commas", "indent", "hanging"):
            value = getattr(look, name)
            if value is not None:
                changes[name] = value
    return replace(style, **changes)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one file shows; None where it shows nothing."""

    keywords: KeywordCase | None = None
    functions: Functions | None = None
    commas: Commas | None = None
    indent: str | None = None
    hanging: bool | None = None
    imports: bool | None = None
    final: str | None = None
    airy: bool | None = None
    with_alone: bool | None = None


class _Shown:
    def __init__(self) -> None:
        self.votes: dict[str, Votes[Any]] = {item.name: Votes() for item in fields(_Look)}

    def add(self, look: _Look, path: str) -> None:
        for name, votes in self.votes.items():
            value = getattr(look, name)
            if name == "final" and value == PurePosixPath(path).stem.lower():
                value = OWN_NAME
            if value is not None:
                votes.add(value, path)

    def habits(self, usual: Mapping[str, Any], *, least: int = 0) -> dict[str, Any]:
        """What most files show, in a draw what is usual; nothing of what fewer than the least show."""
        enough = {
            name: votes for name, votes in self.votes.items() if sum(map(len, votes.files.values())) >= least
        }
        return {
            name: self._final() if name == "final" else votes.winner(usual[name])
            for name, votes in enough.items()
        }

    def _final(self) -> str:
        """What the last common table is called where most files end in it; mostly `final`."""
        named = {name: len(paths) for name, paths in self.votes["final"].files.items() if name}
        total = sum(named.values())
        if total <= len(self.votes["final"].files.get("", ())):
            return ""
        usual = min(named, key=lambda name: (-named[name], name))
        return usual if named[usual] * 2 > total else "final"

    def evidence(self) -> Iterator[Evidence]:
        for name, votes in self.votes.items():
            yield votes.evidence(name, _DEFAULTS[name]) if name != "final" else self._final_evidence()

    def _final_evidence(self) -> Evidence:
        files, final = self.votes["final"].files, self._final()
        total = sum(map(len, files.values()))
        alike = [path for name, paths in files.items() if bool(name) == bool(final) for path in paths]
        example = min(files.get(final, alike), default="")
        return Evidence("final", final, len(alike), total, example)


_DEFAULTS: Mapping[str, Any] = {
    item.name: item.default
    for item in fields(ProjectStyle)
    if item.name not in {"local", "places", "evidence"}
}


def _looks(text: str, dialect: str) -> Iterator[_Look]:
    """What a file shows; nothing where it cannot be read."""
    try:
        masked = mask(text)
        tokens = Dialect.get_or_raise(dialect or None).tokenize(masked.text)
    except (Unmaskable, SqlglotError, ValueError, RecursionError):
        return
    if any(token.token_type is TokenType.SELECT for token in tokens):
        yield _Reader(masked, tokens, dialect).look()


class _Reader:
    def __init__(self, masked: Masked, tokens: Sequence[Token], dialect: str) -> None:
        self.masked = masked
        self.dialect = dialect
        self.text = masked.text
        self.tokens = tokens

    def look(self) -> _Look:
        tables = self._common_tables()
        selects = [at for at, token in enumerate(self.tokens) if token.token_type is TokenType.SELECT]
        commas = self._commas()
        indents = [found for at in selects if (found := self._indent(at, commas or "trailing"))]
        return _Look(
            keywords=self._keywords(),
            functions=self._functions(),
            commas=commas,
            indent=majority(indent for indent, _hanging in indents),
            hanging=majority(hanging for _indent, hanging in indents) if commas == "leading" else None,
            imports=self._imports(tables),
            final=self._final(selects[-1], tables) if tables else None,
            airy=majority(self._is_airy(begin) for _name, begin in tables),
            with_alone=self._with_alone(tables),
        )

    def _keywords(self) -> KeywordCase | None:
        words = [token.text for token in self.tokens if token.token_type in _KEYWORDS]
        return majority("upper" if word.isupper() else "lower" for word in words)

    def _functions(self) -> Functions | None:
        """Whether functions are in the case of the keywords; those with capitals within say nothing."""
        keywords = self._keywords()
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        words = [token.text for token, after in pairs if calls(token, after, self.dialect)]
        cases = ("upper" if word.isupper() else "lower" for word in words if word.isupper() or word.islower())
        found: list[Functions] = [
            "like keywords" if case == keywords else "unlike keywords" for case in cases
        ]
        return majority(found) if keywords else None

    def _commas(self) -> Commas | None:
        found: list[Commas] = []
        for before, comma, after in zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False):
            if comma.token_type is TokenType.COMMA and self._breaks(before.end, after.start):
                found.append("leading" if self._breaks(before.end, comma.start) else "trailing")
        return majority(found)

    def _breaks(self, start: int, end: int) -> bool:
        return "\n" in self.text[start:end]

    def _indent(self, select: int, commas: Commas) -> tuple[str, bool] | None:
        """By how much a select list is indented, and whether its first line is by more."""
        head = self.tokens[select]
        first = next(iter(self.tokens[select + 1 : select + 2]), None)
        if first is None or not self._breaks(head.end, first.start):
            return None
        outer, inner = self._margin(head.start), self._margin(first.start)
        line = self._comma_line(first.start) if commas == "leading" else None
        item = inner if line is None else line
        if not item.startswith(outer) or item == outer:
            return None
        return item.removeprefix(outer), len(inner) > len(item)

    def _comma_line(self, at: int) -> str | None:
        """The margin of the next line, if it begins with a comma."""
        end = self.text.find("\n", at)
        found = re.compile(r"\n([ \t]*),").match(self.text, end) if end >= 0 else None
        return found[1] if found else None

    def _margin(self, at: int) -> str:
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _common_tables(self) -> list[tuple[str, int]]:
        """The name of each outermost common table, and its bracket's place among the tokens."""
        types, found, depth, inside = TokenType, [], 0, False
        for at, token in enumerate(self.tokens):
            if token.token_type is types.WITH and depth == 0:
                inside = True
            elif token.token_type is types.SELECT and depth == 0:
                inside = False
            elif token.token_type is types.L_PAREN:
                if inside and depth == 0 and at > 1 and self.tokens[at - 1].token_type is types.ALIAS:
                    found.append((self.tokens[at - 2].text.lower(), at))
                depth += 1
            elif token.token_type is types.R_PAREN:
                depth -= 1
        return found

    def _imports(self, tables: Sequence[tuple[str, int]]) -> bool | None:
        """Whether a common table does nothing but read a relation; None where no relation is read."""
        read = [name for name, jinja in self.masked.names.items() if relation_call(jinja)]
        if not any(name in self.text for name in read):
            return None
        plain = [TokenType.SELECT, TokenType.STAR, TokenType.FROM, TokenType.R_PAREN]
        for _name, at in tables:
            body = list(self.tokens[at + 1 : at + 6])
            relation = body.pop(3).text if len(body) == 5 else ""
            if relation in self.masked.names and [token.token_type for token in body] == plain:
                return True
        return False

    def _final(self, select: int, tables: Sequence[tuple[str, int]]) -> str:
        rest = self.tokens[select + 1 :]
        known = {name for name, _at in tables}
        star = len(rest) > 2 and rest[0].token_type is TokenType.STAR and rest[1].token_type is TokenType.FROM
        name = rest[2].text.lower() if star else ""
        return name if name in known and len(rest) == 3 else ""

    def _is_airy(self, bracket: int) -> bool:
        after = self.tokens[bracket + 1 : bracket + 2]
        end = after[0].start if after else len(self.text)
        return self.text[self.tokens[bracket].end + 1 : end].count("\n") > 1

    def _with_alone(self, tables: Sequence[tuple[str, int]]) -> bool | None:
        if not tables:
            return None
        word = self.tokens[tables[0][1] - 3]
        return self._breaks(word.end, self.tokens[tables[0][1] - 2].start)
