"""The part of a manifest that says what dbt made a node's SQL from, and the SQL itself where it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from workspace.dbt.manifest import decoded

_DIALECTS: Mapping[str, str] = {"sqlserver": "tsql", "synapse": "tsql", "glue": "spark"}


class DependsOn(msgspec.Struct, frozen=True):
    nodes: list[str] = []
    macros: list[str] = []


class CodeConfig(msgspec.Struct, frozen=True):
    materialized: str | None = None


class CodeNode(msgspec.Struct):
    """A model, seed, snapshot, test or source, as far as its SQL goes."""

    name: str
    resource_type: str = "source"
    alias: str = ""
    identifier: str = ""
    schema: str = ""
    language: str = "sql"
    raw_code: str = ""
    compiled_code: str | None = None
    relation_name: str | None = None
    depends_on: DependsOn = DependsOn()
    config: CodeConfig = CodeConfig()
    columns: dict[str, dict[str, Any]] = {}


class CodeMacro(msgspec.Struct):
    macro_sql: str = ""
    depends_on: DependsOn = DependsOn()


class CodeMetadata(msgspec.Struct):
    adapter_type: str | None = None


class CodeManifest(msgspec.Struct):
    metadata: CodeMetadata
    nodes: dict[str, CodeNode] = {}
    sources: dict[str, CodeNode] = {}
    macros: dict[str, CodeMacro] = {}


def code_in(raw: bytes) -> CodeManifest:
    """What the manifest in `raw` says of code. Raises ValueError or RecursionError where it is none."""
    try:
        return msgspec.json.decode(raw, type=CodeManifest)
    except msgspec.DecodeError:  # NaN and halves of characters, which dbt writes
        return msgspec.convert(decoded(raw), type=CodeManifest)


def dialect_of(adapter: str) -> str:
    """How an adapter's SQL is spelled, in sqlglot's words."""
    return _DIALECTS.get(adapter, adapter)
