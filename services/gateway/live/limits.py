"""How much one user may do at a time in this process: open connections, and frames per second."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID
from weakref import WeakValueDictionary

__all__ = ["Bucket", "Limits", "TooMany"]


class TooMany(Exception):
    """The user has as many connections as a user may have."""


class Bucket:
    """A token bucket: `rate` a second, `burst` at once."""

    __slots__ = ("__weakref__", "_burst", "_level", "_rate", "_seen")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._seen = time.monotonic()

    def take(self) -> bool:
        """Whether one more is allowed now; if so it is taken."""
        now = time.monotonic()
        self._level = min(self._burst, self._level + (now - self._seen) * self._rate)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Limits:
    """Counts connections by user; all connections of a user share one bucket of frames."""

    def __init__(self, *, connections_max: int, frames_per_second: float, frames_burst: float) -> None:
        self._connections_max = connections_max
        self._frames_per_second = frames_per_second
        self._frames_burst = frames_burst
        self._connections: Counter[UUID] = Counter()
        self._buckets: WeakValueDictionary[UUID, Bucket] = WeakValueDictionary()

    @contextmanager
    def connection(self, user_id: UUID) -> Iterator[Bucket]:
        """Count a connection while the block runs and give the user's bucket of frames. Raises `TooMany`."""
        if self._connections[user_id] >= self._connections_max:
            raise TooMany
        self._connections[user_id] += 1
        bucket = self._buckets.get(user_id)
        if bucket is None:
            bucket = self._buckets[user_id] = Bucket(self._frames_per_second, self._frames_burst)
        try:
            yield bucket
        finally:
            self._connections[user_id] -= 1
            if not self._connections[user_id]:
                del self._connections[user_id]
