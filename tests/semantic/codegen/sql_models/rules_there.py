"""A project with a business rule in it, as dbt reads it: what its manifest says follows from the files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from catalog.reading import Manifest
from semantic.business_rules import BusinessRuleFields
from semantic.codegen.business_rules import compile_rule
from semantic.codegen.metrics import Compiled
from semantic.codegen.yaml_files import load
from semantic.known import Known
from tests.semantic.codegen.sql_models.projects import Styled
from workspace.dbt.manifest import split

Files = dict[str, str]


def written(code: Compiled, files: Mapping[str, str]) -> Files:
    """The files with what was compiled in them."""
    after = dict(files)
    for change in code.changes:
        before = after.get(change.path)
        after[change.path] = change.apply(before.encode() if before is not None else None).decode()
    return after


def known_by(files: Mapping[str, str], styled: Styled) -> Known:
    """What Bisync knows of a project with these files."""
    raw = json.dumps(manifest_of(files)).encode()
    manifest = Manifest(split(raw))
    return Known(styled.vocabulary, lambda: manifest, lambda: files)


def with_rule(styled: Styled, fields: BusinessRuleFields, dialect: str = "duckdb") -> tuple[Known, str]:
    """The project after a rule was published in it, and dbt's id of the rule's model."""
    code = compile_rule(fields, known_by(styled.files, styled), dialect=dialect)
    return known_by(written(code, styled.files), styled), f"model.shop.{code.models[-1]}"


def changed_in(known: Known, styled: Styled, path: str, was: str, now: str) -> Known:
    """The project after somebody changed a file of it."""
    assert was in known.files[path], known.files[path]
    return known_by({**known.files, path: known.files[path].replace(was, now)}, styled)


def manifest_of(files: Mapping[str, str]) -> dict[str, Any]:
    """dbt's manifest of these files, as far as rules need it."""
    nodes: dict[str, Any] = {}
    tests: dict[str, Any] = {}
    units: dict[str, Any] = {}
    parents: dict[str, list[str]] = {}
    for path, text in files.items():
        if path.endswith(".sql"):
            uid = f"model.shop.{PurePosixPath(path).stem}"
            nodes[uid] = {**_model(uid, path), "raw_code": text}
            read = re.findall(r"ref\(['\"](\w+)['\"]\)", text)
            parents[uid] = [f"model.shop.{name}" for name in dict.fromkeys(read)]
    for path, text in files.items():
        data = load(text) if path.endswith((".yml", ".yaml")) else {}
        for entry in data.get("models") or ():
            _described(nodes[f"model.shop.{entry['name']}"], entry, path, tests, parents)
        for unit in data.get("unit_tests") or ():
            uid = f"unit_test.shop.{unit['model']}.{unit['name']}"
            units[uid] = {**unit, "unique_id": uid, "original_file_path": path, "resource_type": "unit_test"}
    return {
        "metadata": {"project_name": "shop", "adapter_type": "duckdb"},
        "nodes": {**nodes, **tests},
        "unit_tests": units,
        "parent_map": parents,
    }


def _model(uid: str, path: str) -> dict[str, Any]:
    return {
        "unique_id": uid,
        "name": uid.rpartition(".")[2],
        "package_name": "shop",
        "resource_type": "model",
        "original_file_path": path,
        "config": {"materialized": "table"},
        "columns": {},
    }


def _described(
    node: dict[str, Any], entry: Any, path: str, tests: dict[str, Any], parents: dict[str, list[str]]
) -> None:
    node["patch_path"] = f"shop://{path}"
    node["description"] = entry.get("description", "")
    node["config"] |= entry.get("config") or {}
    node["columns"] = {one["name"]: {"description": "", **one} for one in entry.get("columns") or ()}
    for column in entry.get("columns") or ():
        for test in (*column.get("tests", ()), *column.get("data_tests", ())):
            kind = test if isinstance(test, str) else next(iter(test))
            uid = f"test.shop.{kind}_{node['name']}_{column['name']}"
            parents[uid] = [node["unique_id"]]
            tests[uid] = {
                "unique_id": uid,
                "name": uid.rpartition(".")[2],
                "resource_type": "test",
                "attached_node": node["unique_id"],
                "column_name": column["name"],
                "test_metadata": {"name": kind, "kwargs": {"column_name": column["name"]}},
                "depends_on": {"nodes": [node["unique_id"]]},
            }


def without_name(fields: BusinessRuleFields) -> BusinessRuleFields:
    """The fields without what a new rule and one that is there have apart."""
    return replace(fields, name="", why="")
