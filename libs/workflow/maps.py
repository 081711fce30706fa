"""Maps: one function over many items, on all runners at once. The log holds the start, bounded progress and the digest; the results lie in SHARDS.

The attempt that coordinates may die at any moment: the next one finds the stored results and offers only what is missing.
While a map runs its attempt keeps its worker's slot. Fault points: `map.mid_tasks` (half of the shards are offered),
`map.before_complete`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from libs.jobs.commands import CompleteMap, FailStep, StartMap
from libs.jobs.events import Failure
from libs.process import faults
from libs.workflow import progress
from libs.workflow.errors import Misuse, NotDeterministic, ShardFailed
from libs.workflow.ports import ShardResult, ShardTask, token
from libs.workflow.registry import shard_of
from libs.workflow.results import described, encode, signature_of
from libs.workflow.steps import StepContext, current_step

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt
    from libs.workflow.registry import Shard

__all__ = ["digest_of", "run_map"]

log = structlog.get_logger(__name__)

_REPORT_SECONDS = 1.0
_REOFFER_SECONDS = 5.0
_REOFFER_SECONDS_MAX = 300.0
_SHARDS_MAX = 100_000


async def run_map(attempt: Attempt, name: str, fn: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
    """The results in the order of the items. Raises `ShardFailed` once a shard's policy gives up."""
    if current_step() is not None:
        raise Misuse(f"the map {name!r} is inside a step; call it in the workflow itself")
    shard = shard_of(fn)
    attempt.claim("step", name, described(fn))
    if len(items) > _SHARDS_MAX:
        raise Misuse(f"the map {name!r} has {len(items)} items; at most {_SHARDS_MAX}: give each shard more to do")
    if (failure := attempt.job.given_up.get(name)) is not None:
        raise ShardFailed(name, failure, attempt.job.tries.get(name, 1))
    coordinator = _Coordinator(attempt, name, shard, items)
    await attempt.begin()
    try:
        found = await coordinator.run()
    finally:
        attempt.end()
    signature = signature_of(shard.fn, StepContext)
    return [signature.read(f"shard {each.number} of the map {name!r}", each.result) for each in found]


def digest_of(results: Sequence[ShardResult]) -> str:
    """SHA-256, in hexadecimal, over the results' own digests in order."""
    whole = hashlib.sha256()
    for each in results:
        whole.update(each.digest.encode())
    return whole.hexdigest()


class _Coordinator:
    def __init__(self, attempt: Attempt, name: str, shard: Shard, items: Sequence[Any]) -> None:
        self._attempt = attempt
        self._name = name
        self._token = token(name)
        self._shard = shard
        self._items = items
        self._found: dict[int, ShardResult] = {}
        self._outdated: dict[int, int] = {}  # shards that failed for an earlier attempt, by that failure's sequence
        self._seen = 0
        self._reported_at = time.monotonic()

    async def run(self) -> list[ShardResult]:
        attempt, total = self._attempt, len(self._items)
        known = attempt.job.maps.get(self._name)
        if known is None:
            await attempt.commit(StartMap(attempt=attempt.number, name=self._name, total=total))
        elif known.total != total:
            message = f"the map {self._name!r} had {known.total} items and now has {total}; give it another name"
            raise NotDeterministic(message)
        try:
            await self._collect()
            if len(self._found) < total:
                await self._gather()
        except BaseException:
            if attempt.job.status.ended or self._name in attempt.job.given_up:
                await self._withdraw()
            raise
        results = [self._found[number] for number in range(total)]
        digest = digest_of(results)
        if known is None or known.digest is None:
            await faults.reach("map.before_complete")
            await attempt.commit(CompleteMap(attempt=attempt.number, name=self._name, digest=digest))
        elif known.digest != digest:
            raise NotDeterministic(f"the stored results of the map {self._name!r} are not those it was completed with")
        return results

    async def _gather(self) -> None:
        """Have the missing shards computed, and wait for them."""
        attempt = self._attempt
        async with attempt.host.shards.watch(attempt.stream, self._token) as stored:
            patience = _REOFFER_SECONDS
            await self._offer_missing()
            offered_at = time.monotonic()
            while len(self._found) < len(self._items):
                before = len(self._found)
                with suppress(TimeoutError):
                    async with asyncio.timeout(attempt.host.limits.map_poll_seconds):
                        await stored.wait()
                stored.clear()
                await self._collect()
                await self._report()
                if len(self._found) > before:
                    offered_at = time.monotonic()
                elif time.monotonic() - offered_at > patience:
                    # A runner may have dropped a shard as void just before a retry of the job made it wanted again.
                    await self._offer_missing()
                    offered_at = time.monotonic()
                    patience = min(patience * 2, _REOFFER_SECONDS_MAX)

    async def _offer_missing(self) -> None:
        missing = [
            ShardTask(
                map=self._name,
                number=number,
                shard=self._shard.name,
                item=msgspec.Raw(encode(f"item {number} of the map {self._name!r}", self._items[number])),
                attempt=self._attempt.number,
                after=self._outdated.get(number, 0),
            )
            for number in range(len(self._items))
            if number not in self._found
        ]
        half = (len(missing) + 1) // 2
        for part in (missing[:half], missing[half:]):
            if part:
                await self._attempt.insist(partial(self._offer, part))
                await faults.reach("map.mid_tasks")

    async def _offer(self, tasks: Sequence[ShardTask]) -> None:
        await self._attempt.host.shards.offer(self._attempt.stream, self._token, tasks)

    async def _collect(self) -> None:
        board, stream = self._attempt.host.shards, self._attempt.stream
        for each in await self._attempt.insist(lambda: board.results(stream, self._token, after=self._seen)):
            self._seen = max(self._seen, each.sequence)
            if each.error is None:
                self._found[each.number] = each
            elif each.attempt < self._attempt.number:
                self._outdated[each.number] = each.sequence  # it failed before a retry or a restart: offered again
            else:
                await self._fail(each, each.error)

    async def _fail(self, result: ShardResult, error: Failure) -> None:
        message = f"shard {result.number} failed {result.tries} times; the last time: {error.message}"
        failure = Failure(code=error.code, message=message, retryable=error.retryable)
        tries = self._attempt.job.tries.get(self._name, 0) + 1
        await self._attempt.commit(FailStep(attempt=self._attempt.number, name=self._name, tries=tries, error=failure))
        raise ShardFailed(self._name, failure)

    async def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported_at < _REPORT_SECONDS or len(self._found) == len(self._items):
            return
        self._reported_at = now
        await progress.report(self._attempt, self._name, len(self._found), len(self._items), "", None)

    async def _withdraw(self) -> None:
        try:
            await self._attempt.host.shards.withdraw(self._attempt.stream, self._token)
        except Exception as error:
            # Runners look at the job before they compute, so what is left costs them a look each.
            log.warning("map.not_withdrawn", map=self._name, error=repr(error))
