from __future__ import annotations

from textwrap import dedent

import pytest
import yaml

from semantic.codegen import yaml_marks
from semantic.codegen.yaml_files import (
    AddItem,
    Edit,
    Named,
    RemoveItem,
    RemoveKey,
    ReplaceItem,
    SetKey,
    YamlRefused,
    YamlValue,
    edited,
    edited_bytes,
    load,
    tests_key,
)

tests_key.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test

ORDERS = ("models", Named("orders"))
STATUS = (*ORDERS, "columns", Named("status"))

PROJECT = dedent("""\
    version: 2

    models:
      - name: orders  # one row per order
        description: "All orders, paid or not"
        columns:
          - name: order_id
            data_tests: [unique, not_null]

          - name: status
            description: >
              Where the order is
              in its life.
            data_tests:
              - accepted_values:
                  arguments:
                    values: ['placed', 'paid']

      # people who buy
      - name: customers
        config:
          tags: ["core"]
        # columns are described elsewhere

    # end of the file
    """)


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers: libyaml is not there on every machine, and their marks differ a little."""
    monkeypatch.setattr(yaml_marks, "Loader", getattr(yaml, request.param))


def changed(before: str, *edits: Edit) -> str:
    return edited(before, edits, path="models/schema.yml")


def refusal(before: str, *edits: Edit) -> YamlRefused:
    with pytest.raises(YamlRefused) as caught:
        changed(before, *edits)
    return caught.value


def added(before: str, after: str) -> str:
    """What `after` has more than `before`, which must otherwise be the same text."""
    start = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    start = before.rfind("\n", 0, start) + 1
    end = len(before) - start
    assert after[:start] == before[:start]
    assert after[len(after) - end :] == before[start:]
    return after[start : len(after) - end]


def test_a_column_goes_behind_the_last_one_with_the_blank_line_its_neighbours_have() -> None:
    column = {"name": "amount", "description": "In cents: no taxes", "data_tests": ["not_null"]}

    after = changed(PROJECT, AddItem((*ORDERS, "columns"), column))

    assert after == PROJECT.replace(
        "values: ['placed', 'paid']\n",
        "values: ['placed', 'paid']\n"
        "\n"
        "      - name: amount\n"
        '        description: "In cents: no taxes"\n'
        "        data_tests:\n"
        "          - not_null\n",
    )


def test_a_model_goes_behind_the_comments_of_the_model_before_it() -> None:
    after = changed(PROJECT, AddItem(("models",), {"name": "items", "columns": [{"name": "id"}]}))

    assert after == PROJECT.replace(
        "    # columns are described elsewhere\n",
        "    # columns are described elsewhere\n\n  - name: items\n    columns:\n      - name: id\n",
    )


def test_a_list_that_does_not_exist_is_made_at_the_end_of_the_file() -> None:
    metric = {"name": "paid_share", "filter": "{{ Dimension('order__status') }} = 'paid'"}

    after = changed(PROJECT, AddItem(("metrics",), metric))

    assert after == PROJECT + (
        "\nmetrics:\n  - name: paid_share\n    filter: \"{{ Dimension('order__status') }} = 'paid'\"\n"
    )


def test_keys_that_are_missing_on_the_way_are_made() -> None:
    after = changed(PROJECT, SetKey((*ORDERS, "config", "meta"), "owner", "finance", after="name"))

    assert added(PROJECT, after) == "    config:\n      meta:\n        owner: finance\n"
    assert load(after)["models"][0]["config"] == {"meta": {"owner": "finance"}}


@pytest.mark.parametrize("item", ["is_whole", {"in_range": "{{ limits }}"}, {"is_one_of": ["a", "b"]}])
def test_a_short_item_is_added_to_a_list_in_brackets_without_opening_the_brackets(item: YamlValue) -> None:
    path = (*ORDERS, "columns", Named("order_id"), "data_tests")

    after = changed(PROJECT, AddItem(path, item))

    assert after.startswith(PROJECT.partition(", not_null]")[0] + ", not_null, ")
    assert after.endswith("]" + PROJECT.partition("not_null]")[2])
    assert load(after)["models"][0]["columns"][0]["data_tests"] == ["unique", "not_null", item]


def test_a_test_with_arguments_opens_the_brackets_of_its_list() -> None:
    before = 'a:\n- name: x\n  data_tests: [unique, "not_null", {is: 1}]  # why\n  b: 1\n'
    path, item = ("a", Named("x"), "data_tests"), {"in_range": {"arguments": {"minimum": 0}}}

    after = changed(before, AddItem(path, item))

    assert after == (
        'a:\n- name: x\n  data_tests: # why\n  - unique\n  - "not_null"\n  - {is: 1}\n'
        "  - in_range:\n      arguments:\n        minimum: 0\n  b: 1\n"
    )
    assert (
        changed(before, SetKey(path[:2], "data_tests", [*load(before)["a"][0]["data_tests"], item])) == after
    )


def test_an_item_opens_the_brackets_whose_line_would_get_too_long_but_not_those_that_are_longer() -> None:
    short, long = (", ".join(f"a_value_{number:02}" for number in range(count)) for count in (8, 9))
    opened = "".join(f"  - {value}\n" for value in short.split(", "))

    assert changed(f"a: [{short}]\n", AddItem(("a",), "another")) == f"a:\n{opened}  - another\n"
    assert changed(f"a: [{long}]\n", AddItem(("a",), "another")) == f"a: [{long}, another]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: [{b: {c: 1}}]\n", "a: [{b: {c: 1}}, {d: {e: 2}}]\n"),
        ("a: &x [b]\n", "a: &x [b, {d: {e: 2}}]\n"),
        ("a: [\n  b,\n  c\n]\n", "a: [\n  b,\n  c,\n  {d: {e: 2}}\n]\n"),
        ("{a: [b]}\n", "{a: [b, {d: {e: 2}}]}\n"),
    ],
)
def test_brackets_stay_where_they_hold_such_tests_already_or_cannot_be_opened(
    before: str, after: str
) -> None:
    assert changed(before, AddItem(("a",), {"d": {"e": 2}})) == after


def test_a_value_in_a_quoted_list_gets_the_quotes_of_its_neighbours() -> None:
    arguments = (*STATUS, "data_tests", 0, "accepted_values", "arguments")

    after = changed(PROJECT, SetKey(arguments, "values", ["placed", "paid", "sent"]))

    assert after == PROJECT.replace("['placed', 'paid']", "['placed', 'paid', 'sent']")


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("Paid orders", 'description: "Paid orders"'),
        ('The "paid" ones', "description: 'The \"paid\" ones'"),
        ("First\nSecond", "description: |-\n      First\n      Second"),
        ("First\n\n* second\n", "description: |\n      First\n\n      * second"),
        (" indented\ntext", r'description: " indented\ntext"'),
    ],
)
def test_a_description_keeps_its_quotes_where_the_new_text_allows_it(new: str, expected: str) -> None:
    after = changed(PROJECT, SetKey(ORDERS, "description", new))

    assert after == PROJECT.replace('description: "All orders, paid or not"', expected)
    assert load(after)["models"][0]["description"] == new


def test_new_text_gets_the_quotes_most_of_the_file_has_unless_it_would_need_doubling() -> None:
    before = "a: 'x'\nb: 'z'\nc: \"w\"\n"

    after = changed(before, SetKey((), "d", "a: b"), SetKey((), "a", "it's"))

    assert after == "a: \"it's\"\nb: 'z'\nc: \"w\"\nd: 'a: b'\n"


def test_a_block_at_the_end_of_a_file_without_line_break_keeps_its_own() -> None:
    assert changed("b: 1\na: x", SetKey((), "a", "y\nz\n")) == "b: 1\na: |\n  y\n  z\n"
    assert changed("b: 1\na: x", SetKey((), "a", "y\nz")) == "b: 1\na: |-\n  y\n  z"


def test_lines_above_a_line_of_blanks_are_quoted_since_a_block_would_take_the_blanks_in() -> None:
    before = "m:\n  - a: x\n          \n  - b: y\n"

    assert changed(before, SetKey(("m", 0), "a", "one\ntwo")) == before.replace("x", r'"one\ntwo"')


def test_a_folded_description_stays_folded() -> None:
    after = changed(PROJECT, SetKey(STATUS, "description", "Its state.\n"))

    assert after == PROJECT.replace("Where the order is\n          in its life.\n", "Its state.\n")


def test_a_rename_changes_the_name_and_keeps_the_comment_behind_it() -> None:
    after = changed(PROJECT, SetKey(ORDERS, "name", "fct_orders"))

    assert after == PROJECT.replace("name: orders  # one", "name: fct_orders  # one")


def test_a_replaced_entry_is_only_written_where_it_differs() -> None:
    orders = load(PROJECT)["models"][0]
    orders["columns"][1] |= {"description": "Its state.\n", "meta": {"pii": False}}
    del orders["columns"][0]["data_tests"][0]

    after = changed(PROJECT, ReplaceItem(ORDERS, orders))

    assert load(after)["models"][0] == orders
    assert after == (
        PROJECT.replace("[unique, not_null]", "[not_null]")
        .replace("Where the order is\n          in its life.\n", "Its state.\n")
        .replace(
            "values: ['placed', 'paid']\n",
            "values: ['placed', 'paid']\n        meta:\n          pii: false\n",
        )
    )


def test_items_are_compared_by_name_and_new_keys_stand_where_the_author_put_them() -> None:
    before = "m:\n  - name: one # 1\n  - name: two # 2\n    expr: x\n  - name: three # 3\n"
    wanted = [{"name": "two", "agg": "sum", "label": "Two", "expr": "z"}, {"name": "three"}, {"name": "four"}]

    after = changed(before, SetKey((), "m", wanted))

    assert after == (
        "m:\n  - name: two # 2\n    agg: sum\n    label: Two\n    expr: z\n  - name: three # 3\n  - name: four\n"
    )


def test_a_list_that_begins_with_a_new_item_is_written_anew() -> None:
    assert changed("a:\n  - x\nb: 1\n", SetKey((), "a", ["w", "x"])) == "a:\n  - w\n  - x\nb: 1\n"


def test_an_item_put_into_the_middle_of_a_list_leaves_its_neighbours_alone() -> None:
    before = "a:\n  - name: one # first\n\n  - name: three\n"

    after = changed(before, SetKey((), "a", [{"name": "one"}, {"name": "two"}, {"name": "three"}]))

    assert after == "a:\n  - name: one # first\n\n  - name: two\n\n  - name: three\n"


def test_a_removed_item_takes_its_lines_its_comment_and_its_distance_but_no_comment_of_others() -> None:
    after = changed(PROJECT, RemoveItem(STATUS), RemoveItem(("models", Named("customers"))))

    assert after == (PROJECT[: PROJECT.index("\n      - name: status")] + "\n# end of the file\n")


@pytest.mark.parametrize(
    ("before", "number", "after"),
    [
        ("a:\n  - x\n\n  - y\n\n  - z\n", 0, "a:\n  - y\n\n  - z\n"),
        ("a:\n  - x\n\n  - y\n\n  - z\n", 1, "a:\n  - x\n\n  - z\n"),
        ("a:\n  - x\n  - y\n\n  - z\n", 1, "a:\n  - x\n\n  - z\n"),
        ("a:\n  - x\n\n  - y\n  - z\n", 1, "a:\n  - x\n\n  - z\n"),
        ("a:\n  - x\n\n  - y\n    # of y\n  # of a\nb: 1\n", 1, "a:\n  - x\n  # of a\nb: 1\n"),
        # Comments of what stands apart go with it.
        ("a:\n  - x\n\n  # of y\n  # too\n  - y\n\n  - z\n", 1, "a:\n  - x\n\n  - z\n"),
        ("a:\n  - x\n\n  # of y\n  - y\n", 1, "a:\n  - x\n"),
        ("a:\n\n  # of x\n  - x\n\n  - y\n", 0, "a:\n\n  - y\n"),
        ("a:\n  - x\n\n  # - name: old\n  - y\n\n  - z\n", 1, "a:\n  - x\n\n  # - name: old\n\n  - z\n"),
        (
            "a:\n  - x\n\n  # all below: ours\n  - y\n\n  - z\n",
            1,
            "a:\n  - x\n\n  # all below: ours\n\n  - z\n",
        ),
        (
            "a:\n  - x\n\n  # yamllint disable\n  - y\n\n  - z\n",
            1,
            "a:\n  - x\n\n  # yamllint disable\n\n  - z\n",
        ),
        # They may be about more: what follows at once, or what is under a line.
        ("a:\n  - x\n\n  # of y and z\n  - y\n  - z\n", 1, "a:\n  - x\n\n  # of y and z\n  - z\n"),
        (
            "a:\n  - x\n\n  # -- more --\n  # ----\n  - y\n\n  - z\n",
            1,
            "a:\n  - x\n\n  # -- more --\n  # ----\n\n  - z\n",
        ),
        ("a:\n  - x\n  # of x or y\n  - y\n\n  - z\n", 1, "a:\n  - x\n  # of x or y\n\n  - z\n"),
    ],
)
def test_the_items_beside_a_removed_one_keep_the_distance_they_had(
    before: str, number: int, after: str
) -> None:
    assert changed(before, RemoveItem(("a", number))) == after


def test_the_last_item_takes_the_emptied_keys_above_it_with_it() -> None:
    before = "version: 2\nmodels:\n  - name: a\n    config:\n      meta:\n        tags:\n          - x\n"

    after = changed(before, RemoveItem(("models", Named("a"), "config", "meta", "tags", 0)))

    assert after == "version: 2\nmodels:\n  - name: a\n"
    assert changed(after, RemoveItem(("models", Named("a")))) == "version: 2\n"
    assert changed("# mine\nmetrics:\n  - name: a\n", RemoveItem(("metrics", Named("a")))) == "# mine\n"


def test_the_first_key_of_an_item_can_go_and_the_next_moves_up_to_the_dash() -> None:
    assert changed("a:\n- x: 1\n  y: 2\n", RemoveKey(("a", 0), "x")) == "a:\n- y: 2\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "metrics:\n  - name: a\n"),
        ("\ufeff", "\ufeffmetrics:\n  - name: a\n"),
        ("---\n# mine\n", "---\n# mine\nmetrics:\n  - name: a\n"),
        ("---\n# mine", "---\n# mine\nmetrics:\n  - name: a"),
        ("metrics:   # none yet\n", "metrics:   # none yet\n  - name: a\n"),
        ("metrics: []  # none yet\n", "metrics: # none yet\n  - name: a\n"),
        ("metrics:\n- name: b\n", "metrics:\n- name: b\n\n- name: a\n"),
        ("metrics:\n- name: b\n\n# end\n", "metrics:\n- name: b\n\n- name: a\n\n# end\n"),
        ("metrics:\n-   name: b\n    x: 1\n", "metrics:\n-   name: b\n    x: 1\n\n-   name: a\n"),
        ("metrics:\r\n  - name: b\r\n", "metrics:\r\n  - name: b\r\n\r\n  - name: a\r\n"),
        ("metrics:\n  - name: b\n...\n", "metrics:\n  - name: b\n\n  - name: a\n...\n"),
        ("metrics: [{name: b}]\n", "metrics: [{name: b}, {name: a}]\n"),
        ("metrics: [\n  {name: b},\n]\n", "metrics: [\n  {name: b},\n  {name: a},\n]\n"),
        ("--- {metrics: [{name: b}]}", "--- {metrics: [{name: b}, {name: a}]}"),
        ("metrics:\n  - name: b\n    d: |+\n      t\n\n", None),
        ("metrics:\n  - name: b\n    d: |\n      t", None),
    ],
)
def test_an_item_is_added_in_the_way_the_file_is_written(before: str, after: str | None) -> None:
    result = changed(before, AddItem(("metrics",), {"name": "a"}))

    assert result == (after if after is not None else before + result[len(before) :])
    assert load(result)["metrics"][-1] == {"name": "a"}


def test_the_indentation_most_of_a_file_has_is_used_for_new_lists_and_mappings() -> None:
    before = "models:\n- name: a\n  config:\n      tags:\n      - x\n  columns:\n  - name: b\n"

    after = changed(before, SetKey(("models", 0, "columns", 0), "meta", {"owners": ["me"]}))

    assert added(before, after) == "    meta:\n        owners:\n        - me\n"


def test_a_comment_behind_a_value_stays_with_its_key_when_the_value_becomes_several_lines() -> None:
    assert changed("a: x # why\nb: 1\n", SetKey((), "a", ["x", "z"])) == "a: # why\n  - x\n  - z\nb: 1\n"
    assert changed("a: | # why\n  x\n", SetKey((), "a", "y\nz\n")) == "a: | # why\n  y\n  z\n"
    assert changed("a: | # why\n  x\nb: 1\n", SetKey((), "a", 2)) == "a: 2 # why\nb: 1\n"


def test_a_key_of_a_merged_mapping_is_set_here_and_nowhere_else() -> None:
    before = "a:\n  - &one\n    name: x\n    d: 1\n  - <<: *one\n    name: y\n"

    after = changed(before, SetKey(("a", Named("y")), "d", 2))

    assert after == before + "    d: 2\n"
    assert [item["d"] for item in load(after)["a"]] == [1, 2]


def test_an_alias_can_be_removed_from_a_list() -> None:
    before = "a:\n  - columns:\n      - &id\n        name: id\n  - columns:\n      - *id\n      - name: b\n"

    after = changed(before, RemoveItem(("a", 1, "columns", Named("id"))))

    assert after == before.replace("      - *id\n", "")


@pytest.mark.parametrize(
    "edit",
    [
        AddItem((*STATUS, "data_tests"), {"accepted_values": {"arguments": {"values": ["placed", "paid"]}}}),
        SetKey(ORDERS, "name", "orders"),
        SetKey(ORDERS, "columns", load(PROJECT)["models"][0]["columns"]),
        ReplaceItem(ORDERS, load(PROJECT)["models"][0]),
    ],
)
def test_what_is_there_already_is_not_written_again(edit: Edit) -> None:
    assert changed(PROJECT, edit) == PROJECT


def test_one_and_true_are_not_the_same_value() -> None:
    assert changed("a: 1\n", SetKey((), "a", True)) == "a: true\n"


@pytest.mark.parametrize(
    ("before", "code", "line"),
    [
        ("a: 1\nb:\n\t- c\n", "not-yaml", 3),
        ("a: 1\nb: [1\n", "not-yaml", 3),
        ("a: 1\nb: *c\n", "not-yaml", 2),
        ("a: 2024-13-45\n", "not-yaml", None),
        ("a: 1\n--- # next\nb: 2\n", "multi-document", 2),
        ("a: 1\nb: !secret x\n", "unsupported-shape", 2),
        ("a: 1\nb: &b [*b]\n", "unsupported-shape", 2),
        ("a: 1\nb: x\x07\n", "unsafe-text", 2),
        ("a: 1\rb: 2\n", "unsafe-text", 1),
        ("- a\n", "unsupported-shape", None),
        ("? a\n: 1\n", "unsupported-shape", 1),
        ("a:\n" + " " * 4 + "[" * 45 + "]" * 45 + "\n", "too-large", 2),
        ("a: " + "x" * 1_000_001, "too-large", None),
    ],
)
def test_a_file_that_cannot_be_read_safely_is_refused_with_its_line(
    before: str, code: str, line: int | None
) -> None:
    error = refusal(before, SetKey((), "a", 2))

    assert (error.code, error.path) == (code, "models/schema.yml")
    if "[1\n" not in before or yaml_marks.Loader is yaml.SafeLoader:  # libyaml names the line before
        assert error.line == line


def test_a_file_with_too_many_entries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_marks, "MAX_NODES", 50)

    assert refusal("a: [" + "1," * 60 + "]\n", SetKey((), "a", 2)).code == "too-large"
    assert changed("a: [" + "1," * 30 + "]\n", SetKey((), "a", 2)) == "a: 2\n"


def test_aliases_that_stand_for_millions_of_entries_are_refused() -> None:
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    for one, other in zip("abcdefg", "bcdefgh", strict=True):
        bomb += f"{other}: &{other} [" + ",".join([f"*{one}"] * 10) + "]\n"

    assert refusal(bomb, SetKey((), "z", 1)).code == "too-large"


SHARED = dedent("""\
    models:
      - name: a
        columns:
          - &id
            name: id
            description: The key
      - name: b
        columns:
          - *id
          - name: c
            name: d
      - name: e
      - name: e
    """)


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (SetKey(("models", Named("a"), "columns", Named("id")), "description", "New"), 4),
        (SetKey(("models", Named("b"), "columns", Named("id")), "description", "New"), 9),
        (ReplaceItem(("models", Named("b"), "columns", Named("id")), {"name": "new"}), 9),
        (RemoveItem(("models", Named("a"))), 4),
        (RemoveItem(("models", Named("a"), "columns", Named("id"))), 4),
        (SetKey(("models", Named("b"), "columns", Named("d")), "name", "x"), 11),
        (SetKey(("models", Named("e")), "description", "Which one?"), None),
    ],
)
def test_an_entry_that_stands_for_several_is_refused(edit: Edit, line: int | None) -> None:
    error = refusal(SHARED, edit)

    assert (error.code, error.line) == ("ambiguous-target", line)


def test_a_file_with_aliases_is_edited_beside_them() -> None:
    after = changed(SHARED, AddItem(("models", Named("b"), "columns"), {"name": "f"}))

    assert added(SHARED, after) == "      - name: f\n"


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (SetKey(("models", Named("nobody")), "description", "x"), "no-such-entry"),
        (AddItem((*ORDERS, "columns", Named("nothing"), "data_tests"), "unique"), "no-such-entry"),
        (RemoveKey(ORDERS, "config"), "no-such-entry"),
        (RemoveItem(("models", 7)), "no-such-entry"),
        (AddItem(("models",), {"name": "orders"}), "exists-already"),
        (SetKey(ORDERS, "name", "customers"), "exists-already"),
        (ReplaceItem(ORDERS, {"name": "customers"}), "exists-already"),
        (AddItem((*ORDERS, "name"), "x"), "unsupported-shape"),
        (SetKey((*ORDERS, "description"), "x", 1), "unsupported-shape"),
        (SetKey(ORDERS, "description", "bell \x07"), "unsafe-text"),
        (SetKey(ORDERS, "description", "half a pair \ud83d"), "unsafe-text"),
        (SetKey(ORDERS, "description", "two\r\nlines"), "unsafe-text"),
    ],
)
def test_an_edit_that_makes_no_sense_here_is_refused(edit: Edit, code: str) -> None:
    assert refusal(PROJECT, edit).code == code


def test_nothing_is_half_applied() -> None:
    error = refusal(PROJECT, SetKey(ORDERS, "description", "New"), RemoveItem(("metrics", Named("x"))))

    assert str(error).startswith("models/schema.yml: metrics > x does not exist")


def test_a_result_that_reads_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semantic.codegen.yaml_files.spliced", lambda document, step, blocks: "a: [2\n")
    assert refusal("a: 1\n", SetKey((), "a", 2)).code == "not-as-intended"

    monkeypatch.setattr("semantic.codegen.yaml_files.spliced", lambda document, step, blocks: "a: '2'\n")
    assert refusal("a: 1\n", SetKey((), "a", 2)).code == "not-as-intended"


def test_comments_between_brackets_are_never_lost() -> None:
    before = "a: [\n  x, # one\n  y # two\n]\n"

    assert refusal(before, AddItem(("a",), "z")).code == "unsupported-shape"
    assert refusal(before, RemoveItem(("a", 0))).code == "unsupported-shape"


def test_bytes_are_read_as_utf8_and_nothing_else() -> None:
    raw = "\ufeffa: é # 😀\r\nb: 1\r\n".encode()

    assert edited_bytes(raw, [SetKey((), "b", 2)], path="x.yml") == raw.replace(b"1", b"2")
    with pytest.raises(YamlRefused, match=r"x\.yml, line 2: The file is not UTF-8") as caught:
        edited_bytes("a: 1\nb: é\n".encode("latin-1"), [SetKey((), "a", 2)], path="x.yml")
    assert caught.value.code == "unsafe-text"


def test_the_key_for_data_tests_is_the_one_the_file_uses() -> None:
    assert tests_key(PROJECT) == "data_tests"
    assert tests_key("models:\n  - name: a\n    tests: [x]\n") == "tests"
    assert tests_key("models:\n  - name: a\n") == "data_tests"
