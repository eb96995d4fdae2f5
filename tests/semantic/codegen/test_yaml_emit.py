from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from semantic.codegen.yaml_files import SetKey, edited, load, new_file


def test_a_new_file_puts_the_version_first_and_blank_lines_between_entries() -> None:
    data: dict[str, Any] = {
        "metrics": [
            {"name": "revenue", "type": "simple", "config": {"meta": {"tags": ["a", "b"], "x": {}}}},
            {"name": "orders", "description": "One\nTwo", "share": 0.5, "many": 1e20, "none": None},
        ],
        "version": 2,
    }

    assert new_file(data) == dedent("""\
        version: 2

        metrics:
          - name: revenue
            type: simple
            config:
              meta:
                tags:
                  - a
                  - b
                x: {}

          - name: orders
            description: |-
              One
              Two
            share: 0.5
            many: 1.0e+20
            none: null
        """)


@pytest.mark.parametrize(
    "texts",
    [
        ("yes", "No", "ON", "off", "y", "N", "true", "Null", "~", "", "=", "<<", ".inf", ".NaN"),
        ("0o17", "017", "0x1F", "1_000", "1:30", "1e3", "12e03", "1.5", "-1", "+1", ".5", "1."),
        ("2026-11-22", "2026-11-22 10:00:00", "---", "...", " a", "a ", "a\tb", "a\u2028b"),
        ("- a", "-", "? a", ": a", "!a", "&a", "*a", "%a", "@a", "`a", "#a", "|", ">", ","),
        ("[a", "{a", "'a", '"a', "a: b", "a:", "a #b", "{{ a }}", "a {% b %}", "a {# b #}"),
    ],
)
def test_text_that_some_reader_would_take_for_something_else_is_quoted(texts: tuple[str, ...]) -> None:
    for text in texts:
        for line in (new_file({"key": text}), new_file({"key": [text]}).partition("\n")[2]):
            assert line.strip().removeprefix("key:").removeprefix("-").strip()[0] in "'\""
        after = edited("a: {b: c}\n", [SetKey(("a",), text or "empty", text)], path="x.yml")
        assert load(after)["a"] == {"b": "c", text or "empty": text}


@pytest.mark.parametrize(
    "text", ["30 days", "order__status", "a-b", "it's", "http://x", "é", "is 5% of a/b", "<= 5"]
)
def test_text_that_everybody_reads_the_same_way_stays_plain(text: str) -> None:
    assert new_file({"key": text}) == f"key: {text}\n"
