"""What is added to a file has its keys in the order of what stands beside it."""

from __future__ import annotations

import pytest

from semantic.codegen.yaml_files import AddItem, Edit, Named, SetKey, edited

pytestmark = pytest.mark.pure

FILE = """models:
  - name: orders
    data_tests:
      - dbt_utils.expression_is_true:
          config:
            severity: warn
          arguments:
            expression: "a = b"
    columns:
      - name: order_id
        data_tests:
          - unique
        entity:
          type: primary
          name: order
      - name: status
        # what the till says
        dimension:
          type: categorical
      - name: ordered_at
        granularity: day
        dimension:
          name: ordered
          type: time
    metrics:
      - name: orders
        description: All orders.
        label: Orders
        type: simple
"""
ORDERS = ("models", Named("orders"))
METRIC = {"name": "new", "label": "New", "description": "Said.", "owner": "me", "type": "simple"}


def added(edit: Edit, text: str = FILE) -> str:
    """The lines that an edit puts in; all others stay as they are."""
    before, after = text.splitlines(), edited(text, [edit], path="x.yml").splitlines()
    start = next(n for n, line in enumerate([*before, None]) if line != after[n])
    end = len(after) - len(before) + start
    assert before[start:] == after[end:]
    return "\n".join(after[start:end])


def test_a_new_item_has_its_keys_in_the_order_of_the_list() -> None:
    assert added(AddItem((*ORDERS, "metrics"), METRIC)) == (
        "      - name: new\n        description: Said.\n        label: New\n"
        "        owner: me\n        type: simple"
    )


def test_a_list_that_is_new_follows_the_lists_of_that_kind_in_the_file() -> None:
    assert added(AddItem(("metrics",), METRIC)).endswith(
        "  - name: new\n    description: Said.\n    label: New\n    owner: me\n    type: simple"
    )


@pytest.mark.parametrize(
    "path", [(*ORDERS, "data_tests"), (*ORDERS, "columns", Named("order_id"), "data_tests")]
)
def test_a_new_test_says_what_the_others_say_first(path: tuple[str | Named, ...]) -> None:
    test = {"accepted_values": {"arguments": {"values": [1]}, "config": {"severity": "warn"}}}

    lines = added(AddItem(path, test)).splitlines()

    assert [line.strip() for line in lines if not line.strip().startswith(("values", "- 1"))] == [
        "- accepted_values:", "config:", "severity: warn", "arguments:"
    ]  # fmt: skip


def test_the_list_that_an_item_comes_into_counts_before_the_rest_of_the_file() -> None:
    other = "  - name: customers\n    metrics:\n      - name: a\n        label: A\n        description: A.\n"
    text = FILE + other

    found = added(AddItem(("models", Named("customers"), "metrics"), METRIC), text)

    assert found.startswith("      - name: new\n        label: New\n        description: Said.\n")


def test_a_new_key_stands_where_the_entries_beside_it_have_it() -> None:
    """That is before the mark of a column, be it an entity or a dimension."""
    column = (*ORDERS, "columns", Named("status"))

    assert edited(FILE, [SetKey(column, "data_tests", ["not_null"])], path="x.yml") == FILE.replace(
        "      - name: status\n", "      - name: status\n        data_tests:\n          - not_null\n"
    )


def test_a_key_that_nothing_beside_it_shows_stands_where_it_was_put() -> None:
    column = (*ORDERS, "columns", Named("order_id"))

    assert added(SetKey(column, "description", "The key.", after="name")) == "        description: The key."
    after = edited(FILE, [SetKey(column, "meta", {"a": 1})], path="x.yml")
    assert "          name: order\n        meta:\n          a: 1\n" in after


def test_what_is_inside_a_new_entry_follows_others_of_its_kind() -> None:
    column = {"name": "paid", "dimension": {"type": "time", "name": "paid_at"}, "granularity": "day"}

    assert added(AddItem((*ORDERS, "columns"), column)) == (
        "      - name: paid\n        granularity: day\n        dimension:\n"
        "          name: paid_at\n          type: time"
    )


TWO_LISTS = """models:
  - name: orders
    metrics:
      - name: a
        type: simple
{gap}      - name: b
        type: simple

metrics:
  - name: c
    type: ratio
"""


@pytest.mark.parametrize("gap", ["", "\n"])
def test_two_items_stand_as_far_apart_as_those_of_the_files_other_lists_of_the_kind(gap: str) -> None:
    text = TWO_LISTS.format(gap=gap)

    after = edited(text, [AddItem(("metrics",), {"name": new}) for new in ("d", "e")], path="x.yml")

    assert after == f"{text}{gap}  - name: d\n{gap}  - name: e\n"


def test_a_list_beside_one_of_another_kind_keeps_its_own_distance() -> None:
    text = TWO_LISTS.format(gap="")
    first = text[text.index("metrics:\n  -") :]

    assert edited(first, [AddItem(("metrics",), {"name": "d"})], path="x.yml") == f"{first}\n  - name: d\n"
