"""The attempt's world on NATS: deltas, schedules, files, and shards for all runners."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import nats.errors

from libs.events import subjects, wire
from libs.events.errors import LogUnavailable
from libs.events.objects import Objects
from libs.events.subjects import StreamId
from libs.events.subscription import pending_of
from libs.process.clock import Clock
from libs.workflow.ports import Delta, Limits, ShardResult, ShardTask, token

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

__all__ = ["NatsHost", "NatsShards"]

_TIMEOUT_SECONDS = 5.0
_OFFERS_AT_ONCE = 256
_DUE_KEPT_FOR = "168h"  # a due timer that no runner heard of in a week is a hint's business
_WRONG_LAST_SEQUENCE = (10071, 10164)
_EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"
_result = msgspec.json.Decoder(ShardResult)


class NatsHost:
    """A `libs.workflow.ports.Host`."""

    def __init__(self, client: Client, clock: Clock, limits: Limits) -> None:
        self.clock = clock
        self.limits = limits
        self.shards = NatsShards(client)
        self._nats = client
        self._objects = Objects(client)

    def random(self) -> float:
        return random.random()  # noqa: S311

    async def send_delta(self, stream: StreamId, delta: Delta) -> None:
        with suppress(nats.errors.Error, OSError):  # nobody can watch it now; the stored step will tell
            await self._nats.publish(subjects.delta(stream), msgspec.json.encode(delta))

    async def schedule(self, stream: StreamId, timer: str, due: datetime) -> None:
        """One schedule is pending per subject, so the same again replaces itself."""
        name = token(timer)
        headers = {
            "Nats-Schedule": f"@at {due.astimezone(UTC).isoformat(timespec='microseconds').replace('+00:00', 'Z')}",
            "Nats-Schedule-Target": subjects.timer_due(stream, name),
            "Nats-Schedule-TTL": _DUE_KEPT_FOR,
        }
        payload = msgspec.json.encode({"timer": timer, "due": due})
        try:
            await wire.publish(self._nats, subjects.timer_set(stream, name), payload, headers, timeout=_TIMEOUT_SECONDS)
        except wire.ApiError as error:
            raise LogUnavailable(f"scheduling the timer {timer!r}: {error}") from error

    async def store_object(self, stream: StreamId, data: bytes) -> str:
        return await self._objects.put(stream, data)


class NatsShards:
    """A `libs.workflow.ports.ShardBoard`: offers lie in TASKS, results in SHARDS, each under a subject of its own."""

    def __init__(self, client: Client) -> None:
        self._nats = client
        self._objects = Objects(client)

    async def offer(self, stream: StreamId, map_token: str, tasks: Sequence[ShardTask]) -> None:
        slots = asyncio.Semaphore(_OFFERS_AT_ONCE)

        async def publish(task: ShardTask) -> None:
            # Must not exist: what waits in the queue is not offered again, what was taken and came to nothing is.
            headers = {_EXPECTED_LAST: "0"}
            subject = subjects.task(stream, map_token, task.number)
            async with slots:
                try:
                    await wire.publish(
                        self._nats, subject, msgspec.json.encode(task), headers, timeout=_TIMEOUT_SECONDS
                    )
                except wire.ApiError as error:
                    if error.err_code not in _WRONG_LAST_SEQUENCE:
                        raise LogUnavailable(f"offering shards: {error}") from error

        for problem in await asyncio.gather(*map(publish, tasks), return_exceptions=True):
            if problem is not None:
                raise problem

    async def waiting(self) -> int:
        return await pending_of(self._nats, "TASKS", "runner")

    async def results(
        self, stream: StreamId, map_token: str, *, after: int, limit: int | None = None
    ) -> Sequence[ShardResult]:
        messages = await wire.read_range(
            self._nats, "SHARDS", subjects.shards_of(stream, map_token), first_sequence=after + 1, limit=limit
        )
        return [
            msgspec.structs.replace(_result.decode(message.data), sequence=message.sequence) for message in messages
        ]

    async def fetch(self, result: ShardResult) -> ShardResult:
        if result.object is None:
            return result
        data = await self._objects.get(result.object)
        return msgspec.structs.replace(result, result=msgspec.Raw(data), object=None)

    @asynccontextmanager
    async def watch(self, stream: StreamId, map_token: str) -> AsyncIterator[asyncio.Event]:
        stored = asyncio.Event()

        async def announced(_message: Msg) -> None:
            stored.set()

        # What the stream says it has stored: on its own subject a result is heard before it can be read.
        subscription = await self._nats.subscribe(subjects.results_of(stream, map_token), cb=announced)
        try:
            yield stored
        finally:
            with suppress(nats.errors.Error, OSError):  # the connection is gone, and the subscription with it
                await subscription.unsubscribe()

    async def withdraw(self, stream: StreamId, map_token: str) -> None:
        request = msgspec.json.encode({"filter": subjects.tasks_of(stream, map_token)})
        try:
            await self._nats.request("$JS.API.STREAM.PURGE.TASKS", request, timeout=_TIMEOUT_SECONDS)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise wire.unavailable("withdrawing shards", error) from error
