from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import msgspec
import pytest

from libs.jobs.events import AttemptSuspended, JobStarted, SignalAwaited, StepRecorded, TimerSet
from libs.workflow import JobContext, WaitTimedOut
from libs.workflow.attempt import Suspended
from libs.workflow.testing import Workbench


async def echo(value: str) -> str:
    return value


async def test_an_approval_lets_the_worker_go_until_somebody_answers() -> None:
    async def flow(job: JobContext) -> str:
        approval = await job.approval("plan", "Build it?")
        return approval.comment

    bench = Workbench(flow)
    assert await bench.attempt_once() == Suspended(("approval/plan",))
    assert (await bench.job()).status == "awaiting_approval"
    assert await bench.attempt_once() is None
    await bench.approve("plan", "yes, please")
    assert bytes((await bench.run()).result) == b'"yes, please"'


async def test_a_rejection_fails_the_job_and_a_retry_asks_again() -> None:
    async def flow(job: JobContext) -> str:
        await job.approval("plan", "Build it?")
        return "built"

    bench = Workbench(flow)
    await bench.run()
    await bench.reject("plan", "too dear")
    job = await bench.run()
    assert (job.status, job.error.message if job.error else "") == (
        "failed",
        "The approval 'plan' was rejected: too dear",
    )
    await bench.retry()
    assert (await bench.run()).status == "awaiting_approval"
    await bench.approve("plan")
    assert (await bench.run()).status == "done"


async def test_a_sleep_computes_its_due_time_once() -> None:
    async def flow(job: JobContext) -> None:
        await job.sleep("nap", 3600)

    bench = Workbench(flow)
    start = bench.clock.now()
    await bench.run(skip_time=False)
    await bench.advance(1800)
    bench.restart()
    assert await bench.attempt_once() is None
    await bench.advance(1801)
    assert (await bench.run()).status == "done"
    assert [event.due for event in await bench.events() if isinstance(event, TimerSet)] == [start + timedelta(hours=1)]


async def test_a_signal_brings_its_data_as_the_type_asked_for() -> None:
    class Paid(msgspec.Struct):
        cents: int

    seen: list[Paid] = []

    async def flow(job: JobContext) -> None:
        seen.append(await job.wait_for("paid", type=Paid))

    bench = Workbench(flow)
    await bench.run()
    await bench.signal("paid", {"cents": 995})
    await bench.run()
    assert seen == [Paid(995)]


async def test_a_signal_nobody_sends_times_out() -> None:
    async def flow(job: JobContext) -> str:
        try:
            await job.wait_for("paid", timeout_seconds=86400)
        except WaitTimedOut:
            return "gave up"
        return "paid"

    assert bytes((await Workbench(flow).run()).result) == b'"gave up"'


async def test_a_job_that_failed_of_a_timeout_waits_anew_after_a_retry() -> None:
    async def flow(job: JobContext) -> str:
        return str(await job.wait_for("paid", timeout_seconds=60, type=str))

    bench = Workbench(flow)
    job = await bench.run()
    assert job.error is not None
    assert job.error.code == "wait_timed_out"
    await bench.retry()
    await bench.run(skip_time=False)
    await bench.signal("paid", "at last")
    assert bytes((await bench.run()).result) == b'"at last"'
    assert len([event for event in await bench.events() if isinstance(event, SignalAwaited)]) == 2


async def test_waits_side_by_side_suspend_once_and_go_on_with_the_first() -> None:
    done: list[str] = []

    async def flow(job: JobContext) -> None:
        async def nap() -> None:
            await job.sleep("nap", 60)
            done.append(await job.step("after-nap", echo, "nap"))

        async def ask() -> None:
            await job.approval("ask", "?")
            done.append(await job.step("after-ask", echo, "ask"))

        await asyncio.gather(nap(), ask())

    bench = Workbench(flow)
    assert await bench.attempt_once() == Suspended(("approval/ask", "timer/nap"))
    await bench.advance(61)
    assert await bench.attempt_once() == Suspended(("approval/ask",))
    assert (await bench.job()).status == "awaiting_approval"
    await bench.approve("ask")
    assert (await bench.run()).status == "done"
    assert sorted(set(done)) == ["ask", "nap"]


async def test_a_worker_is_not_let_go_while_a_step_runs() -> None:
    finish = asyncio.Event()

    async def slow() -> str:
        await finish.wait()
        return "slow"

    async def flow(job: JobContext) -> list[object]:
        return await asyncio.gather(job.step("slow", slow), job.wait_for("go"))

    bench = Workbench(flow)
    running = asyncio.create_task(bench.attempt_once())
    while "go" not in (await bench.job()).signals:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not any(isinstance(event, AttemptSuspended) for event in await bench.events())
    finish.set()
    assert await running == Suspended(("signal/go",))


