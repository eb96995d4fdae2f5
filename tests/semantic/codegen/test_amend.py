"""A metric that dbt has already is changed by its smallest edit, and never against what dbt says by now."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from semantic.codegen.amend import compile_change
from semantic.codegen.entries import Refused, parts
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.codegen.yaml_files import YamlRefused
from semantic.current import fields_of
from semantic.definitions import ConversionParams, Measure, Metric, Vocabulary
from semantic.fields import MetricFields, ValueRule
from semantic.formula import analyse
from semantic.formulas import metric_formula
from tests.semantic import shop

FILES = {path: text.lstrip() for path, text in shop.FILES.items()}
METRICS = "models/metrics.yml"


def with_formulas(known: Vocabulary) -> Vocabulary:
    metrics = {
        name: replace(metric, formula=metric_formula(metric, known, dialect="duckdb"))
        for name, metric in known.metrics.items()
    }
    return replace(known, metrics=metrics)


SHOP = with_formulas(shop.vocabulary())
SHOP.metrics["revenue"] = replace(SHOP.metrics["revenue"], description="All net revenue.")


def said(name: str, known: Vocabulary = SHOP) -> MetricFields:
    """What dbt says of a metric."""
    return fields_of(known.metrics[name], known)


def change(base: MetricFields, known: Vocabulary = SHOP, **to: Any) -> Compiled:
    fields = replace(base, **to)
    return compile_change(base, fields, analyse(fields.formula, known), known)


def diff(code: Compiled, files: dict[str, str] = FILES) -> dict[str, list[str]]:
    """The changed lines of each file."""
    found = {}
    for one in code.changes:
        before = files.get(one.path, "")
        after = one.apply(before.encode() if before else None).decode()
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        if changed := [line for line in lines if not line.startswith(("---", "+++", "@@"))]:
            found[one.path] = changed
    return found


def test_dbts_words_are_what_the_form_begins_with() -> None:
    assert said("revenue") == MetricFields(
        name="revenue", label="Revenue", meaning="All net revenue.", formula="SUM(net_amount)"
    )
    assert said("completed_revenue").formula == "SUM(net_amount) WHERE status = 'completed'"


def test_what_the_metrics_own_meta_says_counts_as_it_does_on_its_page() -> None:
    meta = {
        "owner": "Finance",
        "format": "currency",
        "bisync": {"owner": "Sales", "rules": ["odd", {"kind": "x"}]},
    }
    known = replace(SHOP.metrics["revenue"], meta=meta)

    fields = fields_of(known, SHOP)
    assert (fields.owner, fields.value_format, fields.rules) == ("Sales", "currency", ())
    assert fields_of(replace(known, meta={"bisync": "no mapping"}), SHOP).owner == ""


def test_only_the_words_that_were_changed_are_written() -> None:
    code = change(said("revenue"), label="Net revenue", meaning="Paid orders, without tax.")

    assert diff(code) == {
        METRICS: [
            "-    label: Revenue",
            "-    description: All net revenue.",
            "+    label: Net revenue",
            "+    description: Paid orders, without tax.",
        ]
    }
    assert code.metrics == ("revenue",)
    assert code.models == ("fct_orders",)
    assert yaml.safe_load(code.yaml_preview) == {
        "metrics": [{"name": "revenue", "label": "Net revenue", "description": "Paid orders, without tax."}]
    }


def test_what_dbt_has_no_place_for_goes_into_the_metrics_meta() -> None:
    code = change(said("completed_revenue"), owner="Sales", context="For the board.", value_format="currency")

    assert diff(code)[METRICS] == [
        "+    config:",
        "+      meta:",
        "+        bisync:",
        "+          format: currency",
        "+          owner: Sales",
        "+          context: For the board.",
    ]


def test_other_names_and_who_vouches_for_it_are_kept_where_the_metric_says_them_already() -> None:
    base = said("revenue")
    code = change(base, synonyms=("Turnover", "Net sales"), certified=True)
    assert diff(code)[METRICS] == [
        "+    config:",
        "+      meta:",
        "+        bisync:",
        "+          synonyms:",
        "+            - Turnover",
        "+            - Net sales",
        "+          certified: true",
    ]
    assert code.after is not None
    assert analyse("Turnover + [Net sales]", code.after).metrics == {"revenue"}

    meta = {"synonyms": ["Turnover"], "certified": True, "owner": "Finance"}
    text = "metrics:\n  - name: revenue\n    meta: {synonyms: [Turnover], certified: true, owner: Finance}\n"
    metric = replace(SHOP.metrics["revenue"], meta=meta)
    known = replace(SHOP, metrics={**SHOP.metrics, "revenue": metric}, synonyms={"Turnover": "revenue"})
    base = said("revenue", known)
    code = change(base, known, synonyms=(), certified=False, owner="Sales")
    after = code.changes[0].apply(text.encode()).decode()
    assert yaml.safe_load(after) == {"metrics": [{"name": "revenue", "meta": {"owner": "Sales"}}]}
    assert code.after is not None
    assert code.after.synonyms == {}


def test_a_new_formula_replaces_the_definition_alone() -> None:
    code = change(said("completed_revenue"), formula="COUNT(fct_orders.order_id)")

    entry = edited(code, "completed_revenue")
    assert entry["type_params"] == {"measure": "order_id_count"}
    assert "filter" not in entry
    assert entry["label"] == "Completed revenue"
    assert entry["config"]["meta"]["bisync"] == {"formula": "COUNT(fct_orders.order_id)"}
    assert code.notes == ()


def test_a_measure_that_nothing_reads_afterwards_is_told_and_left() -> None:
    code = change(said("customers_total"), formula="COUNTDISTINCT(tier)")

    assert code.notes == (
        "customer_count may be without use afterwards; Bisync leaves what others may read.",
    )


def test_a_measure_that_a_conversion_reads_is_not_without_use() -> None:
    converted = ConversionParams("customer_count", "rows_total", "customer")
    known = replace(
        SHOP, metrics={**SHOP.metrics, "bought": Metric("bought", "conversion", conversion=converted)}
    )

    assert change(said("customers_total"), known, formula="COUNTDISTINCT(tier)").notes == ()


def test_a_conversion_keeps_the_date_that_was_chosen_for_it() -> None:
    orders = SHOP.models["fct_orders"].semantic
    assert orders is not None
    delivered = tuple(
        Measure(name, "count", "1", agg_time_dimension="delivered_on") for name in ("delivered", "followed")
    )
    model = replace(
        SHOP.models["fct_orders"], semantic=replace(orders, measures=(*orders.measures, *delivered))
    )
    again = Metric("again", "conversion", conversion=ConversionParams("delivered", "followed", "customer"))
    known = replace(
        SHOP, models={**SHOP.models, "fct_orders": model}, metrics={**SHOP.metrics, "again": again}
    )

    assert said("again", known).time == "delivered_on"


def edited(code: Compiled, name: str, files: dict[str, str] = FILES) -> dict[str, Any]:
    """The metric's entry afterwards."""
    one = next(one for one in code.changes if one.path == METRICS)
    data = yaml.safe_load(one.apply(files[METRICS].encode()))
    return next(entry for entry in data["metrics"] if entry["name"] == name)


