from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.lib.diffs import diff

OLD = """version: 2
metrics:
  - name: orders
    label: Orders
    type: simple
    type_params:
      measure: order_count
  - name: net_revenue
    label: Net revenue
    description: Revenue after discounts.
    expr: sum(net_amount)
"""
NEW = OLD.replace("after discounts.", "after discounts and refunds.")


def test_a_changed_word_is_marked_and_the_rest_of_its_line_is_not() -> None:
    change = diff(OLD, NEW)

    gone = next(row for row in change.rows if row.kind == "del")
    came = next(row for row in change.rows if row.kind == "add")
    assert (gone.old, gone.new) == (10, None)
    assert (came.old, came.new) == (None, 10)
    assert gone.html == "    description: Revenue after discounts."
    assert came.html == "    description: Revenue after discounts<mark> and refunds</mark>."


def test_lines_count_as_added_and_removed() -> None:
    change = diff("a\nb\n", "a\nc\nd\n")

    assert (change.added, change.removed) == (2, 1)
    assert change


def test_equal_texts_have_no_rows() -> None:
    change = diff(OLD, OLD)

    assert change.rows == ()
    assert not change


def test_unchanged_lines_far_away_are_folded_and_counted() -> None:
    change = diff(OLD, NEW, context=1)

    assert [(row.kind, row.hidden) for row in change.rows] == [
        ("hunk", 8), ("ctx", 0), ("del", 0), ("add", 0), ("ctx", 0),
    ]  # fmt: skip


def test_a_fold_in_yaml_says_under_which_keys_the_next_line_stands() -> None:
    change = diff(OLD, NEW, language="yaml", context=0)

    assert change.rows[0].html == "metrics › net_revenue"  # noqa: RUF001


def test_the_end_of_a_file_is_folded_as_well() -> None:
    change = diff("a\n" + "same\n" * 20, "b\n" + "same\n" * 20)

    assert change.rows[-1].kind == "hunk"
    assert change.rows[-1].hidden == 17


def test_without_a_context_all_lines_are_shown() -> None:
    change = diff(OLD, NEW, context=None)

    assert "hunk" not in {row.kind for row in change.rows}
    assert len(change.rows) == 12


def test_lines_with_little_in_common_are_not_marked_word_by_word() -> None:
    change = diff("expr: sum(net_amount)\n", "meta: approved by finance in May\n")

    assert not any("<mark>" in row.html for row in change.rows)


def test_a_missing_line_feed_at_the_end_is_a_change() -> None:
    change = diff("a", "a\n")

    assert [row.kind for row in change.rows] == ["del", "add"]


def test_markup_in_a_text_is_escaped() -> None:
    change = diff("a <b>\n", "a <script>alert('x')</script> <b>\n")

    assert all("<script" not in row.html for row in change.rows)


def test_marks_and_syntax_colours_nest_properly() -> None:
    change = diff("select 'a' as x\n", "select 'b', sum(y) as x\n", language="sql")

    came = next(row for row in change.rows if row.kind == "add")
    assert came.html.count("<mark>") == came.html.count("</mark>") > 0
    for part in came.html.split("<mark>")[1:]:
        inside = part.split("</mark>")[0]
        assert inside.count("<span") == inside.count("</span>")


def test_every_line_has_its_own_address() -> None:
    change = diff(OLD, NEW)

    anchors = [row.anchor for row in change.rows if row.kind != "hunk"]
    assert "o10" in anchors
    assert "n10" in anchors
    assert len(anchors) == len(set(anchors))


_texts = st.text(st.sampled_from("ab \n:-#<&'\r"), max_size=60)


@settings(max_examples=150, deadline=None)
@given(_texts, _texts, st.sampled_from(["", "yaml", "sql"]))
def test_the_shown_lines_are_those_of_the_two_texts(before: str, after: str, language: str) -> None:
    change = diff(before, after, language=language, context=None)  # type: ignore[arg-type]

    if change:
        assert [row.old for row in change.rows if row.old] == list(range(1, _lines(before) + 1))
        assert [row.new for row in change.rows if row.new] == list(range(1, _lines(after) + 1))
    else:
        assert before == after


def _lines(text: str) -> int:
    return text.count("\n") + bool(text and not text.endswith("\n"))


def test_one_change_in_two_thousand_lines_is_found() -> None:
    before = "".join(f"- name: metric_{n}\n  label: Metric {n}\n" for n in range(1000))
    after = before.replace("Metric 500\n", "Number 500\n")

    change = diff(before, after, language="yaml")

    assert (change.added, change.removed) == (1, 1)
