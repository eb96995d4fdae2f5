"""Which properties file describes a model that none describes yet, and how a new one begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
import yaml

from catalog.ingest import read
from semantic.codegen.changes import AmendTests, FileChange
from semantic.codegen.layout import properties_file
from semantic.codegen.metrics import Compiled
from semantic.codegen.promised import compile_new
from semantic.codegen.quality.promises import NotNull
from semantic.codegen.quality.rule import Target
from semantic.codegen.sql_models.calculated import CalculatedColumn, calculated_column
from semantic.codegen.sql_models.folders import places_in
from semantic.codegen.sql_models.new_model import ColumnWords, NewModel, Project, written
from semantic.codegen.sql_models.project import begun
from semantic.codegen.sql_models.properties import described_in
from semantic.codegen.sql_models.style import style_of
from semantic.codegen.words import compile_words
from semantic.codegen.yaml_files import AddItem
from semantic.definitions import Column, Model, Vocabulary
from semantic.described import column_fields
from semantic.formula.names import Resolver
from semantic.formula.parser import parse
from semantic.known import Known
from semantic.promised import PromiseFields, Typed

pytestmark = pytest.mark.pure

SQL = "select amount from {{ ref('raw') }}\n"


def project_of(files: Mapping[str, tuple[str, ...]], sql: tuple[str, ...], begin: str = "") -> dict[str, str]:
    """A project with properties files that describe these models, and the SQL of these."""
    found = dict.fromkeys(sql, SQL)
    for path, names in files.items():
        found[path] = f"{begin}models:\n" + "".join(
            f"  - name: {name}\n    columns:\n      - name: amount\n        tests: [not_null]\n"
            for name in names
        )
    return found


def home(path: str, files: Mapping[str, tuple[str, ...]], sql: tuple[str, ...]) -> str:
    project = project_of(files, sql)
    return places_in(project).properties_file(path, project)


def test_a_file_above_that_describes_the_neighbours_describes_a_new_model_too() -> None:
    sql = ("models/staging/stg_a.sql", "models/marts/a.sql", "models/marts/b.sql")
    files = {"models/models_schema.yml": ("stg_a", "a", "b")}

    assert home("models/marts/new.sql", files, sql) == "models/models_schema.yml"
    assert home("models/reports/new.sql", files, sql) == "models/models_schema.yml"


def test_one_large_file_counts_for_more_than_several_small_ones() -> None:
    sql = tuple(f"models/marts/{name}.sql" for name in "abcdefghijklmn")
    small = {f"models/marts/{name}.yml": (name,) for name in "abcd"}
    files = {**small, "models/marts/schema.yml": tuple("efghijklmn")}

    assert home("models/marts/new.sql", files, sql) == "models/marts/schema.yml"
    assert home("models/other/new.sql", files, sql) == "models/other/schema.yml"


def test_neighbours_with_files_of_their_own_tell_more_than_the_rest_of_the_project() -> None:
    sql = (*(f"models/staging/stg_{name}.sql" for name in "abcd"), "models/marts/fct_a.sql")
    files = {"models/staging/_stg.yml": tuple(f"stg_{name}" for name in "abcd")}
    files["models/marts/_fct_a.yml"] = ("fct_a",)

    assert home("models/marts/fct_b.sql", files, sql) == "models/marts/_fct_b.yml"
    assert home("models/staging/stg_e.sql", files, sql) == "models/staging/_stg.yml"


def test_a_file_of_another_folder_alone_is_left_to_that_folder() -> None:
    sql = ("models/marts/a.sql", "models/marts/core/b.sql", "models/marts/core/c.sql")
    files = {"models/marts/marts.yml": ("a",), "models/marts/core/core.yml": ("b", "c")}

    assert home("models/marts/sales/new.sql", files, sql) == "models/marts/sales/sales.yml"


def test_a_name_that_files_of_several_folders_have_is_called_after_none_of_them() -> None:
    sql = ("models/staging/stg_a.sql", "models/marts/a.sql")
    files = {"models/staging/_models.yml": ("stg_a",), "models/marts/_models.yml": ("a",)}

    assert home("models/marts/banks/new.sql", files, sql) == "models/marts/banks/_models.yml"


def test_a_name_that_each_folder_has_as_its_own_is_called_after_the_folder() -> None:
    sql = ("models/staging/core/stg_a.sql", "models/marts/core/a.sql")
    files = {"models/staging/core/_core.yml": ("stg_a",), "models/marts/core/_core.yml": ("a",)}

    assert home("models/marts/banks/new.sql", files, sql) == "models/marts/banks/_banks.yml"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("models:\n- name: a\n  columns:\n  - name: x\n- name: b\n", ("a", "b")),
        ("version: 2\nmodels:\n  # first\n\n  - name: 'a'\n    columns:\n      - name: x\n", ("a",)),
        ("models:\n  - description: |\n      - name: no\n    name: a\nsources:\n  - name: s\n", ("a",)),
        ("sources:\n  - name: s\n", ()),
        ("models: [{name: a}]\n", ()),
        ("models:", ()),
    ],
)
def test_the_names_in_a_properties_file_are_those_of_its_models(text: str, names: tuple[str, ...]) -> None:
    assert described_in(text) == names


# One decision for words, tests, calculations and new models


SHARED = project_of(
    {"models/marts/schema.yml": ("a", "b")},
    ("models/marts/a.sql", "models/marts/b.sql", "models/marts/orders.sql"),
    "version: 2\n\n",
)
ALONE = project_of(
    {"models/staging/stg_a.yml": ("stg_a",), "models/staging/stg_b.yml": ("stg_b",)},
    ("models/staging/stg_a.sql", "models/staging/stg_b.sql", "models/marts/orders.sql"),
    "version: 2\n\n",
)
ORDERS = "model.shop.orders"


def known(files: Mapping[str, str]) -> Known:
    node = {
        "unique_id": ORDERS, "resource_type": "model", "name": "orders", "package_name": "shop",
        "original_file_path": "models/marts/orders.sql", "patch_path": None, "columns": {},
        "checksum": {"checksum": "x"}, "config": {},
    }  # fmt: skip
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop",
        "dbt_version": "1.11.0", "adapter_type": "duckdb",
    }  # fmt: skip
    manifest = json.dumps({"metadata": metadata, "nodes": {ORDERS: node}}).encode()
    model = Model("orders", ORDERS, (Column("amount", "number"),), file="models/marts/orders.sql")
    return Known(Vocabulary({"orders": model}, {}), lambda: read(manifest), lambda: files)


def changed(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What a description, a test, a calculation and a new model make of the properties files."""
    shop = known(files)
    node = shop.node(ORDERS)
    assert node is not None
    base = column_fields(node, "amount", None)
    typed = PromiseFields(name=f"{ORDERS}:amount", table=ORDERS, column="amount", promise=Typed("not_null"))
    tree = Resolver("amount * 2", parse("amount * 2"), shop.names, "orders").resolve()
    project = Project(files, style_of(files), "duckdb")
    column = CalculatedColumn("twice", "orders", tree, tests=("not_null",))
    codes = {
        "words": compile_words(base, replace(base, description="Paid."), base, node, shop).changes,
        "test": compile_new(typed, NotNull(), node, shop, "duckdb").changes,
        "calculation": calculated_column(column, shop.names, project).changes,
        "model": written([NewModel("orders", "models/marts", SQL)], replace(project, files={
            path: text for path, text in files.items() if path != "models/marts/orders.sql"
        })).changes,
    }  # fmt: skip
    return {
        what: {
            change.path: change.apply(files[change.path].encode() if change.path in files else None).decode()
            for change in changes
            if change.yaml
        }
        for what, changes in codes.items()
    }


