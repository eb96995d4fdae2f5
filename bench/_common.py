"""What the benchmarks share: how to measure, and the one line in which a result is printed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence


def emit(
    bench: str, case: str, value: float, unit: str, *, peer: str = "", peer_value: float | None = None
) -> None:
    """Print one result; `ratio` is our value divided by that of the peer."""
    line: dict[str, object] = {"bench": bench, "case": case, "value": round(value, 6), "unit": unit}
    if peer and peer_value:
        line |= {"peer": peer, "peer_value": round(peer_value, 6), "ratio": round(value / peer_value, 4)}
    print(json.dumps(line), flush=True)


def timings(call: Callable[[], object], *, repeat: int = 5, warm_up: int = 1) -> list[float]:
    """How many seconds each of `repeat` calls took, fastest first, after `warm_up` more."""
    for _ in range(warm_up):
        call()
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
