from __future__ import annotations

import pytest

from semantic.definitions import Vocabulary
from semantic.formula import analyse, parse, print_sentence

SENTENCES = [
    (
        "SUM(net_amount) / COUNT(DISTINCT customer_id) WHERE status = 'completed'",
        "total net amount divided by the number of different customer ids, both only where status is 'completed'.",
    ),
    ("SUM(amount)", "total amount."),
    ("ROLLING(SUM(amount), 30 days)", "total amount over the last 30 days."),
    (
        "ROLLING(SUM(amount) WHERE orders.status = 'open', 1 month, first)",
        "total amount (only where status is 'open') over the last month (on the first day).",
    ),
    ("TODATE(SUM(amount), quarter)", "total amount since the quarter began."),
    ("CUMULATIVE(COUNT(orders.*))", "the number of rows in orders up to each day."),
    (
        "SUM(amount) / PRIOR(SUM(amount), 1 year) - 1",
        "total amount divided by (total amount 1 year earlier) minus 1.",
    ),
    ("COUNT(orders.*)", "the number of rows in orders."),
    ("COUNT([Web events].*)", "the number of rows in web events."),
    ("COUNT(discount)", "the number of rows where discount is filled in."),
    ("COUNT(DISTINCT orders.status)", "the number of different statuses."),
    ("COUNT(DISTINCT city)", "the number of different cities."),
    (
        "COUNT(DISTINCT channel & orders.status)",
        "the number of different values of (channel followed by status).",
    ),
    ("AVERAGE(amount * quantity)", "the average of (amount times quantity)."),
    ("MEDIAN(amount) + MIN(amount)", "the median amount plus the smallest amount."),
    (
        "MAX(order_date) - MIN(order_date)",
        "the number of days from the earliest order date to the latest order date.",
    ),
    ("PERCENTILE(amount, 0.9)", "the 90th percentile of amount."),
    ("PERCENTILE(amount, 1%)", "the 1st percentile of amount."),
    ("PERCENTILE(amount, 0.999)", "the 99.9th percentile of amount."),
    ("revenue / visits", "revenue divided by visits."),
    ("revenue WHERE status = 'paid'", "revenue, only where status is 'paid'."),
    ("(SUM(amount) - SUM(discount)) / 2", "(total amount minus total discount) divided by 2."),
    ("-SUM(amount)", "minus total amount."),
    ("SUM(amount) * 12000 + 0.5", "total amount times 12,000 plus 0.5."),
    ("SUM(amount) * 5%", "total amount times 5%."),
    (
        "(SUM(amount) WHERE is_gift) / SUM(amount)",
        "total amount (only where it is gift) divided by total amount.",
    ),
    (
        "SUM(amount) - SUM(discount) - SUM(quantity) WHERE NOT is_gift",
        "total amount minus total discount minus total quantity, all only where it is not gift.",
    ),
    (
        "SUM(amount) WHERE tier = 'gold'",
        "total amount, only where tier of customers is 'gold'.",
    ),
    (
        "COUNT(DISTINCT user_id) / COUNT(orders.*)",
        "the number of different user ids of web events divided by the number of rows in orders.",
    ),
    (
        "IF(SUM(amount) > 0, SUM(discount) / SUM(amount), 0)",
        "total discount divided by total amount if total amount is more than 0, otherwise 0.",
    ),
    ("COALESCE(SUM(amount), 0)", "total amount, or 0 where that is blank."),
    ("ROUND(SUM(amount) / 3, 1)", "(total amount divided by 3) rounded to 1 decimal."),
    ("ROUND(SUM(amount))", "total amount rounded to a whole number."),
    (
        "DIVIDE(SUM(amount), SUM(quantity), 0)",
        "total amount divided by total quantity, or 0 where that is blank.",
    ),
    ("GREATEST(SUM(amount), SUM(discount), 0)", "the largest of total amount, total discount and 0."),
    (
        "AVERAGE(DATEDIFF(order_date, delivered_at))",
        "the average of the number of days from order date to delivered at.",
    ),
]
CONDITIONS = [
    ("channel <> 'web'", "channel is not 'web'"),
    ("amount >= 5 AND amount < 10", "amount is at least 5 and amount is less than 10"),
    ("amount <= 5 OR amount > 10", "amount is at most 5 or amount is more than 10"),
    ("(channel = 'a' OR channel = 'b') AND is_gift", "(channel is 'a' or channel is 'b') and it is gift"),
    ("channel = 'a' OR channel = 'b' AND is_gift", "channel is 'a' or (channel is 'b' and it is gift)"),
    ("is_gift = FALSE", "it is not gift"),
    ("channel IN ('a', 'b', 'c')", "channel is one of 'a', 'b' or 'c'"),
    ("channel NOT IN ('a', 'b')", "channel is not one of 'a' or 'b'"),
    ("channel IN ('a')", "channel is 'a'"),
    ("amount BETWEEN 1 AND 2", "amount is between 1 and 2"),
    ("amount NOT BETWEEN 1 AND 2", "amount is not between 1 and 2"),
    ("channel IS BLANK", "channel is blank"),
    ("NOT channel IS BLANK", "channel is not blank"),
    ("CONTAINS(channel, 'a')", "channel contains 'a'"),
    ("NOT STARTSWITH(channel, 'a')", "channel does not start with 'a'"),
    (
        "NOT (amount > 1 AND amount < 5)",
        "it is not true that (amount is more than 1 and amount is less than 5)",
    ),
    ("order_date >= '2026-01-31'", "order date is on or after 31 January 2026"),
    ("order_date < '2026-01-31'", "order date is before 31 January 2026"),
    ("order_date > TODAY() - 30 days", "order date is after 30 days before today"),
    ("order_date IN LAST 30 DAYS", "order date is in the last 30 days including today"),
    ("order_date IN LAST MONTH", "order date is in the last month including today"),
    ("order_date IN LAST 3 COMPLETE MONTHS", "order date is in the last 3 complete months"),
    ("order_date NOT IN THIS QUARTER", "order date is not in this quarter"),
    ("STARTOF(order_date, month) = '2026-01-01'", "the start of the month of order date is 1 January 2026"),
    ("YEAR(order_date) = 2026", "the year of order date is 2026"),
    ("LOWER(channel) = 'web'", "(channel in small letters) is 'web'"),
    ("LEFT(channel, 2) = 'we'", "the first 2 characters of channel is 'we'"),
    ("RIGHT(channel, 1) = 'b'", "the last character of channel is 'b'"),
    ("DATEADD(order_date, 1, month) < TODAY()", "(order date plus 1 month) is before today"),
    ("MOD(quantity, 2) = 0", "the remainder of quantity divided by 2 is 0"),
]


@pytest.mark.parametrize(("text", "sentence"), SENTENCES)
def test_a_formula_reads_as_an_english_sentence(vocabulary: Vocabulary, text: str, sentence: str) -> None:
    assert analyse(text, vocabulary).reads_as == sentence


@pytest.mark.parametrize(("condition", "words"), CONDITIONS)
def test_a_condition_reads_as_a_clause(vocabulary: Vocabulary, condition: str, words: str) -> None:
    reads_as = analyse(f"COUNT(*) WHERE {condition}", vocabulary, model="orders").reads_as
    assert reads_as == f"the number of rows in orders, only where {words}."


def test_labels_are_used_where_there_are_any(vocabulary: Vocabulary) -> None:
    assert analyse("SUM(net_amount) - revenue", vocabulary).reads_as == "total net amount minus revenue."


def test_the_sentence_of_a_tree_made_by_code_needs_no_text(vocabulary: Vocabulary) -> None:
    assert print_sentence(parse("COUNT(*) + 1"), vocabulary) == "the number of rows plus 1."
