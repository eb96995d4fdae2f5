"""A metric of dbt's latest spec is changed where it stands: in its model's entry or at the top level."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from semantic.codegen.amend import compile_change
from semantic.codegen.metric_edits import AmendMetric
from semantic.codegen.metrics import Compiled
from semantic.codegen.yaml_files import YamlRefused, edited
from semantic.current import fields_of
from semantic.definitions import Measure, Metric, Vocabulary
from semantic.fields import ValueRule
from semantic.formula import analyse
from semantic.formulas import metric_formula
from tests.semantic import latest_shop, shop
from tests.semantic.codegen.test_amend import diff, with_formulas

FILES = {path: text.lstrip() for path, text in latest_shop.FILES.items()}
SHOP = with_formulas(latest_shop.SHOP)


def change(name: str, known: Vocabulary = SHOP, **to: Any) -> Compiled:
    base = fields_of(known.metrics[name], known)
    fields = replace(base, **to)
    return compile_change(base, fields, analyse(fields.formula, known), known)


def test_words_of_a_metric_change_inside_its_models_entry() -> None:
    code = change("orders_total", label="All orders", owner="Sales")

    before = '      - {name: orders_total, label: Orders, type: simple, agg: count, expr: "1"}'
    after = before.replace("Orders", "All orders").replace("}", ", config: {meta: {bisync: {owner: Sales}}}}")
    assert diff(code, FILES) == {"models/schema.yml": [f"-{before}", f"+{after}"]}
    assert code.metrics == ("orders_total",)


def test_a_new_total_of_the_same_model_stays_in_its_entry() -> None:
    code = change("completed_revenue", formula="COUNT(fct_orders.order_id)")

    assert diff(code, FILES) == {
        "models/schema.yml": [
            "-        agg: sum",
            "-        expr: net_amount",
            "-        filter: \"{{ Dimension('order__order_status') }} = 'completed'\"",
            "+        agg: count",
            "+        expr: order_id",
            "+        config:",
            "+          meta:",
            "+            bisync:",
            "+              formula: COUNT(fct_orders.order_id)",
        ]
    }
    assert code.notes == ()


def test_what_the_old_kind_of_total_said_goes_with_it() -> None:
    code = change("revenue", formula="PERCENTILE(fct_orders.net_amount, 0.9)")
    again = change("revenue", formula="MAX(fct_orders.net_amount)", time="delivered_on")

    values = code.entries["change"]["values"]
    assert {key: value for key, value in values.items() if value is not None} == {
        "type": "simple",
        "agg": "percentile",
        "expr": "cast(net_amount as double precision)",
        "percentile": 0.9,
    }
    values = again.entries["change"]["values"]
    assert (values["percentile"], values["fill_nulls_with"], values["join_to_timespine"]) == (
        None,
        None,
        None,
    )
    assert values["agg_time_dimension"] == "delivered_on"


def test_a_metric_that_becomes_a_calculation_leaves_its_models_entry() -> None:
    """Inside, dbt 1.12 would find it twice when it reads the entry again."""
    code = change("completed_revenue", formula="revenue / orders_total", meaning="What an order brings.")

    assert diff(code, FILES) == {
        "models/schema.yml": [
            "-      - name: completed_revenue",
            "-        label: Completed revenue",
            "-        type: simple",
            "-        agg: sum",
            "-        expr: net_amount",
            "-        filter: \"{{ Dimension('order__order_status') }} = 'completed'\"",
            "+",
            "+metrics:",
            "+  - name: completed_revenue",
            "+    label: Completed revenue",
            "+    description: What an order brings.",
            "+    type: ratio",
            "+    numerator: revenue",
            "+    denominator: orders_total",
        ]
    }


def test_a_calculation_that_becomes_a_total_stays_at_the_top_level_over_a_hidden_one() -> None:
    code = change("revenue_per_customer", formula="MAX(fct_orders.discount)")

    found = diff(code, FILES)
    assert found["models/metrics.yml"] == [
        "-    type: ratio",
        "-    numerator: revenue",
        "-    denominator: customers_total",
        "+    type: derived",
        "+    expr: revenue_per_customer_highest_discount",
        "+    input_metrics: [revenue_per_customer_highest_discount]",
        "+    config:",
        "+      meta:",
        "+        bisync:",
        "+          formula: MAX(fct_orders.discount)",
    ]
    assert "+        hidden: true" in found["models/schema.yml"]
    assert code.metrics == ("revenue_per_customer_highest_discount", "revenue_per_customer")


def test_a_total_of_another_model_cannot_stand_in_this_ones_entry() -> None:
    code = change("completed_revenue", formula="COUNT(dim_customers.tier)")

    assert code.entries["change"]["values"]["type"] == "derived"
    (helper,) = code.entries["models"]["dim_customers"]["metrics"]
    assert (helper["agg"], helper["expr"], helper["hidden"]) == ("count", "tier", True)


def test_what_a_running_metric_says_changes_where_it_stands() -> None:
    running = Metric(
        "running", "cumulative", "Running", measure="revenue", window="30 days", period_agg="last",
        file="models/metrics.yml", spec="latest",
    )  # fmt: skip
    known = replace(SHOP, metrics={**SHOP.metrics, "running": running})
    running = replace(running, formula=metric_formula(running, known, dialect="duckdb"))
    known = replace(known, metrics={**known.metrics, "running": running})

    values = change("running", known, formula="TODATE(orders_total, month)").entries["change"]["values"]

    assert {key: value for key, value in values.items() if value is not None} == {
        "type": "cumulative",
        "input_metric": "orders_total",
        "grain_to_date": "month",
        "period_agg": "last",
    }
    assert values["window"] is None


@pytest.mark.parametrize(
    ("formula", "part"),
    [
        ("SUM(fct_orders.discount)", "total_discount"),
        ("CUMULATIVE(SUM(fct_orders.discount))", "total_discount_so_far"),
    ],
)
def test_a_metric_of_the_legacy_spec_stays_in_it_over_one_of_the_latest(formula: str, part: str) -> None:
    old = shop.vocabulary()
    known = with_formulas(
        replace(
            SHOP,
            models={**SHOP.models, "dim_customers": old.models["dim_customers"]},
            metrics={**SHOP.metrics, "customers_total": old.metrics["customers_total"]},
        )
    )

    code = change("customers_total", known, formula=formula)

    values = code.entries["change"]["values"]
    assert values == {
        "type": "derived",
        "type_params": {"expr": f"customers_total_{part}", "metrics": [f"customers_total_{part}"]},
        "filter": None,
    }
    assert code.entries["models"]["fct_orders"]["metrics"][0]["hidden"]


def test_a_helper_that_nothing_reads_afterwards_is_told_and_left() -> None:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    part = Measure("share_numerator", "max", "discount", inline=True)
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, part))
    helper = Metric(
        "share_numerator", "simple", "Share (numerator)", measure="share_numerator", spec="latest",
        meta={"bisync": {"helper_of": "revenue_per_customer"}},
    )  # fmt: skip
    known = with_formulas(
        replace(
            SHOP,
            models={**SHOP.models, "fct_orders": replace(orders, semantic=semantic)},
            metrics={**SHOP.metrics, "share_numerator": helper},
        )
    )

    code = change("revenue_per_customer", known, formula="revenue / orders_total")
    kept = change("revenue_per_customer", known, formula="MAX(fct_orders.discount) / orders_total")

    assert code.notes == (
        "share_numerator may be without use afterwards; Bisync leaves what others may read.",
    )
    assert (kept.notes, kept.metrics) == ((), ("revenue_per_customer",))


def test_rules_change_with_the_formula_in_the_same_entry() -> None:
    code = change("revenue", formula="SUM(fct_orders.discount)", rules=(ValueRule("positive"),))

    found = diff(code, FILES)["models/schema.yml"]
    assert "+          name: revenue_positive" in found
    assert "+        expr: discount" in found


INLINE = """models:
  - name: fct_orders
    semantic_model: true
    metrics:
      - {name: share, type: ratio, numerator: a, denominator: b}
