"""What came and what went in one pull: which of them may be the same thing under another name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from catalog.models import Evidence, Node

Key: TypeAlias = tuple[str, str]
# What defines something that has no code of its own.
_DEFINING = ("type", "type_params", "filter")


class Other(NamedTuple):
    """What may be the same, why, and whether it is: None where a person has to say."""

    unique_id: str
    evidence: Evidence
    same: bool | None


def pairs(came: Iterable[Node], went: Iterable[Node], moved: Mapping[str, str]) -> dict[str, Other]:
    """For each, in both directions, the other one; never where two would do.

    `moved` holds the files that git takes for renamed ones: the new path with the old one. Where git says so
    and the code is the very same, nobody has to be asked.
    """
    new, old = list(came), list(went)
    paths = {node.unique_id: node.path for node in (*new, *old)}
    found: dict[str, Other] = {}
    for evidence, of_new, of_old in _evidence(moved):
        there = _once(new, of_new, but=found)
        before = _once(old, of_old, but=found)
        for key in there.keys() & before.keys():
            pair = there[key], before[key]
            sure = evidence is Evidence.CODE and moved.get(paths[pair[0]]) == paths[pair[1]]
            found |= {one: Other(other, evidence, sure or None) for one, other in (pair, pair[::-1])}
    return found


def _evidence(
    moved: Mapping[str, str],
) -> Iterable[tuple[Evidence, Callable[[Node], str], Callable[[Node], str]]]:
    """The strongest first: how each tells what came, and what went."""
    yield Evidence.CODE, _code, _code
    yield Evidence.RELATION, _relation, _relation
    yield Evidence.VERSION, _name, _name
    yield Evidence.FILE, lambda node: moved.get(node.path, ""), lambda node: node.path


def _once(nodes: Iterable[Node], told: Callable[[Node], str], *, but: Mapping[str, object]) -> dict[Key, str]:
    """The ids of the nodes by kind and what is told of them, where that is true of one of them alone."""
    found: dict[Key, str] = {}
    twice = set()
    for node in nodes:
        key = node.resource_type, told(node)
        if key[1] and node.unique_id not in but:
            twice |= {key} & found.keys()
            found[key] = node.unique_id
    return {key: uid for key, uid in found.items() if key not in twice}


def _code(node: Node) -> str:
    if checksum := node.fields.get("checksum"):
        return json.dumps(checksum, sort_keys=True)
    if node.resource_type != "metric":
        return ""
    return json.dumps([node.fields.get(name) for name in _DEFINING], sort_keys=True)


def _relation(node: Node) -> str:
    return node.relation if node.resource_type in {"model", "seed", "snapshot"} else ""


def _name(node: Node) -> str:
    """Of a model, which has another id once it has versions."""
    return node.name if node.resource_type == "model" else ""
