"""What a running attempt needs of the world around it. The runner gives it NATS, tests give it memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import msgspec

from libs.events import subjects
from libs.events.subjects import StreamId
from libs.jobs.events import Failure
from libs.process.clock import Clock

__all__ = ["Delta", "Host", "Limits", "ShardBoard", "ShardResult", "ShardTask", "token"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds an attempt."""

    durable_delay_seconds: float = 5.0  # a pause longer than this is a durable timer and frees the worker
    cleanup_seconds: float = 10.0  # what a cancelled workflow gets to tidy up
    reports_max: int = 100  # stored progress reports of one name, by how much was done; ten times as many by time
    report_seconds: float = 10.0  # between those of what takes long; doubled with every `reports_max` of them
    map_poll_seconds: float = 2.0  # how often results are looked for although none was announced


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a step being written: `offset` counts code points; offset 0 begins anew."""

    stream: str
    attempt: int
    offset: int
    text: str


class ShardTask(msgspec.Struct, frozen=True, kw_only=True):
    """A shard waiting for a runner. `after` is the sequence of an outdated failure that its result replaces, else 0."""

    map: str
    number: int
    shard: str
    item: msgspec.Raw
    attempt: int
    after: int = 0


class ShardResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a shard: a result, inline or as an object; or the error of its last try."""

    number: int
    attempt: int
    worker: str
    tries: int = 1
    duration_seconds: float = 0.0
    result: msgspec.Raw = msgspec.Raw(b"null")
    object: str | None = None
    digest: str = ""
    error: Failure | None = None
    sequence: int = 0


class ShardBoard(Protocol):
    """Where shards are offered and their results are found. `map_token` is the map's name as a subject token."""

    async def offer(self, stream: StreamId, map_token: str, tasks: Sequence[ShardTask]) -> None:
        """Offer shards to all runners; one that is offered already is not offered twice. Raises `LogUnavailable`."""
        ...

    async def waiting(self) -> int:
        """How many shards, of any job, no runner has taken yet. Raises `LogUnavailable`."""
        ...

    async def results(
        self, stream: StreamId, map_token: str, *, after: int, limit: int | None = None
    ) -> Sequence[ShardResult]:
        """The results stored after a sequence, oldest first, at most `limit`; what lies in an object is only named.

        Raises `LogUnavailable`."""
        ...

    async def fetch(self, result: ShardResult) -> ShardResult:
        """The result with what lies in an object. Raises `LogUnavailable`."""
        ...

    def watch(self, stream: StreamId, map_token: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set whenever a result was stored, while the block runs. Only a hint: some are missed."""
        ...

    async def withdraw(self, stream: StreamId, map_token: str) -> None:
        """Take back what no runner has taken yet. Raises `LogUnavailable`."""
        ...


class Host(Protocol):
    """The world of an attempt."""

    @property
    def clock(self) -> Clock: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def shards(self) -> ShardBoard: ...

    def random(self) -> float:
        """A random number in [0, 1)."""
        ...

    async def send_delta(self, stream: StreamId, delta: Delta) -> None:
        """Show a piece of a step to whoever watches. Never raises: a lost piece is only a flicker."""
        ...

    async def schedule(self, stream: StreamId, timer: str, due: datetime) -> None:
        """See to it that the timer is looked at when due; again for the same timer changes nothing. Raises `LogUnavailable`."""
        ...

    async def store_object(self, stream: StreamId, data: bytes) -> str:
        """Store a file and return its name; the same bytes again are stored once. Raises `LogUnavailable`."""
        ...


def token(name: str) -> str:
    """A name as one subject token: itself where it is one, else a digest of it."""
    return name if subjects.is_name(name) else f"h-{hashlib.sha256(name.encode()).hexdigest()[:40]}"
