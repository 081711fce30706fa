"""Where a feed gets its events from: what was just stored, and the log itself. The adapter for NATS is `nats_source`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol
from uuid import UUID

from libs.events.event import Position, Recorded
from libs.events.subjects import StreamId
from libs.jobs.events import JobEvent

__all__ = ["Backfill", "Sink", "Source", "Watch"]


class Sink(Protocol):
    """What a watch delivers to; nothing here may block or raise."""

    def on_event(self, recorded: Recorded[JobEvent]) -> None:
        """An event was stored. Events may be missing, repeated or out of order."""
        ...

    def on_hint(self) -> None:
        """Something was stored that could not be handed over: the log must be asked."""
        ...

    def on_delta(self, payload: bytes) -> None:
        """A piece of a reply being written, as its worker sent it."""
        ...


class Watch(Protocol):
    """A running delivery."""

    async def close(self) -> None: ...


class Source(Protocol):
    """Live events as hints, and the log as the truth."""

    async def watch(self, stream: StreamId, sink: Sink) -> Watch:
        """Deliver what is stored of this job from now on. When this returns, nothing stored later can pass unseen, but for lost messages."""
        ...

    async def heads(self, streams: Iterable[StreamId]) -> Mapping[StreamId, int]:
        """The versions these jobs have reached, cheaply for thousands of them (a replica's word may be a moment old).

        A job without events is at 0; one that could not be asked about is missing. Raises `LogUnavailable`.
        """
        ...

    async def head(self, stream: StreamId) -> Position:
        """Where the job stands, asked of the log's leader. Raises `LogUnavailable`."""
        ...

    async def load(self, stream: StreamId, *, after: Position, limit: int) -> list[Recorded[JobEvent]]:
        """The job's next events after a position, oldest first, without gaps. Raises `LogUnavailable`, `UnknownEvent`."""
        ...


class Backfill(Protocol):
    """History from any version on; `services.gateway.ports.Jobs` is one."""

    async def events(self, owner: UUID, job_id: UUID, *, after: int, limit: int) -> list[Recorded[JobEvent]]:
        """The job's events with versions above `after`, oldest first, without gaps, at most `limit`. Raises `LogUnavailable`, `UnknownEvent`."""
        ...

    async def head(self, owner: UUID, job_id: UUID) -> int | None:
        """The job's latest version in the log: 0 where only its create command is stored, None where this owner has no such job."""
        ...