def test_a_simple_metric_becomes_a_share_with_its_helper_beside_it() -> None:
    code = change(said("orders_total"), formula="SUM(discount) / SUM(net_amount)")
    entry = edited(code, "orders_total")

    assert entry["type"] == "ratio"
    assert entry["type_params"] == {"numerator": "orders_total_numerator", "denominator": "revenue"}
    assert code.metrics == ("orders_total_numerator", "orders_total")


def test_a_formula_never_goes_in_a_circle() -> None:
    with pytest.raises(Refused, match="in a circle"):
        change(said("revenue"), formula="revenue_per_customer * 2")
    with pytest.raises(Refused, match="in a circle"):
        change(said("revenue"), formula="revenue * 2")


@pytest.mark.parametrize(
    ("theirs", "written"),
    [
        ({"label": "Turnover"}, ["description"]),  # of a field that the change does not touch
        ({"description": "Mine."}, []),  # the very same
    ],
)
def test_what_dbt_changed_elsewhere_stays_and_what_it_brought_already_is_left_out(
    theirs: dict[str, str], written: list[str]
) -> None:
    base = said("revenue")
    moved = replace(SHOP, metrics={**SHOP.metrics, "revenue": replace(SHOP.metrics["revenue"], **theirs)})

    code = change(base, moved, meaning="Mine.")

    assert list(code.entries["change"]["values"]) == written
    assert bool(code.changes) == bool(written)


