"""Runner processes killed, paused and crashed at named points: no stored step is repeated, and every job ends well."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from libs.jobs.events import JobStarted, MapCompleted, StepRecorded
from libs.jobs.state import Job, Status
from tests.services.runner.conftest import Desk
from tests.services.workers import Replica, StartReplica

pytestmark = pytest.mark.faults

Lines = Callable[[], list[str]]


async def assert_each_step_once(desk: Desk, job: Job) -> None:
    history = await desk.history(job.stream)
    names = [each.event.name for each in history if isinstance(each.event, StepRecorded)]
    assert len(names) == len(set(names))
    assert [each.version for each in history] == list(range(1, len(history) + 1))


def holder(job: Job, replicas: list[Replica]) -> Replica:
    assert job.attempt is not None
    return next(each for each in replicas if each.worker == job.attempt.worker)


async def test_a_runner_killed_in_the_middle_of_a_step_is_replaced(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    replicas = [await start().ready(), await start().ready()]
    stream = await desk.create("slow", request=0.5)
    job = await desk.until(stream, lambda job: "a" in job.steps and "begin b" in lines())
    holder(job, replicas).child.send(signal.SIGKILL)
    job = await desk.done(stream)
    await assert_each_step_once(desk, job)
    assert lines().count("begin a") == 1
    assert job.attempts == 2


@pytest.mark.parametrize(
    "point",
    [
        "append.before",
        "append.before_ack",
        "attempt.before_start",
        "attempt.after_start",
        "attempt.before_end",
        "step.before_call",
        "step.before_record",
        "step.after_record",
        "subscription.before_ack",
    ],
)
async def test_a_kill_at_a_named_point_loses_nothing(desk: Desk, start: StartReplica, lines: Lines, point: str) -> None:
    doomed = await start(FAULT_POINTS=f"{point}=kill@1").ready()
    stream = await desk.create("test")
    async with asyncio.timeout(20):
        while doomed.child.exit_status() is None:
            await asyncio.sleep(0.02)
    stored = {each.event.name for each in await desk.history(stream) if isinstance(each.event, StepRecorded)}
    before = Counter(lines())
    await start().ready()
    job = await desk.done(stream)
    await assert_each_step_once(desk, job)
    assert all(lines().count(f"begin {name}") == before[f"begin {name}"] for name in stored)


@pytest.mark.parametrize("point", ["timer.between_event_and_schedule", "append.before_ack"])
async def test_a_kill_while_a_timer_is_set_does_not_lose_it(desk: Desk, start: StartReplica, point: str) -> None:
    at = 1 if point.startswith("timer") else 3
    doomed = await start(FAULT_POINTS=f"{point}=kill@{at}").ready()
    stream = await desk.create("waits")
    async with asyncio.timeout(20):
        while doomed.child.exit_status() is None:
            await asyncio.sleep(0.02)
    await start().ready()
    await desk.until(stream, lambda job: job.waits == ("approval/go",))


async def test_a_paused_runner_that_wakes_after_its_lease_writes_nothing(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    replicas = [await start().ready(), await start().ready()]
    stream = await desk.create("slow", request=1.0)
    job = await desk.until(stream, lambda _: "begin a" in lines())
    job = await desk.until(stream, lambda job: job.attempt is not None)
    paused = holder(job, replicas)
    paused.child.send(signal.SIGSTOP)
    await desk.until(stream, lambda job: job.attempts == 2)
    paused.child.send(signal.SIGCONT)
    job = await desk.done(stream)
    await assert_each_step_once(desk, job)
    recorded = [each.event for each in await desk.history(stream) if isinstance(each.event, StepRecorded)]
    assert {event.attempt for event in recorded} == {2}
    assert lines().count("begin b") == 1  # the one that woke did not begin another step
    # ... and its late acknowledgement took no message from anybody: the runner that was paused works on.
    another = await desk.create("test")
    await desk.done(another)


async def test_a_runner_asked_to_stop_hands_its_jobs_over(desk: Desk, start: StartReplica, lines: Lines) -> None:
    replicas = [await start().ready(), await start().ready()]
    stream = await desk.create("slow", request=0.7)
    job = await desk.until(stream, lambda job: job.attempt is not None and "begin a" in lines())
    stopping = holder(job, replicas)
    stopping.child.send(signal.SIGTERM)
    job = await desk.done(stream)
    assert Counter(lines()) == {f"{what} {name}": 1 for what in ("begin", "end") for name in "abc"}
    async with asyncio.timeout(15):
        while (status := stopping.child.exit_status()) is None:
            await asyncio.sleep(0.05)
    assert status == 0


async def test_shards_come_from_two_runners_and_survive_the_death_of_either(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    slow = {"SHARD_SECONDS": "0.1", "SHARD_SLOTS": "2"}
    replicas = [await start(**slow).ready(), await start(**slow).ready()]
    stream = await desk.create("map", request=60)
    job = await desk.until(stream, lambda job: job.attempt is not None and len(lines()) > 20)
    assert len({line.split()[2] for line in lines()}) == 2
    coordinator = holder(job, replicas)
    other = next(each for each in replicas if each is not coordinator)
    other.child.send(signal.SIGKILL)
    await start(**slow).ready()
    await desk.until(stream, lambda _: len(lines()) > 40)
    coordinator.child.send(signal.SIGKILL)
    job = await desk.done(stream)
    assert msgspec.json.decode(job.result) == sum(n * n for n in range(60))
    computed = Counter(int(line.split()[1]) for line in lines())
    assert set(computed) == set(range(60))
    assert sum(computed.values()) <= 60 + 8  # only what was under way when a runner died is computed again


@pytest.mark.parametrize("point", ["map.mid_tasks", "map.before_complete", "shard.before_result", "shard.after_result"])
async def test_a_kill_in_a_map_changes_no_result(desk: Desk, start: StartReplica, point: str) -> None:
    doomed = await start(FAULT_POINTS=f"{point}=kill@1").ready()
    stream = await desk.create("map", request=20)
    async with asyncio.timeout(20):
        while doomed.child.exit_status() is None:
            await asyncio.sleep(0.02)
    await start().ready()
    job = await desk.done(stream)
    assert msgspec.json.decode(job.result) == sum(n * n for n in range(20))
    assert len([e for e in await desk.history(stream) if isinstance(e.event, MapCompleted)]) == 1


@pytest.mark.parametrize("enough", [25, 60])
@pytest.mark.parametrize(
    "point", ["map.mid_tasks@3", "map.before_complete@1", "step.before_call@1", "shard.before_result@9"]
)
async def test_a_kill_in_a_stream_changes_no_result(
    desk: Desk, start: StartReplica, lines: Lines, point: str, enough: int
) -> None:
    name, _, at = point.partition("@")
    doomed = await start(FAULT_POINTS=f"{name}=kill@{at}").ready()
    stream = await desk.create("stream", request=[60, enough])
    async with asyncio.timeout(20):
        while doomed.child.exit_status() is None:
            await asyncio.sleep(0.02)
    await start().ready()
    job = await desk.done(stream)
    assert msgspec.json.decode(job.result) == [n * n for n in range(enough)]
    assert job.maps["squares"].taken == enough
    assert len([e for e in await desk.history(stream) if isinstance(e.event, MapCompleted)]) == 1
    computed = Counter(int(line.split()[1]) for line in lines() if line.startswith("shard"))
    assert set(range(enough)) <= set(computed)
    assert len(computed) <= enough + 8


async def test_a_stream_comes_from_two_runners_and_survives_the_death_of_either(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    slow = {"SHARD_SECONDS": "0.05", "SHARD_SLOTS": "2"}
    replicas = [await start(**slow).ready(), await start(**slow).ready()]
    stream = await desk.create("stream", request=[80, 80])
    job = await desk.until(stream, lambda job: job.attempt is not None and len(lines()) > 20)
    assert len({line.split()[2] for line in lines()}) == 2
    coordinator = holder(job, replicas)
    coordinator.child.send(signal.SIGKILL)
    await start(**slow).ready()
    await desk.until(stream, lambda _: len(lines()) > 50)
    next(each for each in replicas if each is not coordinator).child.send(signal.SIGKILL)
    job = await desk.done(stream)
    assert msgspec.json.decode(job.result) == [n * n for n in range(80)]


async def test_a_shard_that_fails_fails_the_job_with_its_reason(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    stream = await desk.create("mixed", request="broken")
    job = await desk.until(stream, lambda job: job.status is Status.FAILED)
    assert job.error is not None
    assert "is broken" in job.error.message
    await desk.retry(stream)
    job = await desk.until(stream, lambda job: job.status is Status.FAILED and job.attempts == 2)


async def test_large_results_of_shards_travel_as_objects(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    job = await desk.done(await desk.create("mixed", request="big"))
    assert msgspec.json.decode(job.result) == [100_000] * 3


async def test_cancelling_a_map_withdraws_its_shards(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start(SHARD_SECONDS="0.2", SHARD_SLOTS="1").ready()
    stream = await desk.create("map", request=200)
    await desk.until(stream, lambda _: len(lines()) >= 2)
    await desk.cancel(stream)
    await desk.until(stream, lambda job: job.status is Status.CANCELLED)
    async with asyncio.timeout(10):
        while (await desk.client.jetstream().stream_info("TASKS")).state.messages:
            await asyncio.sleep(0.05)
    assert len(lines()) < 20


async def test_nats_killed_in_the_middle_of_a_step_loses_nothing(
    desk: Desk, start: StartReplica, lines: Lines, fresh_nats: object
) -> None:
    await start().ready()
    stream = await desk.create("slow", request=0.5)
    await desk.until(stream, lambda job: "a" in job.steps and "begin b" in lines())
    fresh_nats.kill()  # type: ignore[attr-defined]
    await asyncio.to_thread(fresh_nats.start)  # type: ignore[attr-defined]
    await desk.client.flush(timeout=10)
    job = await desk.done(stream)
    await assert_each_step_once(desk, job)
    assert lines().count("begin a") == 1


@pytest.mark.parametrize(("kind", "request_"), [("stream", [120, 110]), ("family", [list(range(24)), 6, 0.05])])
async def test_nats_killed_in_a_stream_or_among_children_loses_nothing(
    desk: Desk, start: StartReplica, lines: Lines, fresh_nats: object, kind: str, request_: object
) -> None:
    await start(SHARD_SECONDS="0.02", SHARD_SLOTS="2").ready()
    stream = await desk.create(kind, request=request_)
    await desk.until(stream, lambda _: len(lines()) > 15)
    fresh_nats.kill()  # type: ignore[attr-defined]
    await asyncio.to_thread(fresh_nats.start)  # type: ignore[attr-defined]
    await desk.client.flush(timeout=10)
    job = await desk.done(stream, seconds=60)
    assert msgspec.json.decode(job.result) == [n * n for n in range(110 if kind == "stream" else 24)]


async def test_a_paused_coordinator_of_a_stream_that_wakes_changes_nothing(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    replicas = [await start(SHARD_SECONDS="0.05").ready(), await start(SHARD_SECONDS="0.05").ready()]
    stream = await desk.create("stream", request=[100, 90])
    job = await desk.until(stream, lambda job: job.attempt is not None and len(lines()) > 10)
    paused = holder(job, replicas)
    paused.child.send(signal.SIGSTOP)
    await desk.until(stream, lambda job: job.attempts == 2)
    paused.child.send(signal.SIGCONT)
    job = await desk.done(stream, seconds=60)
    assert msgspec.json.decode(job.result) == [n * n for n in range(90)]
    completed = [each.event for each in await desk.history(stream) if isinstance(each.event, MapCompleted)]
    assert [(event.attempt, event.total, event.left) for event in completed] == [(2, 90, True)]


async def test_a_silent_crash_loop_ends_with_a_reason(desk: Desk, start: StartReplica) -> None:
    stream = await desk.create("test")
    for _ in range(3):
        doomed = await start(FAULT_POINTS="attempt.after_start=kill@1", ATTEMPT_STALLS_MAX="3").ready()
        async with asyncio.timeout(20):
            while doomed.child.exit_status() is None:
                await asyncio.sleep(0.02)
    await start(ATTEMPT_STALLS_MAX="3").ready()
    job = await desk.until(stream, lambda job: job.status is Status.FAILED)
    assert job.error is not None
    assert job.error.code == "no_progress"
    assert len([e for e in await desk.history(stream) if isinstance(e.event, JobStarted)]) == 3


async def test_many_jobs_survive_runners_killed_at_random(desk: Desk, start: StartReplica, lines: Lines) -> None:
    replicas = [await start().ready(), await start().ready()]
    streams = [await desk.create("slow", request=0.05) for _ in range(60)]
    seen: Counter[str] = Counter()
    for round_number in range(3):
        await desk.until(streams[0], lambda _, n=round_number: len(lines()) > 60 * n)
        replicas.pop(0).child.send(signal.SIGKILL)
        replicas.append(await start().ready())
    for stream in streams:
        job = await desk.done(stream, seconds=60)
        await assert_each_step_once(desk, job)
        seen[str(job.attempts)] += 1
    assert seen["1"] < 60  # some were really cut off
