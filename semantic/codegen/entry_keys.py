"""The keys of an entry of a properties file: set where they stand or belong, never over what Jinja makes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from semantic.codegen.yaml_emit import YamlValue
from semantic.codegen.yaml_marks import YamlRefused


def put(
    entry: dict[str, Any], key: str, value: YamlValue, *, order: Sequence[str], rendered: Collection[str] = ()
) -> None:
    """Set a key where it stands, or behind those before it in `order`; None takes it away.

    Raises YamlRefused where Jinja makes what stands there, but for the keys that dbt expects it in.
    """
    if key not in rendered and has_jinja(entry.get(key)):
        raise YamlRefused(
            "not-literal",
            f"{key} is made by Jinja in this file. Change what it refers to, or write it out here first.",
        )
    if value is None:
        entry.pop(key, None)
    elif key in entry or key not in order:
        entry[key] = value
    else:
        before = [known for known in order[: order.index(key)] if known in entry]
        items = list(entry.items())
        at = next((n for n, (known, _) in enumerate(items, 1) if before and known == before[-1]), len(items))
        entry.clear()
        entry.update([*items[:at], (key, value), *items[at:]])


def has_jinja(value: Any) -> bool:
    """Whether a text in it is a template."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(map(has_jinja, inside))


def places(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The mappings of an entry in which its `meta` may stand."""
    for place in (entry.get("config"), entry):
        if isinstance(place, dict):
            yield place


def noted_in(entry: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """The mapping in `meta` that says the key already: Bisync's own, or else the project's."""
    metas: list[dict[str, Any]] = [
        place["meta"] for place in places(entry) if isinstance(place.get("meta"), dict)
    ]
    owns: list[dict[str, Any]] = [meta["bisync"] for meta in metas if isinstance(meta.get("bisync"), dict)]
    for home in (*owns, *metas):
        if key in home:
            return home
    return owns[0] if owns else None
