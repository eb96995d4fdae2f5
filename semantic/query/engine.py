"""MetricFlow as a library: the SQL of a metric, without a warehouse and without dbt.

Importing this module takes about a second and 50 MB, so only jobs import it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, time
from threading import Lock
from typing import Any, NoReturn, TypeAlias

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.big_query import BigQuerySqlPlanRenderer
from metricflow.sql.render.databricks import DatabricksSqlPlanRenderer
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow.sql.render.postgres import PostgresSQLSqlPlanRenderer
from metricflow.sql.render.redshift import RedshiftSqlPlanRenderer
from metricflow.sql.render.snowflake import SnowflakeSqlPlanRenderer
from metricflow.sql.render.sql_plan_renderer import SqlPlanRenderer
from metricflow.sql.render.trino import TrinoSqlPlanRenderer
from metricflow_semantics.errors.error_classes import MetricFlowException
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from semantic.definitions import Grain, Vocabulary

Manifest: TypeAlias = Mapping[str, Any]

ENGINES_KEPT = 8
# `: (PydanticMetricInput(name=…` in the middle of a sentence.
_OBJECT = re.compile(r"[\s:,(\[{]*\b[A-Za-z_]\w*\(\w+=")
DIALECTS: Mapping[str, tuple[SqlEngine, type[SqlPlanRenderer]]] = {
    "bigquery": (SqlEngine.BIGQUERY, BigQuerySqlPlanRenderer),
    "databricks": (SqlEngine.DATABRICKS, DatabricksSqlPlanRenderer),
    "duckdb": (SqlEngine.DUCKDB, DuckDbSqlPlanRenderer),
    "postgres": (SqlEngine.POSTGRES, PostgresSQLSqlPlanRenderer),
    "redshift": (SqlEngine.REDSHIFT, RedshiftSqlPlanRenderer),
    "snowflake": (SqlEngine.SNOWFLAKE, SnowflakeSqlPlanRenderer),
    "trino": (SqlEngine.TRINO, TrinoSqlPlanRenderer),
}

_engines: OrderedDict[tuple[str, str], Engine] = OrderedDict()
_lock = Lock()


class NotComputable(ValueError):
    """MetricFlow refuses; the text says why, in MetricFlow's words."""


class _Renderer:
    """MetricFlow's SqlClient without a warehouse: it spells SQL and runs nothing."""

    def __init__(self, dialect: str) -> None:
        engine, renderer = DIALECTS[dialect]
        self.sql_engine_type = engine
        self.sql_plan_renderer = renderer()

    def _refuse(self, *_args: object, **_options: object) -> NoReturn:
        raise NotComputable("MetricFlow asked for data, and here it only writes SQL.")

    query = execute = dry_run = _refuse

    def close(self) -> None:
        """Nothing was opened."""

    def render_bind_parameter_key(self, key: str) -> str:
        return f"%({key})s"


@dataclass(frozen=True, slots=True)
class Engine:
    """The metrics of one version of a project; threads may share it."""

    metricflow: MetricFlowEngine

    def sql(
        self,
        metric: str,
        *,
        grain: Grain | None = None,
        start: date | None = None,
        end: date | None = None,
        where: Sequence[str] = (),
    ) -> str:
        """MetricFlow's SQL: one row with the value, or rows of (period, value) in order of time.

        `start` and `end` are included, and widened to whole periods. `where` is MetricFlow's filter text and
        must never come from people: literals in it go into the SQL as they are.
        """
        request = MetricFlowQueryRequest.create(
            metric_names=[metric],
            group_by_names=[f"metric_time__{grain}"] if grain else None,
            order_by_names=[f"metric_time__{grain}"] if grain else None,
            where_constraints=list(where) or None,
            time_constraint_start=datetime.combine(start, time.min) if start else None,
            time_constraint_end=datetime.combine(end, time.min) if end else None,
        )
        try:
            explained = self.metricflow.explain(request)
        except (MetricFlowException, ValueError) as error:
            raise NotComputable(reason(error)) from error
        return str(explained.sql_statement.without_descriptions.sql)


def engine_for(semantic_manifest: Manifest | bytes, dialect: str) -> Engine:
    """The engine for a `semantic_manifest.json`; the last few are kept."""
    if dialect not in DIALECTS:
        raise NotComputable(f"MetricFlow writes no SQL for {dialect}.")
    text = semantic_manifest if isinstance(semantic_manifest, bytes) else _dumped(semantic_manifest)
    key = (hashlib.sha256(text).hexdigest(), dialect)
    with _lock:
        if key in _engines:
            _engines.move_to_end(key)
            return _engines[key]
    engine = _built(text, dialect)
    with _lock:
        _engines[key] = engine
        while len(_engines) > ENGINES_KEPT:
            _engines.popitem(last=False)
    return engine


def _built(text: bytes, dialect: str) -> Engine:
    try:
        manifest = parse_manifest_from_dbt_generated_manifest(text.decode())
        return Engine(MetricFlowEngine(SemanticManifestLookup(manifest), _Renderer(dialect)))
    except (MetricFlowException, ValueError) as error:
        raise NotComputable(reason(error)) from error


def _dumped(manifest: Manifest) -> bytes:
    return json.dumps(manifest, sort_keys=True).encode()


def reason(error: Exception | str) -> str:
    """The message itself, without the report around it and without Python's spelling of objects."""
    lines = [line.strip() for line in str(error).splitlines()]
    if "Message:" in lines:
        lines = lines[lines.index("Message:") + 1 :]
    said = next((line for line in lines if line), type(error).__name__)
    words = _OBJECT.split(said, maxsplit=1)[0]
    return said if words == said else f"{words}."


def with_relations(
    semantic_manifest: Manifest, relations: Mapping[str, str], vocabulary: Vocabulary
) -> dict[str, Any]:
    """The manifest over other tables; `relations`: dbt model → its name there, the schema included."""
    changed = deepcopy(dict(semantic_manifest))
    models = {m.semantic.name: m.name for m in vocabulary.models.values() if m.semantic}
    for raw in changed["semantic_models"]:
        model = models.get(raw["name"], "")
        if model in relations:
            raw["node_relation"]["relation_name"] = relations[model]
    spine, _, column = vocabulary.time_spine.partition(".")
    configuration = changed.get("project_configuration") or {}
    for raw in configuration.get("time_spines") or ():
        if spine in relations and raw["primary_column"]["name"] == column:
            raw["node_relation"]["relation_name"] = relations[spine]
    for raw in configuration.get("time_spine_table_configurations") or ():
        if spine in relations and raw["column_name"] == column:
            raw["location"] = relations[spine]
    return changed
