"""What dbt's semantic manifest would say of a metric that is not written yet, in dbt's legacy spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from semantic.codegen.entries import Entries
from semantic.query.engine import Manifest


def with_metric(
    semantic_manifest: Manifest, entries: Entries, relations: Mapping[str, str]
) -> dict[str, Any]:
    """The manifest as if dbt had read the new entries as well (`Compiled.entries`)."""
    changed = deepcopy(dict(semantic_manifest))
    for new in entries["semantic_models"]:
        model = re.sub(r"ref\('(.*)'\)", r"\1", new["model"])
        node = {"alias": model, "schema_name": "", "relation_name": relations[model]}
        kept = {key: value for key, value in new.items() if key != "model"}
        changed["semantic_models"].append({**kept, "node_relation": node})
    for semantic in changed["semantic_models"]:
        for kind in ("measures", "dimensions"):
            semantic[kind] = [*(semantic.get(kind) or ()), *entries[kind].get(semantic["name"], ())]
    changed["metrics"] = [*changed["metrics"], *map(_spelled_out, entries["metrics"])]
    return changed


def _spelled_out(entry: Any) -> Any:
    """An entry without YAML's short forms: names of metrics alone, and filters as text."""
    if isinstance(entry, list):
        return [_spelled_out(item) for item in entry]
    if not isinstance(entry, dict):
        return entry
    found = {key: _spelled_out(value) for key, value in entry.items()}
    if "filter" in found:
        texts = [found["filter"]] if isinstance(found["filter"], str) else found["filter"]
        found["filter"] = {"where_filters": [{"where_sql_template": text} for text in texts]}
    for key in ("numerator", "denominator", "measure"):
        if isinstance(found.get(key), str):
            found[key] = {"name": found[key]}
    if "metrics" in found:
        found["metrics"] = [{"name": used} if isinstance(used, str) else used for used in found["metrics"]]
    return found
