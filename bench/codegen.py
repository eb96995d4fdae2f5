"""From a formula to its sentence, its SQL and dbt's YAML; and that YAML put into a file of middle size."""

from __future__ import annotations

from bench._common import Clock, emit
from semantic.codegen.metrics import Compiled, MetricDraft, Refused, compile_metric
from semantic.codegen.yaml_files import new_file
from semantic.definitions import Vocabulary
from semantic.formula import analyse
from semantic.query.spec import Unsupported
from semantic.query.sql import metric_sql
from tests.semantic.conformance.cases import CASES, QUESTIONS, RELATIONS
from tests.semantic.formula_fuzz import vocabulary

FORMULAS = [*dict.fromkeys(one.formula for one in (*CASES, *QUESTIONS))]
DIALECTS = ("duckdb", "postgres", "snowflake", "bigquery")
MODELS = 12  # of five columns each: 8 kB, as property files have on average


def main() -> int:
    known, before = vocabulary(), properties()
    making, putting = Clock(), Clock()
    emit("codegen", "size of the file", len(before) / 1000, "kB")
    refused = 0
    for dialect in DIALECTS:
        for formula in FORMULAS:
            try:
                with making.running():
                    compiled = made(formula, known, dialect)
            except (Refused, Unsupported):
                refused += 1
                continue
            with putting.running():
                written(compiled, before)
    emit("codegen", "formulas written, in four dialects", len(making.worked), "formulas")
    emit("codegen", "formulas that dbt or a warehouse cannot say", refused, "formulas")
    making.emit("codegen", "sentence, SQL and YAML")
    putting.emit("codegen", "all its entries put into the file")
    return 0


def made(formula: str, known: Vocabulary, dialect: str) -> Compiled:
    """Everything that is shown of a formula but its numbers."""
    analysis = analyse(formula, known, model="sales")
    assert analysis.tree is not None
    assert analysis.reads_as
    metric_sql(analysis.tree, known, RELATIONS, dialect=dialect)
    draft = MetricDraft("found", "Found", "How much.", analysis, model="sales")
    return compile_metric(draft, known, dialect=dialect)


def written(compiled: Compiled, before: bytes) -> None:
    """The changes made one after another, in a file that holds the semantic model among others."""
    after = before
    for change in compiled.changes:
        after = change.apply(after)
    assert after != before


def properties() -> bytes:
    """A property file of middle size with the semantic model of the sales at its end."""
    models = [
        {
            "name": f"model_{number}",
            "description": f"The rows of source {number}, one for each day: blanks stay blank.",
            "columns": [
                {"name": f"column_{at}", "description": f"Its {at}th column", "data_tests": ["not_null"]}
                for at in range(5)
            ],
        }
        for number in range(MODELS)
    ]
    semantic = {
        "name": "sales",
        "model": "ref('sales')",
        "defaults": {"agg_time_dimension": "sold_at"},
        "entities": [{"name": "sale", "type": "primary", "expr": "id"}],
        "measures": [{"name": "amounts", "agg": "sum", "expr": "amount"}],
        "dimensions": [
            {"name": "sold_at", "type": "time", "type_params": {"time_granularity": "day"}},
        ],
    }
    metric = {"name": "income", "label": "Income", "type": "simple", "type_params": {"measure": "amounts"}}
    regions = {
        "name": "regions",
        "model": "ref('regions')",
        "dimensions": [{"name": "name", "type": "categorical"}],
    }
    data = {"version": 2, "models": models, "semantic_models": [semantic, regions], "metrics": [metric]}
    return new_file(data).encode()


if __name__ == "__main__":
    raise SystemExit(main())
