"""Docs blocks in Markdown files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from catalog.ingest import read
from semantic.codegen.changes import FileChange, WriteBlock
from semantic.codegen.docs_blocks import compile_block, kept_in_step
from semantic.codegen.metrics import Compiled
from semantic.codegen.yaml_marks import YamlRefused
from semantic.definitions import Vocabulary
from semantic.described import DocFields
from semantic.known import Known
from semantic.project_file import FILE as PROJECT
from semantic.technical import documentation
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


COMPUTED = """\
### How it is computed

Total net amount.

    SUM(fct_orders.net_amount)

It counts rows of `fct_orders`."""


def documented(text: str, **to: Any) -> Known:
    """The shop, in which the metric revenue has this description, of a docs block that says it."""
    names = shop.vocabulary()
    revenue = replace(names.metrics["revenue"], description=text, unique_id="metric.shop.revenue", **to)
    revenue = replace(revenue, formula="SUM(fct_orders.net_amount)", file="models/metrics.yml")
    block = {
        "unique_id": "doc.shop.revenue", "resource_type": "doc", "name": "revenue", "package_name": "shop",
        "original_file_path": "models/docs.md", "block_contents": text,
    }  # fmt: skip
    manifest = {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "project_name": "shop",
        },
        "nodes": {},
        "docs": {"doc.shop.revenue": block},
    }
    names = replace(names, metrics={**names.metrics, "revenue": revenue})
    return Known(names, lambda: read(json.dumps(manifest).encode()), lambda: {PROJECT: "name: shop"})


def test_the_documentation_of_a_metric_begins_with_all_that_is_known_of_it() -> None:
    context = "Finance closes the books with it."
    known = documented("All net revenue.", meta={"bisync": {"context": context}})

    text = documentation(known.names.metrics["revenue"], known.names)

    assert text == f"All net revenue.\n\n### Business context\n\n{context}\n\n{COMPUTED}"


@pytest.mark.parametrize("kept", [True, False])
def test_what_the_block_says_of_the_context_is_not_said_twice(*, kept: bool) -> None:
    known = documented("All net revenue.", meta={"bisync": {"context": "Ask Priya.", "owner": "Maya"}})
    text = "All net revenue." if kept else "All net revenue.\n\nAsk Priya."
    fields = DocFields(name="doc.r", block="r", text=text, about="metric.shop.revenue")

    docs, yaml_change = compile_block(None, fields, known).changes

    assert docs.path == "models/docs.md"
    entry = "metrics:\n  - name: revenue\n    description: All net revenue.\n    config:\n      meta:\n"
    before = f"{entry}        bisync:\n          context: Ask Priya.\n          owner: Maya\n"
    after = yaml_change.apply(before.encode()).decode()
    assert "description: \"{{ doc('r') }}\"\n" in after
    assert ("context: Ask Priya." in after) is kept
    assert "owner: Maya" in after


def changed(known: Known, formula: str = "SUM(fct_orders.discount)") -> Compiled:
    """The code of a change of the metric's formula, with what follows from it."""
    revenue = replace(known.names.metrics["revenue"], formula=formula)
    after = replace(known.names, metrics={**known.names.metrics, "revenue": revenue})
    nothing: dict[str, Any] = {"edits": [], "uses": {}}
    code = Compiled(changes=(), entries=nothing, metrics=(), models=(), yaml_preview="", later=lambda: after)
    return kept_in_step(code, known)


def test_the_block_says_what_is_computed_now() -> None:
    known = documented(f"All net revenue.\n\n{COMPUTED}\n\nAsk Priya.")
    code = changed(known)

    text = f"{{% docs revenue %}}\nAll net revenue.\n\n{COMPUTED}\n\nAsk Priya.\n{{% enddocs %}}\n"
    (change,) = code.changes
    after = change.apply(text.encode()).decode()

    now = COMPUTED.replace("net amount", "discount").replace("net_amount", "discount")
    assert after == text.replace(COMPUTED, now)
    assert code.entries["edits"] == [{"block": "revenue", "was": COMPUTED, "now": now}]
    assert change.apply(after.encode()).decode() == after


def test_what_somebody_wrote_otherwise_stays_as_it_is() -> None:
    assert changed(documented(COMPUTED.replace("Total", "All the"))).changes == ()
    assert changed(documented(COMPUTED), "SUM(fct_orders.net_amount)").changes == ()
    assert changed(documented("All net revenue.")).changes == ()
