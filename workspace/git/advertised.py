"""What a remote says that it has."""

from __future__ import annotations

from dataclasses import dataclass

HEADS = "refs/heads/"
_MOST = 500  # to choose from, beside the remote's own and the one that is wanted


@dataclass(frozen=True)
class Advertised:
    """A remote's branches, or many of them, and the one that it calls its own."""

    branches: tuple[str, ...]
    default: str

    @classmethod
    def of(cls, listed: str, *, wanted: str) -> Advertised:
        """What `git ls-remote --symref` has printed."""
        default, branches = "", []
        for line in listed.splitlines():
            what, _tab, ref = line.partition("\t")
            if what.startswith("ref: ") and ref == "HEAD":
                default = what.removeprefix("ref: ").removeprefix(HEADS)
            elif ref.startswith(HEADS):
                branches.append(ref.removeprefix(HEADS))
        shown = set(branches[:_MOST]) | {default, wanted}
        branches = [branch for branch in branches if branch in shown]
        return cls(tuple(branches), default if default in branches else "")
