"""What the benchmarks share: how to measure, and the one line in which a result is printed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


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


@dataclass
class Clock:
    """How long something took each time: as somebody waits for it, and as this process worked on it.

    The two differ where other programs want the processor too.
    """

    waited: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Takes the time of what is done inside, unless that raises."""
        started, worked = time.perf_counter(), time.process_time()
        yield
        self.worked.append(time.process_time() - worked)
        self.waited.append(time.perf_counter() - started)

    def emit(self, bench: str, case: str) -> None:
        """Print the mean and the percentiles of both."""
        for kind, seconds in (("", self.waited), (", processor", self.worked)):
            emit(bench, f"{case} mean{kind}", sum(seconds) / max(len(seconds), 1) * 1000, "ms")
            for share in (0.5, 0.95, 0.99):
                name = f"{case} p{share * 100:.0f}{kind}"
                emit(bench, name, percentile(seconds or [0.0], share) * 1000, "ms")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
