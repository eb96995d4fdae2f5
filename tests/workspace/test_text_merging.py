"""Texts that two sides changed."""

from __future__ import annotations

import pytest

from workspace.git.merging import merged

BASE = b"one\ntwo\nthree\nfour\nfive\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "wanted"),
    [
        (BASE, BASE, BASE),
        (b"ONE\ntwo\nthree\nfour\nfive\n", BASE, b"ONE\ntwo\nthree\nfour\nfive\n"),
        (BASE, b"one\ntwo\nthree\nfour\nFIVE", b"one\ntwo\nthree\nfour\nFIVE"),
        (
            b"ONE\r\ntwo\nthree\nfour\nfive\n",
            b"one\ntwo\nthree\nfour\nFIVE",
            b"ONE\r\ntwo\nthree\nfour\nFIVE",
        ),
        (b"same\n", b"same\n", b"same\n"),
        (b"ONE\ntwo\nthree\nfour\nfive\n", b"1\ntwo\nthree\nfour\nfive\n", None),
        (b"", b"one\ntwo\nthree\nfour\nFIVE\n", None),
        # Marks of a clash are a text like any other.
        (
            b"<<<<<<< ours\none\ntwo\nthree\nfour\nfive\n",
            BASE + b"six\n",
            b"<<<<<<< ours\n" + BASE + b"six\n",
        ),
    ],
)
def test_both_changes_are_kept_or_it_is_said_that_they_clash(
    ours: bytes, theirs: bytes, wanted: bytes | None
) -> None:
    assert merged(BASE, ours, theirs) == wanted
