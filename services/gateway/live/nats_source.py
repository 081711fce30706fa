"""Live events by core NATS, for watched jobs only: EVENTS republishes what it stored to `live.<owner>.<job>.<type>`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
import nats.errors
import structlog

from libs.events import subjects, wire
from libs.events.errors import EventsError, LogUnavailable, UnknownEvent
from libs.events.event import Position, Recorded
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.jobs.events import JobEvent
from services.gateway.live.source import Sink

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

__all__ = ["NatsSource"]

log = structlog.get_logger(__name__)

_STREAM = "EVENTS"
_HEADS_IN_FLIGHT_MAX = 64
_WAITING_MAX = 65_536
_TIMEOUT_SECONDS = 5


class _NatsWatch:
    def __init__(self, subscriptions: list[Subscription]) -> None:
        self._subscriptions = subscriptions

    async def close(self) -> None:
        for subscription in self._subscriptions:
            try:
                await subscription.unsubscribe()
            except (nats.errors.Error, OSError):
                return  # without a connection there are no subscriptions either


class NatsSource:
    """A `Source` on one NATS connection and the job store."""

    def __init__(
        self, client: Client, store: JetStreamStore[JobEvent], *, waiting_messages_max: int = _WAITING_MAX
    ) -> None:
        self._nats = client
        self._store = store
        self._waiting_messages_max = waiting_messages_max  # of one job; past that NATS drops, and the log is asked

    async def watch(self, stream: StreamId, sink: Sink) -> _NatsWatch:
        async def live(message: Msg) -> None:
            try:
                recorded = await self._store.decode(wire.Stored.of_direct(message))
            except (EventsError, KeyError, ValueError) as error:
                # The log decides whether it can be read; a payload that is an object may only be late.
                if not isinstance(error, UnknownEvent | LogUnavailable):
                    log.warning("live.malformed", subject=message.subject, error=repr(error))
                sink.on_hint()
                return
            sink.on_event(recorded)

        async def typed(message: Msg) -> None:
            sink.on_delta(message.data)

        opened: list[Subscription] = []
        try:
            for subject, handler in ((subjects.live_events_of(stream), live), (subjects.delta(stream), typed)):
                opened.append(
                    await self._nats.subscribe(subject, cb=handler, pending_msgs_limit=self._waiting_messages_max)
                )
            await self._nats.flush(timeout=_TIMEOUT_SECONDS)  # the server has the subscriptions
        except (nats.errors.Error, OSError, TimeoutError) as error:
            await _NatsWatch(opened).close()
            raise wire.unavailable("watching a job", error) from error
        return _NatsWatch(opened)

    async def head(self, stream: StreamId) -> Position:
        return await self._store.head(stream)

    async def load(self, stream: StreamId, *, after: Position, limit: int) -> list[Recorded[JobEvent]]:
        return await self._store.load(stream, after=after, limit=limit)

    async def heads(self, streams: Iterable[StreamId]) -> Mapping[StreamId, int]:
        gate = asyncio.Semaphore(_HEADS_IN_FLIGHT_MAX)
        found: dict[StreamId, int] = {}

        async def ask(stream: StreamId) -> None:
            request = msgspec.json.encode({"last_by_subj": subjects.events_of(stream)})
            async with gate:
                try:
                    reply = await self._nats.request(f"$JS.API.DIRECT.GET.{_STREAM}", request, timeout=_TIMEOUT_SECONDS)
                except (nats.errors.Error, OSError, TimeoutError):
                    return
            headers = reply.headers or {}
            if (version := headers.get(wire.VERSION)) is not None:
                found[stream] = int(version)
            elif headers.get("Status") == "404":
                found[stream] = 0

        asked = list(streams)
        await asyncio.gather(*(ask(stream) for stream in asked))
        if asked and not found:
            raise LogUnavailable("reading the heads of watched jobs: NATS did not answer")
        return found
