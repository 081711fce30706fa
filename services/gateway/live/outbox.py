"""What one connection has yet to be sent: bounded, and never in the way of the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from services.gateway.live import metrics
from services.gateway.live.frames import Frame

__all__ = ["FRAMES_MAX", "Outbox"]

FRAMES_MAX = 4096
BYTES_MAX = 4 * 1024 * 1024
_BURST_FRAMES_MAX = 256
_BURST_BYTES_MAX = 128 * 1024


class Outbox:
    """A queue with one reader. Past its bounds deltas are dropped first; where that is not enough `on_overflow` is called, once.

    Durable frames are shared by all connections, so a waiting one costs a reference; the bound on bytes keeps slow readers from holding old frames.
    """

    __slots__ = ("_bytes", "_bytes_max", "_closed", "_crowded", "_frames", "_frames_max", "_on_overflow", "_waiter")

    def __init__(
        self, on_overflow: Callable[[], None], *, frames_max: int = FRAMES_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._on_overflow = on_overflow
        self._crowded = False  # deltas were dropped: none are taken until everything waiting was sent
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, frame: Frame) -> None:
        """Queue a frame; never blocks."""
        if self._closed or (self._crowded and frame.kind == "delta"):
            if not self._closed:
                metrics.deltas_dropped.inc()
            return
        self._frames.append(frame)
        self._bytes += len(frame.wire)
        if len(self._frames) > self._frames_max or (self._bytes > self._bytes_max and len(self._frames) > 1):
            self._make_room()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _make_room(self) -> None:
        durable = deque(frame for frame in self._frames if frame.kind != "delta")
        metrics.deltas_dropped.inc(len(self._frames) - len(durable))
        self._frames = durable
        self._bytes = sum(len(frame.wire) for frame in durable)
        self._crowded = True
        if len(durable) > self._frames_max or (self._bytes > self._bytes_max and len(durable) > 1):
            self.discard()
            self._on_overflow()

    def discard(self) -> None:
        """Forget what waits, and take nothing more."""
        self._closed = True
        self._frames.clear()
        self._bytes = 0

    def wake(self) -> None:
        """Let `take` return, be it with nothing."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __len__(self) -> int:
        return len(self._frames)

    async def take(self) -> list[Frame]:
        """What waits, at most a burst, oldest first. Empty only after `wake`."""
        if not self._frames:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.take_now()

    def take_now(self) -> list[Frame]:
        """What waits this moment, at most a burst."""
        frames = self._frames
        if len(frames) <= _BURST_FRAMES_MAX and self._bytes <= _BURST_BYTES_MAX:
            burst = list(frames)
            frames.clear()
            self._bytes = 0
        else:
            burst, size = [], 0
            while frames and len(burst) < _BURST_FRAMES_MAX and size < _BURST_BYTES_MAX:
                frame = frames.popleft()
                size += len(frame.wire)
                burst.append(frame)
            self._bytes -= size
        if not frames:
            self._crowded = False
        return burst
