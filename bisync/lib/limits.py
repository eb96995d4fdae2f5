"""How often something may be done: counted for all processes together, and forgotten by itself."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from dataclasses import dataclass
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bisync.lib.errors import BisyncError

logger = logging.getLogger(__name__)
clock = time.time
_ASK_AGAIN = 5.0


class TooMany(BisyncError):
    code = "too-many-requests"
    message = _("That was too often. Come back in %(seconds)s seconds.")
    http_status = 429


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` times in each stretch of so many `seconds`; `name` tells one limit from another."""

    name: str
    most: int
    seconds: int

    def spend(self, who: str) -> int:
        """Count one more: 0, or how many seconds to wait because that is too many.

        Counted before anything is tried: many at the same moment would all find room otherwise.
        """
        key, left = self._stretch(who)
        try:
            count = self._incremented(key, left)
        except ValueError:  # forgotten between two questions
            return 0
        return left if count > self.most else 0

    def spent(self, who: str) -> int:
        """Without counting: 0, or how many seconds to wait because there is no room for one more."""
        key, left = self._stretch(who)
        return left if caches["counts"].get(key, 0) >= self.most else 0

    def give_back(self, who: str) -> None:
        """Take one off the count again: it was well done."""
        try:
            caches["counts"].decr(self._stretch(who)[0])
        except ValueError:
            return

    def forget(self, who: str) -> None:
        """Begin to count anew."""
        caches["counts"].delete(self._stretch(who)[0])

    def _stretch(self, who: str) -> tuple[str, int]:
        number, gone = divmod(clock(), self.seconds)
        # Nobody who can look into the cache should read who was here.
        digest = hashlib.sha256(f"{self.name} {who}".encode("utf-8", "replace")).hexdigest()
        return f"{int(number)}:{digest}", math.ceil(self.seconds - gone)

    def _incremented(self, key: str, left: int) -> int:
        counts = caches["counts"]
        try:
            return counts.incr(key)
        except ValueError:
            counts.add(key, 0, left)
            return counts.incr(key)


class SharedCounts(RedisCache):
    """A cache for counts in Redis; while that is away, in this process's own memory.

    So nothing waits for Redis and nothing fails without it: limits hold for each process by itself then.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        patience = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": Retry(NoBackoff(), 1)}
        super().__init__(server, {**params, "OPTIONS": {**patience, **params.get("OPTIONS", {})}})
        self._own = LocMemCache("counts", {"OPTIONS": {"MAX_ENTRIES": 10_000}})
        self._away_until = 0.0

    def _either(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= self._away_until:
            try:
                return getattr(super(), name)(*args, **kwargs)
            except RedisError as exc:
                # Not asked again for a while, or each request would wait for it several times.
                self._away_until = time.monotonic() + _ASK_AGAIN
                logger.warning("counting without Redis", extra={"why": type(exc).__name__})
        return getattr(self._own, name)(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._either("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._either("set", *args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._either("add", *args, **kwargs))

    def incr(self, *args: Any, **kwargs: Any) -> int:
        return int(self._either("incr", *args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._either("delete", *args, **kwargs))

    def clear(self) -> None:
        raise NotImplementedError("The broker's queue is in the same Redis.")
