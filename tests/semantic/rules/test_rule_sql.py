"""What DuckDB makes of rules: the database decides as the table does, blanks included."""

from __future__ import annotations

from itertools import product
from typing import Any

import duckdb
from sqlglot import exp

from semantic.formula.tree import ColumnRef, Node
from semantic.query.expressions import Writer
from semantic.rules.boxes import check_table
from semantic.rules.tables import Row, Table, read_table, to_case
from tests.semantic.health import MODEL, VOCABULARY, evaluated

VALUES: dict[str, list[Any]] = {
    "days_since_last_order": [None, 0, 59, 60, 61, 90],
    "lifetime_value": [None, -0.5, 0, 0.15, 100],
    "tier": [None, "gold", "Gold", "it's, late", ""],
    "is_vip": [None, True, False],
}
ROWS = [dict(zip(VALUES, row, strict=True)) for row in product(*VALUES.values())]
TABLES = (
    Table(
        tuple(VALUES),
        (
            Row(("> 60", "-", "not(gold)", "-"), "it's over"),
            Row(("[0..60)", "not(0, 15%)", '"it\'s, late", blank', "not(yes)"), "b"),
            Row(("60, blank", "-0.5 to 0.15", "-", "yes"), "c"),
        ),
        "other",
    ),
    Table(("lifetime_value * 2", "tier"), (Row(("<> 0", "not blank"), "1.5"), Row((">= 200, blank", "-"), "-2")), output="number"),
    Table(("is_vip", "CONTAINS(tier, 'old')"), (Row(("-", "yes"), "yes"), Row(("no, blank", "not(yes)"), "no")), output="boolean"),
)  # fmt: skip


def _sql(node: Node) -> str:
    def leaf(part: Node) -> exp.Expr | None:
        return exp.column(part.column) if isinstance(part, ColumnRef) else None

    return Writer(VOCABULARY, "duckdb", leaf).sql(node).sql(dialect="duckdb")


def test_the_database_decides_as_the_table_and_counts_what_is_found() -> None:
    base = duckdb.connect()
    base.execute(
        "CREATE TABLE c (days_since_last_order INT, lifetime_value DOUBLE, tier TEXT, is_vip BOOLEAN)"
    )
    base.executemany("INSERT INTO c VALUES (?, ?, ?, ?)", [list(row.values()) for row in ROWS])
    counted = 0
    for table in TABLES:
        reading = read_table(table, VOCABULARY, MODEL)
        decision = reading.decision
        assert decision, reading.problems
        inside = [tuple(evaluated(found.node, row) for found in decision.inputs) for row in ROWS]
        said = base.execute(f"SELECT {_sql(to_case(decision))} FROM c ORDER BY rowid").fetchall()
        assert [value for (value,) in said] == [decision.decide(row)[1] for row in inside]
        for finding in check_table(decision, VOCABULARY).findings:
            (number,) = base.execute(f"SELECT count(*) FROM c WHERE {_sql(finding.condition)}").fetchall()[0]
            assert number == sum(evaluated(finding.condition, row) is True for row in ROWS)
            counted += number
    assert counted
