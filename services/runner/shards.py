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
    from libs.jobs.state import Job

__all__ = ["Shards"]

log = structlog.get_logger(__name__)

_INLINE_BYTES_MAX = 64 * 1024
_TIMEOUT_SECONDS = 5.0
_WRONG_LAST_SEQUENCE = (10071, 10164)
_CRASHES_MAX = 5  # deliveries without a word: the shard kills its worker
_UNKNOWN_DELIVERIES_MAX = 20
_UNKNOWN_DELAY_SECONDS_MAX = 10.0


class _MapOver(msgspec.Struct):
    name: str


class Shards:
    """Handles deliveries from TASKS. Crashes of workers are counted by deliveries, failures by the shard's own policy."""

    def __init__(self, client: Client, jobs: Jobs, worker: str, threads: Executor) -> None:
        self._nats = client
        self._jobs = jobs
        self._worker = worker
        self._threads = threads
        self._objects = Objects(client)
        self._computing: defaultdict[StreamId, dict[asyncio.Task[ShardResult], str]] = defaultdict(dict)  # their maps

    async def __call__(self, delivery: Delivery) -> Outcome:
        stream = delivery.subject.stream
        try:
            task = msgspec.json.decode(delivery.message.data, type=ShardTask)
        except msgspec.DecodeError as error:
            return Refused(f"not a shard: {error}")
        job = await self._wanted(stream, task)
        if job is None:
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
            work = asyncio.create_task(compute(task, shard, job, worker=self._worker, threads=self._threads))
            self._computing[stream][work] = task.map
            try:
                result = await work
            except asyncio.CancelledError:
                if work.cancelled() and not _cancelling():
                    metrics.shards.labels("dropped").inc()
                    return Done()  # the job or the map ended meanwhile
                work.cancel()
                raise
            finally:
                self._computing[stream].pop(work)
                if not self._computing[stream]:
                    del self._computing[stream]
        await faults.reach("shard.before_result")
        await self._store(stream, task, result)
        await faults.reach("shard.after_result")
        return Done()

    async def listen(self, client: Client) -> None:
        """Stop computing for a job or a map when it ends, from now on."""
        for name in ("job_cancelled", "job_completed", "job_failed", "map_completed"):
            await client.subscribe(f"live.*.*.{name}", cb=self._ended)

    async def _ended(self, message: Msg) -> None:
        subject = subjects.parse(message.subject)
        computing = self._computing.get(subject.stream)
        if computing is None:
            return
        over = msgspec.json.decode(message.data, type=_MapOver).name if subject.name == "map_completed" else None
        for work, name in tuple(computing.items()):
            if over is None or name == over:
                work.cancel()

    async def _wanted(self, stream: StreamId, task: ShardTask) -> Job | None:
        """The job, or None where nobody wants the result any more: the job or the map is over, or a result is there."""
        job, _ = await self._jobs.load(stream)
        if job is None or job.status.ended:
            return None
        known = job.maps.get(task.map)
        if known is None or known.digest is not None or task.map in job.given_up:
            return None
        last = await wire.last_of(self._nats, "SHARDS", subjects.shard(stream, token(task.map), task.number))
        return job if last is None or last[1] == task.after else None

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
