"""Maps: one function over many items, on all runners at once. The log holds the start, bounded progress and the digest; the results lie in SHARDS.

The attempt that coordinates may die at any moment: the next one finds the stored results and offers only what is missing.
While a map runs its attempt keeps its worker's slot. Fault points: `map.mid_tasks` (half of the shards are offered),
`map.before_complete`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from libs.jobs.commands import CompleteMap, FailStep, StartMap
from libs.jobs.events import Failure
from libs.process import faults
from libs.workflow import progress
from libs.workflow.errors import Misuse, NotDeterministic, ResultUnreadable, ShardFailed
from libs.workflow.ports import ShardResult, ShardTask, token
from libs.workflow.registry import shard_of
from libs.workflow.results import described, encode, signature_of
from libs.workflow.shards import ShardContext
from libs.workflow.steps import current_step

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt

__all__ = ["Coordinator", "Watch", "run_map"]

log = structlog.get_logger(__name__)

_REPORT_SECONDS = 1.0
_REOFFER_SECONDS = 5.0
_REOFFER_SECONDS_MAX = 300.0
_SHARDS_MAX = 100_000
_FETCHED_AT_ONCE = 16
_FED_AT_FIRST = 4
_FED_MAX = 64
_WAITING_ENOUGH = 2  # shards in the queue, so that no runner finds it empty before more are offered


async def run_map(attempt: Attempt, name: str, fn: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
    """The results in the order of the items. Raises `ShardFailed` once a shard's policy gives up."""
    coordinator = Coordinator(attempt, name, fn, items)
    if (failure := coordinator.given_up) is not None:
        raise failure
    await attempt.begin()
    try:
        return await _run(coordinator)
    except BaseException:
        await coordinator.abandon()
        raise
    finally:
        attempt.end()


async def _run(coordinator: Coordinator) -> list[Any]:
    await coordinator.start()
    await _gather(coordinator)
    results = [coordinator.found.pop(number) for number in range(coordinator.total)]
    whole = hashlib.sha256()
    for each in results:
        whole.update(each.digest.encode())
    await coordinator.complete(coordinator.total, whole.hexdigest())
    values: list[Any] = []
    for start in range(0, len(results), _FETCHED_AT_ONCE):
        some = results[start : start + _FETCHED_AT_ONCE]
        values += await asyncio.gather(*map(coordinator.value, some))
    return values


async def _gather(coordinator: Coordinator) -> None:
    """Have the missing shards computed, and wait for them."""
    found, total = coordinator.found, coordinator.total
    await coordinator.collect()
    coordinator.check()
    if len(found) == total:
        return
    feed = Feed(coordinator)
    reported_at = time.monotonic()
    async with coordinator.watch() as more:
        while len(found) < total:
            await feed(outstanding=feed.offered - len(found), limit=total)
            if not await more():
                # A runner may have dropped a shard as void just before a retry of the job made it wanted again.
                await coordinator.offer(range(feed.offered))
            coordinator.check()
            if (failed := next(iter(coordinator.failed.values()), None)) is not None:
                await coordinator.fail(failed)
            if time.monotonic() - reported_at >= _REPORT_SECONDS and len(found) < total:
                reported_at = time.monotonic()
                await progress.report(coordinator.attempt, coordinator.name, len(found), total, "", None)


