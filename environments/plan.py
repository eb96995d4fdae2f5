"""What a deployment has to build, and where each node lies afterwards. Values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Relations = Mapping[str, Sequence[str]]
# What dbt makes a table or view of, and a page may therefore read.
BUILT = frozenset({"model", "seed", "snapshot"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The arguments of one `dbt build`: everything, or what changed and all that reads it."""

    select: tuple[str, ...]
    reason: str

    @property
    def everything(self) -> bool:
        return not self.select


def plan(
    *,
    live_commit: str,
    live_variables: Mapping[str, object],
    variables: Mapping[str, object],
    affected: Collection[str] = (),
) -> Plan:
    """What to build for the next version, given the live one.

    dbt compares the live manifest with the new code itself (`state:modified+`); it does not see a change
    of variables, so that one builds everything. `affected` names models that must be built and tested
    though their own code is the same, because a definition on top of them changed.
    """
    if not live_commit:
        return Plan((), "the first version")
    if dict(live_variables) != dict(variables):
        return Plan((), "its variables changed")
    chosen = tuple(f"{name}+" for name in sorted(set(affected)))
    return Plan(("state:modified+", *chosen), "what changed, and what reads it")


def relations_after(
    nodes: Mapping[str, Mapping[str, object]], *, built: Collection[str], before: Relations
) -> dict[str, list[str]]:
    """unique_id → [schema, name] once `built` has been built; the rest stays where it was.

    `nodes` are the manifest's. Ephemeral models lie nowhere. A node that is neither built nor known from
    before is left out: it does not exist in the warehouse.
    """
    after: dict[str, list[str]] = {}
    for unique_id, node in nodes.items():
        if node.get("resource_type") not in BUILT or _ephemeral(node):
            continue
        if unique_id in built:
            after[unique_id] = [str(node["schema"]), str(node.get("alias") or node["name"])]
        elif unique_id in before:
            after[unique_id] = list(before[unique_id])
    return after


def _ephemeral(node: Mapping[str, object]) -> bool:
    config = node.get("config")
    return isinstance(config, Mapping) and config.get("materialized") == "ephemeral"
