from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest

from libs.jobs.events import MapCompleted, MapStarted
from libs.workflow import JobContext, Retry, ShardFailed, shard
from libs.workflow.errors import UnknownShard
from libs.workflow.registry import shard_of
from libs.workflow.testing import Workbench

runs: Counter[int] = Counter()


class Hand(msgspec.Struct, frozen=True):
    cards: list[int]


class Score(msgspec.Struct, frozen=True):
    total: int


@shard("test-score")
def score(hand: Hand) -> Score:
    return Score(sum(hand.cards))


@shard("test-count")
async def count(number: int) -> int:
    runs[number] += 1
    return number * 10


@shard("test-odd-fails", retry=Retry(attempts=2, initial_seconds=0))
async def odd_fails(number: int) -> int:
    runs[number] += 1
    if number % 2 and runs[number] <= 2:
        raise ValueError(f"{number} is odd")
    return number


@pytest.fixture(autouse=True)
def fresh() -> None:
    runs.clear()


async def test_a_map_returns_typed_results_in_the_order_of_its_items() -> None:
    seen: list[Score] = []

    async def flow(job: JobContext) -> None:
        seen.extend(await job.map("scores", score, [Hand([n, n]) for n in range(20)]))

    assert (await Workbench(flow).run()).status == "done"
    assert seen == [Score(2 * n) for n in range(20)]


async def test_a_map_of_nothing_is_complete() -> None:
    async def flow(job: JobContext) -> list[int]:
        return await job.map("none", count, [])

    assert bytes((await Workbench(flow).run()).result) == b"[]"


async def test_the_log_holds_only_start_and_digest() -> None:
    async def flow(job: JobContext) -> None:
        await job.map("m", count, range(50))

    bench = Workbench(flow)
    await bench.run()
    started, completed = (e for e in await bench.events() if isinstance(e, MapStarted | MapCompleted))
    assert isinstance(started, MapStarted)
    assert isinstance(completed, MapCompleted)
    assert (started.total, completed.total, len(completed.digest)) == (50, 50, 64)


async def test_a_restarted_coordinator_computes_only_what_is_missing() -> None:
    async def flow(job: JobContext) -> list[int]:
        values = await job.map("m", count, range(10))
        await job.sleep("nap", 10)
        return values

    bench = Workbench(flow)
    job = await bench.run()
    assert msgspec.json.decode(job.result) == [n * 10 for n in range(10)]
    assert set(runs.values()) == {1}


async def test_a_shard_that_gives_up_fails_the_map_and_a_retry_computes_it_anew() -> None:
    async def flow(job: JobContext) -> list[int]:
        return await job.map("m", odd_fails, range(4))

    bench = Workbench(flow)
    job = await bench.run()
    assert job.error is not None
    assert "is odd" in job.error.message
    assert job.failed_step == "m"
    while job.status != "done":
        await bench.retry()
        job = await bench.run()
    assert msgspec.json.decode(job.result) == [0, 1, 2, 3]
    assert (runs[0], runs[2]) == (1, 1)


async def test_a_caught_shard_failure_is_remembered() -> None:
    async def flow(job: JobContext) -> str:
        try:
            await job.map("m", odd_fails, [1])
        except ShardFailed as error:
            message = error.failure.message
        await job.sleep("nap", 5)
        return message

    job = await Workbench(flow).run()
    assert b"shard 0 failed 2 times" in bytes(job.result)
    assert runs[1] == 2


async def test_another_number_of_items_under_the_same_name_is_an_error() -> None:
    sizes = iter([3, 4])

    async def flow(job: JobContext) -> None:
        await job.map("m", count, range(next(sizes)))
        await job.sleep("nap", 5)

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "had 3 items and now has 4" in job.error.message


async def test_only_registered_functions_may_be_called() -> None:
    async def stranger(number: int) -> int:
        return number

    with pytest.raises(UnknownShard):
        shard_of(stranger)


async def test_a_shard_that_is_given_the_wrong_item_says_so() -> None:
    async def flow(job: JobContext) -> None:
        await job.map("m", score, ["no hand"])

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "not what the function takes" in job.error.message


async def test_a_map_beside_a_wait_keeps_the_worker_until_it_is_done() -> None:
    async def flow(job: JobContext) -> list[object]:
        return await asyncio.gather(job.map("m", count, range(5)), job.wait_for("go"))

    bench = Workbench(flow)
    await bench.run()
    assert (await bench.job()).maps["m"].digest is not None
    await bench.signal("go", "now")
    assert (await bench.run()).status == "done"