class Coordinator:
    """A map as the attempt that coordinates it sees it: what it has found of the results, and what it can do about the others."""

    def __init__(self, attempt: Attempt, name: str, fn: Callable[..., Any], items: Sequence[Any]) -> None:
        """Raises `Misuse` where this can be no map, before anything is stored."""
        if current_step() is not None:
            raise Misuse(f"the map {name!r} is inside a step; call it in the workflow itself")
        self.shard = shard_of(fn)
        attempt.claim("step", name, described(fn))
        if len(items) > _SHARDS_MAX:
            raise Misuse(f"the map {name!r} has {len(items)} items; at most {_SHARDS_MAX}: give each shard more to do")
        self.attempt = attempt
        self.name = name
        self.total = len(items)
        self.taken: int | None = None  # how many results it was completed with, if it was
        self.left = False  # whether it was completed because no more were wanted
        self.found: dict[int, ShardResult] = {}
        self.failed: dict[int, ShardResult] = {}
        self._items = items
        self._token = token(name)
        self._digest: str | None = None
        self._outdated: dict[int, int] = {}  # shards that failed for an earlier attempt, by that failure's sequence
        self._seen = 0
        self._signature = signature_of(fn, ShardContext)

    @property
    def given_up(self) -> ShardFailed | None:
        """That a shard's policy gave up, where the log says so."""
        job = self.attempt.job
        failure = job.given_up.get(self.name)
        return None if failure is None else ShardFailed(self.name, failure, job.tries.get(self.name, 1))

    async def start(self) -> None:
        """Have the log know of the map. Raises `NotDeterministic` where it knows another under this name."""
        attempt = self.attempt
        known = attempt.job.maps.get(self.name)
        if known is None:
            await attempt.commit(StartMap(attempt=attempt.number, name=self.name, total=self.total))
        elif known.total != self.total:
            message = f"the map {self.name!r} had {known.total} items and now has {self.total}; give it another name"
            raise NotDeterministic(message)
        else:
            self.taken, self.left, self._digest = known.taken, known.left, known.digest

    async def collect(self, limit: int | None = None) -> int:
        """Read results that were stored since the last time, at most `limit`; return how many there were."""
        board, stream = self.attempt.host.shards, self.attempt.stream
        results = await self.attempt.insist(lambda: board.results(stream, self._token, after=self._seen, limit=limit))
        for each in results:
            self._seen = max(self._seen, each.sequence)
            if self.taken is not None and each.number >= self.taken:
                continue  # it came too late to be part of the map
            if each.error is None:
                self.found[each.number] = each
                self.failed.pop(each.number, None)
            elif each.attempt < self.attempt.number and self.name not in self.attempt.job.given_up:
                self._outdated[each.number] = each.sequence  # it failed before a retry or a restart: offered again
            else:
                self.failed[each.number] = each
        return len(results)

    def check(self) -> None:
        """Raise `ResultUnreadable` where the map is complete and its results, all collected by now, are not there."""
        if self.taken is not None and len(self.found) < self.taken:
            message = f"{self.taken - len(self.found)} results of the map {self.name!r} are not stored any more"
            raise ResultUnreadable(message)

    async def offer(self, numbers: Iterable[int]) -> None:
        """Offer those of these shards that have no result to all runners; what is offered already stays offered once."""
        missing = [
            ShardTask(
                map=self.name,
                number=number,
                shard=self.shard.name,
                item=msgspec.Raw(encode(f"item {number} of the map {self.name!r}", self._items[number])),
                attempt=self.attempt.number,
                after=self._outdated.get(number, 0),
            )
            for number in numbers
            if number not in self.found and number not in self.failed
        ]
        half = (len(missing) + 1) // 2
        for part in (missing[:half], missing[half:]):
            if part:
                await self.attempt.insist(partial(self._offer, part))
                await faults.reach("map.mid_tasks")

    async def waiting(self) -> int:
        """How many shards, of any job, no runner has taken yet."""
        return await self.attempt.insist(self.attempt.host.shards.waiting)

    def watch(self) -> Watch:
        """While the block runs, what it gives waits for more results: see `Watch`."""
        return Watch(self, self.attempt.host.shards.watch(self.attempt.stream, self._token))

    async def value(self, result: ShardResult) -> Any:
        """What the shard returned. Raises `ResultUnreadable`."""
        fetched = await self.attempt.insist(lambda: self.attempt.host.shards.fetch(result))
        return self._signature.read(f"shard {result.number} of the map {self.name!r}", fetched.result)

    async def complete(self, taken: int, digest: str, *, left: bool = False) -> None:
        """Have the log know that these results are the map. Raises `NotDeterministic` where it knows of others."""
        if self._digest is None:
            await faults.reach("map.before_complete")
            attempt = self.attempt
            command = CompleteMap(attempt=attempt.number, name=self.name, digest=digest, total=taken, left=left)
            await attempt.commit(command)
        elif self.taken != taken:
            raise NotDeterministic(f"the map {self.name!r} was left after {self.taken} results, and now after {taken}")
        elif self._digest != digest:
            raise NotDeterministic(f"the stored results of the map {self.name!r} are not those it was completed with")

    async def fail(self, result: ShardResult) -> None:
        """Have the log know that this shard's policy gave up, and raise it as `ShardFailed`."""
        error = result.error
        assert error is not None
        message = f"shard {result.number} failed {result.tries} times; the last time: {error.message}"
        failure = Failure(code=error.code, message=message, retryable=error.retryable)
        tries = self.attempt.job.tries.get(self.name, 0) + 1
        await self.attempt.commit(FailStep(attempt=self.attempt.number, name=self.name, tries=tries, error=failure))
        raise ShardFailed(self.name, failure)

    async def abandon(self) -> None:
        """Take back what no runner has taken, where the map came to nothing."""
        if self.attempt.job.status.ended or self.name in self.attempt.job.given_up:
            await self.withdraw()

    async def withdraw(self) -> None:
        """Take back what no runner has taken."""
        try:
            await self.attempt.host.shards.withdraw(self.attempt.stream, self._token)
        except Exception as error:
            # Runners look at the job before they compute, so what is left costs them a look each.
            log.warning("map.not_withdrawn", map=self.name, error=repr(error))

    async def _offer(self, tasks: Sequence[ShardTask]) -> None:
        await self.attempt.host.shards.offer(self.attempt.stream, self._token, tasks)


