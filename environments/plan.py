"""What a deployment has to build, and where each node lies afterwards. Values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Trial:
    """The arguments of one `dbt build` that tries code on top of some models, and nothing else."""

    select: tuple[str, ...]
    exclude: tuple[str, ...]


def trial(manifest: Mapping[str, Mapping[str, Any]], *, models: Collection[str], live: Relations) -> Trial:
    """What to build, on top of the `live` version, so that `models` and what they read is as in the code.

    Without a live version that is all they read; with one, what of it has changed since. A test is left out
    if it reads something that is neither live nor built with them: deploying builds both.
    """
    nodes = manifest["nodes"]
    wanted = {uid for uid, node in nodes.items() if node["name"] in models and node["resource_type"] in BUILT}
    near = _ancestors(manifest["parent_map"], wanted)
    select = [f"+{name}" for name in models] if not live else []
    for name in models if live else ():
        select += [name, f"+{name},state:modified+"]
    exclude = [
        str(node["name"])
        for node in nodes.values()
        if node["resource_type"] == "test"
        and not near.isdisjoint(read := _read(nodes, node))
        and not read <= near | live.keys()
    ]
    return Trial(tuple(select), tuple(sorted(exclude)))


def _ancestors(parents: Mapping[str, Sequence[str]], of: Collection[str]) -> set[str]:
    """These nodes and all that they read, however far away."""
    found: set[str] = set()
    waiting = list(of)
    while waiting:
        if (node := waiting.pop()) not in found:
            found.add(node)
            waiting.extend(parents.get(node, ()))
    return found


def _read(nodes: Mapping[str, Any], node: Mapping[str, Any]) -> set[str]:
    """The relations that a node's SQL reads: an ephemeral model stands for what it reads itself."""
    found: set[str] = set()
    for parent in node["depends_on"]["nodes"]:
        if parent in nodes and nodes[parent]["resource_type"] in BUILT:
            found |= _read(nodes, nodes[parent]) if _ephemeral(nodes[parent]) else {parent}
    return found


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
