"""Business rules as models: their text in four styles, their tests, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from semantic.codegen.entries import Refused
from semantic.codegen.sql_models.calculated import CalculatedColumn, calculated_model
from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.new_model import NewModel, WrittenModels
from semantic.codegen.sql_models.new_model import written as models_written
from semantic.codegen.sql_models.rule_models import BusinessRule, rule_models
from semantic.codegen.yaml_files import YamlRefused, load
from semantic.formula.tree import Case
from semantic.project_file import ProjectFile
from semantic.rules.examples import Example
from semantic.rules.sentences import read_sentence
from semantic.rules.tables import Row, Table
from tests.semantic.codegen.sql_models.golden_models import (
    CALCULATED_RULE,
    PLAIN_RULE,
    after,
    decision_of,
    file_of,
    golden,
    rule_of,
    rules_of,
)
from tests.semantic.codegen.sql_models.projects import PROJECTS, Styled, tree_of

LABS = PROJECTS["labs"]


@pytest.mark.parametrize("style", PROJECTS)
def test_each_project_gets_its_rules_in_its_own_style_twice_the_same(style: str) -> None:
    assert golden(style) == file_of(style).read_text(encoding="utf-8")
    assert golden(style) == golden(style)


def test_what_is_approved_is_plain_data_that_holds_every_text() -> None:
    for written in rules_of(LABS):
        assert json.loads(json.dumps(written.entries)) == written.entries
        said = {model["path"]: model["sql"] for model in written.entries["models"]}
        assert said == {change.path: change.content for change in written.changes if change.content}


def test_columns_decide_in_one_model_and_calculations_in_two() -> None:
    plain, calculated = ([model["name"] for model in written.entries["models"]] for written in rules_of(LABS))
    assert plain == ["dim_customer_health"]
    assert calculated == ["int_win_back_inputs", "dim_win_back"]


def test_a_rule_that_leaves_rows_open_promises_no_outcome_for_them() -> None:
    def tests_of(table: Table) -> object:
        written = rule_models(rule_of("health", table, LABS), LABS.vocabulary, LABS.project)
        return written.entries["models"][-1]["properties"]["entry"]["columns"][-1]["data_tests"]

    some = Table(("tier",), (Row(("gold",), "good"), Row(("silver",), "fair")))
    every = Table(("tier",), (Row(("gold",), "good"), Row(("not(gold)",), "fair"), Row(("blank",), "none")))
    assert "not_null" not in tests_of(some)  # type: ignore[operator]
    assert "not_null" in tests_of(every)  # type: ignore[operator]
    assert "not_null" not in tests_of(replace(some, otherwise="blank"))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("own", "nested"),
    [
        (ProjectFile(flags={"require_generic_test_arguments_property": True}), True),
        (ProjectFile(flags={"require_generic_test_arguments_property": False}), False),
        (ProjectFile(flat_arguments=True), False),
    ],
)
def test_accepted_values_stand_where_dbt_reads_them_and_the_project_has_them(
    own: ProjectFile, nested: bool
) -> None:
    table = Table(("tier",), (Row(("gold",), "good"),))
    written = rule_models(rule_of("health", table, LABS), LABS.vocabulary, replace(LABS.project, own=own))
    output = written.entries["models"][-1]["properties"]["entry"]["columns"][-1]
    values = {"values": ["good"]}
    assert output["data_tests"] == [{"accepted_values": {"arguments": values} if nested else values}]


def config_of(written: WrittenModels) -> list[object]:
    return [
        model["properties"]["entry"].get("config", {}).get("group") for model in written.entries["models"]
    ]


def test_what_reads_a_private_model_is_in_its_group() -> None:
    project = replace(LABS.project, private={LABS.model: "crm", "other": "finance"})
    names = LABS.vocabulary

    plain = rule_models(rule_of("health", PLAIN_RULE, LABS), names, project)
    calculated = rule_models(rule_of("health", CALCULATED_RULE, LABS), names, project)
    column = CalculatedColumn("twice", LABS.model, tree_of("lifetime_value * 2", LABS))

    assert config_of(plain) == ["crm"]
    # The second model reads the first, which is nobody's private one.
    assert config_of(calculated) == ["crm", None]
    assert config_of(calculated_model(column, names, project)) == ["crm"]
    assert config_of(calculated_model(column, names, LABS.project)) == [None]
    owned = replace(rule_of("health", PLAIN_RULE, LABS), own={"label": "Health"})
    (model,) = rule_models(owned, names, project).entries["models"]
    assert model["properties"]["entry"]["config"] == {"group": "crm", "meta": {"bisync": {"label": "Health"}}}


def test_nothing_reads_private_models_of_two_groups() -> None:
    reads = tuple(RelationCall("ref", name) for name in ("bills", "leads", "open"))
    new = NewModel("both", "models/marts/core", "select 1 as a", reads=reads)

    with pytest.raises(Refused, match="bills and leads are private to different groups, crm and finance"):
        models_written([new], replace(LABS.project, private={"bills": "finance", "leads": "crm"}))


def test_a_sentence_becomes_the_model_that_its_table_would() -> None:
    text = "customer is lost when tier is gold and orders in 90 days is less than 2, otherwise healthy"
    case = read_sentence(text, LABS.vocabulary, LABS.model).case
    assert case is not None
    rule = BusinessRule("health", LABS.model, case, examples=(Example(("gold", 1), "lost", 1),))
    model = rule_models(rule, LABS.vocabulary, LABS.project).entries["models"][0]
    assert "when tier = 'gold' and orders_90d < 2 then 'lost'" in model["sql"]
    assert model["properties"]["unit_tests"][0]["expect"]["rows"] == [
        {"tier": "gold", "orders_90d": 1, "health": "lost"}
    ]


def test_a_rule_begins_as_all_models_of_its_folder_do() -> None:
    others = dict.fromkeys((f"models/marts/core/dim_shop_{one}.sql" for one in "ab"), "select 1")
    moved = {path.replace("dim_customers", "dim_shop_customers"): text for path, text in LABS.files.items()}
    styled = Styled({**moved, **others}, "dim_shop_customers")

    for name in ("health", "dim_shop_health"):
        found = rule_models(rule_of(name, PLAIN_RULE, styled), styled.vocabulary, styled.project)
        assert found.changes[0].path == "models/marts/core/dim_shop_health.sql"


def test_examples_that_depend_on_the_day_become_no_unit_test_and_it_is_said() -> None:
    formula = "IF(last_order_on > TODAY() - 30 days OR lifetime_value > orders_90d, 'new', 'old')"
    tree = tree_of(formula, LABS)
    assert isinstance(tree, Case)
    rule = BusinessRule("age", LABS.model, tree, examples=(Example((None, 1, 2), "old", None),))
    written = rule_models(rule, LABS.vocabulary, LABS.project)
    assert written.notes
    assert "depends on the day" in written.notes[0]
    assert written.entries["models"][0]["properties"]["unit_tests"] == []


@pytest.mark.parametrize(
    ("name", "key", "examples", "sentence"),
    [
        ("dim", ("customer_id",), None, ""),
        ("customers", ("customer_id",), None, "There is a model dim_customers already"),
        ("tier", ("customer_id",), None, "The rule reads a column tier itself"),
        ("health", (), None, "Nobody knows what makes a row"),
        ("health", ("customer_id",), [Example((1, "gold"), "x", 1)], "says nothing of some"),
        (
            "health",
            ("customer_id",),
            [Example((1, "gold", 2), "lost", 1), Example((1, "gold", 2), "big", 1)],
            "same values and different outcomes",
        ),
    ],
)
def test_a_rule_is_refused_with_what_to_do(
    name: str, key: tuple[str, ...], examples: list[Example] | None, sentence: str
) -> None:
    vocabulary = replace(LABS.vocabulary, keys={})
    rule = replace(rule_of(name, PLAIN_RULE, LABS, examples), key=key)
    if not sentence:
        assert rule_models(rule, vocabulary, LABS.project).changes
        return
    with pytest.raises(Refused, match=sentence):
        rule_models(rule, vocabulary, LABS.project)


def test_words_that_dbt_would_render_are_refused() -> None:
    rule = replace(rule_of("health", PLAIN_RULE, LABS), description="{{ env_var('SECRET') }}")
    with pytest.raises(Refused, match="curly brackets"):
        rule_models(rule, LABS.vocabulary, LABS.project)


def test_a_model_never_takes_the_place_of_another_file() -> None:
    change = rules_of(LABS)[0].changes[0]
    assert change.apply(None) == change.apply(change.content.encode())
    with pytest.raises(YamlRefused, match="already"):
        change.apply(b"select 1")


def test_inputs_that_are_calculated_get_names_of_their_own() -> None:
    rule = rule_of("win_back", CALCULATED_RULE, LABS, names=("is_vip", "is_vip"))
    written = rule_models(rule, LABS.vocabulary, LABS.project)
    columns = written.entries["models"][0]["properties"]["entry"]["columns"]
    assert [column["name"] for column in columns] == ["customer_id", "is_vip_2", "is_vip_3", "is_vip"]


def test_the_properties_file_keeps_what_stood_there() -> None:
    styled = PROJECTS["leading"]
    files = after(rules_of(styled)[0].changes, styled)
    text = files["models/marts/schema.yml"].decode()
    assert text.startswith(styled.files["models/marts/schema.yml"])
    assert load(text)["unit_tests"][0]["given"][0]["rows"][0] == {
        "orders_90d": 0,
        "tier": "gold",
        "lifetime_value": 1000.49,
    }
    assert decision_of(PLAIN_RULE, styled)
