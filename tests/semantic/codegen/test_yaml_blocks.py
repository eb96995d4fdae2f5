from __future__ import annotations

from textwrap import dedent

import pytest

from semantic.codegen.yaml_files import SetKey, edited, load

WAITING = dedent("""\
    metrics:
      - name: days_waiting
        description: >
          Days between an order and its first delivery, of all orders that have one.
          It measures the speed of the warehouse, not that of the carrier.
          Orders of wholesale customers count as well, since they wait
          in the same queue.

          Do not use it
          for returns:

            * they have their own clock
        type: simple
    """)


def said_by(page: str) -> str:
    """The text of a page's description, as a form gets it."""
    return str(load(page)["metrics"][0]["description"]).strip()


def described(page: str, text: str) -> str:
    return edited(page, [SetKey(("metrics", 0), "description", text)], path="models/metrics.yml")


@pytest.mark.parametrize(
    ("was", "now", "lines"),
    [
        # Words changed within a line.
        (
            "the speed of the warehouse",
            "how fast we pack",
            ("the speed of the warehouse", "how fast we pack"),
        ),
        # A line that gets too long goes on in the next one, and the lines below it stay.
        (
            "not that of the carrier",
            "not that of the carrier, which nobody here knows",
            (
                "not that of the carrier.\n",
                "not that of the carrier, which\n      nobody here knows.\n",
            ),
        ),
        # Whole lines gone, and words behind the last one.
        (" It measures the speed of the warehouse, not that of the carrier.", "", None),
        ("the same queue.", "the same queue. Ours do not.", ("queue.\n", "queue. Ours do not.\n")),
        # Another paragraph.
        ("for returns:", "for repairs:", ("for returns:", "for repairs:")),
        ("they have their", "these have their", ("they have their", "these have their")),
    ],
)
def test_only_the_lines_of_a_folded_text_that_say_something_else_are_written(
    was: str, now: str, lines: tuple[str, str] | None
) -> None:
    new = said_by(WAITING).replace(was, now)

    after = described(WAITING, new)

    gone = ("      It measures the speed of the warehouse, not that of the carrier.\n", "")
    assert after == WAITING.replace(*(lines or gone))
    assert said_by(after) == new


def test_a_folded_text_that_is_another_one_is_wrapped_as_wide_as_the_old_one() -> None:
    after = described(WAITING, ("New words. " * 12).strip() + "\nA second paragraph.")

    lines = after.partition(">\n")[2].partition("    type")[0].split("\n")
    assert [line.strip() for line in lines[2:]] == ["", "A second paragraph.", ""]
    assert all(60 < len(line.strip()) <= 75 for line in lines[:2])


def test_a_short_folded_text_makes_room_for_lines_of_sixty() -> None:
    page = "metrics:\n  - description: >-\n      Short.\n"

    lines = described(page, "Now it has many more words than before. " * 3 + "End.").split("\n")

    assert lines[1].endswith(">-")
    assert [len(line.strip()) > 50 for line in lines[2:-1]] == [True, True, False]


def test_no_line_of_a_folded_text_ends_within_jinja() -> None:
    page = "metrics:\n  - filter: >\n      {{ Dimension('order__is_paid') }}\n"
    later = "{{ TimeDimension('order__sold_at', 'day') }} > '2026-01-01'"
    wanted = SetKey(("metrics", 0), "filter", f"{{{{ Dimension('order__is_paid') }}}} and {later}")

    after = edited(page, [wanted], path="models/metrics.yml")

    assert after == page.replace("paid') }}\n", f"paid') }}}} and\n      {later}\n")


@pytest.mark.parametrize("header", ["|", "|-", "|+", ">", ">-", ">+", "|  # why"])
def test_a_block_keeps_its_header_its_column_and_its_ending(header: str) -> None:
    page = f"metrics:\n  - description: {header}\n       One  \n\n       two\n\n    type: simple\n"

    after = described(page, said_by(page).replace("two", "three"))

    assert after == page.replace("two", "three")


def test_a_literal_block_takes_any_number_of_lines() -> None:
    page = "metrics:\r\n  - description: |\r\n        One.\r\n    type: simple\r\n"

    after = described(page, "One.\n\n* two\n  * three")

    assert after == page.replace("One.\r\n", "One.\r\n\r\n        * two\r\n          * three\r\n")


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_text_that_differs_by_its_last_line_break_alone_is_not_written(end: str) -> None:
    page = "metrics:\n  - description: >\n      As it\n      is." + end

    assert described(page, "As it is.") == page
    assert described(page, "As it was.") == page.replace("is.", "was.")


def test_a_text_in_quotes_or_in_a_list_gets_no_line_break() -> None:
    page = 'a: "x\\n"\nb:\n  - |\n    x\n'

    after = edited(page, [SetKey((), "a", "y"), SetKey((), "b", ["y"])], path="models/metrics.yml")

    assert load(after) == {"a": "y", "b": ["y"]}


def test_the_end_of_a_file_that_ends_in_a_block_stays_while_another_block_changes() -> None:
    text = "models:\n  - name: a\n    description: >\n      Old words\n  - name: b\n    description: >\n      The end"

    after = edited(text, [SetKey(("models", 0), "description", "New words")], path="schema.yml")

    assert after == text.replace("Old", "New")
