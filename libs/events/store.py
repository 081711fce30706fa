"""The event store's contract, kept alike by the in-memory and the JetStream store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from libs.events.event import START, Event, NewEvent, Position, Recorded
from libs.events.subjects import StreamId

__all__ = ["EventStore"]

E = TypeVar("E", bound=Event)


class EventStore(Protocol[E]):
    """An append-only log of aggregates' histories."""

    async def append(self, stream: StreamId, events: Sequence[NewEvent[E]], *, after: Position) -> Position:
        """Append all events or none; return the aggregate's new position.

        Raises `VersionConflict` with the events that were appended first, and `LogUnavailable` where the outcome could not
        be learned. Appending the very same events again (same ids, same `after`) changes nothing and answers as the first time.
        If cancelled, the outcome is unknown: load again.
        """
        ...

    async def load(self, stream: StreamId, *, after: Position = START, limit: int | None = None) -> list[Recorded[E]]:
        """The aggregate's events after a position, oldest first; with `limit` at most as many. Raises `UnknownEvent`, `LogUnavailable`."""
        ...

    async def head(self, stream: StreamId) -> Position:
        """The aggregate's latest position, `START` where it has no events. Asked of the stream's leader. Raises `LogUnavailable`."""
        ...
