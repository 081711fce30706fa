"""Jobs on a real runner process: to their end, through waits, cancellation, failures and retries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from libs.jobs.events import AttemptSuspended, JobStarted, StepFailed
from libs.jobs.state import Status
from tests.services.runner.conftest import Desk
from tests.services.workers import StartReplica

Lines = Callable[[], list[str]]


async def test_a_queued_job_is_run_to_its_end(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start().ready()
    job = await desk.done(await desk.create("test"))
    assert msgspec.json.decode(job.result) == ["did a", "did b", "did c"]
    assert lines() == ["begin a", "end a", "begin b", "end b", "begin c", "end c"]


async def test_a_job_waits_for_time_person_and_signal_without_a_worker(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    await start().ready()
    stream = await desk.create("waits")
    await desk.approve(stream, "go", "yes")
    await desk.until(stream, lambda job: job.waits == ("signal/paid",) and job.attempt is None)
    await desk.signal(stream, "paid", 42)
    job = await desk.done(stream)
    assert msgspec.json.decode(job.result) == "yes 42"
    assert lines() == ["begin a", "end a", "begin b", "end b"]
    events = [each.event for each in await desk.history(stream)]
    assert len([event for event in events if isinstance(event, AttemptSuspended)]) == 3


async def test_cancelling_reaches_a_running_step_at_once(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start(CHECK_SECONDS="60").ready()
    stream = await desk.create("forever")
    await desk.until(stream, lambda _: lines() == ["begin endless"])
    await desk.cancel(stream)
    await desk.until(stream, lambda job: job.status is Status.CANCELLED and "tidied" in lines(), seconds=2)


async def test_a_rejection_fails_the_job_and_a_retry_asks_again(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    stream = await desk.create("waits")
    await desk.reject(stream, "go", "not now")
    job = await desk.until(stream, lambda job: job.status is Status.FAILED)
    assert job.error is not None
    assert "not now" in job.error.message
    await desk.retry(stream)
    await desk.approve(stream, "go", "now")
    await desk.until(stream, lambda job: "paid" in job.signals)
    await desk.signal(stream, "paid", 1)
    assert msgspec.json.decode((await desk.done(stream)).result) == "now 1"


async def test_a_long_pause_before_another_try_frees_the_worker(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start(DURABLE_DELAY_SECONDS="0").ready()
    stream = await desk.create("flaky")
    await desk.done(stream)
    events = [each.event for each in await desk.history(stream)]
    assert len([event for event in events if isinstance(event, AttemptSuspended)]) == 2
    assert len([event for event in events if isinstance(event, StepFailed)]) == 2
    assert lines() == ["begin first", "end first", "try 1", "try 2", "try 3"]


async def test_a_result_over_64_kib_is_read_back_whole(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    job = await desk.done(await desk.create("mixed", request="large-step"))
    assert bytes(job.result) == b"300000"


async def test_an_artifact_lies_in_the_object_store(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    job = await desk.done(await desk.create("mixed", request="artifact"))
    (artifact,) = job.artifacts
    bucket = await desk.client.jetstream().object_store("ARTIFACTS")
    stored = await bucket.get(artifact.object)
    assert stored.data == b"hello " * 50_000
    assert stored.info.digest == artifact.digest


async def test_progress_is_bounded(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    job = await desk.done(await desk.create("mixed", request="progress"))
    assert job.progress["progress"].reports <= 101


async def test_a_job_of_a_kind_nobody_knows_fails_in_the_end(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    stream = await desk.create("nonsense")
    for _ in range(3):
        await asyncio.sleep(0)
    job = await desk.until(stream, lambda job: True)
    assert job.status is Status.QUEUED  # an upgraded runner may know it: it is given minutes


async def test_waiting_jobs_leave_the_only_slot_free(desk: Desk, start: StartReplica) -> None:
    await start(SLOTS="1").ready()
    waiting = [await desk.create("waits") for _ in range(40)]
    for stream in waiting:
        await desk.until(stream, lambda job: job.waits == ("approval/go",), seconds=60)
    assert msgspec.json.decode((await desk.done(await desk.create("test"))).result) == ["did a", "did b", "did c"]
    for stream in waiting:
        job = await desk.until(stream, lambda _: True)
        assert job.attempt is None


async def test_a_hint_fires_a_timer_whose_schedule_was_lost(desk: Desk, start: StartReplica) -> None:
    replica = await start(FAULT_POINTS="timer.between_event_and_schedule=hang@1").ready()
    stream = await desk.create("waits")
    await desk.until(stream, lambda job: "nap" in job.timers)
    replica.child.send(9)
    await start().ready()
    await desk.until(stream, lambda job: job.waits == ("approval/go",))


async def test_two_hints_start_one_attempt(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start().ready()
    await start().ready()
    stream = await desk.create("slow", request=0.3)
    for _ in range(5):
        await desk.wake(stream)
    await desk.done(stream)
    events = [each.event for each in await desk.history(stream)]
    assert len([event for event in events if isinstance(event, JobStarted)]) == 1
    assert len(lines()) == 6


async def test_a_workflow_of_ones_own_runs_by_configuration(desk: Desk, start: StartReplica) -> None:
    await start(ORCHESTRATORS="newsletter=examples.newsletter:newsletter").ready()
    request = {"topic": "tennis", "readers": ["ann@example.org"], "pause_seconds": 0.1}
    stream = await desk.create("newsletter", request=request)
    await desk.approve(stream, "send", "yes")
    await desk.until(stream, lambda job: "feedback" in job.signals)
    await desk.signal(stream, "feedback", {"stars": 4})
    job = await desk.done(stream)
    assert job.app is not None
    assert (job.app.spec["stars"], job.app.spec["delivered"]) == (4, 1)


async def test_the_build_orchestrator_is_swapped_by_configuration(desk: Desk, start: StartReplica) -> None:
    await start(ORCHESTRATORS="build=tests.services.runner.flows:test_flow").ready()
    job = await desk.done(await desk.create("build"))
    assert list(job.steps) == ["a", "b", "c"]


async def test_an_orchestrator_that_cannot_be_imported_is_explained(desk: Desk, start: StartReplica) -> None:
    replica = start(ORCHESTRATORS="build=no.such.module:run")
    async with asyncio.timeout(20):
        while replica.child.exit_status() is None:
            await asyncio.sleep(0.02)
    assert replica.child.exit_status() == 2
    assert "ORCHESTRATORS: build=no.such.module:run" in replica.child.tail()


async def test_a_build_job_becomes_an_app_and_streams_its_turns(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    job = await desk.done(await desk.create("build", prompt="## Features\n- book a court"))
    assert list(job.steps) == ["ceo-1", "cto-1", "summary", "prd"]
    assert job.app is not None
    assert {delta["stream"] for delta in desk.deltas} == {f"step-{name}" for name in job.steps}


async def test_a_stream_left_early_leaves_nothing_behind(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start(SHARD_SLOTS="2").ready()
    job = await desk.done(await desk.create("stream", request=[10_000, 30]))
    assert msgspec.json.decode(job.result) == [number * number for number in range(30)]
    assert (job.maps["squares"].total, job.maps["squares"].taken) == (10_000, 30)
    assert len([line for line in lines() if line.startswith("shard")]) <= 30 + 8
    assert (await desk.client.jetstream().stream_info("TASKS")).state.messages == 0


async def test_large_results_of_a_stream_are_fetched_one_by_one(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    job = await desk.done(await desk.create("mixed", request="first-big"))
    assert msgspec.json.decode(job.result) == 100_000
    assert job.maps["big ones"].taken == 1


async def test_a_signal_reaches_a_workflow_at_work_within_a_second(desk: Desk, start: StartReplica) -> None:
    await start(CHECK_SECONDS="60", SHARD_SECONDS="0.05").ready()
    stream = await desk.create("stream", request=[10_000, 10_000])
    await desk.until(stream, lambda job: "squares" in job.maps)
    await desk.signal(stream, "stop")
    await desk.until(stream, lambda job: job.signals["stop"].received)
    job = await desk.until(stream, lambda job: job.maps["squares"].taken is not None, seconds=1)
    job = await desk.done(stream)
    values = msgspec.json.decode(job.result)
    assert values == [number * number for number in range(len(values))]


async def test_a_plain_shard_is_told_when_the_map_is_left(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start(SHARD_SLOTS="2").ready()
    job = await desk.done(await desk.create("mixed", request="long"))
    assert msgspec.json.decode(job.result) == 0
    await desk.until(job.stream, lambda _: "gave up 0" in lines())
    assert "begin long 0 of mixed" in lines()


async def test_a_plain_shard_is_told_when_its_job_is_cancelled(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start(SHARD_SLOTS="1").ready()
    stream = await desk.create("mixed", request="long-map")
    await desk.until(stream, lambda _: "begin long 0 of mixed" in lines())
    await desk.cancel(stream)
    await desk.until(stream, lambda _: lines()[-1:] == ["gave up 0"])


async def test_a_result_of_several_megabytes_is_read_back_whole(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    job = await desk.done(await desk.create("mixed", request="large-result"))
    assert msgspec.json.decode(job.result) == "z" * 3_000_000
