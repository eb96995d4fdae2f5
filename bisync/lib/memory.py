"""When Python looks for rings of objects that hold each other."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_later() -> Iterator[None]:
    """Make many objects that last without looking through all of them again and again meanwhile.

    Python's collector runs after so many new objects, whatever they are, and a decoded manifest is hundreds
    of thousands: looking through them takes ten times as long as decoding. What nobody holds any more is
    freed at once all the same, but for rings. Threads may be in here at once: the first that leaves ends it
    for all. Also a decorator.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