def test_everything_that_is_said_of_a_model_goes_to_the_same_file() -> None:
    for files, path in ((SHARED, "models/marts/schema.yml"), (ALONE, "models/marts/orders.yml")):
        for texts in changed(files).values():
            assert [*texts] == [path]


def test_a_new_properties_file_begins_as_the_others_do_and_has_their_key_of_tests() -> None:
    for what, texts in changed(ALONE).items():
        (text,) = texts.values()
        data = yaml.safe_load(text)
        assert text.startswith("version: 2\n"), what
        columns = data["models"][0].get("columns", ())
        keys = {key for column in columns for key in column if "tests" in key}
        assert keys == ({"tests"} if what in {"test", "calculation"} else set()), what


def test_a_file_that_is_there_keeps_its_beginning_and_its_own_key_of_tests() -> None:
    other = SHARED["models/marts/schema.yml"].replace("tests:", "data_tests:").removeprefix("version: 2\n\n")
    more = {
        f"models/staging/{name}.{end}": (SQL if end == "sql" else f"version: 2\nmodels:\n  - name: {name}\n    tests: [x]\n")
        for name in ("stg_a", "stg_b") for end in ("sql", "yml")
    }  # fmt: skip
    files = {**SHARED, **more, "models/marts/schema.yml": other}

    assert (places_in(files).version, places_in(files).tests) == (True, "tests")
    for texts in changed(files).values():
        (text,) = texts.values()
        assert "version" not in text
        assert "  tests:" not in text


