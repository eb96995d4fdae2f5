"""What dbt makes a model's SQL from: when it has to be made again, and whether it needs the warehouse."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

# Asking the warehouse while SQL is made: what comes out depends on what is there.
_ASKS = re.compile(
    r"\b(?:run_query|statement|load_result|get_relation|get_columns_in_\w+|get_column_values|get_query_results\w*"
    r"|get_single_value|get_relations_by_\w+|get_filtered_columns_in_relation|union_relations)\s*\("
)


@dataclass(frozen=True, slots=True)
class Making:
    """What a model's SQL is made from: `key` of its own code and of all macros that it reaches."""

    key: str
    asks_warehouse: bool


def makings(codes: Mapping[str, tuple[str, Sequence[str]]], macros: Macros, salt: str) -> dict[str, Making]:
    """For each model, given with its raw code and the macros that it names, what its SQL is made from."""
    found = {}
    for key, (code, named) in codes.items():
        digest = hashlib.sha256(f"{salt}\0{code}".encode())
        asks = bool(_ASKS.search(code))
        for macro in sorted(macros.reached(named)):
            digest.update(macros.digests[macro])
            asks = asks or macro in macros.asking
        found[key] = Making(digest.hexdigest(), asks)
    return found


class Macros:
    """The macros of a project, by unique_id: their text, and which they call."""

    def __init__(self, texts: Mapping[str, tuple[str, Sequence[str]]], own: Collection[str]) -> None:
        self._calls = {key: calls for key, (_text, calls) in texts.items()}
        self.digests = {key: hashlib.sha256(text.encode()).digest() for key, (text, _calls) in texts.items()}
        # dbt's own ask a lot, too, but what comes of it is right where nothing was built.
        others = [key for key in texts if key.split(".")[1] not in own]
        self.asking = {key for key in others if _ASKS.search(texts[key][0])}

    def reached(self, named: Iterable[str]) -> set[str]:
        """Those named, and all that they call, directly or not."""
        found: set[str] = set()
        waiting = [key for key in named if key in self._calls]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += [other for other in self._calls[key] if other in self._calls]
        return found
