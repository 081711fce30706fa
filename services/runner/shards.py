"""Shards from any runner's maps, computed here. The first stored result of a shard wins; a second is dropped.

Fault points: `shard.before_result` (computed, not stored), `shard.after_result` (stored, not acknowledged).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import msgspec
import structlog

from libs.events import subjects, wire
from libs.events.errors import LogUnavailable
from libs.events.objects import Objects
from libs.events.subscription import Delivery, Done, Later, Outcome, Refused
from libs.jobs.events import Failure
from libs.process import faults
from libs.workflow import metrics
from libs.workflow.ports import ShardResult, ShardTask, token
from libs.workflow.registry import shard_named
from libs.workflow.shards import compute, failed

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from libs.events.subjects import StreamId
    from libs.jobs.repository import Jobs

__all__ = ["Shards"]

log = structlog.get_logger(__name__)

_INLINE_BYTES_MAX = 64 * 1024
_TIMEOUT_SECONDS = 5.0
_WRONG_LAST_SEQUENCE = (10071, 10164)
_CRASHES_MAX = 5  # deliveries without a word: the shard kills its worker
_UNKNOWN_DELIVERIES_MAX = 20
_UNKNOWN_DELAY_SECONDS_MAX = 10.0


class Shards:
    """Handles deliveries from TASKS. Crashes of workers are counted by deliveries, failures by the shard's own policy."""

    def __init__(self, client: Client, jobs: Jobs, worker: str, threads: Executor) -> None:
        self._nats = client
        self._jobs = jobs
        self._worker = worker
        self._threads = threads
        self._objects = Objects(client)
        self._computing: defaultdict[StreamId, set[asyncio.Task[ShardResult]]] = defaultdict(set)

    async def __call__(self, delivery: Delivery) -> Outcome:
        stream = delivery.subject.stream
        try:
            task = msgspec.json.decode(delivery.message.data, type=ShardTask)
        except msgspec.DecodeError as error:
            return Refused(f"not a shard: {error}")
        if await self._is_void(stream, task):
            metrics.shards.labels("dropped").inc()
            return Done()
        shard = shard_named(task.shard)
        if shard is None and delivery.deliveries <= _UNKNOWN_DELIVERIES_MAX:
            log.warning("shard.unknown", shard=task.shard)  # a runner that has it may be on its way
            return Later(min(2.0 ** (delivery.deliveries - 2), _UNKNOWN_DELAY_SECONDS_MAX))
        if shard is None:
            message = f"no runner has a shard named {task.shard!r}"
            result = failed(task, Failure(code="unknown_shard", message=message), worker=self._worker, tries=1)
        elif delivery.deliveries > _CRASHES_MAX:
            message = f"its worker died or gave it back {delivery.deliveries - 1} times"
            result = failed(task, Failure(code="shard_crashed", message=message), worker=self._worker, tries=1)
        else:
            work = asyncio.create_task(compute(task, shard, worker=self._worker, threads=self._threads))
            self._computing[stream].add(work)
            try:
                result = await work
            except asyncio.CancelledError:
                if work.cancelled() and not _cancelling():
                    metrics.shards.labels("dropped").inc()
                    return Done()  # the job ended meanwhile
                work.cancel()
                raise
            finally:
                self._computing[stream].discard(work)
                if not self._computing[stream]:
                    del self._computing[stream]
        await faults.reach("shard.before_result")
        await self._store(stream, task, result)
        await faults.reach("shard.after_result")
        return Done()

    async def listen(self, client: Client) -> None:
        """Stop computing for a job when it ends, from now on."""
        for name in ("job_cancelled", "job_failed"):
            await client.subscribe(f"live.*.*.{name}", cb=self._ended)

    async def _ended(self, message: Msg) -> None:
        for work in tuple(self._computing.get(subjects.parse(message.subject).stream, ())):
            work.cancel()

    async def _is_void(self, stream: StreamId, task: ShardTask) -> bool:
        """Whether nobody wants the result any more: the job or the map is over, or a result is there."""
        job, _ = await self._jobs.load(stream)
        if job is None or job.status.ended:
            return True
        known = job.maps.get(task.map)
        if known is None or known.digest is not None or task.map in job.given_up:
            return True
        last = await wire.last_of(self._nats, "SHARDS", subjects.shard(stream, token(task.map), task.number))
        return last is not None and last[1] != task.after

    async def _store(self, stream: StreamId, task: ShardTask, result: ShardResult) -> None:
        started = time.monotonic()
        if len(result.result) > _INLINE_BYTES_MAX:
            name = await self._objects.put(stream, bytes(result.result))
            result = msgspec.structs.replace(result, object=name, result=msgspec.Raw(b"null"))
        headers = {"Nats-Expected-Last-Subject-Sequence": str(task.after)}
        subject = subjects.shard(stream, token(task.map), task.number)
        try:
            await wire.publish(self._nats, subject, msgspec.json.encode(result), headers, timeout=_TIMEOUT_SECONDS)
        except wire.ApiError as error:
            if error.err_code not in _WRONG_LAST_SEQUENCE:
                raise LogUnavailable(f"storing a shard's result: {error}") from error
            metrics.shards.labels("repeated").inc()
            log.info("shard.repeated", number=task.number)
            return
        metrics.shards.labels("stored" if result.error is None else "failed").inc()
        log.debug("shard.stored", number=task.number, seconds=round(time.monotonic() - started, 4))


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())
