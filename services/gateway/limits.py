"""How much one user may ask of one gateway process: a token bucket for each.

In memory on purpose: the limit protects this process, costs no round trip, and a fleet of n gateways allows n times as much.
(Attempts to sign in are another matter: they are counted in Postgres, so that neither a restart nor a second gateway gives new tries.)
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

__all__ = ["RequestRate"]

_USERS_MAX = 50_000


class _Bucket:
    __slots__ = ("at", "left")

    def __init__(self, left: float, at: float) -> None:
        self.left = left
        self.at = at


class RequestRate:
    """`per_second` requests in the long run, `burst` at once."""

    def __init__(self, per_second: float, burst: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._monotonic = monotonic
        self._buckets: OrderedDict[UUID, _Bucket] = OrderedDict()

    def take(self, user_id: UUID) -> float:
        """Count a request. 0 where it is within the limit, else the seconds until the next one would be."""
        now = self._monotonic()
        bucket = self._buckets.get(user_id)
        if bucket is None:
            bucket = self._buckets[user_id] = _Bucket(self._burst, now)
            if len(self._buckets) > _USERS_MAX:
                self._buckets.popitem(last=False)  # the one least recently heard of: its bucket is full, or nearly
        else:
            self._buckets.move_to_end(user_id)
            bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
            bucket.at = now
        if bucket.left < 1.0:
            return (1.0 - bucket.left) / self._per_second
        bucket.left -= 1.0
        return 0.0
