"""Computing one shard: its tries, its policy, its result as it will be stored."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import random
import threading
import time
import typing
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from libs.jobs.events import Failure
from libs.workflow import metrics
from libs.workflow.errors import Misuse, ShardCancelled, StepTimedOut, describe
from libs.workflow.ports import ShardResult, ShardTask
from libs.workflow.registry import Shard
from libs.workflow.results import described, signature_of

if TYPE_CHECKING:
    from libs.jobs.state import Job

__all__ = ["ShardContext", "compute", "failed"]

log = structlog.get_logger(__name__)


class ShardContext:
    """What a shard may know of its job, for a function with a second parameter of this type."""

    __slots__ = ("_over", "job_id", "kind", "map", "number", "owner", "request")

    def __init__(self, task: ShardTask, job: Job) -> None:
        self.job_id: UUID = job.stream.id
        self.owner: UUID = job.stream.owner
        self.kind = job.kind
        self.request: Any = job.request  # shared by the shards that run here: read it, change nothing
        self.map = task.map
        self.number = task.number
        self._over = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more: the job or the map ended, the shard's time is up, or its runner stops.

        Nothing can stop a thread from outside: a plain function that computes for long asks this now and then, and returns.
        """
        return self._over.is_set()

    def check(self) -> None:
        """Raise `ShardCancelled` where the shard is `cancelled`."""
        if self.cancelled:
            raise ShardCancelled

    def give_up(self) -> None:
        """From now on the shard is `cancelled`. Safe from any thread."""
        self._over.set()


async def compute(
    task: ShardTask,
    shard: Shard,
    job: Job,
    *,
    worker: str,
    threads: Executor | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> ShardResult:
    """Try the shard as its policy says, and return what became of it; only a cancellation is raised."""
    tries = 0
    while True:
        tries += 1
        started = time.monotonic()
        try:
            raw = await _try(task, shard, job, threads)
        except Exception as error:
            code, message, retryable = describe(error)
            seconds = shard.retry.delay_seconds(error, tries, random.random())  # noqa: S311
            log.warning("shard.failed", shard=shard.name, number=task.number, tries=tries, code=code, error=message)
            if seconds is None:
                failure = Failure(code=code, message=message, retryable=retryable)
                return failed(task, failure, worker=worker, tries=tries)
            metrics.shards.labels("retried").inc()
            await pause(seconds)
        else:
            return ShardResult(
                number=task.number,
                attempt=task.attempt,
                worker=worker,
                tries=tries,
                duration_seconds=round(time.monotonic() - started, 6),
                result=msgspec.Raw(raw),
                digest=hashlib.sha256(raw).hexdigest(),
            )


def failed(task: ShardTask, error: Failure, *, worker: str, tries: int) -> ShardResult:
    """The result of a shard that no further try can help."""
    return ShardResult(number=task.number, attempt=task.attempt, worker=worker, tries=tries, error=error)


async def _try(task: ShardTask, shard: Shard, job: Job, threads: Executor | None) -> bytes:
    what = f"the shard {shard.name!r}"
    signature = signature_of(shard.fn, ShardContext)
    try:
        item = msgspec.json.decode(task.item, type=_item_type(shard.fn))
    except msgspec.DecodeError as error:
        raise Misuse(f"an item of {what} is not what the function takes: {error}") from None
    context = ShardContext(task, job)
    named = {} if signature.context_parameter is None else {signature.context_parameter: context}
    call = functools.partial(shard.fn, item, **named)
    try:
        async with asyncio.timeout(shard.timeout_seconds) as scope:
            if signature.is_async:
                value = await call()
            else:
                value = await asyncio.get_running_loop().run_in_executor(threads, call)
    except TimeoutError:
        if scope.expired():
            raise StepTimedOut(f"It took longer than the {shard.timeout_seconds:g} seconds allowed") from None
        raise
    finally:
        context.give_up()
    raw, _ = signature.store(what, value)
    return raw


@functools.lru_cache(maxsize=256)
def _item_type(fn: Callable[..., Any]) -> Any:
    """What the function's first parameter is annotated as."""
    first = next(iter(inspect.signature(fn).parameters), None)
    if first is None:
        raise Misuse(f"{described(fn)} takes no item")
    return typing.get_type_hints(fn, include_extras=True).get(first, Any)
