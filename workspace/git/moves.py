"""Which files git takes for the same ones under another name."""

from __future__ import annotations

from workspace.git.process import plumbing
from workspace.git.repository import Mirror, NoCommit

# With more files than this on one side, git compares those alone that are equal byte by byte.
_MOST_COMPARED = 400


def moved(mirror: Mirror, base: str, head: str, *, folder: str = "", patience: float) -> dict[str, str]:
    """The files of `head` that are renamed ones of `base`: each with its old path.

    Of a `folder` those alone that were in it and still are: what is beside it may have the same names, and
    may be more than git compares. Git's own measure: at least half of the text is the same. Raises
    `NoCommit`, and `GitFailed` where git needs longer than `patience` seconds.
    """
    for one in (base, head):
        if not mirror.has(one):
            raise NoCommit(commit=one)
    told = plumbing(
        *("diff-tree", "-r", "-z", "--name-status", "--diff-filter=R", "--find-renames"),
        *(f"-l{_MOST_COMPARED}", base, head),
        *(("--", folder) if folder else ()),
        cwd=mirror.path,
        patience=patience,
    )
    parts = told.decode("utf-8", "replace").split("\0")
    return {parts[n + 2]: parts[n + 1] for n in range(0, len(parts) - 2, 3)}
