from __future__ import annotations

from typing import Any

import pytest

from semantic.codegen.yaml_files import AddItem, Edit, Named, SetKey, edited, load

QUOTED = """\
models:
  - name: "orders"
    label: "Orders"
    group: "sales"
    columns:
      - name: "id"
        label: "Key"
        description: |
          The key: plain text.
        data_tests: [unique]
        meta: {rank: 1, pii: false}
"""
PLAIN_NAMES = """\
metrics:
  - name: revenue
    label: 'Revenue'
    type: simple
  - name: orders
    label: 'Orders'
    type: simple
  - name: returns
    label: 'Returns'
    description: "It's quoted: it has to be"
    type: simple
"""
COLUMN: dict[str, Any] = {
    "name": "amount",
    "label": "Amount paid",
    "quote": True,
    "data_tests": ["not_null", {"in_range": {"minimum": 0, "where": "is_paid"}}],
}


def changed(before: str, *edits: Edit) -> str:
    after = edited(before, edits, path="models/schema.yml")
    assert load(after) != load(before)
    return after


def added(before: str, *edits: Edit) -> str:
    """The lines that edits put at the end of a page."""
    after = changed(before, *edits)
    assert after.startswith(before)
    return after.removeprefix(before)


def test_where_a_file_quotes_every_text_new_texts_are_quoted_but_no_keys_tests_and_numbers() -> None:
    assert added(QUOTED, AddItem(("models", Named("orders"), "columns"), COLUMN)) == (
        '      - name: "amount"\n'
        '        label: "Amount paid"\n'
        "        quote: true\n"
        "        data_tests:\n"
        "          - not_null\n"
        "          - in_range:\n"
        "              minimum: 0\n"
        '              where: "is_paid"\n'
    )


def test_where_a_file_shows_too_few_texts_or_too_many_without_quotes_new_ones_are_plain() -> None:
    few = QUOTED.replace('    group: "sales"\n', "")
    mixed = QUOTED.replace('label: "Key"', "label: Key")

    for page in (few, mixed):
        assert "label: Amount paid\n" in added(page, AddItem(("models", Named("orders"), "columns"), COLUMN))


def test_a_key_that_a_file_shows_often_has_its_own_habit() -> None:
    metric = {"name": "discounts", "label": "Discounts", "description": "Given away", "type": "simple"}

    assert added(PLAIN_NAMES, AddItem(("metrics",), metric)) == (
        "  - name: discounts\n    label: 'Discounts'\n    description: Given away\n    type: simple\n"
    )


def test_a_text_that_is_replaced_keeps_its_own_quotes_whatever_others_have() -> None:
    page = QUOTED.replace('name: "orders"', "name: orders")

    assert changed(page, SetKey(("models", 0), "name", "sales")) == page.replace("orders", "sales", 1)
    page = PLAIN_NAMES.replace("'Orders'", '"Orders"')
    assert changed(page, SetKey(("metrics", 1), "label", "Sales")) == page.replace('"Orders"', '"Sales"')


def test_texts_in_braces_and_in_brackets_are_quoted_like_those_of_their_key() -> None:
    meta = ("models", 0, "columns", 0, "meta")

    after = changed(QUOTED, SetKey(meta, "owner", "me"), SetKey(meta, "tags", ["a", "b"]))

    assert 'meta: {rank: 1, pii: false, owner: "me", tags: ["a", "b"]}\n' in after


VALUES = """\
models:
  - name: orders
    columns:
      - name: status
        data_tests:
          - accepted_values:
              values: ['open', 'paid', 'sent']
      - name: kind
"""
IN_LINES = VALUES.replace("['open', 'paid', 'sent']", "\n                - 'open'\n                - 'paid'")
ACCEPTED = {"accepted_values": {"values": ["large", "small"]}}


def with_test(page: str, test: Any = ACCEPTED) -> str:
    return added(page, AddItem(("models", 0, "columns", Named("kind"), "data_tests"), test))


def test_a_short_list_of_values_is_in_brackets_where_those_of_the_same_key_are() -> None:
    assert with_test(VALUES).endswith("accepted_values:\n              values: ['large', 'small']\n")
    assert with_test(IN_LINES).endswith("values:\n                - large\n                - small\n")


@pytest.mark.parametrize("values", [["a" * 40, "b" * 40], ["one\ntwo"]])
def test_a_list_that_is_long_or_has_texts_of_lines_is_not_in_brackets(values: list[str]) -> None:
    assert "[" not in with_test(VALUES, {"accepted_values": {"values": values}})


def test_lists_of_keys_that_the_file_does_not_show_are_like_most_others_but_tests_have_lines() -> None:
    page = "models:\n  - name: a\n    tags: [x]\n    docs: [y]\n    owners: [z]\n    hooks:\n      - b\n"

    assert added(page, SetKey(("models", 0), "groups", ["c"])) == "    groups: [c]\n"
    assert added(page, SetKey(("models", 0), "data_tests", ["c"])) == "    data_tests:\n      - c\n"
    page = page.replace("owners: [z]", "owners:\n      - z")
    assert added(page, SetKey(("models", 0), "groups", ["c"])) == "    groups:\n      - c\n"


def test_a_list_in_lines_stays_in_lines_and_an_empty_one_is_like_those_of_its_key() -> None:
    page = "a:\n  - x: [b]\n  - x: [c]\n  - x: [c]\n  - x:\n      - d\n  - x:\n"

    assert changed(page, SetKey(("a", 3), "x", ["e"])) == page.replace("- d", "- e")
    assert changed(page, SetKey(("a", 4), "x", ["e"])) == page.removesuffix("\n") + " [e]\n"


@pytest.mark.parametrize(
    ("others", "lines"),
    [
        ("", "              values: [new, returning]"),
        ("    tags:\n      - a\n      - b\n", "              values: [new, returning]"),
        (
            "    tests:\n      - accepted:\n          values:\n            - a\n",
            "              values:\n                - new\n                - returning",
        ),
    ],
)
def test_accepted_values_stand_on_one_line_unless_those_of_the_file_do_not(others: str, lines: str) -> None:
    text = f"models:\n  - name: a\n{others}    columns:\n      - name: b\n        data_tests:\n          - unique\n"
    path = ("models", Named("a"), "columns", Named("b"), "data_tests")

    after = edited(text, [AddItem(path, {"accepted_values": {"values": ["new", "returning"]}})], path="x.yml")

    assert after == f"{text}          - accepted_values:\n{lines}\n"