def test_a_formula_that_others_changed_stays_whatever_else_is_changed() -> None:
    base = said("revenue")
    theirs = replace(SHOP.metrics["revenue"], measure="rows_total")
    moved = with_formulas(replace(SHOP, metrics={**SHOP.metrics, "revenue": theirs}))

    code = change(base, moved, time="delivered_on", rules=(ValueRule("positive"),))

    assert "SUM" not in str(code.entries["tests"])
    (measure,) = code.entries["measures"]["orders"]
    assert (measure["agg"], measure["agg_time_dimension"]) == ("count", "delivered_on")


def test_a_field_that_dbt_changed_otherwise_is_not_overwritten() -> None:
    theirs = replace(SHOP.metrics["revenue"], description="Theirs.")
    moved = replace(SHOP, metrics={**SHOP.metrics, "revenue": theirs})

    with pytest.raises(Refused, match="The meaning of revenue was changed in dbt meanwhile"):
        change(said("revenue"), moved, meaning="Mine.")


def test_a_metric_that_is_gone_or_belongs_to_a_package_is_not_changed() -> None:
    gone = {name: metric for name, metric in SHOP.metrics.items() if name != "revenue"}
    with pytest.raises(Refused, match="not in the dbt project any more"):
        change(said("revenue"), replace(SHOP, metrics=gone), label="Mine")
    foreign = {**SHOP.metrics, "revenue": replace(SHOP.metrics["revenue"], file="")}
    with pytest.raises(Refused, match="package"):
        change(said("revenue"), replace(SHOP, metrics=foreign), label="Mine")


def test_a_metric_that_dbt_makes_from_a_measure_says_where_it_can_be_changed() -> None:
    text = "semantic_models:\n  - name: orders\n    measures:\n      - {name: revenue, agg: sum, create_metric: true}\n"
    code = change(said("revenue"), label="Net revenue")

    with pytest.raises(YamlRefused, match="dbt makes it from the measure"):
        code.changes[0].apply(text.encode())
    with pytest.raises(YamlRefused, match="pull first"):
        code.changes[0].apply(text.replace("true", "false").encode())


def test_a_name_of_another_metric_is_refused() -> None:
    with pytest.raises(Refused, match="called “Orders” already"):
        change(said("revenue"), label="orders")


@pytest.mark.parametrize("text", ["{{ env_var('HOME') }}", "{% set a = 1 %}"])
def test_what_dbt_would_run_never_reaches_a_file(text: str) -> None:
    with pytest.raises(Refused):
        change(said("revenue"), meaning=text)


def test_a_text_that_dbt_makes_by_jinja_is_not_replaced_by_what_it_came_to() -> None:
    files = {**FILES, METRICS: FILES[METRICS].replace("All net revenue.", "\"{{ doc('revenue') }}\"")}

    with pytest.raises(YamlRefused, match="description is made by Jinja"):
        diff(change(said("revenue"), meaning="Mine."), files)
    assert diff(change(said("revenue"), label="Mine"), files) == {
        METRICS: ["-    label: Revenue", "+    label: Mine"]
    }


def test_a_note_that_the_entry_keeps_elsewhere_stays_there() -> None:
    old = "    label: Revenue\n"
    files = {
        **FILES,
        METRICS: FILES[METRICS].replace(old, old + "    meta: {bisync: {owner: Ops}, team: x}\n", 1),
    }

    assert diff(change(said("revenue"), owner="Sales"), files)[METRICS] == [
        "-    meta: {bisync: {owner: Ops}, team: x}",
        "+    meta: {bisync: {owner: Sales}, team: x}",
    ]


# Rules