def test_what_an_earlier_change_of_the_proposal_describes_is_described_once() -> None:
    for files in (SHARED, ALONE):
        shop = known(files)
        node = shop.node(ORDERS)
        assert node is not None
        base = column_fields(node, "amount", None)
        words = compile_words(base, replace(base, description="Paid."), base, node, shop)
        after = shop.having(None, words.changes).files
        tree = Resolver("amount * 2", parse("amount * 2"), shop.names, "orders").resolve()
        project = Project(after, style_of(after), "duckdb")

        _sql, described = calculated_column(
            CalculatedColumn("twice", "orders", tree), shop.names, project
        ).changes

        data = yaml.safe_load(described.apply(after[described.path].encode()))
        (orders,) = [one for one in data["models"] if one["name"] == "orders"]
        assert [one["name"] for one in orders["columns"]] == ["amount", "twice"]


def test_tests_of_a_metric_alone_go_to_the_file_that_is_to_describe_their_model() -> None:
    shop = known(ALONE)
    tests = AmendTests(Target.of(ORDERS, "orders"), (), ({"positive": {"column": "amount"}},))
    beside = properties_file(shop.names.models["orders"])
    code = Compiled((FileChange(beside, (tests,)),), {}, (), (), "")

    (change,) = begun(code, shop).changes

    assert change.path == "models/marts/orders.yml"
    assert yaml.safe_load(change.apply(None)) == {
        "version": 2,
        "models": [{"name": "orders", "tests": [{"positive": {"column": "amount"}}]}],
    }
    semantic = AddItem(("semantic_models",), {"name": "orders"})
    whole = replace(code, changes=(FileChange(beside, (semantic, tests)),))
    assert [one.path for one in begun(whole, shop).changes] == [beside]


@pytest.mark.parametrize(
    ("shown", "tests"),
    [
        ("tests: [not_null, unique]", ["not_null", "unique", "positive"]),
        ("data_tests:\n          - not_null\n          - unique", ["not_null", "unique", "positive"]),
        ("tests:\n        - unique\n        - not_null", ["unique", "not_null", "positive"]),
        ("tests: [not_null]", ["unique", "not_null", "positive"]),
    ],
)
def test_the_tests_of_a_key_stand_in_the_projects_order(shown: str, tests: list[str]) -> None:
    other = f"models:\n  - name: customers\n    columns:\n      - name: id\n        {shown}\n"
    files = {**ALONE, "models/staging/customers.sql": SQL, "models/staging/customers.yml": other}
    key = ColumnWords("id", tests=("unique", "not_null", "positive"))

    found = written(
        [NewModel("sales", "models/marts", SQL, columns=(key,))], Project(files, style_of(files), "duckdb")
    )

    (column,) = found.entries["models"][0]["properties"]["entry"]["columns"]
    assert next(value for name, value in column.items() if name != "name") == tests
