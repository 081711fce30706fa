"""The slots for jobs of one process, shared among users: whoever has jobs running leaves room for whoever has none.

A user may take a free slot while it has fewer than four jobs for each that is free: alone it fills four fifths, and what several take
adds up to less than everything. Nobody needs to know how many users there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

__all__ = ["Slots"]

_TAKEN_PER_FREE = 4


class Slots:
    """Counts at once, without waiting, so that of many wake-ups at a time each sees what the ones before it took."""

    def __init__(self, total: int) -> None:
        self.free = total
        self._taken: Counter[UUID] = Counter()

    def has_room_for(self, owner: UUID) -> bool:
        """Whether one more of this user's jobs may run."""
        return self._taken[owner] < _TAKEN_PER_FREE * self.free

    def taken_by(self, owner: UUID) -> int:
        """How many of this user's jobs run."""
        return self._taken[owner]

    @contextmanager
    def taking(self, owner: UUID) -> Iterator[None]:
        """One slot less while the block runs."""
        self.free -= 1
        self._taken[owner] += 1
        try:
            yield
        finally:
            self.free += 1
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]