def ruled(*rules: ValueRule) -> tuple[Vocabulary, dict[str, str]]:
    """The shop with one more metric, `found`, that has these rules, and its files."""
    analysis = analyse("SUM(net_amount)", SHOP)
    draft = MetricDraft("found", "Found", "A find.", analysis, model="fct_orders", validations=rules)
    code = compile_metric(draft, SHOP)
    files = dict(FILES)
    for one in code.changes:
        before = files.get(one.path)
        files[one.path] = one.apply(before.encode() if before else None).decode()
    entry = code.entries["metrics"][0]
    new = replace(
        SHOP.metrics["revenue"],
        name="found",
        label="Found",
        description="A find.",
        meta=entry["config"]["meta"],
    )
    return replace(SHOP, metrics={**SHOP.metrics, "found": new}), files


def rule_tests(files: dict[str, str], code: Compiled) -> dict[str, dict[str, Any]]:
    after = dict(files)
    for one in code.changes:
        after[one.path] = one.apply(after[one.path].encode() if one.path in after else None).decode()
    models = yaml.safe_load(after["models/schema.yml"])["models"]
    orders = next(model for model in models if model["name"] == "fct_orders")
    found = [
        test
        for test in orders.get("data_tests") or orders.get("tests") or []
        if "bisync_metric_in_range" in test
    ]
    return {
        test["bisync_metric_in_range"]["name"]: test["bisync_metric_in_range"]["arguments"] for test in found
    }


def test_changed_rules_replace_their_tests() -> None:
    known, files = ruled(ValueRule("not_null"), ValueRule("range", 1, 10))
    base = said("found", known)
    assert [rule.kind for rule in base.rules] == ["not_null", "range"]

    code = change(base, known, rules=(ValueRule("range", 1, 20), ValueRule("positive")))

    found = rule_tests(files, code)
    assert set(found) == {"found_range", "found_positive"}
    assert found["found_range"]["maximum"] == 20
    assert rule_tests(files, change(base, known, rules=())) == {}


def test_tests_follow_a_changed_formula() -> None:
    known, files = ruled(ValueRule("positive"))

    code = change(said("found", known), known, formula="SUM(discount)")

    assert "discount" in rule_tests(files, code)["found_positive"]["expression"]
    assert change(said("found", known), known, label="Finds").entries["change"]["dropped"] == {}


# What an approval is about


def test_entries_are_plain_data_and_each_change_is_a_part_of_its_own() -> None:
    both = change(said("revenue"), label="Net", owner="Sales").entries
    one = change(said("revenue"), label="Net").entries

    assert json.loads(json.dumps(both)) == both
    assert parts(one) < parts(both)
    other = change(said("revenue"), label="Gross").entries
    assert not parts(other) <= parts(both)


def test_the_hash_of_a_change_speaks_of_what_it_changes_alone() -> None:
    base = said("revenue")
    mine = replace(base, meaning="Mine.")
    theirs = {"label": "Turnover"}

    assert mine.change_hash(base) == replace(mine, **theirs).change_hash(replace(base, **theirs))
    assert mine.change_hash(base) != replace(mine, meaning="Yours.").change_hash(base)
    assert mine.change_hash(base) != mine.change_hash(replace(base, meaning="Older."))


def test_a_conversion_that_is_changed_keeps_the_measure_that_it_needed_twice() -> None:
    orders = SHOP.models["fct_orders"].semantic
    assert orders is not None
    again = Measure("again_following", "count", "1")
    model = replace(SHOP.models["fct_orders"], semantic=replace(orders, measures=(*orders.measures, again)))
    metric = Metric(
        "again",
        "conversion",
        conversion=ConversionParams("rows_total", "again_following", "customer", "7 days"),
        file=METRICS,
    )
    known = with_formulas(
        replace(SHOP, models={**SHOP.models, "fct_orders": model}, metrics={**SHOP.metrics, "again": metric})
    )
    counts = "COUNT(fct_orders.*)"
    assert said("again", known).formula == f"CONVERSION({counts}, {counts}, customer, 7 days)"

    code = change(said("again", known), known, formula=f"CONVERSION({counts}, {counts}, customer, 30 days)")

    assert not code.entries["measures"]
    params = code.entries["change"]["values"]["type_params"]["conversion_type_params"]
    assert (params["base_measure"], params["conversion_measure"]) == ("rows_total", "again_following")
    assert params["window"] == "30 days"
    assert code.notes == ()
