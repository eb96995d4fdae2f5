"""A small part of `bin/bench fuzz`, and that what it looks for would be found."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from semantic.formula import analyse
from tests.semantic.formula_fuzz import formulas, problem_of, problem_of_part, vocabulary

pytestmark = pytest.mark.pure


def test_no_text_falls_or_becomes_more_than_one_expression_of_known_functions() -> None:
    known, chance = vocabulary(), random.Random(2026)
    texts = [*islice(formulas(chance), 500)]

    problems = {text: problem for text in texts if (problem := problem_of(text, known, chance))}

    assert problems == {}
    assert 100 < sum(analyse(text, known, model="sales").ok for text in texts) < 400


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("expr", "amount; DROP TABLE sales"),
        ("expr", "amount, rate"),
        ("expr", "(SELECT 1)"),
        ("expr", "amount FROM sales"),
        ("expr", "amount -- paid"),
        ("expr", "amount /* paid */"),
        ("expr", "SUM(amount) OVER ()"),
        ("expr", "read_csv('x')"),
        ("expr", "pg_sleep(1)"),
        ("expr", "{{ env_var('HOME') }}"),
        ("filter", "{{ env_var('HOME') }} = 'a'"),
        ("filter", "{{ Dimension('sale__name') }} = 'a' GROUP BY 1"),
        ("filter", "{{ Dimension('sale__name') }} = 'a'; SELECT 1"),
    ],
)
def test_what_is_no_plain_expression_would_be_noticed(key: str, text: str) -> None:
    assert problem_of_part(text, key, "postgres")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("expr", "CASE WHEN name = '; -- {' THEN amount END"),
        ("filter", "{{ TimeDimension('sale__sold_on', 'day') }} >= CAST('2024-01-01' AS DATE)"),
    ],
)
def test_a_plain_expression_passes_whatever_its_texts_say(key: str, text: str) -> None:
    assert problem_of_part(text, key, "postgres") == ""
