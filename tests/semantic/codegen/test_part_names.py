"""What parts of a formula are called in dbt's code, and the case of the keywords around them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlglot import exp, parse_one

from semantic.codegen.part_names import LONGEST, part_name
from semantic.codegen.sql_text import sql_text
from semantic.formula import analyse
from semantic.keyword_case import keyword_case
from tests.semantic.codegen.written_metrics import compiled, definition
from tests.semantic.shop import vocabulary

pytestmark = pytest.mark.pure

KNOWN = vocabulary()


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("revenue", "revenue"),
        ("SUM(fct_orders.discount)", "total_discount"),
        ("COUNT(fct_orders.*)", "orders_count"),
        ("COUNT(fct_orders.status)", "status_count"),
        ("COUNT(DISTINCT fct_orders.status)", "distinct_status"),
        ("PERCENTILE(fct_orders.discount, 0.9)", "p90_discount"),
        ("PERCENTILE(fct_orders.discount, 0.333)", "part_1"),
        ("AVERAGE(fct_orders.net_amount - fct_orders.discount)", "average_net_amount_less_discount"),
        ("SUM(fct_orders.net_amount * 2 - fct_orders.discount)", "part_1"),
        ("revenue WHERE fct_orders.is_gift", "revenue_gift"),
        ("revenue WHERE NOT fct_orders.is_gift", "revenue_not_gift"),
        ("revenue WHERE fct_orders.is_gift = FALSE", "revenue_not_gift"),
        ("revenue WHERE fct_orders.status = 'sent back'", "revenue_sent_back"),
        ("revenue WHERE fct_orders.status <> 'returned'", "revenue_not_returned"),
        ("revenue WHERE fct_orders.quantity > 2", "revenue_filtered"),
        ("PRIOR(revenue, 1 month)", "revenue_1_month_earlier"),
        ("ROLLING(revenue, 28 days)", "revenue_last_28_days"),
        ("TODATE(revenue, year)", "revenue_year_to_date"),
        ("CUMULATIVE(revenue)", "revenue_so_far"),
        ("revenue WHERE fct_orders.status = 'a status with a name that is far too long'", "part_1"),
    ],
)
def test_a_part_is_called_by_what_it_is(formula: str, name: str) -> None:
    tree = analyse(formula, KNOWN).tree
    assert tree is not None

    assert part_name(tree, "part_1") == name
    assert len(name) <= LONGEST


def test_parts_of_the_same_name_are_numbered() -> None:
    first, second = "revenue WHERE status IN ('a', 'b')", "revenue WHERE status IN ('a', 'c')"
    code = compiled(f"({first}) - ({second}) * 2")

    assert "revenue_filtered - revenue_filtered_2 * 2" in str(definition(code))


def test_a_total_that_is_filtered_where_it_is_used_is_called_by_all_its_rows() -> None:
    code = compiled("(SUM(discount) WHERE status = 'returned') * 2 - (SUM(discount) WHERE is_gift)")

    assert code.metrics == ("found_total_discount", "found")
    assert definition(code)["type_params"]["expr"] == "total_discount_returned * 2 - total_discount_gift"


def test_a_name_that_databases_would_cut_is_left_short() -> None:
    code = compiled("SUM(discount) - MAX(discount) * 2", name="a" * 50)

    assert code.metrics[:2] == ("total_discount", "highest_discount")


@pytest.mark.parametrize(
    ("texts", "case"),
    [
        (["case when a then b end"], "lower"),
        (["CASE WHEN a THEN b END", "NULLIF(a, 0)", "a and b"], "upper"),
        (["{{ Dimension('order__IS') }} = 'NOT A CASE'", '"CASE"', "amount"], None),
        (["{{ Dimension('order__status') }} IS NOT NULL"], "upper"),
        ([], None),
    ],
)
def test_keywords_have_the_case_of_most_texts(texts: list[str], case: str | None) -> None:
    assert keyword_case(texts) == case


def test_expressions_and_filters_have_the_case_of_the_project() -> None:
    upper = replace(KNOWN, keywords="upper")
    formula = "SUM(discount) WHERE quantity > 1"
    (lower,) = compiled(formula).entries["measures"]["orders"]
    (known,) = compiled(formula, known=upper).entries["measures"]["orders"]

    assert lower["expr"] == "case when quantity > 1 then discount end"
    assert known["expr"] == "CASE WHEN quantity > 1 THEN discount END"


@pytest.mark.parametrize(("dialect", "quoted"), [("postgres", False), ("redshift", True)])
def test_names_keep_their_letters_and_the_quotes_that_a_warehouse_needs(dialect: str, quoted: bool) -> None:
    tree = exp.Add(this=exp.column("Total"), expression=exp.column("authorization"))
    text = sql_text(tree, "lower", dialect)

    assert text == ('Total + "authorization"' if quoted else "Total + authorization")
    assert sql_text(parse_one("SUM(Amount) + 'AND'"), "lower", dialect) == "sum(Amount) + 'AND'"
