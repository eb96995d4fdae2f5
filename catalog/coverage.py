"""Where each field of dbt's manifest goes: the reader keeps what this table says, and the reference shows it.

A place is a column of the catalogue's (`Node.name`), `KEPT` for `Node.fields` under dbt's own name, or a
sentence in brackets: why the field is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

KEPT = "Node.fields"
Places = Mapping[str, str]

_NAMED: Places = {
    "unique_id": "Node.unique_id",
    "resource_type": "Node.resource_type",
    "name": "Node.name",
    "package_name": "Node.package",
    "original_file_path": "Node.path",
    "path": "(original_file_path names the file from the top of the project)",
}
_SAID: Places = {
    **_NAMED,
    "description": "Node.description",
    "config": "Node.materialized, Node.access, Node.group, Node.tags, Node.meta; the rest in Node.fields",
    "unrendered_config": "(config is what dbt made of it)",
    "fqn": "(follows from package, folder and name)",
    "created_at": "(when dbt read it: changes with every parse)",
}
_MARKED: Places = {"tags": "Node.tags", "meta": "Node.meta"}
_READING: Places = {
    "depends_on": "Edge, Node.fields",
    "refs": "(depends_on has them resolved)",
}
_READING_MORE: Places = {
    "sources": "(depends_on has them resolved)",
    "metrics": "(depends_on has them resolved)",
}
_RELATION: Places = {
    **_SAID,
    **_MARKED,
    "depends_on": "Edge",
    "patch_path": "Node.patch_path",
    "relation_name": "Node.relation",
    "database": "(relation_name has it)",
    "schema": KEPT,
    "alias": KEPT,
    "checksum": KEPT,
    "columns": "Column",
    "group": "Node.group",
    "docs": KEPT,
    "doc_blocks": "Edge",
    "raw_code": "(read from git: the manifest's may be older where only white space changed)",
    "build_path": "(a path of the machine that parsed)",
}
_CODE: Places = {
    **_RELATION,
    **_READING_MORE,
    "refs": "(depends_on has them resolved)",
    "functions": "(depends_on has them resolved)",
    "language": KEPT,
    "compiled_path": "(a path of the machine that parsed)",
    "contract": KEPT,
}

PLACES: Mapping[str, Places] = {
    "model": {
        **_CODE,
        "access": "Node.access",
        "constraints": KEPT,
        "version": KEPT,
        "latest_version": KEPT,
        "deprecation_date": KEPT,
        "primary_key": KEPT,
        "time_spine": KEPT,
    },
    "seed": {**_RELATION, "root_path": "(a path of the machine that parsed)"},
    "snapshot": {**_CODE},
    "source": {
        **_SAID,
        **_MARKED,
        "patch_path": "Node.patch_path",
        "relation_name": "Node.relation",
        "database": "(relation_name has it)",
        "schema": KEPT,
        "columns": "Column",
        "doc_blocks": "Edge",
        "identifier": KEPT,
        "source_name": KEPT,
        "source_description": KEPT,
        "source_meta": KEPT,
        "loader": KEPT,
        "loaded_at_field": KEPT,
        "loaded_at_query": KEPT,
        "freshness": KEPT,
        "external": KEPT,
        "quoting": "(relation_name is quoted by it)",
        "unrendered_database": "(relation_name has what dbt made of it)",
        "unrendered_schema": "(schema is what dbt made of it)",
    },
    "exposure": {
        **_SAID,
        **_MARKED,
        **_READING,
        **_READING_MORE,
        "label": "Node.label",
        "type": KEPT,
        "owner": KEPT,
        "url": KEPT,
        "maturity": KEPT,
    },
    "metric": {
        **_SAID,
        **_MARKED,
        **_READING,
        **_READING_MORE,
        "label": "Node.label",
        "group": "Node.group",
        "type": KEPT,
        "type_params": KEPT,
        "filter": KEPT,
        "time_granularity": KEPT,
        "metadata": "(the line of its file in the spelling that no dbt writes any more)",
    },
    "semantic_model": {
        **_SAID,
        **_READING,
        "label": "Node.label",
        "group": "Node.group",
        "model": KEPT,
        "node_relation": "Node.relation",
        "entities": KEPT,
        "dimensions": KEPT,
        "measures": KEPT,
        "defaults": KEPT,
        "primary_entity": KEPT,
        "metadata": "(the line of its file in the spelling that no dbt writes any more)",
    },
    "saved_query": {
        **_SAID,
        **_READING,
        "tags": "Node.tags",
        "label": "Node.label",
        "group": "Node.group",
        "query_params": KEPT,
        "exports": KEPT,
        "metadata": "(the line of its file in the spelling that no dbt writes any more)",
    },
    "macro": {
        **_NAMED,
        "description": "Node.description",
        "meta": "Node.meta",
        "config": "Node.meta",
        "patch_path": "Node.patch_path",
        "macro_sql": KEPT,
        "arguments": KEPT,
        "supported_languages": KEPT,
        "depends_on": "Edge",
        "docs": KEPT,
        "created_at": "(when dbt read it: changes with every parse)",
    },
    "doc": {**_NAMED, "block_contents": "Node.description"},
    "function": {
        **_CODE,
        "returns": KEPT,
        "arguments": KEPT,
        "overloads": KEPT,
    },
}

TEST_PLACES: Places = {
    "unique_id": "NodeTest.unique_id",
    "name": "NodeTest.name",
    "resource_type": "NodeTest.kind",
    "test_metadata": "NodeTest.kind, NodeTest.arguments",
    "attached_node": "NodeTest.node",
    "column_name": "NodeTest.column",
    "config": "NodeTest.severity; what else is set in NodeTest.fields",
    "original_file_path": "NodeTest.path",
    "description": "NodeTest.description",
    "tags": "NodeTest.fields",
    "meta": "NodeTest.fields",
    "depends_on": "NodeTest.node; all of them in NodeTest.fields",
    "model": "NodeTest.node",
    "given": "NodeTest.fields",
    "expect": "NodeTest.fields",
    "overrides": "NodeTest.fields",
    "version": "NodeTest.fields",
    "versions": "NodeTest.fields",
    "file_key_name": "(attached_node and column_name say it)",
    "path": "(a path of the machine that parsed)",
    "fqn": "(follows from package, folder and name)",
    "package_name": "NodeTest.unique_id",
    "alias": "(the name of the table of failures)",
    "database": "(of the table of failures)",
    "schema": "(of the table of failures)",
    "relation_name": "(of the table of failures)",
    "checksum": "(follows from the test and its arguments)",
    "columns": "(tests have none)",
    "group": "(that of the tested node)",
    "docs": "(shown by no tool)",
    "doc_blocks": "(tests use none)",
    "patch_path": "(original_file_path says it)",
    "build_path": "(a path of the machine that parsed)",
    "compiled_path": "(a path of the machine that parsed)",
    "unrendered_config": "(config is what dbt made of it)",
    "created_at": "(when dbt read it: changes with every parse)",
    "raw_code": "(read from git)",
    "language": "(always SQL)",
    "refs": "(depends_on has them resolved)",
    "sources": "(depends_on has them resolved)",
    "metrics": "(depends_on has them resolved)",
    "functions": "(depends_on has them resolved)",
    "contract": "(tests have none)",
}

SECTIONS: Mapping[str, str] = {
    "metadata": "Snapshot.dbt_version, Snapshot.adapter",
    "nodes": "Node; those that are tests NodeTest; without analyses and hooks, of which nothing is made",
    "sources": "Node",
    "macros": "Node, without those that dbt and its adapters bring",
    "docs": "Node",
    "exposures": "Node",
    "metrics": "Node",
    "semantic_models": "Node",
    "saved_queries": "Node",
    "functions": "Node",
    "unit_tests": "NodeTest",
    "groups": "Group",
    "parent_map": "Edge",
    "child_map": "(parent_map the other way round)",
    "group_map": "(each node names its group)",
    "selectors": "(for dbt's command line only)",
    "disabled": "(dbt neither checks nor builds it)",
}


def kept(kind: str) -> tuple[str, ...]:
    """The fields of a kind that `Node.fields` holds under dbt's own names."""
    return tuple(field for field, place in PLACES.get(kind, {}).items() if KEPT in place.split(", "))
