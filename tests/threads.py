"""Several people at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection

PATIENCE = 60


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What each action returned or raised; all begin together, each with a connection of its own."""
    barrier = threading.Barrier(len(actions))
    outcomes: list[Any] = [None] * len(actions)

    def carry_out(index: int, action: Callable[[], Any]) -> None:
        try:
            barrier.wait(PATIENCE)
            outcomes[index] = action()
        except Exception as exc:  # noqa: BLE001 (the test looks at it)
            outcomes[index] = exc
        finally:
            connection.close()

    threads = [threading.Thread(target=carry_out, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    return outcomes
