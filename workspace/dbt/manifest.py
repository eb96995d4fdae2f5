"""JSON as dbt writes it: read for a database, and a manifest cut into entries before they are read."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from bisync.lib.stored import storable


class ManifestParts(msgspec.Struct):
    """A manifest whose entries are still bytes: most of them are the same as the last time."""

    metadata: dict[str, Any]
    nodes: dict[str, msgspec.Raw]
    sources: dict[str, msgspec.Raw] = {}
    macros: dict[str, msgspec.Raw] = {}
    docs: dict[str, msgspec.Raw] = {}
    exposures: dict[str, msgspec.Raw] = {}
    metrics: dict[str, msgspec.Raw] = {}
    semantic_models: dict[str, msgspec.Raw] = {}
    saved_queries: dict[str, msgspec.Raw] = {}
    functions: dict[str, msgspec.Raw] = {}
    unit_tests: dict[str, msgspec.Raw] = {}
    groups: dict[str, msgspec.Raw] = {}
    parent_map: dict[str, list[str]] = {}


def decoded(raw: bytes) -> Any:
    """What JSON in `raw` says, fit for a database. Raises ValueError or RecursionError where it is none."""
    if b"\\u0000" not in raw:
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError:
            pass  # NaN, halves of characters and numbers without end are none to msgspec, but dbt writes them
    return storable(json.loads(raw))


def split(raw: bytes) -> ManifestParts:
    """The manifest in `raw`, its entries unread. Raises ValueError where it is none."""
    try:
        return msgspec.json.decode(raw, type=ManifestParts)
    except msgspec.DecodeError:
        return msgspec.convert(_with_raw_entries(decoded(raw)), type=ManifestParts)


def _with_raw_entries(manifest: Any) -> Any:
    """The manifest with each entry as bytes again."""
    if not isinstance(manifest, dict):
        return manifest
    whole = {"metadata", "parent_map"}
    return {
        name: {key: msgspec.Raw(json.dumps(entry).encode()) for key, entry in part.items()}
        if name not in whole and isinstance(part, dict)
        else part
        for name, part in manifest.items()
    }
