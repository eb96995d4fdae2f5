"""Formulas that nobody would write, and what must hold of whatever comes of them.

A formula may be refused with a sentence. Where it is not, every text that is made of it has to be one query,
or one expression, of those functions alone that stand in the SQL that was read line by line for conformance.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import sqlglot
from sqlglot import exp

from semantic.codegen.entries import Refused
from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.definitions import Measure, Metric, Model, Vocabulary
from semantic.formula import CODES, Analysis, analyse
from semantic.formula.registry import FUNCTIONS
from semantic.query.spec import Unsupported
from semantic.query.sql import metric_sql
from tests.semantic.conformance.cases import RELATIONS
from tests.semantic.conformance.cases import vocabulary as sales
from tests.semantic.conformance.golden_files import DIALECTS, file_of

UNITS = ("day", "week", "month", "quarter", "year")
# What breaks out of texts, names and templates elsewhere, one a line; what no line can hold follows.
HOSTILE = (
    *r"""
'; DROP TABLE sales; --
' OR '1'='1
');DELETE FROM sales;--
\'; SELECT 1 --
'||(SELECT 1)||'
{{ env_var('HOME') }}
{% set x = 1 %}
{# x #}
{{
}}
{%
%}
{ {
${x}
#{x}
/*
*/
--
#
;
$$
$1
?
:x
%s
@@version
`
'
''
"
""
]
]]
\
\u0027
SELECT 1
(SELECT 1)
UNION SELECT 1
FROM sales
sales; SELECT 1
read_csv('/etc/passwd')
pg_sleep(9)
COPY sales TO 'x'
ATTACH 'x'
current_setting('x')
getenv('HOME')
CAST(1 AS text)
1e309
NULL
x::int
a.b.c
sales.*
OVER ()
FILTER
CASE
END
""".strip().splitlines(),
    *(
        "\x00",
        "\ufeff",
        "\u2028",
        "\u202e",
        "\u2019",
        "\u201c",
        "\uff1b",
        "\ufe54",
        "\uff07",
        "\t",
        "\r\n--",
        "\n;",
    ),
    *("9" * 40, "-" * 50, "(" * 70, "\u00e9", "\U0001f600"),
)
_TEMPLATE = re.compile(
    r"\{\{ (TimeDimension\('\w+__\w+', '(day|week|month|quarter|year)'\)|(Dimension|Entity)\('\w+'\)) \}\}"
)


def vocabulary() -> Vocabulary:
    """The sales of the conformance suite, with metrics over them."""
    known = sales()
    found = known.models["sales"]
    assert found.semantic is not None
    measures = (Measure("amounts", "sum", "amount", "sold_at"), Measure("sold", "count", "1", "sold_at"))
    semantic = replace(found.semantic, measures=measures)
    metrics = (
        Metric("income", "simple", label="Income", measure="amounts"),
        Metric("sales_count", "simple", measure="sold"),
    )
    models = {**known.models, "sales": replace(found, semantic=semantic)}
    return replace(
        known,
        models={name: _kept_in("shop.yml", model) for name, model in models.items()},
        metrics={metric.name: metric for metric in metrics},
    )


def _kept_in(file: str, model: Model) -> Model:
    assert model.semantic is not None
    return replace(model, file=file, semantic=replace(model.semantic, file=file))


def formulas(chance: random.Random) -> Iterator[str]:
    """Formulas without end: right ones, damaged ones, and ones that carry what would do harm."""
    while True:
        text = Grammar(chance).formula()
        roll = chance.random()
        if roll < 0.45:
            yield text
        elif roll < 0.7:
            yield damaged(text, chance)
        elif roll < 0.95:
            yield _carrying(text, chance)
        else:
            yield "".join(
                chr(chance.choice((chance.randrange(128), chance.randrange(0x3000)))) for _ in range(30)
            )


def damaged(text: str, chance: random.Random) -> str:
    """With some of its words or signs gone, doubled, changed or moved."""
    parts = re.findall(r"\w+|\s+|.", text) if chance.random() < 0.6 else list(text)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(parts))
        match chance.randrange(4):
            case 0 if len(parts) > 1:
                del parts[at]
            case 1:
                parts.insert(at, parts[chance.randrange(len(parts))])
            case 2:
                parts[at] = chance.choice(parts)
            case _:
                parts[at] = chr(chance.randrange(32, 127))
    return "".join(parts)


def _carrying(text: str, chance: random.Random) -> str:
    """With something hostile in it: in a text, in a name, in place of a word, or anywhere."""
    payload = chance.choice(HOSTILE)
    places = {
        0: list(re.finditer(r"(?<=')[^']*(?=')", text)),
        1: list(re.finditer(r"\w+", text)),
    }.get(chance.randrange(3), [])
    if places:
        place = chance.choice(places)
        return text[: place.start()] + payload + text[place.end() :]
    at = chance.randint(0, len(text))
    return text[:at] + payload + text[at:]


class Grammar:
    """Formulas as the language allows them, over the sales of the conformance suite."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def formula(self) -> str:
        return self.total(self.chance.randint(0, 3))

    def one(self, *ways: Callable[[], str]) -> str:
        return self.chance.choice(ways)()

    def total(self, depth: int) -> str:
        if depth <= 0:
            return self.one(
                self.aggregate,
                self.aggregate,
                self.aggregate,
                lambda: self.chance.choice(("income", "sales_count")),
            )
        less = depth - 1
        return self.one(
            lambda: f"{self.total(less)} {self.chance.choice('+-*/')} {self.total(less)}",
            lambda: f"({self.total(less)} {self.chance.choice('+-*/')} {self.total(less)})",
            lambda: f"({self.total(0)} WHERE {self.condition(less)}) / {self.total(0)}",
            lambda: f"{self.total(less)} WHERE {self.condition(less)}",
            lambda: f"ROUND({self.total(less)}, {self.chance.randint(0, 3)})",
            lambda: f"COALESCE({self.total(less)}, 0)",
            lambda: f"IF({self.total(less)} > {self.number()}, {self.total(less)}, {self.number()})",
            lambda: f"DIVIDE({self.total(less)}, {self.total(less)}, 0)",
            lambda: f"ROLLING({self.total(0)}, {self.period()})",
            lambda: f"PRIOR({self.total(0)}, {self.period()})",
            lambda: f"TODATE({self.total(0)}, {self.chance.choice(UNITS[1:])})",
            lambda: f"-{self.total(less)} ^ 2",
        )

    def aggregate(self) -> str:
        depth = self.chance.randint(0, 2)
        return self.one(
            lambda: f"{self.chance.choice(('SUM', 'AVERAGE', 'MIN', 'MAX', 'MEDIAN'))}({self.row(depth)})",
            lambda: f"SUM({self.row(depth)} WHERE {self.condition(depth)})",
            lambda: f"SUM({self.row(depth)}) FILTER (WHERE {self.condition(depth)})",
            lambda: f"COUNT(DISTINCT {self.one(self.word, lambda: self.row(depth))})",
            lambda: f"COUNTIF({self.condition(depth)})",
            lambda: f"SUMIF({self.row(depth)}, {self.condition(depth)})",
            lambda: f"PERCENTILE({self.row(0)}, 0.{self.chance.randint(1, 99)})",
            lambda: "COUNT(*)",
        )

    def row(self, depth: int) -> str:
        if depth <= 0:
            return self.one(
                lambda: self.chance.choice(("amount", "rate", "quantity", "big", "[amount]")), self.number
            )
        less = depth - 1
        calls = [f for f in FUNCTIONS if f.role == "row" and f.result in ("number", "integer")]
        return self.one(
            lambda: f"{self.row(less)} {self.chance.choice('+-*/')} {self.row(less)}",
            lambda: f"({self.row(less)} {self.chance.choice('+-*/^')} {self.row(less)})",
            lambda: f"IF({self.condition(less)}, {self.row(less)}, {self.row(less)})",
            lambda: f"CASE WHEN {self.condition(less)} THEN {self.row(less)} ELSE {self.row(less)} END",
            lambda: f"COALESCE({self.row(less)}, {self.number()})",
            lambda: f"{self.chance.choice(calls).name}({self.row(less)})",
            lambda: f"DATEDIFF({self.day()}, {self.day()})",
            lambda: f"LEN({self.word()})",
        )

    def condition(self, depth: int) -> str:
        if depth <= 0:
            texts = ", ".join(self.text() for _ in range(self.chance.randint(1, 3)))
            return self.one(
                lambda: (
                    f"{self.row(0)} {self.chance.choice(('=', '<>', '<', '<=', '>', '>='))} {self.number()}"
                ),
                lambda: f"{self.word()} = {self.text()}",
                lambda: f"{self.word()} {self.chance.choice(('IN', 'NOT IN'))} ({texts})",
                lambda: f"{self.row(0)} BETWEEN {self.number()} AND {self.number()}",
                lambda: f"{self.word()} IS {self.chance.choice(('BLANK', 'NOT BLANK', 'NULL'))}",
                lambda: (
                    f"{self.chance.choice(('CONTAINS', 'STARTSWITH', 'ENDSWITH'))}({self.word()}, {self.text()})"
                ),
                lambda: f"{self.day()} >= '2024-0{self.chance.randint(1, 9)}-15'",
                lambda: f"sold_on IN LAST {self.period()}",
                lambda: "is_gift",
                lambda: f"regions.name = {self.text()}",
            )
        less = depth - 1
        return self.one(
            lambda: f"{self.condition(less)} {self.chance.choice(('AND', 'OR'))} {self.condition(less)}",
            lambda: f"({self.condition(less)}) AND ({self.condition(less)})",
            lambda: f"NOT ({self.condition(less)})",
            lambda: self.condition(0),
        )

    def word(self) -> str:
        return self.one(
            lambda: "name", lambda: "name", lambda: "UPPER(name)", lambda: f"name & {self.text()}"
        )

    def day(self) -> str:
        return self.one(
            lambda: "sold_on", lambda: "sold_at", lambda: "due_on", lambda: f"sold_on + {self.period()}"
        )

    def period(self) -> str:
        return f"{self.chance.randint(1, 40)} {self.chance.choice(UNITS)}s"

    def number(self) -> str:
        return self.chance.choice(("0", "1", "2.5", "-3", "5%", "1000000", "0.1", "1e6"))

    def text(self) -> str:
        words = (
            "paid",
            "",
            "it''s",
            "100 %",
            "a_b",
            "Ü",
            "--",
            "/* x */",
            "a;b",
            "x\ny",
            "select",
            "%",
            "[x]",
        )
        return f"'{self.chance.choice(words)}'"


def problem_of(text: str, known: Vocabulary, chance: random.Random) -> str:
    """What is wrong with that which was made of a formula; "" where all is well. What it raises is wrong too."""
    analysis = analyse(text, known, model=chance.choice(("", "sales")))
    if analysis.tree is None:
        first = analysis.problems[0]
        return "" if first.level == "error" and first.code in CODES else f"refused without an error: {first}"
    dialect = chance.choice(DIALECTS)
    try:
        queries = [metric_sql(analysis.tree, known, RELATIONS, dialect=dialect)]
    except Unsupported:
        queries = []
    found = [_of_query(query, dialect) for query in queries] + [_of_files(analysis, known, dialect)]
    return next(filter(None, found), "")


def _of_query(sql: str, dialect: str) -> str:
    statements = sqlglot.parse(sql, dialect=dialect)
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        return f"not one query: {sql}"
    tables = {table.name for table in statements[0].find_all(exp.Table)}
    own = {cte.alias for cte in statements[0].find_all(exp.CTE)}
    strange = tables - own - RELATIONS.keys()
    return f"reads {strange}: {sql}" if strange else _of_sql(sql, statements[0], dialect)


def _of_files(analysis: Analysis, known: Vocabulary, dialect: str) -> str:
    """What goes into dbt's files: the expressions of measures, the filters and sums of metrics."""
    draft = MetricDraft("fuzzed", "Fuzzed", "", analysis, model=analysis.model)
    try:
        compiled = compile_metric(draft, known, dialect=dialect)
    except Refused:
        return ""
    spelled = "postgres" if dialect == "duckdb" else dialect
    problems = (problem_of_part(text, key, spelled) for key, text in _texts(compiled.entries))
    return next(filter(None, problems), "")


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every SQL text of dbt's entries, with the key it stands under; the author's own words left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("config", "label", "description", "uses"):
                yield from _texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, key)
    elif isinstance(value, str) and key in ("expr", "filter"):
        yield key, value


def problem_of_part(text: str, key: str, dialect: str) -> str:
    """What is wrong with an `expr` or `filter` that goes into dbt's files; "" where all is well."""
    plain = _TEMPLATE.sub("filtered", text) if key == "filter" else text
    if re.search(r"\{\{|\{%|\{#|\}\}|%\}", plain):
        return f"Jinja in {key}: {text}"
    query = f"SELECT {plain}" if key == "expr" else f"SELECT 1 WHERE {plain}"
    statements = sqlglot.parse(query, dialect=dialect)
    parsed = statements[0]
    if len(statements) != 1 or not isinstance(parsed, exp.Select) or len(parsed.expressions) != 1:
        return f"not one expression in {key}: {text}"
    parts = {name for name, part in parsed.args.items() if part} - {"expressions", "where", "kind"}
    nested = list(parsed.find_all(exp.Query, exp.Window))[1:]
    if parts or nested or bool(parsed.args.get("where")) != (key == "filter"):
        return f"more than an expression in {key}: {text}"
    return _of_sql(plain, parsed, dialect)


def _of_sql(sql: str, parsed: exp.Expr, dialect: str) -> str:
    nodes = list(parsed.walk())
    if any(node.comments for node in nodes):
        return f"a comment in {sql}"
    strange = {_named(node) for node in nodes} - known_parts(dialect)
    return f"unknown {strange} in {sql}" if strange else ""


@cache
def known_parts(dialect: str) -> frozenset[str]:
    """Everything that the SQL consists of that was read for conformance, in this dialect or PostgreSQL's."""
    lines = file_of(dialect).read_text(encoding="utf-8").splitlines()
    lines += file_of("postgres").read_text(encoding="utf-8").splitlines() if dialect == "duckdb" else []
    queries = (
        sqlglot.parse_one(line, dialect=dialect) for line in lines if line and not line.startswith("--")
    )
    return frozenset(_named(node) for query in queries for node in query.walk())


def _named(node: exp.Expr) -> str:
    """A function or another part of SQL by its name."""
    return f"{node.name.upper()}()" if isinstance(node, exp.Anonymous) else type(node).__name__
