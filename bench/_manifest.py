"""A manifest of any size, shaped as dbt writes one: layers of models over sources, columns, tests, docs."""

from __future__ import annotations

import random
from typing import Any

WORDS = ("order", "customer", "visit", "refund", "stock", "price", "margin", "channel", "region", "budget")


def manifest(models: int, *, columns: int = 20, seed: int = 1, compiled: bool = False) -> dict[str, Any]:
    """`models` models with `columns` columns each, a source for each tenth, and two tests for each.

    With `compiled` also the SQL that a build makes: common tables, a join, expressions, windows, stars.
    """
    dice = random.Random(seed)
    nodes: dict[str, Any] = {}
    parents: dict[str, list[str]] = {}
    sources = {
        uid: _source(uid, columns) for uid in (f"source.shop.raw.s{n}" for n in range(models // 10 or 1))
    }
    names = list(sources)
    for number in range(models):
        uid = f"model.shop.m{number}"
        read = dice.sample(names[-200:], min(len(names), dice.randint(1, 3)))
        nodes[uid] = _model(uid, number, columns, read)
        if compiled:
            nodes[uid]["compiled_code"] = sql_of(number, columns, read)
        parents[uid] = read
        names.append(uid)
        for kind, column in (("unique", "c0"), ("not_null", f"c{dice.randrange(columns)}")):
            test = _test(uid, number, kind, column)
            nodes[test["unique_id"]] = test
            parents[test["unique_id"]] = [uid]
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.11.16",
            "adapter_type": "duckdb",
        },
        "nodes": nodes,
        "sources": sources,
        "exposures": {},
        "metrics": {},
        "groups": {},
        "semantic_models": {},
        "saved_queries": {},
        "unit_tests": {},
        "docs": {},
        "macros": {},
        "parent_map": parents,
        "child_map": {},
    }


def _columns(count: int) -> dict[str, Any]:
    return {
        f"c{n}": {
            "name": f"c{n}",
            "description": f"The {WORDS[n % 10]} of column {n}, as the business counts it.",
            "meta": {},
            "data_type": "varchar" if n % 3 else "bigint",
            "constraints": [],
            "quote": None,
            "tags": [],
            "config": {"meta": {}, "tags": []},
        }
        for n in range(count)
    }


def _model(uid: str, number: int, columns: int, read: list[str]) -> dict[str, Any]:
    name = f"m{number}"
    sql = "\n".join(f"select c{n} from {{{{ ref('{parent}') }}}}" for n, parent in enumerate(read))
    config = {
        "materialized": "table",
        "meta": {"owner": WORDS[number % 10]},
        "tags": ["nightly"],
        "group": None,
    }
    return {
        "unique_id": uid,
        "resource_type": "model",
        "name": name,
        "package_name": "shop",
        "path": f"marts/{name}.sql",
        "original_file_path": f"models/marts/{name}.sql",
        "patch_path": f"shop://models/marts/{name}.yml",
        "alias": name,
        "schema": "analytics",
        "database": "shop",
        "relation_name": f'"shop"."analytics"."{name}"',
        "checksum": {"name": "sha256", "checksum": f"{number:064x}"},
        "config": config,
        "meta": config["meta"],
        "tags": config["tags"],
        "description": f"What {WORDS[number % 10]} number {number} is about.",
        "columns": _columns(columns),
        "raw_code": sql,
        "language": "sql",
        "depends_on": {"nodes": read, "macros": []},
        "refs": [],
        "sources": [],
        "access": "protected",
        "group": None,
        "constraints": [],
        "contract": {"enforced": False},
        "version": None,
        "latest_version": None,
        "created_at": 1.0,
    }


def sql_of(number: int, columns: int, read: list[str]) -> str:
    """A model as people write it."""
    places = [
        f'"shop"."{"raw" if uid.startswith("source") else "analytics"}"."{uid.rpartition(".")[2]}"'
        for uid in read
    ]
    tables = [f"p{n} as (\n  select * from {place}\n)" for n, place in enumerate(places)]
    kinds = (
        "{p}.{c}",
        "coalesce({p}.{c}, 0) as {c}",
        "sum({p}.{c}) over (partition by p0.c0) as {c}",
        "case when {p}.{c} > 0 then p0.c1 else {p}.{c} end as {c}",
    )
    chosen = [
        kinds[(n + number) % 4 if n else 0].format(p=f"p{n % len(read)}", c=f"c{n}") for n in range(columns)
    ]
    joins = [f"left join p{n} on p{n}.c0 = p0.c0" for n in range(1, len(read))]
    listed = ",\n    ".join(chosen)
    joined = (
        "joined as (\n  select\n    "
        + listed
        + "\n  from p0 "
        + " ".join(joined_ for joined_ in joins)
        + "\n)"
    )
    final = "final as (\n  select * from joined where c1 is not null\n)"
    return "with " + ",\n".join([*tables, joined, final]) + "\nselect * from final"


def _source(uid: str, columns: int) -> dict[str, Any]:
    name = uid.rpartition(".")[2]
    return {
        "unique_id": uid,
        "resource_type": "source",
        "name": name,
        "source_name": "raw",
        "package_name": "shop",
        "original_file_path": "models/sources.yml",
        "relation_name": f'"shop"."raw"."{name}"',
        "schema": "raw",
        "identifier": name,
        "description": f"Loaded as {name}.",
        "columns": _columns(columns),
        "freshness": {"warn_after": {"count": 1, "period": "day"}},
        "config": {"enabled": True},
        "meta": {},
        "tags": [],
    }


def _test(uid: str, number: int, kind: str, column: str) -> dict[str, Any]:
    name = f"{kind}_m{number}_{column}"
    return {
        "unique_id": f"test.shop.{name}.{number:010x}",
        "resource_type": "test",
        "name": name,
        "package_name": "shop",
        "original_file_path": f"models/marts/m{number}.yml",
        "test_metadata": {
            "name": kind,
            "namespace": None,
            "kwargs": {"column_name": column, "model": "{{ m }}"},
        },
        "column_name": column,
        "attached_node": uid,
        "depends_on": {"nodes": [uid], "macros": []},
        "config": {"severity": "ERROR"},
        "checksum": {"name": "none", "checksum": ""},
    }