"""


def test_a_calculation_that_its_author_keeps_in_the_models_entry_stays_there() -> None:
    edit = AmendMetric(
        "share", {"type": "derived", "expr": "a * 2", "numerator": None, "denominator": None}, {}
    )

    assert edited(INLINE, [edit], path="x.yml") == INLINE.replace(
        "{name: share, type: ratio, numerator: a, denominator: b}",
        "{name: share, type: derived, expr: a * 2}",
    )


def test_a_metric_that_stands_nowhere_in_the_file_is_not_changed() -> None:
    with pytest.raises(YamlRefused, match="not in this file's list of metrics"):
        edited(INLINE, [AmendMetric("other", {"label": "x"}, {})], path="x.yml")


RUNNING = Metric(
    "revenue_so_far",
    "cumulative",
    "Revenue so far",
    measure="revenue",
    file="models/metrics.yml",
    spec="latest",
)


def test_a_metric_that_runs_over_one_that_changes_runs_over_what_it_is_then() -> None:
    known = with_formulas(replace(SHOP, metrics={**SHOP.metrics, RUNNING.name: RUNNING}))
    assert known.metrics["revenue_so_far"].formula == "CUMULATIVE(SUM(net_amount), first)"

    after = change("revenue", known, formula="SUM(net_amount) WHERE status = 'completed'").after

    assert after is not None
    revenue, running = after.metrics["revenue"], after.metrics["revenue_so_far"]
    assert revenue.formula == "SUM(net_amount) WHERE status = 'completed'"
    assert revenue.filters == running.filters == (shop.COMPLETED,)
    assert running.formula == "CUMULATIVE(SUM(net_amount) WHERE status = 'completed', first)"
    assert (revenue.file, revenue.spec) == ("models/schema.yml", "latest")


def test_what_a_metric_says_after_a_change_is_what_its_form_begins_with_then() -> None:
    words = {"label": "All orders", "meaning": "Every order.", "owner": "Sales", "group": "sales"}
    for to in (
        {**words, "rules": (ValueRule("positive"),)},
        {"formula": "COUNT(fct_orders.*) * 100"},
        {"formula": "COUNT(fct_orders.order_id)", "time": "delivered_on"},
    ):
        after = change("orders_total", **to).after

        assert after is not None
        said = fields_of(after.metrics["orders_total"], after)
        assert said == replace(fields_of(SHOP.metrics["orders_total"], SHOP), **to)
    # It is no total of its own any more, which others could read.
    again = change("orders_total", formula="SUM(fct_orders.quantity) * 100").after
    assert again is not None
    assert "orders_total" not in again.measures


def in_other_words() -> tuple[Vocabulary, dict[str, str]]:
    """The shop with a total that takes its own name for its column, and orders as a sum of ones."""
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    totals = {one.name: one for one in orders.semantic.measures}
    totals["orders_total"] = replace(totals["orders_total"], agg="sum", expr="1")
    totals["quantity"] = Measure("quantity", "sum", "quantity", inline=True)
    semantic = replace(orders.semantic, measures=tuple(totals.values()))
    quantity = replace(SHOP.metrics["revenue"], name="quantity", label="Pieces", measure="quantity")
    known = replace(
        SHOP,
        models={**SHOP.models, "fct_orders": replace(orders, semantic=semantic)},
        metrics={**SHOP.metrics, "quantity": quantity},
    )
    text = FILES["models/schema.yml"].replace(
        '      - {name: orders_total, label: Orders, type: simple, agg: count, expr: "1"}\n',
        "      - name: orders_total\n        type: simple\n        agg: sum\n        expr: 1\n"
        "      - name: quantity\n        type: simple\n        agg: sum\n",
    )
    return with_formulas(known), {**FILES, "models/schema.yml": text}


@pytest.mark.parametrize(
    ("name", "to", "line"),
    [
        (
            "orders_total",
            {"formula": "COUNT(fct_orders.*) WHERE is_gift"},
            "+        filter: \"{{ Dimension('order__is_gift') }}\"",
        ),
        (
            "quantity",
            {"formula": "SUM(fct_orders.quantity) WHERE is_gift"},
            "+        filter: \"{{ Dimension('order__is_gift') }}\"",
        ),
        ("quantity", {"time": "delivered_on"}, "+        agg_time_dimension: delivered_on"),
    ],
)
def test_a_total_stays_in_its_authors_words_where_something_else_changes(
    name: str, to: dict[str, Any], line: str
) -> None:
    known, files = in_other_words()

    code = change(name, known, **to)

    (found,) = [one for one in diff(code, files)["models/schema.yml"] if ": " in one and "formula" not in one]
    assert found == line
    assert code.after is not None
    said = fields_of(code.after.metrics[name], code.after)
    assert said == replace(fields_of(known.metrics[name], known), **to)
    assert code.after.measures[name][1].expr == known.measures[name][1].expr
    assert code.after.measures[name][1].agg == "sum"


def test_a_total_that_is_another_one_is_written_anew() -> None:
    known, files = in_other_words()

    found = diff(change("quantity", known, formula="SUM(fct_orders.discount)"), files)["models/schema.yml"]

    assert found[0] == "+        expr: discount"
    assert not [line for line in found if line.startswith("-")]


GIFTS = "{{ Dimension('order__is_gift') }} = true"
PAID = "{{ Dimension('order__order_status') }} = 'paid'"
BULK = "{{ Dimension('order__is_bulk') }}"
BOTH = f"{GIFTS} and {shop.COMPLETED}"
EITHER = f"{GIFTS} or {shop.COMPLETED}"


@pytest.mark.parametrize(
    ("there", "condition", "found"),
    [
        ([GIFTS], "is_gift AND status = 'paid'", f"{GIFTS} and {PAID}"),
        ([f"{GIFTS}\n"], "is_gift AND status = 'paid'", f"{GIFTS}\nand {PAID}\n"),
        ([BOTH], "is_gift AND status = 'completed' AND quantity > 2", f"{BOTH} and {BULK}"),
        ([EITHER], "(is_gift = TRUE OR status = 'completed') AND quantity > 2", [EITHER, BULK]),
        ([GIFTS, shop.COMPLETED], "is_gift AND status = 'completed' AND quantity > 2",
         [GIFTS, shop.COMPLETED, BULK]),
        ([GIFTS, shop.COMPLETED], "status = 'completed'", shop.COMPLETED),
        ([BOTH], "is_gift", "{{ Dimension('order__is_gift') }}"),
    ],
)  # fmt: skip
def test_conditions_that_say_the_same_stay_in_their_authors_words(
    there: list[str], condition: str, found: str | list[str]
) -> None:
    gifts = replace(SHOP.metrics["completed_revenue"], filters=tuple(there))
    known = with_formulas(replace(SHOP, metrics={**SHOP.metrics, "completed_revenue": gifts}))
    assert known.metrics["completed_revenue"].formula

    code = change("completed_revenue", known, formula=f"SUM(fct_orders.net_amount) WHERE {condition}")

    assert code.entries["change"]["values"]["filter"] == found


def test_a_condition_that_comes_beside_others_in_a_block_is_one_line_more() -> None:
    gifts = replace(SHOP.metrics["completed_revenue"], filters=(f"{GIFTS}\n",))
    known = with_formulas(replace(SHOP, metrics={**SHOP.metrics, "completed_revenue": gifts}))
    text = FILES["models/schema.yml"].replace(f'filter: "{shop.COMPLETED}"', f"filter: |\n          {GIFTS}")

    code = change(
        "completed_revenue", known, formula="SUM(net_amount) WHERE is_gift = TRUE AND status = 'paid'"
    )

    assert diff(code, {**FILES, "models/schema.yml": text}) == {
        "models/schema.yml": [f"+          and {PAID}"]
    }


def test_a_formula_is_noted_only_where_dbts_own_words_would_be_read_otherwise() -> None:
    wanted = "SUM(net_amount) WHERE status = 'returned'"
    code = change("completed_revenue", formula=wanted)
    spelled = change("completed_revenue", formula=wanted.replace("SUM", "sum"))

    assert diff(code, FILES) == {
        "models/schema.yml": [
            "-        filter: \"{{ Dimension('order__order_status') }} = 'completed'\"",
            "+        filter: \"{{ Dimension('order__order_status') }} = 'returned'\"",
        ]
    }
    assert code.after is not None
    assert code.after.metrics["completed_revenue"].formula == wanted
    assert spelled.entries["change"]["own"] == {"formula": wanted.replace("SUM", "sum")}


def test_a_note_of_a_formula_that_is_there_follows_the_formula() -> None:
    formula = "SUM(net_amount) WHERE status = 'completed'"
    noted = replace(SHOP.metrics["completed_revenue"], meta={"bisync": {"formula": formula}})
    known = with_formulas(replace(SHOP, metrics={**SHOP.metrics, "completed_revenue": noted}))

    code = change("completed_revenue", known, formula=formula.replace("completed", "returned"))

    assert code.entries["change"]["own"] == {"formula": formula.replace("completed", "returned")}


@pytest.mark.parametrize("noted", [True, False])
def test_whether_a_formula_is_noted_stays_as_it_was_agreed(noted: bool) -> None:
    base = fields_of(SHOP.metrics["completed_revenue"], SHOP)
    fields = replace(base, formula="SUM(net_amount) WHERE status = 'returned'")
    agreed: dict[str, Any] = {"change": {"own": {"formula": fields.formula} if noted else {}}}

    code = compile_change(base, fields, analyse(fields.formula, SHOP), SHOP, settled=agreed)

    assert code.entries["change"]["own"] == agreed["change"]["own"]
