"""Everything that is live in this process: the feeds of watched jobs, the open connections, and the clockwork that looks after both."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from libs.events.errors import LogUnavailable
from libs.events.subjects import StreamId
from libs.process.health import Health
from services.gateway.live import metrics
from services.gateway.live.feed import Feed
from services.gateway.live.source import Backfill, Source

__all__ = ["Connection", "Hub"]

log = structlog.get_logger(__name__)

_TICK_SECONDS = 1.0
_SHARES = 20
_PARKED = "gateway.parked_jobs"


class Connection(Protocol):
    """A client that is connected."""

    def tick(self, now: float) -> None:
        """Called about once a second with the monotonic time: pings, time-outs."""
        ...

    def drain(self) -> None:
        """Say goodbye and end."""
        ...


class _Entry:
    __slots__ = ("feed", "idle_since", "starting", "users")

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.users = 0
        self.idle_since = 0.0
        self.starting = asyncio.create_task(feed.start(), name="feed-start")


class Hub:
    """Owns feeds and connections. Heads of watched jobs are compared with the log every few seconds, and at once after `recheck`."""

    def __init__(
        self,
        source: Source,
        backfill: Backfill,
        *,
        health: Health | None = None,
        check_seconds: float = 5.0,
        linger_seconds: float = 15.0,
    ) -> None:
        self.draining = False
        self._source = source
        self._backfill = backfill
        self._health = health
        self._check_seconds = check_seconds
        self._linger_seconds = linger_seconds
        self._entries: dict[StreamId, _Entry] = {}
        self._connections: set[Connection] = set()
        self._suspicious = asyncio.Event()
        self._emptied = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look after feeds and connections while the block runs; close the feeds at its end."""
        tasks = [
            asyncio.create_task(self._tick_forever(), name="live-ticker"),
            asyncio.create_task(self._check_forever(), name="live-checker"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            for entry in list(self._entries.values()):
                entry.starting.cancel()
                await entry.feed.close()
            self._entries.clear()
            metrics.feeds.set(0)

    # -- feeds ---------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def feed(self, stream: StreamId) -> AsyncIterator[Feed]:
        """The job's feed, started, kept at least while the block runs. Raises `LogUnavailable`."""
        entry = self._entries.get(stream)
        if entry is None:
            entry = self._entries[stream] = _Entry(Feed(stream, self._source, self._backfill))
            metrics.feeds.set(len(self._entries))
        entry.users += 1
        try:
            try:
                await asyncio.shield(entry.starting)
            except Exception:
                await self._drop(stream, entry)  # the next one tries anew
                raise
            yield entry.feed
        finally:
            entry.users -= 1
            entry.idle_since = time.monotonic()

    def watches(self, stream: StreamId) -> bool:
        """Whether the job is being watched already: then it exists."""
        entry = self._entries.get(stream)
        return entry is not None and entry.starting.done() and entry.feed.head > 0

    async def _drop(self, stream: StreamId, entry: _Entry) -> None:
        if self._entries.get(stream) is entry:
            del self._entries[stream]
            metrics.feeds.set(len(self._entries))
            await entry.feed.close()

    def recheck(self) -> None:
        """Live events may have been lost (a reconnect, a slow consumer): compare every watched job with the log now."""
        self._suspicious.set()

    async def _check_forever(self) -> None:
        """A share of the feeds at a time, so that thousands of heads are not asked for in one go; all of them when events may have been lost."""
        for turn in itertools.cycle(range(_SHARES)):
            everything = True
            try:
                async with asyncio.timeout(self._check_seconds / _SHARES):
                    await self._suspicious.wait()
            except TimeoutError:
                everything = False
            self._suspicious.clear()
            try:
                if turn == 0:
                    await self._retire_idle()
                    self._report()
                await self._check(None if everything else turn)
            except Exception as error:
                log.error("live.check_failed", exc_info=error)

    async def _check(self, turn: int | None) -> None:
        """Compare watched jobs with the log once; those that did not answer are asked again soon."""
        feeds = {
            stream: entry.feed
            for stream, entry in self._entries.items()
            if entry.starting.done() and (turn is None or hash(stream) % _SHARES == turn)
        }
        if not feeds:
            return
        try:
            heads = await self._source.heads(feeds)
        except LogUnavailable as error:
            log.info("live.heads_unknown", error=str(error))
            heads = {}
        for stream, feed in feeds.items():
            if (head := heads.get(stream)) is not None:
                feed.check(head)
        if len(heads) < len(feeds):
            await asyncio.sleep(min(1.0, self._check_seconds))
            self._suspicious.set()

    async def _retire_idle(self) -> None:
        deadline = time.monotonic() - self._linger_seconds
        for stream, entry in list(self._entries.items()):
            if not entry.users and entry.idle_since < deadline:
                await self._drop(stream, entry)

    def _report(self) -> None:
        if self._health is None:
            return
        parked = sum(entry.feed.parked is not None for entry in self._entries.values())
        if parked:
            self._health.degrade(_PARKED, f"{parked} watched jobs have an event this process cannot read: upgrade it")
        else:
            self._health.restore(_PARKED)

    # -- connections ---------------------------------------------------------------------------------------------------

    def add(self, connection: Connection) -> None:
        self._connections.add(connection)

    def remove(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()

    async def drain(self, seconds: float = 5.0) -> None:
        """Let every connection go, spread over most of `seconds` so that they do not all come back at once; new ones are sent elsewhere."""
        self.draining = True
        leaving = list(self._connections)
        loop = asyncio.get_running_loop()
        for connection in leaving:
            loop.call_later(random.uniform(0, seconds * 0.6), connection.drain)  # noqa: S311
        if leaving:
            log.info("live.draining", connections=len(leaving))
            self._emptied.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._emptied.wait()

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            for number, connection in enumerate(list(self._connections)):
                try:
                    connection.tick(now)
                except Exception as error:
                    log.error("live.tick_failed", exc_info=error)
                if number % 500 == 499:
                    await asyncio.sleep(0)
