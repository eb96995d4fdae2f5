"""Words about models, sources and columns, as they are written into properties files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from catalog.ingest import read
from semantic.codegen.entries import Refused
from semantic.codegen.words import compile_words
from semantic.codegen.yaml_marks import YamlRefused
from semantic.definitions import Vocabulary
from semantic.described import ColumnFields, ModelFields, column_fields, model_fields
from semantic.formula import analyse
from semantic.importer import vocabulary
from semantic.known import Known

pytestmark = pytest.mark.pure

MODEL = "model.shop.fct_orders"
SOURCE = "source.shop.till.receipts"


def known(
    *, dbt: tuple[int, int] = (1, 11), patch: str | None = "shop://models/orders.yml", **model: Any
) -> Known:
    """A project with a model and a source."""
    common = {"package_name": "shop", "checksum": {"checksum": "x"}, "config": {}}
    manifest = {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop", "dbt_version": f"{dbt[0]}.{dbt[1]}.0", "adapter_type": "duckdb"},
        "nodes": {
            MODEL: {
                "unique_id": MODEL, "resource_type": "model", "name": "fct_orders", "patch_path": patch,
                "original_file_path": "models/marts/fct_orders.sql", "columns": {}, **common, **model,
            }
        },
        "sources": {
            SOURCE: {
                "unique_id": SOURCE, "resource_type": "source", "name": "receipts", "source_name": "till",
                "original_file_path": "models/sources.yml", "patch_path": None, "columns": {}, **common,
            }
        },
    }  # fmt: skip
    return Known(
        Vocabulary(models={}, metrics={}, dbt_version=dbt), lambda: read(json.dumps(manifest).encode())
    )


def written(found: Known, text: str | None, unique_id: str = MODEL, column: str = "", **to: Any) -> str:
    """The file of the thing afterwards; the text it had before."""
    node = found.node(unique_id)
    assert node is not None
    base: ModelFields | ColumnFields = column_fields(node, column, None) if column else model_fields(node)
    code = compile_words(base, replace(base, **to), base, node, found)
    (change,) = code.changes
    return change.apply(None if text is None else text.encode()).decode()


FILE = """\
version: 2

models:
  - name: dim_customers  # the people

  # what was sold
  - name: fct_orders
    description: Orders.
    columns:
      - name: amount   # in euros
        data_tests: [not_null]
"""


def test_only_the_entry_changes_and_every_other_line_stays() -> None:
    text = written(
        known(description="Orders."), FILE, description="All orders.", owner="Maya", certified=True
    )

    assert yaml.safe_load(text)["models"][1] == {
        "name": "fct_orders",
        "description": "All orders.",
        "config": {"meta": {"bisync": {"owner": "Maya", "certified": True}}},
        "columns": [{"name": "amount", "data_tests": ["not_null"]}],
    }
    gone = [line for line in FILE.splitlines() if line not in text.splitlines()]
    assert gone == ["    description: Orders."]


def test_a_column_that_no_file_tells_of_gets_an_entry() -> None:
    text = written(known(), FILE, column="discount", description="What was taken off.")

    assert yaml.safe_load(text)["models"][1]["columns"][1] == {
        "name": "discount",
        "description": "What was taken off.",
    }
    assert [line for line in FILE.splitlines() if line not in text.splitlines()] == []


def test_a_model_without_a_file_gets_one_beside_its_sql() -> None:
    found = known(patch=None)
    node = found.node(MODEL)
    assert node is not None
    base = column_fields(node, "amount", None)

    code = compile_words(base, replace(base, label="Amount"), base, node, found)

    (change,) = code.changes
    assert change.path == "models/marts/_marts__models.yml"
    assert yaml.safe_load(change.apply(None).decode())["models"] == [
        {
            "name": "fct_orders",
            "columns": [{"name": "amount", "config": {"meta": {"bisync": {"label": "Amount"}}}}],
        }
    ]


def test_a_source_is_described_at_its_table() -> None:
    text = "sources:\n  - name: till\n    tables:\n      - name: receipts\n"
    after = written(known(), text, SOURCE, description="As the till writes it.")
    assert yaml.safe_load(after)["sources"][0]["tables"][0]["description"] == "As the till writes it."


@pytest.mark.parametrize(
    ("dbt", "place"),
    [
        ((1, 9), {"meta": {"bisync": {"label": "Amount"}}}),
        ((1, 10), {"config": {"meta": {"bisync": {"label": "Amount"}}}}),
    ],
)
def test_the_meta_of_a_column_stands_where_that_dbt_wants_it(dbt: tuple[int, int], place: Any) -> None:
    text = written(known(dbt=dbt), FILE, column="amount", label="Amount")
    column = yaml.safe_load(text)["models"][1]["columns"][0]
    assert column == {"name": "amount", "data_tests": ["not_null"], **place}


def test_what_the_project_says_in_its_own_meta_is_changed_there() -> None:
    text = "models:\n  - name: fct_orders\n    meta: {owner: Tom, tier: 1}\n"
    after = written(known(meta={"owner": "Tom"}), text, owner="Maya")
    assert yaml.safe_load(after)["models"][0]["meta"] == {"owner": "Maya", "tier": 1}


def test_a_word_that_is_taken_away_leaves_no_key() -> None:
    after = written(known(description="Orders."), FILE, description="")
    assert "description" not in yaml.safe_load(after)["models"][1]


def test_a_day_is_written_as_a_day() -> None:
    after = written(known(), FILE, deprecation_date="2026-12-31")
    assert "    deprecation_date: 2026-12-31\n" in after


def test_a_description_that_is_made_by_jinja_is_refused_with_what_to_do() -> None:
    text = FILE.replace("description: Orders.", "description: \"{{ doc('orders') }}\"")
    with pytest.raises(YamlRefused, match="made by Jinja"):
        written(known(description="Orders."), text, description="All orders.")


def test_what_dbt_brought_elsewhere_meanwhile_is_refused() -> None:
    found = known(description="Theirs.")
    node = found.node(MODEL)
    assert node is not None
    current = model_fields(node)
    base = replace(current, description="Before.")
    with pytest.raises(Refused, match="description of fct_orders was changed in dbt meanwhile"):
        compile_words(base, replace(base, description="Mine."), current, node, found)


def test_writing_twice_gives_the_same_bytes() -> None:
    once = written(known(), FILE, column="amount", description="Net.", synonyms=("sum", "total"))
    assert written(known(), once, column="amount", description="Net.", synonyms=("sum", "total")) == once


def test_other_names_are_understood_in_formulas_where_they_mean_one_thing() -> None:
    columns = {
        "amount": {"name": "amount", "config": {"meta": {"bisync": {"synonyms": ["turnover", "worth"]}}}},
        "tax": {"name": "tax", "meta": {"synonyms": ["worth"]}},
    }
    manifest = {
        "metadata": {"project_name": "shop"},
        "nodes": {
            MODEL: {
                "unique_id": MODEL,
                "resource_type": "model",
                "name": "fct_orders",
                "package_name": "shop",
                "columns": columns,
            }
        },
    }

    found = vocabulary(manifest, {})

    assert found.synonyms == {"turnover": "fct_orders.amount"}
    assert analyse("SUM(turnover)", found).models == analyse("SUM(fct_orders.amount)", found).models
