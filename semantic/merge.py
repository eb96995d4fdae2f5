"""Three-way merge, field by field: what was agreed, what Bisync's people made of it, what dbt says now.

The classical rule of version control (diff3): what only one side has changed is taken from that side, what
both changed alike is agreed, and what both changed differently is for a person to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Clash(Generic[V]):
    """A field that both sides have changed, each to something else."""

    base: V
    ours: V
    theirs: V


@dataclass(frozen=True, slots=True)
class Merged(Generic[V]):
    """What came out of a merge.

    `values` is what Bisync's side holds afterwards: a clash keeps its own value until somebody decides.
    `base` is what is agreed afterwards: what both sides have seen, so that merging once more does nothing.
    `taken` are the fields that only dbt had changed, `agreed` those that both had changed alike.
    """

    values: Mapping[str, V]
    base: Mapping[str, V]
    taken: tuple[str, ...]
    agreed: tuple[str, ...]
    clashes: Mapping[str, Clash[V]]


def merge(
    base: Mapping[str, V],
    ours: Mapping[str, V],
    theirs: Mapping[str, V],
    *,
    same: Callable[[str, V, V], bool] = lambda _name, one, other: one == other,
) -> Merged[V]:
    """Merge three states with the same fields; `same` says of which two values of a field nobody
    has to choose one.

    Of two values that are the `same`, dbt's is the one that stays, since it stands in the repository.
    """
    values, settled = dict(ours), dict(base)
    taken: list[str] = []
    agreed: list[str] = []
    clashes: dict[str, Clash[V]] = {}
    for name, before in base.items():
        mine, other = ours[name], theirs[name]
        if not same(name, before, other):
            if same(name, before, mine):
                taken.append(name)
            elif same(name, mine, other):
                agreed.append(name)
            else:
                clashes[name] = Clash(before, mine, other)
                continue
        elif not same(name, before, mine):
            settled[name] = other
            continue
        values[name] = settled[name] = other
    return Merged(values, settled, tuple(taken), tuple(agreed), clashes)
