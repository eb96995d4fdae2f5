"""Texts that two sides changed, merged line by line."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from workspace.git.process import plumbing

# What git answers: how many places clash, at most this many.
_MOST_CLASHES = 127


def merged(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """`ours` with what changed from `base` to `theirs`; None where both changed the same lines.

    The algorithm is git's own, `git merge-file`.
    """
    if theirs == base:
        return ours
    if ours in (base, theirs):
        return theirs
    # Clashes are marked with a label that stands in none of the texts.
    label = hashlib.sha256(b"\0".join((base, ours, theirs))).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        names = ["ours", "base", "theirs"]
        for name, text in zip(names, (ours, base, theirs), strict=True):
            (Path(folder) / name).write_bytes(text)
        labels = [part for name in names for part in ("-L", f"{name}-{label}")]
        printed = plumbing("merge-file", "-p", *labels, *names, cwd=Path(folder), ok=range(_MOST_CLASHES + 1))
    return None if f"ours-{label}".encode() in printed else printed
