"""Docs blocks as they are proposed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from catalog.ingest import read
from proposals import generate
from proposals.kinds import KINDS
from semantic.described import DocFields
from semantic.known import Known
from tests.proposals.story import Story

pytestmark = [pytest.mark.django_db, pytest.mark.dbt]

KIND = KINDS["doc"]
ORDERS = "model.shop.fct_orders"


def files(story: Story, fields: DocFields) -> dict[str, str]:
    """What would be written, file by file."""
    known = generate.known_in(story.project, story.production)
    code = KIND.compiled(fields, known, dialect="duckdb", base=None)
    texts = known.files
    read = {change.path: texts.get(change.path) for change in code.changes}
    return {
        change.path: change.apply(before.encode() if (before := read[change.path]) else None).decode()
        for change in code.changes
    }


def told(story: Story, **to: Any) -> dict[str, list[str]]:
    fields = replace(
        DocFields(block="order_status", text="Where the order stands.", why="Asked often."), **to
    )
    return KIND.sending_problems(fields, generate.known_in(story.project, story.production), None)


def test_the_description_of_a_column_becomes_a_block_that_others_can_use(story: Story) -> None:
    known = generate.known_in(story.project, story.production)
    fields, base = KIND.begun(f"{ORDERS}:status", known, story.maya)
    assert (fields.block, fields.name, base) == ("fct_orders_status", "doc.fct_orders_status", None)

    written = files(story, replace(fields, text="Where the order stands."))

    assert (
        written["models/docs.md"] == "{% docs fct_orders_status %}\nWhere the order stands.\n{% enddocs %}\n"
    )
    (orders,) = [
        m for m in yaml.safe_load(written["models/schema.yml"])["models"] if m["name"] == "fct_orders"
    ]
    column = next(one for one in orders["columns"] if one["name"] == "status")
    assert column["description"] == "{{ doc('fct_orders_status') }}"


@pytest.mark.parametrize(
    ("to", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "{% enddocs %} {{ env_var('HOME') }}"}, "text"),
        ({"block": ""}, "block"),
        ({"block": "a b %}"}, "block"),
        ({"about": "model.shop.none"}, "block"),
        ({"about": "macro.dbt.ref"}, "block"),
        ({"why": "{{ x }}"}, "why"),
    ],
)
def test_what_may_not_be_written_is_said_beside_its_field(
    story: Story, to: dict[str, Any], field: str
) -> None:
    assert list(told(story, **to)) == [field]


def test_a_whole_block_may_be_sent(story: Story) -> None:
    assert told(story) == {}


def test_where_a_description_is_a_block_already_that_one_is_rewritten(story: Story) -> None:
    known = generate.known_in(story.project, story.production)
    entry = dict(known.manifest.nodes[ORDERS].read())
    entry["columns"]["status"]["doc_blocks"] = ["doc.shop.status"]
    block = {
        "unique_id": "doc.shop.status", "resource_type": "doc", "name": "status", "package_name": "shop",
        "original_file_path": "models/docs.md", "block_contents": "Where the order stands.",
    }  # fmt: skip
    metadata = dict(known.manifest.parts.metadata)
    text = json.dumps({"metadata": metadata, "nodes": {ORDERS: entry}, "docs": {block["unique_id"]: block}})
    there = Known(known.names, lambda: read(text.encode()))

    fields, base = KIND.begun(f"{ORDERS}:status", there, story.maya)

    assert fields == base == DocFields(name="doc.shop.status", block="status", text="Where the order stands.")
