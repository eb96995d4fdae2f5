"""What dbt says while it works: one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bisync.lib.log_lines import Said, Tone, plain
from bisync.lib.stored import storable

_TONES: Mapping[str, Tone] = {"error": "bad", "warn": "warn"}

# One of these ends the work on one node; each carries the node and how many there are.
_ENDS = frozenset(
    {
        "LogModelResult",
        "LogSeedResult",
        "LogSnapshotResult",
        "LogTestResult",
        "LogFunctionResult",
        "LogFreshnessResult",
        "LogNodeResult",
        "LogNodeNoOpResult",
        "SkippingDetails",
        "LogSkipBecauseError",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    level: str
    message: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` nodes have ended; `node` is the one that has just begun or ended, as `status`."""

    done: int
    total: int
    node: str
    status: str


@dataclass(slots=True)
class Meter:
    """Counts nodes as their lines go by, and tells of each."""

    tell: Callable[[Progress], None]
    _ended: set[str] = field(default_factory=set)

    def __call__(self, line: str) -> None:
        event = parse(line) if '"node_info"' in line else None
        if event is None or (event.name not in _ENDS and event.name != "LogStartLine"):
            return
        node = event.data.get("node_info") or {}
        unique_id = str(node.get("unique_id", ""))
        if event.name in _ENDS:
            self._ended.add(unique_id)
        total = event.data.get("total") or event.data.get("num_models") or 0
        self.tell(Progress(len(self._ended), int(total), unique_id, str(node.get("node_status", ""))))


@dataclass(slots=True)
class Refusals:
    """Keeps what dbt says of nodes that it could do nothing with: unique_id → its words. `also` hears all."""

    also: Callable[[str], None] | None = None
    words: dict[str, str] = field(default_factory=dict)

    def __call__(self, line: str) -> None:
        if self.also is not None:
            self.also(line)
        event = parse(line) if '"RunResultError"' in line else None
        if event is not None:
            node = event.data.get("node_info") or {}
            self.words[str(node.get("unique_id", ""))] = str(event.data.get("msg", ""))


def parse(line: str) -> Event | None:
    """The event in a line of dbt's; None where dbt printed something else."""
    try:
        raw = storable(json.loads(line))
        info = raw["info"]
        return Event(str(info["name"]), str(info["level"]), str(info["msg"]), dict(raw["data"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def errors(lines: Iterable[str]) -> list[Event]:
    """The events that report an error, without Python's own stack traces."""
    found = (parse(line) for line in lines if '"error"' in line)
    return [event for event in found if event and event.level == "error" and event.name != "MainStackTrace"]


def said(line: str) -> Said:
    """The words of a line of dbt's, for people, and their tone; any other line as it is."""
    event = parse(line) if line.startswith("{") else None
    return plain(line) if event is None else (event.message, _TONES.get(event.level, ""))