async def test_a_signal_that_comes_while_a_step_runs_needs_no_second_attempt() -> None:
    finish = asyncio.Event()

    async def slow() -> str:
        await finish.wait()
        return "slow"

    async def flow(job: JobContext) -> list[object]:
        return await asyncio.gather(job.step("slow", slow), job.wait_for("go"))

    bench = Workbench(flow)
    running = asyncio.create_task(bench.attempt_once())
    while "go" not in (await bench.job()).signals:
        await asyncio.sleep(0)
    await bench.signal("go", 1)
    finish.set()
    await running
    assert (await bench.job()).status == "done"
    assert len([event for event in await bench.events() if isinstance(event, JobStarted)]) == 1


async def test_a_branch_that_starts_late_keeps_the_worker() -> None:
    async def flow(job: JobContext) -> None:
        async def later() -> None:
            for _ in range(5):
                await asyncio.sleep(0)
            await job.step("late", echo, "late")

        await asyncio.gather(job.approval("a", "?"), later())

    bench = Workbench(flow)
    await bench.attempt_once()
    kinds = [type(event) for event in await bench.events()]
    assert kinds.index(StepRecorded) < kinds.index(AttemptSuspended)


async def test_cancelling_stops_a_running_step_and_lets_it_tidy_up() -> None:
    tidied: Counter[str] = Counter()
    started = asyncio.Event()

    async def endless() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            tidied["step"] += 1

    async def flow(job: JobContext) -> None:
        try:
            await job.step("endless", endless)
        finally:
            tidied["cancelled"] += job.cancelled

    bench = Workbench(flow)
    running = asyncio.create_task(bench.attempt_once())
    await started.wait()
    await bench.cancel("never mind")
    await asyncio.wait_for(running, 5)
    assert (await bench.job()).status == "cancelled"
    assert tidied == {"step": 1, "cancelled": 1}


async def test_a_suspension_is_no_cancellation() -> None:
    seen: list[bool] = []

    async def flow(job: JobContext) -> None:
        try:
            await job.approval("plan", "?")
        finally:
            seen.append(job.cancelled)

    await Workbench(flow).attempt_once()
    assert seen == [False]


async def test_what_a_finally_does_on_suspension_is_not_recorded() -> None:
    async def flow(job: JobContext) -> None:
        try:
            await job.approval("plan", "?")
        finally:
            await job.step("clean-up", echo, "clean")

    bench = Workbench(flow)
    await bench.attempt_once()
    assert (await bench.job()).steps == {}
    await bench.approve("plan")
    assert "clean-up" in (await bench.run()).steps


@pytest.mark.parametrize("name", ["retry-1-x", "signal-x"])
async def test_a_sleep_may_not_take_the_engines_names(name: str) -> None:
    async def flow(job: JobContext) -> None:
        await job.sleep(name, 1)

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "the engine's own" in job.error.message


async def test_a_wait_inside_a_step_is_refused() -> None:
    async def flow(job: JobContext) -> None:
        async def waits() -> None:
            await job.approval("plan", "?")

        await job.step("waits", waits)

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "inside a step" in job.error.message


async def test_progress_is_bounded_however_often_it_is_told() -> None:
    async def flow(job: JobContext) -> None:
        for done in range(5001):
            await job.progress(done, 5000)
        for done in range(5001):
            await job.progress(done, name="unknown-total")

    bench = Workbench(flow)
    job = await bench.run()
    assert job.progress["progress"].done == 5000
    assert 90 <= job.progress["progress"].reports <= 101
    assert job.progress["unknown-total"].reports <= 100


async def test_what_takes_long_tells_its_progress_every_ten_seconds_and_later_less_often() -> None:
    async def flow(job: JobContext) -> None:
        for done in range(20_000):
            bench.clock.advance(timedelta(seconds=1))
            await job.progress(done, 10**9)

    bench = Workbench(flow)
    reports = (await bench.run()).progress["progress"].reports
    assert reports == pytest.approx(400 + (20_000 - 100 * (10 + 20 + 40 + 80)) / 160, abs=10)


async def test_progress_that_json_cannot_hold_is_refused() -> None:
    async def flow(job: JobContext) -> None:
        await job.progress(float("inf"), 10)

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "finite numbers" in job.error.message


async def test_an_artifact_is_stored_once_and_named_by_its_digest() -> None:
    async def flow(job: JobContext) -> None:
        await job.artifact("report.md", "# Hello", "text/markdown")
        await job.sleep("nap", 10)

    bench = Workbench(flow)
    job = await bench.run()
    (artifact,) = job.artifacts
    assert (artifact.size, artifact.media_type) == (7, "text/markdown")
    assert artifact.digest.startswith("SHA-256=")
    assert len(bench.host.objects) == 1
