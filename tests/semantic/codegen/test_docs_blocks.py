"""Docs blocks in Markdown files."""

from __future__ import annotations

import json

import pytest

from catalog.ingest import read
from semantic.codegen.changes import FileChange, WriteBlock
from semantic.codegen.docs_blocks import compile_block
from semantic.codegen.yaml_marks import YamlRefused
from semantic.definitions import Vocabulary
from semantic.described import DocFields
from semantic.known import Known
from semantic.project_file import FILE as PROJECT
from tests.semantic import shop

pytestmark = pytest.mark.pure

FILE = """\
# About the shop

{% docs order_status %}
Where the order stands:

| status | means |
|---|---|
| paid | the money is there |
{% enddocs %}

{%- docs other -%} One line. {%- enddocs -%}
"""


def after(text: str | None, block: WriteBlock) -> str:
    change = FileChange("models/docs.md", (block,))
    return change.apply(None if text is None else text.encode()).decode()


def test_only_the_text_of_the_block_changes() -> None:
    was = "Where the order stands:\n\n| status | means |\n|---|---|\n| paid | the money is there |"
    text = after(FILE, WriteBlock("order_status", "Where it stands.", was=was))
    assert text == FILE.replace(was, "Where it stands.")


def test_a_block_of_one_line_keeps_its_marks() -> None:
    text = after(FILE, WriteBlock("other", "Two\nlines.", was="One line."))
    assert text.endswith("{%- docs other -%} Two\nlines. {%- enddocs -%}\n")


def test_a_new_block_stands_behind_the_others() -> None:
    assert after(FILE, WriteBlock("new", "Text.")) == FILE + "\n{% docs new %}\nText.\n{% enddocs %}\n"
    assert after(None, WriteBlock("new", "Text.")) == "{% docs new %}\nText.\n{% enddocs %}\n"


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ("name: shop", "models/docs.md"),
        ("model-paths: [transform]", "transform/docs.md"),
        ("{model-paths: [transform], docs-paths: [words/, more]}", "words/docs.md"),
    ],
)
def test_the_first_block_of_a_project_stands_where_its_dbt_looks_for_blocks(said: str, file: str) -> None:
    schema = "https://schemas.getdbt.com/dbt/manifest/v12.json"
    manifest = {"metadata": {"dbt_schema_version": schema, "project_name": "shop"}, "nodes": {}}
    known = Known(Vocabulary({}, {}), lambda: read(json.dumps(manifest).encode()), lambda: {PROJECT: said})

    code = compile_block(None, DocFields(block="new", text="Text."), known)

    assert [change.path for change in code.changes] == [file]


def test_lines_end_as_the_file_ends_them() -> None:
    text = after(FILE.replace("\n", "\r\n"), WriteBlock("other", "Two\nlines.", was="One line."))
    assert "Two\r\nlines." in text


@pytest.mark.parametrize("block", [WriteBlock("none", "x", was="y"), WriteBlock("other", "x", was="y")])
def test_a_block_that_is_not_as_dbt_read_it_is_refused(block: WriteBlock) -> None:
    with pytest.raises(YamlRefused, match="Pull first"):
        after(FILE, block)


def described(text: str) -> Known:
    """A project of one table, and what dbt says of it and of its column."""
    node = {
        "unique_id": "model.shop.fct_orders", "resource_type": "model", "name": "fct_orders", "package_name": "shop",
        "patch_path": "shop://models/schema.yml", "original_file_path": "models/fct_orders.sql",
        "checksum": {"checksum": "x"}, "description": text,
        "columns": {"Status": {"name": "Status", "description": text}},
    }  # fmt: skip
    manifest = {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "project_name": "shop",
        },
        "nodes": {"model.shop.fct_orders": node},
    }
    return Known(shop.vocabulary(), lambda: read(json.dumps(manifest).encode()))


@pytest.mark.parametrize("about", ["model.shop.fct_orders", "model.shop.fct_orders:status"])
def test_a_reference_takes_the_place_of_the_words_that_were_approved_to_go(about: str) -> None:
    fields = DocFields(name="doc.orders", block="orders", text="One row for each order.", about=about)

    approved, same, now = (
        compile_block(None, fields, described(text)).entries
        for text in ("One row for each order.", "One row for each order.", "Without test orders.")
    )

    assert approved == same
    assert approved["edits"] == now["edits"]
    assert list(approved["uses"]) == [about]
    assert approved["uses"] != now["uses"]
