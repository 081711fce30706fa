"""One watched job in this process: its events brought into order once, for however many connections.

What comes live is only a hint. Versions tell what is missing, repeated or early; what is missing is read from the log.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Protocol

import msgspec
import structlog

from libs.events.errors import LogUnavailable, UnknownEvent
from libs.events.event import START, Recorded
from libs.events.subjects import StreamId
from libs.jobs.events import JobEvent
from services.gateway.live import metrics
from services.gateway.live.frames import Frame, delta
from services.gateway.live.source import Backfill, Source, Watch
from services.gateway.live.translation import durable

__all__ = ["Feed", "Watcher"]

log = structlog.get_logger(__name__)

PAGE = 1000
_RECENT_FRAMES_MAX = 2048
_RECENT_BYTES_MAX = 1024 * 1024
_EARLY_MAX = 4096
_RETRY_SECONDS = 0.02
_RETRY_SECONDS_MAX = 2.0
_BACKFILL_PATIENCE_SECONDS = 10.0
_GRACE_SECONDS = 0.1  # live events that are on their way need not be read


class Watcher(Protocol):
    """A connection that gets everything that happens, in order, from the moment it is attached."""

    def offer(self, frame: Frame) -> None:
        """Take a frame; never blocks, never raises."""
        ...

    def notice(self, error: UnknownEvent) -> None:
        """The job has an event that cannot be read here: nothing durable follows until it can."""
        ...


class Feed:
    """Orders a job's events by version and hands each to every watcher exactly once. A `Sink` of its source."""

    def __init__(
        self,
        stream: StreamId,
        source: Source,
        backfill: Backfill,
        *,
        recent_frames_max: int = _RECENT_FRAMES_MAX,
        recent_bytes_max: int = _RECENT_BYTES_MAX,
    ) -> None:
        self.stream = stream
        self.position = START  # of the last event handed out
        self.parked: UnknownEvent | None = None
        self._source = source
        self._backfill = backfill
        self._watch: Watch | None = None
        self._started = False
        self._closed = False
        self._watchers: set[Watcher] = set()
        self._recent: deque[Frame] = deque()  # without gaps, up to `position`
        self._recent_bytes = 0
        self._recent_frames_max = recent_frames_max
        self._recent_bytes_max = recent_bytes_max
        self._early: dict[int, Recorded[JobEvent]] = {}
        self._target = 0  # a version the log is known to have
        self._hinted = False
        self._filling: asyncio.Task[None] | None = None
        self._reads: dict[int, asyncio.Task[list[Frame]]] = {}

    @property
    def head(self) -> int:
        """The version of the last event handed out."""
        return self.position.version

    @property
    def watched(self) -> int:
        """How many connections it has."""
        return len(self._watchers)

    async def start(self) -> None:
        """Receive live events first, then learn where the job stands: nothing can happen in between unseen. Raises `LogUnavailable`."""
        self._watch = await self._source.watch(self.stream, self)
        self.position = await self._source.head(self.stream)
        self._started = True
        self._settle()

    async def close(self) -> None:
        """Receive nothing more."""
        self._closed = True
        if self.parked is not None:
            self.parked = None
            metrics.parked.dec()
        for task in (self._filling, *self._reads.values()):
            if task is not None:
                task.cancel()
        if self._watch is not None:
            await self._watch.close()

    # -- what the source delivers --------------------------------------------------------------------------------------

    def on_event(self, recorded: Recorded[JobEvent]) -> None:
        if not self._started:
            self._early[recorded.version] = recorded
            return
        if recorded.version == self.head + 1:
            self._hand_out(recorded)
            metrics.latency.observe(max(0.0, time.time() - recorded.time.timestamp()))
            if self._early:
                self._settle()
        elif recorded.version > self.head:
            self._target = max(self._target, recorded.version)
            if len(self._early) < _EARLY_MAX:
                self._early[recorded.version] = recorded
            self._fill()

    def on_hint(self) -> None:
        self._hinted = True
        if self._started:
            self._fill()

    def on_delta(self, payload: bytes) -> None:
        try:
            frame = delta(payload)
        except msgspec.MsgspecError as error:
            log.warning("delta.malformed", job=str(self.stream.id), error=str(error))
            return
        for watcher in tuple(self._watchers):
            watcher.offer(frame)
        metrics.frames.labels("delta").inc(len(self._watchers))

    def check(self, head: int) -> None:
        """The log is known to have come to `head`: read what has not arrived by itself in a moment."""
        if head > self.head:
            self._target = max(self._target, head)
            asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._fill_if_behind)
        elif self.parked is not None:
            self._fill()

    async def refresh(self) -> None:
        """Ask the log's leader where the job stands and come up to it. Raises `LogUnavailable`."""
        position = await self._source.head(self.stream)
        self._target = max(self._target, position.version)
        self._fill_if_behind()
        if self._filling is not None and self.head < position.version:
            await asyncio.wait({self._filling}, timeout=_BACKFILL_PATIENCE_SECONDS)

    # -- order ---------------------------------------------------------------------------------------------------------

    def _hand_out(self, recorded: Recorded[JobEvent]) -> None:
        frame = durable(recorded)
        self.position = recorded.position
        self._recent.append(frame)
        self._recent_bytes += len(frame.wire)
        while len(self._recent) > self._recent_frames_max or (
            self._recent_bytes > self._recent_bytes_max and len(self._recent) > 1
        ):
            self._recent_bytes -= len(self._recent.popleft().wire)
        for watcher in tuple(self._watchers):  # one that is too slow detaches itself
            watcher.offer(frame)
        metrics.frames.labels(frame.kind).inc(len(self._watchers))

    def _settle(self) -> None:
        """Hand out what came early and is now due; what is still early means that something is missing."""
        while (recorded := self._early.pop(self.head + 1, None)) is not None:
            self._hand_out(recorded)
        for version in [version for version in self._early if version <= self.head]:
            del self._early[version]
        if self._early or self._hinted:
            self._target = max(self._target, *self._early, 0)
            self._fill()

    def _fill_if_behind(self) -> None:
        if self.head < self._target:
            self._fill()

    def _fill(self) -> None:
        if self._closed or (self._filling is not None and not self._filling.done()):
            return
        self._filling = asyncio.create_task(self._read_missing(), name="feed-fill")

    async def _read_missing(self) -> None:
        delay, limit = _RETRY_SECONDS, PAGE
        while self._hinted or self.parked is not None or self.head < self._target:
            try:
                if self._hinted:
                    self._target = max(self._target, (await self._source.head(self.stream)).version)
                    self._hinted = False
                found = await self._source.load(self.stream, after=self.position, limit=limit)
            except UnknownEvent as error:
                if limit == 1:
                    self._park(error)
                    return
                limit = max(1, limit // 10)  # what comes before it can still be handed out
                continue
            except LogUnavailable as error:
                log.info("feed.waits_for_log", job=str(self.stream.id), error=str(error))
                found = []
            if found:
                self._unpark()
            if self._take(found):
                delay = _RETRY_SECONDS
            elif self._hinted or self.head < self._target:
                # A replica that is behind, or a log that does not answer.
                await asyncio.sleep(delay)
                delay = min(delay * 2, _RETRY_SECONDS_MAX)
            else:
                return

    def _take(self, found: Iterable[Recorded[JobEvent]]) -> int:
        taken = 0
        for recorded in found:
            if recorded.version == self.head + 1:
                self._hand_out(recorded)
                taken += 1
        metrics.gaps.inc(taken)
        if self._early:
            self._settle()
        return taken

    def _park(self, error: UnknownEvent) -> None:
        if self.parked is None:
            metrics.parked.inc()
            log.error(
                "feed.parked", job=str(self.stream.id), after=self.head, type=error.type_name, schema=error.schema
            )
            for watcher in tuple(self._watchers):
                watcher.notice(error)
        self.parked = error
        self._hinted = False

    def _unpark(self) -> None:
        if self.parked is not None:
            self.parked = None
            metrics.parked.dec()
            log.info("feed.unparked", job=str(self.stream.id), after=self.head)

    # -- history -------------------------------------------------------------------------------------------------------

    async def replay(self, watcher: Watcher, after: int) -> AsyncIterator[list[Frame]]:
        """Everything after a version, in pages, and then the watcher is attached: what happens next is offered to it, with no gap and no repeat.

        Raises `LogUnavailable`, `UnknownEvent`.
        """
        cursor = after
        while True:
            if self._recent and cursor + 1 >= self._recent[0].seq:
                page = list(islice(self._recent, cursor + 1 - self._recent[0].seq, None))
            elif cursor < self.head:
                page = await self._page(cursor)
            else:
                page = []
            if not page:
                self._watchers.add(watcher)
                if self.parked is not None:
                    watcher.notice(self.parked)
                return
            cursor = page[-1].seq
            yield page

    def detach(self, watcher: Watcher) -> None:
        """Offer it nothing more."""
        self._watchers.discard(watcher)

    def version_caused_by(self, command_id: object) -> int | None:
        """The version of the last event that a command made, where that is remembered here."""
        for frame in reversed(self._recent):
            if frame.recorded is not None and frame.recorded.cause.causation_id == command_id:
                return frame.seq
        return None

    async def _page(self, after: int) -> list[Frame]:
        read = self._reads.get(after)
        if read is None:
            # Many connections come back at once with one cursor: they share one read.
            read = self._reads[after] = asyncio.create_task(self._read_page(after), name="feed-page")
            read.add_done_callback(lambda _: self._reads.pop(after, None))
        return await asyncio.shield(read)

    async def _read_page(self, after: int) -> list[Frame]:
        delay, limit = _RETRY_SECONDS, PAGE
        patience = time.monotonic() + _BACKFILL_PATIENCE_SECONDS
        while True:
            try:
                found = await self._backfill.events(self.stream.owner, self.stream.id, after=after, limit=limit)
            except UnknownEvent:
                if limit == 1:
                    raise
                limit = max(1, limit // 10)
                continue
            page: list[Frame] = []
            for version, recorded in enumerate(found, start=after + 1):
                if recorded.version != version:
                    break
                if version == self.head + 1:
                    self._hand_out(recorded)  # the page is ahead of what came live
                page.append(durable(recorded))
            if page:
                metrics.backfill_pages.inc()
                self._remember(page)
                return page
            if time.monotonic() > patience:
                raise LogUnavailable(f"the events after version {after} could not be read")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_SECONDS_MAX)

    def _remember(self, page: list[Frame]) -> None:
        """Keep what joins on to the recent frames, for whoever comes back next."""
        first = self._recent[0].seq if self._recent else self.head + 1
        if page[-1].seq < first - 1:
            return
        for frame in reversed(page):
            full = len(self._recent) >= self._recent_frames_max or self._recent_bytes >= self._recent_bytes_max
            if full or frame.seq > first - 1:
                if full:
                    return
                continue
            self._recent.appendleft(frame)
            self._recent_bytes += len(frame.wire)
            first = frame.seq
