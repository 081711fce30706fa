from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from typing import overload

import msgspec
import pytest

from libs.jobs.commands import SendSignal
from libs.jobs.events import JobCompleted, MapCompleted, MapStarted, StepRecorded
from libs.workflow import JobContext, Retry, ShardContext, ShardFailed, shard
from libs.workflow.testing import Workbench

runs: Counter[int] = Counter()
broken: set[int] = set()


class Numbers(Sequence[int]):
    """0 to `total` - 1, made when asked for."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.made: list[int] = []

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        assert isinstance(index, int)
        self.made.append(index)
        return index


@shard("stream-test-jumbled", retry=Retry(attempts=1))
async def jumbled(number: int) -> int:
    """Results come in another order than the items."""
    runs[number] += 1
    for _ in range((number * 7) % 11):
        await asyncio.sleep(0)
    if number in broken:
        raise ValueError(f"{number} is broken")
    return number * 10


@pytest.fixture(autouse=True)
def fresh() -> None:
    runs.clear()
    broken.clear()


def maps(history: Sequence[object]) -> list[MapStarted | MapCompleted]:
    return [event for event in history if isinstance(event, MapStarted | MapCompleted)]


async def test_results_come_in_the_order_of_the_items() -> None:
    async def flow(job: JobContext) -> list[int]:
        return [value async for value in job.results("m", jumbled, range(300))]

    job = await Workbench(flow).run()
    assert msgspec.json.decode(job.result) == [number * 10 for number in range(300)]
    assert set(runs.values()) == {1}


async def test_only_a_window_of_the_items_is_made_and_offered_beyond_what_was_taken() -> None:
    items = Numbers(500)
    ahead: list[int] = []

    async def flow(job: JobContext) -> None:
        results = job.results("m", jumbled, items, window=16)
        async for _ in results:
            ahead.append(max(items.made) - results.taken)

    bench = Workbench(flow)
    assert (await bench.run()).status == "done"
    assert sorted(items.made) == list(range(500))
    assert max(ahead) < 16
    assert bench.host.shards.most_offered <= 16


async def test_a_stream_and_a_map_of_the_same_results_have_the_same_digest() -> None:
    async def flow(job: JobContext) -> None:
        await job.map("whole", jumbled, range(50))
        async for _ in job.results("streamed", jumbled, range(50)):
            pass

    bench = Workbench(flow)
    await bench.run()
    first, second = (each for each in await bench.events() if isinstance(each, MapCompleted))
    assert (first.digest, first.total) == (second.digest, second.total)


async def test_leaving_early_completes_the_map_with_what_was_taken_before_anything_else() -> None:
    async def flow(job: JobContext) -> list[int]:
        taken = []
        async for value in job.results("m", jumbled, range(1000)):
            taken.append(value)
            if value == 120:
                break
        await job.step("after", lambda: "x")
        return taken

    bench = Workbench(flow)
    job = await bench.run()
    assert msgspec.json.decode(job.result) == [number * 10 for number in range(13)]
    events = [e for e in await bench.events() if isinstance(e, MapStarted | MapCompleted | StepRecorded)]
    started, completed, step = events
    assert isinstance(started, MapStarted)
    assert isinstance(completed, MapCompleted)
    assert isinstance(step, StepRecorded)
    assert (started.total, completed.total) == (1000, 13)
    assert len(runs) <= 13 + 64


async def test_a_return_inside_the_loop_completes_the_map_before_the_job() -> None:
    async def flow(job: JobContext) -> int:
        async for value in job.results("m", jumbled, range(100)):
            if value == 50:
                return value
        return 0

    bench = Workbench(flow)
    await bench.run()
    completed, done = (e for e in await bench.events() if isinstance(e, MapCompleted | JobCompleted))
    assert isinstance(completed, MapCompleted)
    assert completed.total == 6
    assert isinstance(done, JobCompleted)


async def test_what_was_left_early_ends_there_again_when_run_anew() -> None:
    limits = iter([5, 100])

    async def flow(job: JobContext) -> list[int]:
        limit = next(limits)
        taken: list[int] = []
        async for value in job.results("m", jumbled, range(200)):
            taken.append(value)
            if len(taken) == limit:
                break
        await job.sleep("nap", 10)
        return taken

    job = await Workbench(flow).run()
    assert msgspec.json.decode(job.result) == [0, 10, 20, 30, 40]


async def test_leaving_even_earlier_when_run_anew_is_an_error() -> None:
    limits = iter([5, 3])

    async def flow(job: JobContext) -> None:
        limit = next(limits)
        async for value in job.results("m", jumbled, range(200)):
            if value == limit * 10:
                break
        await job.sleep("nap", 10)

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "was left after 6 results, and now after 4" in job.error.message


async def test_a_run_broken_off_in_the_loop_gets_the_same_results_and_goes_on() -> None:
    seen: list[list[int]] = []

    async def flow(job: JobContext) -> int:
        taken: list[int] = []
        seen.append(taken)
        async for value in job.results("m", jumbled, range(400), window=8):
            taken.append(value)
            if value == 2000:
                await job.sleep("nap", 10)
        return len(taken)

    job = await Workbench(flow).run()
    assert msgspec.json.decode(job.result) == 400
    first, second = seen
    assert second[: len(first)] == first
    assert set(runs.values()) == {1}


async def test_an_error_in_the_loop_leaves_the_rest_for_the_retry() -> None:
    failing = [True]

    async def flow(job: JobContext) -> int:
        total = 0
        async with aclosing(job.results("m", jumbled, range(100))) as results:
            async for value in results:
                total += value
                if value == 300 and failing.pop():
                    failing.append(False)
                    raise ValueError("the merge failed")
        return total

    bench = Workbench(flow)
    job = await bench.run()
    assert job.status == "failed"
    assert [type(each) for each in maps(await bench.events())] == [MapStarted]
    await bench.retry()
    assert msgspec.json.decode((await bench.run()).result) == sum(range(100)) * 10
    assert set(runs.values()) == {1}


async def test_a_failed_shard_beyond_where_the_loop_is_left_changes_nothing() -> None:
    broken.add(20)

    async def flow(job: JobContext) -> int:
        results = job.results("m", jumbled, range(100))
        async for _ in results:
            if results.taken == 20:
                await asyncio.sleep(0.01)
                break
        return results.taken

    assert msgspec.json.decode((await Workbench(flow).run()).result) == 20
    assert runs[20] == 1


async def test_a_shard_that_gives_up_is_raised_in_its_turn_and_computed_anew_by_a_retry() -> None:
    broken.add(20)
    counts: list[int] = []

    async def flow(job: JobContext) -> int:
        results = job.results("m", jumbled, range(50))
        try:
            async for _ in results:
                pass
        finally:
            counts.append(results.taken)
        return results.taken

    bench = Workbench(flow)
    job = await bench.run()
    assert job.error is not None
    assert "shard 20 failed" in job.error.message
    broken.clear()
    await bench.retry()
    assert msgspec.json.decode((await bench.run()).result) == 50
    assert counts == [20, 50]
    assert (runs[19], runs[20]) == (1, 2)


async def test_a_caught_failure_comes_at_the_same_place_when_run_anew() -> None:
    broken.add(7)

    async def flow(job: JobContext) -> int:
        taken = 0
        try:
            async for _ in job.results("m", jumbled, range(50)):
                taken += 1
        except ShardFailed:
            await job.sleep("nap", 5)
        return taken

    assert msgspec.json.decode((await Workbench(flow).run()).result) == 7
    assert runs[7] == 1


async def test_results_are_iterated_once() -> None:
    async def flow(job: JobContext) -> None:
        results = job.results("m", jumbled, range(3))
        for _ in range(2):
            async for _ in results:
                pass

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "iterated a second time" in job.error.message


async def test_a_stream_of_nothing_is_complete() -> None:
    async def flow(job: JobContext) -> list[int]:
        return [value async for value in job.results("m", jumbled, [])]

    bench = Workbench(flow)
    assert bytes((await bench.run()).result) == b"[]"
    assert len(maps(await bench.events())) == 2


# -- a signal while it works -------------------------------------------------------------------------------------------


async def test_a_signal_ends_a_stream_at_the_present_prefix_also_when_run_anew() -> None:
    benches: list[Workbench] = []

    async def flow(job: JobContext) -> list[int]:
        stop = await job.listen("stop")
        taken = []
        async for value in job.results("m", jumbled, range(1000), window=4):
            taken.append(value)
            if value == 300 and job.attempt == 1:
                await benches[0].signal("stop")
                while not stop.received:
                    await asyncio.sleep(0)
            if stop.received:
                break
        await job.sleep("nap", 10)
        return taken

    bench = Workbench(flow)
    benches.append(bench)
    job = await bench.run()
    assert msgspec.json.decode(job.result) == [number * 10 for number in range(31)]


async def test_after_a_crash_a_signal_ends_a_stream_no_earlier_than_what_was_stored() -> None:
    crash = [True]

    async def flow(job: JobContext) -> int:
        stop = await job.listen("stop")
        results = job.results("m", jumbled, range(1000), window=4)
        async for value in results:
            if crash and value == 300:
                crash.clear()
                await job.sleep("nap", 10)
            if stop.received:
                break
        return results.taken

    bench = Workbench(flow)
    await bench.run(skip_time=False)
    stored = len(runs)
    await bench.signal("stop")
    await bench.advance(10)
    job = await bench.run()
    assert stored <= msgspec.json.decode(job.result) <= stored + 1


async def test_a_signal_after_the_last_result_does_not_change_how_the_loop_ended_when_run_anew() -> None:
    async def flow(job: JobContext) -> str:
        stop = await job.listen("stop")
        async for _ in job.results("m", jumbled, range(20)):
            if stop.received:
                return "stopped"
        await job.sleep("nap", 10)
        return "whole"

    bench = Workbench(flow)
    await bench.run(skip_time=False)
    await bench.signal("stop")
    await bench.advance(10)
    assert bytes((await bench.run()).result) == b'"whole"'


async def test_a_signal_that_is_listened_for_brings_its_data_and_a_second_is_refused() -> None:
    benches: list[Workbench] = []

    async def flow(job: JobContext) -> list[int] | None:
        adjust = await job.listen("adjust", type=list[int])
        assert (adjust.received, adjust.data) == (False, None)
        await benches[0].signal("adjust", [1, 2])
        while not adjust.received:
            await asyncio.sleep(0)
        [refusal] = await benches[0].send(SendSignal(name="adjust", data=[3]))
        assert refusal.type == "command_refused"
        return adjust.data

    bench = Workbench(flow)
    benches.append(bench)
    assert bytes((await bench.run()).result) == b"[1,2]"


# -- what a shard knows ------------------------------------------------------------------------------------------------


@shard("stream-test-knowing")
def knowing(number: int, context: ShardContext) -> list[object]:
    return [context.kind, context.request["scale"] * number, context.map, context.number, context.cancelled]


gave_up = threading.Event()


@shard("stream-test-long", timeout_seconds=0.05, retry=Retry(attempts=1))
def long(number: int, context: ShardContext) -> int:
    while not context.cancelled:
        pass
    gave_up.set()
    return number


async def test_a_shard_learns_of_its_job() -> None:
    async def flow(job: JobContext) -> list[list[object]]:
        return await job.map("m", knowing, [5, 6])

    job = await Workbench(flow, request={"scale": 3}).run()
    assert msgspec.json.decode(job.result) == [["test", 15, "m", 0, False], ["test", 18, "m", 1, False]]


async def test_a_plain_function_learns_that_its_time_is_up() -> None:
    gave_up.clear()

    async def flow(job: JobContext) -> list[int]:
        return await job.map("m", long, [1])

    job = await Workbench(flow).run()
    assert job.error is not None
    assert job.error.code == "step_timeout"
    assert await asyncio.to_thread(gave_up.wait, 5)
