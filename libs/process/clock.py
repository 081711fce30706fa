"""Time and ids enter the system here, as values: pure code never asks for them itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["Clock", "ManualClock", "SystemClock", "new_id"]


class Clock(Protocol):
    """Where a process takes the present time from."""

    def now(self) -> datetime:
        """The present time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to: for tests."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


def new_id() -> UUID:
    """A fresh UUID version 7: unique without coordination, and ordered by the time it was made."""
    return uuid7()
