"""Docs blocks in Markdown files."""

from __future__ import annotations

import pytest

from semantic.codegen.changes import FileChange, WriteBlock
from semantic.codegen.yaml_marks import YamlRefused

pytestmark = pytest.mark.pure

FILE = """\
# About the shop

{% docs order_status %}
Where the order stands:

| status | means |
|---|---|
| paid | the money is there |
{% enddocs %}

{%- docs other -%} One line. {%- enddocs -%}
"""


def after(text: str | None, block: WriteBlock) -> str:
    change = FileChange("models/docs.md", (block,))
    return change.apply(None if text is None else text.encode()).decode()


def test_only_the_text_of_the_block_changes() -> None:
    was = "Where the order stands:\n\n| status | means |\n|---|---|\n| paid | the money is there |"
    text = after(FILE, WriteBlock("order_status", "Where it stands.", was=was))
    assert text == FILE.replace(was, "Where it stands.")


def test_a_block_of_one_line_keeps_its_marks() -> None:
    text = after(FILE, WriteBlock("other", "Two\nlines.", was="One line."))
    assert text.endswith("{%- docs other -%} Two\nlines. {%- enddocs -%}\n")


def test_a_new_block_stands_behind_the_others() -> None:
    assert after(FILE, WriteBlock("new", "Text.")) == FILE + "\n{% docs new %}\nText.\n{% enddocs %}\n"
    assert after(None, WriteBlock("new", "Text.")) == "{% docs new %}\nText.\n{% enddocs %}\n"


def test_lines_end_as_the_file_ends_them() -> None:
    text = after(FILE.replace("\n", "\r\n"), WriteBlock("other", "Two\nlines.", was="One line."))
    assert "Two\r\nlines." in text


@pytest.mark.parametrize("block", [WriteBlock("none", "x", was="y"), WriteBlock("other", "x", was="y")])
def test_a_block_that_is_not_as_dbt_read_it_is_refused(block: WriteBlock) -> None:
    with pytest.raises(YamlRefused, match="Pull first"):
        after(FILE, block)
