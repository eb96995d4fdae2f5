from __future__ import annotations

import pytest

from bisync.lib.markdown import rendered


def test_markdown_becomes_html() -> None:
    html = rendered("Good **catch**:\n\n- see `staging`\n- and ~~this~~")

    assert "<strong>catch</strong>" in html
    assert "<li>see <code>staging</code></li>" in html
    assert "<s>this</s>" in html


def test_lines_end_where_people_end_them_and_run_on_where_a_file_was_wrapped() -> None:
    text = "Licenses of each server\nand day.\n\nTwo spaces  \nend a line.\n- **or** a list"

    assert rendered(text).count("<br>") == 2
    wrapped = rendered(text, wrapped=True)
    assert "<p>Licenses of each server\nand day.</p>" in wrapped
    assert wrapped.count("<br>") == 1
    assert "<li><strong>or</strong> a list</li>" in wrapped


def test_a_table_keeps_its_cells() -> None:
    html = rendered("| month | value |\n| --- | --- |\n| Oct | 4.61 |")

    assert "<th>month</th>" in html
    assert "<td>4.61</td>" in html


def test_raw_html_shows_as_it_was_typed() -> None:
    html = rendered('<script>alert(1)</script> <b onclick="x()">bold</b>')

    assert "<script" not in html
    assert "<b" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
    ],
)
def test_a_link_that_runs_something_is_no_link(target: str) -> None:
    assert f'href="{target.split(":", maxsplit=1)[0]}' not in rendered(f"[click]({target})").lower()


@pytest.mark.parametrize(
    "target", ["https://example.com/FIN-88", "http://example.com/", "mailto:finance@example.com"]
)
def test_a_link_says_that_it_comes_from_a_person(target: str) -> None:
    html = rendered(f"[the ticket]({target})")

    assert f'href="{target}"' in html
    assert 'rel="nofollow noopener"' in html


def test_images_are_not_loaded_from_elsewhere() -> None:
    assert "<img" not in rendered("![pixel](https://example.com/track.gif)")
