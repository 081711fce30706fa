"""Server-sent events: a job's history and what follows, for clients without a WebSocket.

Each event's `id` is its version, so that a browser's own reconnect (`Last-Event-ID`) misses and repeats nothing; its data is the event as
`GET .../events/` lists it. The same feed, order and limits as on sockets; deltas are not sent.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from libs.events.errors import CursorBeyondHead, LogUnavailable, UnknownEvent
from libs.events.subjects import StreamId
from libs.process.clock import Clock
from services.gateway.live import metrics
from services.gateway.live.feed import Feed
from services.gateway.live.frames import Frame
from services.gateway.live.hub import Hub
from services.gateway.live.limits import Limits, TooMany
from services.gateway.live.outbox import Outbox
from services.gateway.live.source import Backfill
from services.gateway.principal import Principal
from services.gateway.problems import Code, Problem
from services.gateway.views import event_view

__all__ = ["EventStreams"]

HEARTBEAT_SECONDS = 15.0
_STALL_SECONDS = 30.0  # a write that takes longer is a reader that does not read, and holds a page of history in memory
_FAREWELL_SECONDS = 3.0  # what still waits may be sent this long
_RETRY_SECONDS_MIN, _RETRY_SECONDS_MAX = 1.0, 5.0
_encoder = msgspec.json.Encoder()


class EventStreams:
    """Opens streams of a job's events."""

    def __init__(self, hub: Hub, jobs: Backfill, limits: Limits, clock: Clock) -> None:
        self._hub = hub
        self._jobs = jobs
        self._limits = limits
        self._clock = clock

    @asynccontextmanager
    async def open(
        self, principal: Principal, stream: StreamId, after: int | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of a `text/event-stream` answer: events after a version (None: only what happens from now on).

        Raises `Problem` before the first byte: no such job, too many connections, a cursor beyond the head, draining. The body ends when the
        token expires, the server drains, or the client is too slow; the client then reconnects by itself.
        """
        if self._hub.draining:
            raise Problem(Code.DRAINING)
        try:
            with self._limits.connection(principal.user_id):
                if not self._hub.watches(stream) and await self._jobs.head(stream.owner, stream.id) is None:
                    raise Problem(Code.NO_SUCH_JOB)
                async with self._hub.feed(stream) as feed:
                    cursor = await _cursor(feed, after)
                    reader = _Reader(feed, lambda: principal.expires_at <= self._clock.now())
                    self._hub.add(reader)
                    metrics.streams.inc()
                    try:
                        yield reader.body(cursor)
                    finally:
                        metrics.streams.dec()
                        self._hub.remove(reader)
                        feed.detach(reader)
        except TooMany:
            raise Problem(Code.TOO_MANY_CONNECTIONS) from None
        except LogUnavailable:
            raise Problem(Code.LOG_UNAVAILABLE) from None
        except CursorBeyondHead as error:
            raise Problem(Code.CURSOR_BEYOND_HEAD, str(error)) from None


async def _cursor(feed: Feed, after: int | None) -> int:
    if after is None:
        return feed.head
    if after > feed.head:
        await feed.refresh()
    if after > feed.head:
        raise CursorBeyondHead(f"The job is at version {feed.head}: read it anew and go on from there.")
    metrics.resumes.inc()
    return after


class _Reader:
    """A `Watcher` of its feed and a `Connection` of the hub."""

    def __init__(self, feed: Feed, expired: Callable[[], bool]) -> None:
        self._feed = feed
        self._expired = expired
        self._outbox = Outbox(self._end)
        self._ended = False
        self._ended_at = 0.0
        self._sender: asyncio.Task[Any] | None = None
        self._writing_since: float | None = None

    def offer(self, frame: Frame) -> None:
        if frame.recorded is not None:
            self._outbox.offer(frame)

    def notice(self, error: UnknownEvent) -> None:
        pass  # the stream waits; that the job is parked is told by health and log

    def tick(self, now: float) -> None:
        stalled = self._writing_since is not None and now - self._writing_since > _STALL_SECONDS
        if not self._ended and (stalled or self._expired()):
            self._end()
        elif self._ended and now - self._ended_at > _FAREWELL_SECONDS and self._sender is not None:
            self._sender.cancel()  # it waits for a client that does not read

    def drain(self) -> None:
        self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._ended_at = time.monotonic()
        self._feed.detach(self)
        self._outbox.wake()

    async def body(self, cursor: int) -> AsyncIterator[bytes]:
        self._sender = asyncio.current_task()
        async for part in self._parts(cursor):
            self._writing_since = time.monotonic()
            yield part  # until the connection has taken it
            self._writing_since = None

    async def _parts(self, cursor: int) -> AsyncIterator[bytes]:
        wait = random.uniform(_RETRY_SECONDS_MIN, _RETRY_SECONDS_MAX)  # noqa: S311  # so that they do not all come back at once
        yield b"retry: %d\n\n" % (wait * 1000)
        async for page in self._replay(cursor):
            yield b"".join([_event(frame) for frame in page]) or b": the history cannot be read now\n\n"
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    burst = self._outbox.take_now() if self._ended else await self._outbox.take()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if burst:
                yield b"".join([_event(frame) for frame in burst])
            elif self._ended:
                return

    async def _replay(self, cursor: int) -> AsyncIterator[list[Frame]]:
        while not self._ended:
            try:
                async for page in self._feed.replay(self, cursor):
                    yield page
                    cursor = page[-1].seq
                    metrics.replayed.inc(len(page))
            except (LogUnavailable, UnknownEvent):
                yield []
                await asyncio.sleep(_RETRY_SECONDS_MAX)
            else:
                return


def _event(frame: Frame) -> bytes:
    assert frame.recorded is not None
    return b"id: %d\ndata: %s\n\n" % (frame.seq, _encoder.encode(event_view(frame.recorded)))
