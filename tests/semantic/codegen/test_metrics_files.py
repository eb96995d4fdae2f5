"""Which files a new metric changes, and the tests that keep promises about its value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from semantic.codegen import layout
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.codegen.value_tests import MACRO_FILE
from semantic.codegen.yaml_files import YamlRefused
from semantic.definitions import MetricInput, Model, Vocabulary
from semantic.fields import ValueRule
from semantic.formula import analyse
from semantic.project_file import ProjectFile
from tests.semantic import latest_shop
from tests.semantic.shop import FILES, vocabulary

SHOP = vocabulary()
FLAG = "require_generic_test_arguments_property"


def compiled(formula: str, model: str = "fct_orders", **also: Any) -> Compiled:
    analysis = analyse(formula, SHOP, model=model)
    assert analysis.ok, analysis.problems
    return compile_metric(MetricDraft("found", "Found", "", analysis, **also), SHOP)


# Which file


def test_metrics_are_written_where_most_metrics_of_the_model_are() -> None:
    moved = {"revenue": "models/a.yml", "orders_total": "models/b.yml", "completed_revenue": "models/b.yml"}
    metrics = {
        name: replace(metric, file=moved.get(name, "models/c.yml")) for name, metric in SHOP.metrics.items()
    }
    known = replace(SHOP, metrics=metrics)

    assert layout.metrics_file(known.models["fct_orders"], known) == "models/b.yml"
    assert layout.metrics_file(known.models["dim_customers"], known) == "models/c.yml"


def test_the_first_metric_of_a_model_stands_with_its_semantic_model() -> None:
    known = replace(SHOP, metrics={})

    assert layout.metrics_file(known.models["fct_orders"], known) == "models/semantics.yml"


def test_a_model_that_nothing_describes_gets_a_file_in_its_folder() -> None:
    model = replace(SHOP.models["fct_visits"], file="models/marts/web/fct_visits.sql")
    alone = Vocabulary({"fct_visits": model}, {})

    assert layout.semantic_file(model, alone) == "models/marts/web/fct_visits_metrics.yml"
    assert layout.metrics_file(model, replace(alone, dbt_version=(1, 11))) == layout.semantic_file(
        model, alone
    )
    assert layout.properties_file(model) == "models/marts/web/fct_visits_metrics.yml"
    assert layout.properties_file(SHOP.models["fct_orders"]) == "models/schema.yml"


def of_project(*files: tuple[str, str, str]) -> Vocabulary:
    """Models with their properties files and those of their semantic models, and a model without one."""
    semantic = SHOP.models["fct_orders"].semantic
    assert semantic is not None
    models = {
        name: Model(
            name,
            f"model.shop.{name}",
            file=file,
            semantic=replace(semantic, name=name, model=name, file=home),
        )
        for name, file, home in files
    }
    return Vocabulary(
        models | {"fct_new": Model("fct_new", "model.shop.fct_new", file="models/x/fct_new.sql")}, {}
    )


@pytest.mark.parametrize(
    ("files", "home"),
    [
        ((("a", "models/_m.yml", "models/semantic/semantic_models.yml"),), "models/semantic/semantic_models.yml"),
        (
            (("dim_a", "models/m.yml", "models/sem/sem_dim_a.yml"), ("fct_b", "models/m.yml", "models/sem/sem_fct_b.yml")),
            "models/sem/sem_fct_new.yml",
        ),
        (
            (("dim_a", "models/m.yml", "semantic/_semantic_a.yml"), ("fct_b", "models/m.yml", "semantic/_semantic_b.yml")),
            "semantic/_semantic_new.yml",
        ),
        ((("a", "models/a.yml", "models/a.yml"), ("b", "models/y/b.yml", "models/y/b.yml")), "models/x/fct_new.yml"),
        (
            (("a", "models/m.yml", "models/one.yml"), ("b", "models/m.yml", "models/two.yml")),
            "models/x/fct_new_metrics.yml",
        ),
    ],
)  # fmt: skip
def test_a_first_semantic_model_goes_where_the_project_has_its_others(
    files: tuple[tuple[str, str, str], ...], home: str
) -> None:
    known = of_project(*files)

    assert layout.semantic_file(known.models["fct_new"], known) == home
    assert layout.metrics_file(known.models["fct_new"], known) == home


def test_a_first_metric_goes_where_the_project_has_its_metrics_apart_from_semantic_models() -> None:
    assert layout.metrics_file(SHOP.models["fct_visits"], SHOP) == "models/metrics.yml"
    beside = {name: replace(metric, file="models/semantics.yml") for name, metric in SHOP.metrics.items()}

    known = replace(SHOP, metrics=beside)

    assert layout.metrics_file(known.models["fct_visits"], known) == "models/semantics.yml"


def changed(code: Compiled) -> dict[str, str]:
    """The files after the change."""
    return {
        change.path: change.apply(FILES[change.path].encode() if change.path in FILES else None).decode()
        for change in code.changes
    }


def test_only_new_lines_appear_in_files_that_exist() -> None:
    files = changed(compiled("SUM(discount) / SUM(net_amount)", validations=(ValueRule("positive"),)))

    assert sorted(files) == [
        MACRO_FILE,
        "models/metrics.yml",
        "models/schema.yml",
        "models/semantics.yml",
    ]
    for path in ("models/metrics.yml", "models/schema.yml", "models/semantics.yml"):
        before, after = FILES[path].splitlines(), iter(files[path].splitlines())
        assert all(line in after for line in before), path


def test_a_new_file_holds_everything_in_our_own_style() -> None:
    alone = replace(SHOP, models={"fct_visits": SHOP.models["fct_visits"]}, metrics={})
    analysis = analyse("SUM(minutes)", alone, model="fct_visits")
    rules = (ValueRule("positive"),)
    found = MetricDraft("found", "Found", "", analysis, time_column="visited_on", validations=rules)
    code = compile_metric(found, alone)

    text = changed(code)["models/fct_visits_metrics.yml"]

    assert list(yaml.safe_load(text)) == ["semantic_models", "metrics", "models"]
    assert text.startswith("semantic_models:\n  - name: visits\n    model: ref('fct_visits')\n")


def test_the_preview_shows_all_entries_as_yaml() -> None:
    code = compiled("SUM(discount) / SUM(net_amount)")

    assert yaml.safe_load(code.yaml_preview) == {
        "semantic_models": [{"name": "orders", "measures": code.entries["measures"]["orders"]}],
        "metrics": code.entries["metrics"],
    }


@pytest.mark.parametrize(("private", "config"), [(True, {"group": "web"}), (False, None)])
def test_a_semantic_model_of_a_private_model_is_in_its_group(
    private: bool, config: dict[str, str] | None
) -> None:
    visits = replace(SHOP.models["fct_visits"], group="web", private=private)
    known = replace(SHOP, models={**SHOP.models, "fct_visits": visits})
    analysis = analyse("SUM(minutes)", known, model="fct_visits")

    code = compile_metric(MetricDraft("found", "Found", "", analysis, time_column="visited_on"), known)

    assert code.entries["semantic_models"][0].get("config") == config


# Rules about the value


def data_tests(code: Compiled) -> list[dict[str, Any]]:
    return [test["bisync_metric_in_range"] for test in code.entries["tests"].get("fct_orders", [])]


def test_a_rule_about_the_value_is_a_data_test_of_the_model() -> None:
    code = compiled(
        "SUM(discount) / SUM(net_amount) WHERE is_gift",
        value_format="percent",
        validations=(ValueRule("percentage"), ValueRule("not_null")),
    )

    share = "CAST(SUM(discount) AS DOUBLE PRECISION) / NULLIF(SUM(net_amount), 0)"
    asked = {"expression": share, "condition": "is_gift", "time_column": "ordered_at", "grain": "month"}
    assert data_tests(code) == [
        {"name": "found_percentage", "arguments": {**asked, "minimum": 0, "maximum": 1}},
        {"name": "found_not_null", "arguments": {**asked, "allow_blank": False}},
    ]


@pytest.mark.parametrize(("version", "flags"), [((1, 10), {}), ((1, 11), {FLAG: False})])
def test_arguments_stand_flat_for_a_dbt_that_reads_them_so(
    version: tuple[int, int], flags: dict[str, bool]
) -> None:
    known = replace(SHOP, dbt_version=version)
    analysis = analyse("SUM(discount)", known, model="fct_orders")
    rules = (ValueRule("positive"), ValueRule("freshness", hours=24))
    draft = MetricDraft("found", "Found", "", analysis, validations=rules)

    code = compile_metric(draft, known, project=lambda: ProjectFile(flags=flags))

    one, other = code.entries["tests"]["fct_orders"]
    recent = {"name": "found_freshness", "time_column": "ordered_at", "unit": "hour", "interval": 24}
    assert other == {"bisync_recent": recent}
    assert one["bisync_metric_in_range"] == {
        "name": "found_positive",
        "expression": "SUM(discount)",
        "time_column": "ordered_at",
        "grain": "month",
        "minimum": 0,
    }


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        (ValueRule("positive"), {"minimum": 0}),
        (ValueRule("percentage"), {"minimum": 0, "maximum": 100}),
        (ValueRule("range", 0.5, 20.0), {"minimum": 0.5, "maximum": 20}),
        (ValueRule("range", high=3.0), {"maximum": 3}),
    ],
)
def test_each_rule_has_its_limits(rule: ValueRule, limits: dict[str, float]) -> None:
    (test,) = data_tests(compiled("SUM(discount)", validations=(rule,)))

    assert {key: test["arguments"].get(key) for key in limits} == limits
    assert len(test["arguments"]) == 3 + len(limits)


def test_two_rules_of_one_kind_have_two_names() -> None:
    rules = (ValueRule("range", low=1.0), ValueRule("range", high=9.0))

    assert [test["name"] for test in data_tests(compiled("SUM(discount)", validations=rules))] == [
        "found_range_1",
        "found_range_2",
    ]


@pytest.mark.parametrize(
    "formula", ["revenue_per_customer * 2", "SUM(net_amount) WHERE dim_customers.country = 'DE'"]
)
def test_rules_about_several_models_are_left_to_bisync(formula: str) -> None:
    code = compiled(formula, validations=(ValueRule("positive"),))

    assert code.entries["tests"] == {}
    assert code.notes == (
        "The rules are checked by Bisync alone: dbt's tests look at the rows of one model.",
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("models:\n  - name: fct_orders\n    tests:\n      - unique\n", "tests"),
        ("models:\n  - name: fct_orders\n    data_tests:\n      - unique\n", "data_tests"),
        ("models:\n  - name: other\n    tests: [x]\n  - name: fct_orders\n", "tests"),
        ("models:\n  - name: fct_orders\n", "data_tests"),
    ],
)
def test_tests_are_listed_under_the_key_that_the_model_or_the_file_uses(text: str, key: str) -> None:
    code = compiled("SUM(discount)", validations=(ValueRule("positive"),))
    (change,) = [change for change in code.changes if change.path == "models/schema.yml"]

    after = yaml.safe_load(change.apply(text.encode()))

    model = next(model for model in after["models"] if model["name"] == "fct_orders")
    assert "bisync_metric_in_range" in model[key][-1]
    assert not {"tests", "data_tests"} - {key} & set(model)


def test_a_seeds_tests_stand_in_the_entry_of_the_seed_and_their_macro_where_the_project_has_its_own() -> None:
    orders = replace(SHOP.models["fct_orders"], unique_id="seed.shop.fct_orders")
    known = replace(SHOP, models={**SHOP.models, "fct_orders": orders})
    analysis = analyse("SUM(discount)", known, model="fct_orders")
    draft = MetricDraft("found", "Found", "", analysis, validations=(ValueRule("positive"),))

    code = compile_metric(draft, known, project=lambda: ProjectFile(macro_paths=("sql/macros",)))

    (tested,) = [change for change in code.changes if change.path == "models/schema.yml"]
    text = "seeds:\n  - name: fct_orders\n    config: {enabled: true}\nmodels:\n  - name: other\n"
    for data in (yaml.safe_load(tested.apply(text.encode())), yaml.safe_load(code.yaml_preview)):
        assert [list(test) for test in data["seeds"][0]["data_tests"]] == [["bisync_metric_in_range"]]
        assert data.get("models") in (None, [{"name": "other"}])
    assert "sql/macros/bisync/bisync_metric_tests.sql" in {change.path for change in code.changes}


def test_the_macro_is_written_once_and_never_over_anothers_text() -> None:
    code = compiled("SUM(discount)", validations=(ValueRule("positive"),))
    (macro,) = [change for change in code.changes if change.path == MACRO_FILE]

    assert b"{% test bisync_metric_in_range(" in macro.apply(None)
    assert macro.apply(b"-- ours now") == b"-- ours now"


def test_a_file_that_leaves_open_what_is_meant_is_refused() -> None:
    (change, *_rest) = compiled("SUM(discount)").changes

    with pytest.raises(YamlRefused):
        change.apply(b"semantic_models: [\n")


def one_file_each() -> Vocabulary:
    """Models of the latest spec with a properties file each, that of customers with metrics over orders, too."""
    orders, customers, visits = (
        replace(
            latest_shop.SHOP.models[name],
            file=f"models/{name}.yml",
        )
        for name in ("fct_orders", "dim_customers", "fct_visits")
    )
    metrics = dict(latest_shop.SHOP.metrics)
    customer_share = replace(
        metrics["revenue_per_customer"],
        name="customer_share",
        numerator=MetricInput("customers_total"),
    )
    metrics |= {
        "revenue_per_customer": replace(metrics["revenue_per_customer"], file="models/dim_customers.yml"),
        "customer_share": replace(customer_share, file="models/dim_customers.yml"),
    }
    models = {
        **latest_shop.SHOP.models,
        "fct_orders": orders,
        "dim_customers": customers,
        "fct_visits": visits,
    }
    return replace(latest_shop.SHOP, models=models, metrics=metrics)


def test_metrics_over_several_models_do_not_outvote_the_file_of_the_one_that_a_metric_is_over() -> None:
    known = one_file_each()
    orders, customers = known.models["fct_orders"], known.models["dim_customers"]

    assert layout.metrics_file(orders, known) == "models/fct_orders.yml"
    assert layout.metrics_file(orders, known, {"fct_orders", "dim_customers"}) == "models/dim_customers.yml"
    assert layout.metrics_file(customers, known) == "models/dim_customers.yml"
    assert layout.metrics_file(orders, known, {"fct_orders", "fct_visits"}) == "models/fct_orders.yml"


def test_metrics_that_all_stand_apart_from_the_models_stay_together() -> None:
    known = one_file_each()
    apart = {
        name: metric if metric.type == "simple" else replace(metric, file="models/metrics.yml")
        for name, metric in known.metrics.items()
    }
    known = replace(known, metrics=apart)

    assert layout.metrics_file(known.models["fct_orders"], known) == "models/metrics.yml"


def test_a_new_metric_of_metrics_goes_into_the_file_of_the_first_model() -> None:
    known = one_file_each()
    analysis = analyse("revenue / orders_total", known)
    mixed = analyse("customers_total / revenue", known)

    alone = compile_metric(MetricDraft("found", "Found", "", analysis), known)
    both = compile_metric(MetricDraft("found", "Found", "", mixed), known)

    assert [change.path for change in alone.changes] == ["models/fct_orders.yml"]
    assert [change.path for change in both.changes] == ["models/dim_customers.yml"]