class Feed:
    """Offers shards about as fast as runners take them: the queue is served in order, and what waits there goes before other jobs' shards.

    How many runners there are nobody needs to know: more is offered at a time whenever they have emptied the queue, less when they have not.
    """

    def __init__(self, coordinator: Coordinator) -> None:
        self._map = coordinator
        self._many = _FED_AT_FIRST
        self.offered = 0  # the first shard that was not offered

    async def __call__(self, *, outstanding: int, limit: int) -> None:
        """Offer the next shards below `limit`, if it is time; `outstanding` of those offered have no result yet."""
        if self.offered >= limit:
            return
        if outstanding > 0:  # else something of this map must be in the queue, however long that is
            waiting = await self._map.waiting()
            if waiting >= _WAITING_ENOUGH:
                self._many = max(1, self._many // 2)
                return
            self._many = min(_FED_MAX, self._many * 2) if not waiting else self._many
        upto = min(limit, self.offered + self._many)
        await self._map.offer(range(self.offered, upto))
        self.offered = upto


class Watch:
    """`async with coordinator.watch() as more`: each `await more()` waits for results and collects them.

    It answers False where none came for so long that what is missing should be offered again.
    """

    def __init__(self, coordinator: Coordinator, watching: Any) -> None:
        self._coordinator = coordinator
        self._watching = watching
        self._patience = _REOFFER_SECONDS
        self._offered_at = time.monotonic()

    async def __aenter__(self) -> Watch:
        self._stored: asyncio.Event = await self._watching.__aenter__()
        # What was stored before the watch began is announced to nobody.
        self._stored.set()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._watching.__aexit__(*error)

    async def __call__(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._coordinator.attempt.host.limits.map_poll_seconds):
                await self._stored.wait()
        self._stored.clear()
        now = time.monotonic()
        if await self._coordinator.collect():
            self._offered_at = now
        elif now - self._offered_at > self._patience:
            self._offered_at = now
            self._patience = min(self._patience * 2, _REOFFER_SECONDS_MAX)
            return False
        return True
