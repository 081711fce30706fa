from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from libs.jobs.events import JobFailed, StepFailed, StepRecorded, Usage
from libs.workflow import App, JobContext, Retry, StepContext, Unrecoverable, current_step
from libs.workflow import StepFailed as StepGaveUp
from libs.workflow.testing import Workbench


class Plan(msgspec.Struct, frozen=True):
    title: str
    due: datetime
    parts: tuple[int, ...] = ()


async def make_plan(title: str) -> Plan:
    return Plan(title, datetime(2026, 5, 1, tzinfo=UTC), (1, 2))


async def echo(value: str) -> str:
    return value


async def test_a_step_returns_its_annotated_type_the_first_time_and_on_replay() -> None:
    seen: list[Plan] = []

    async def flow(job: JobContext) -> None:
        seen.append(await job.step("plan", make_plan, "Ship"))
        await job.approval("go", "go?")

    bench = Workbench(flow)
    await bench.run()
    await bench.approve("go")
    await bench.run()
    assert seen == [await make_plan("Ship")] * 2


async def test_an_unannotated_result_is_plain_json_both_times() -> None:
    seen: list[object] = []

    async def untyped():  # type: ignore[no-untyped-def]
        return Plan("x", datetime(2026, 5, 1, tzinfo=UTC))

    async def flow(job: JobContext) -> None:
        seen.append(await job.step("plan", untyped))
        await job.approval("go", "go?")

    bench = Workbench(flow)
    await bench.run()
    await bench.approve("go")
    await bench.run()
    assert seen == [{"title": "x", "due": "2026-05-01T00:00:00Z", "parts": []}] * 2


async def test_a_stored_step_is_never_run_again() -> None:
    runs: Counter[str] = Counter()

    async def count(name: str) -> str:
        runs[name] += 1
        return name

    async def flow(job: JobContext) -> str:
        first = await job.step("a", count, "a")
        await job.sleep("nap", 60)
        return first + await job.step("b", count, "b")

    bench = Workbench(flow)
    job = await bench.run()
    assert (runs, bytes(job.result)) == ({"a": 1, "b": 1}, b'"ab"')


async def test_steps_side_by_side_are_recorded_each_once() -> None:
    async def flow(job: JobContext) -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job.step(f"s-{n}", echo, str(n))) for n in range(10)]
        return [task.result() for task in tasks]

    job = await Workbench(flow).run()
    assert sorted(job.steps) == [f"s-{n}" for n in range(10)]
    assert msgspec.json.decode(job.result) == [str(n) for n in range(10)]


async def test_a_plain_function_runs_as_a_step() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    async def flow(job: JobContext) -> int:
        return await job.step("add", add, 2, b=3)

    assert bytes((await Workbench(flow).run()).result) == b"5"


async def test_a_lambda_that_calls_an_async_function_runs_as_a_step() -> None:
    async def flow(job: JobContext) -> str:
        return await job.step("say", lambda: echo("hi"))

    assert bytes((await Workbench(flow).run()).result) == b'"hi"'


async def test_a_failing_step_is_tried_again_and_each_failure_recorded() -> None:
    tries: list[int] = []

    async def flaky(step: StepContext) -> str:
        tries.append(step.tries)
        if step.tries < 3:
            raise ValueError("not yet")
        return "ok"

    async def flow(job: JobContext) -> str:
        return await job.step("flaky", flaky, retry=Retry(attempts=5, initial_seconds=10, factor=3, jitter=0))

    bench = Workbench(flow)
    job = await bench.run()
    failures = [event for event in await bench.events() if isinstance(event, StepFailed)]
    assert job.status == "done"
    assert tries == [1, 2, 3]
    assert [(each.tries, each.retry_in_seconds) for each in failures] == [(1, 10.0), (2, 30.0)]
    assert failures[0].error.message == "ValueError: not yet"


async def test_a_step_that_gives_up_fails_the_job_with_its_reason() -> None:
    async def broken() -> None:
        raise ValueError("no such file")

    async def flow(job: JobContext) -> None:
        await job.step("read", broken, retry=Retry(attempts=2))

    job = await Workbench(flow).run()
    assert job.status == "failed"
    assert job.failed_step == "read"
    assert job.error is not None
    assert job.error.message == "The step 'read' failed 2 times; the last time: ValueError: no such file"


async def test_retrying_a_failed_job_goes_on_at_the_failed_step() -> None:
    runs: Counter[str] = Counter()

    async def work(name: str) -> str:
        runs[name] += 1
        if name == "b" and runs["b"] < 3:
            raise ValueError("down")
        return name

    async def flow(job: JobContext) -> None:
        for name in ("a", "b", "c"):
            await job.step(name, work, name, retry=Retry(attempts=2))

    bench = Workbench(flow)
    assert (await bench.run()).status == "failed"
    await bench.retry()
    assert (await bench.run()).status == "done"
    assert runs == {"a": 1, "b": 3, "c": 1}


async def test_a_caught_failure_is_remembered_over_a_restart() -> None:
    runs: list[str] = []

    async def broken() -> str:
        runs.append("broken")
        raise ValueError("no")

    async def flow(job: JobContext) -> str:
        try:
            value = await job.step("try", broken, retry=Retry(attempts=1))
        except StepGaveUp:
            value = await job.step("instead", echo, "other")
        await job.sleep("nap", 60)
        return value

    assert bytes((await Workbench(flow).run()).result) == b'"other"'
    assert runs == ["broken"]


class Busy(Exception):
    code = "model_rate_limited"
    retryable = True
    retry_after_seconds = 120.0


async def test_an_errors_own_code_and_retry_after_are_heeded() -> None:
    async def busy(step: StepContext) -> str:
        if step.tries == 1:
            raise Busy("Too many calls")
        return "ok"

    async def flow(job: JobContext) -> str:
        return await job.step("ask", busy, retry=Retry(initial_seconds=1))

    bench = Workbench(flow)
    await bench.run()
    failed = next(event for event in await bench.events() if isinstance(event, StepFailed))
    assert (failed.error.code, failed.error.message, failed.retry_in_seconds) == (
        "model_rate_limited",
        "Too many calls",
        120.0,
    )


async def test_an_unrecoverable_error_is_not_tried_again() -> None:
    async def hopeless() -> None:
        raise Unrecoverable("The account is closed")

    async def flow(job: JobContext) -> None:
        await job.step("pay", hopeless, retry=Retry(attempts=9))

    bench = Workbench(flow)
    job = await bench.run()
    assert len([event for event in await bench.events() if isinstance(event, StepFailed)]) == 1
    assert job.error is not None
    assert job.error.code == "unrecoverable"


async def test_a_step_that_takes_too_long_times_out() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    async def flow(job: JobContext) -> None:
        await job.step("stuck", stuck, timeout_seconds=0.01, retry=Retry(attempts=1))

    job = await Workbench(flow).run()
    assert job.error is not None
    assert job.error.code == "step_timeout"


async def test_secrets_in_an_errors_words_are_blanked() -> None:
    async def leaky() -> None:
        raise ConnectionError("cannot reach https://me:hunter2@example.org with Bearer abc.def.ghi")

    async def flow(job: JobContext) -> None:
        await job.step("leak", leaky, retry=Retry(attempts=1))

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "hunter2" not in job.error.message
    assert "abc.def.ghi" not in job.error.message


async def test_deltas_and_usage_belong_to_the_step() -> None:
    async def write(step: StepContext) -> str:
        for word in ("Once ", "upon ", "a time"):
            await step.delta(word)
        step.usage = Usage(model="m", prompt_tokens=1, completion_tokens=2)
        return "Once upon a time"

    async def flow(job: JobContext) -> None:
        await job.step("tale", write, agent="Author")

    bench = Workbench(flow)
    await bench.run()
    recorded = next(event for event in await bench.events() if isinstance(event, StepRecorded))
    assert (recorded.stream, recorded.agent, recorded.message) == ("step-tale", "Author", "Once upon a time")
    assert recorded.usage == Usage(model="m", prompt_tokens=1, completion_tokens=2)
    assert "".join(delta.text for delta in bench.deltas) == "Once upon a time"
    assert all(delta.offset == sum(len(d.text) for d in bench.deltas[:n]) for n, delta in enumerate(bench.deltas))


async def test_a_step_knows_itself_without_a_parameter() -> None:
    async def who() -> str:
        step = current_step()
        return step.idempotency_key if step else "nobody"

    async def flow(job: JobContext) -> str:
        return await job.step("who", who)

    bench = Workbench(flow)
    assert msgspec.json.decode((await bench.run()).result) == f"{bench.stream.id}/who"


async def test_an_app_is_stored_as_the_jobs_artifact() -> None:
    async def flow(job: JobContext) -> App:
        return App(spec={"plan": await job.step("plan", make_plan, "x")})

    job = await Workbench(flow).run()
    assert job.app is not None
    assert job.app.spec == {"plan": {"title": "x", "due": "2026-05-01T00:00:00Z", "parts": [1, 2]}}
    assert isinstance(job.app.id, UUID)


@pytest.mark.parametrize(
    ("second", "words"),
    [("same", "used already in this run"), ("", "no name"), ("x" * 201, "no name"), ("a\nb", "no name")],
)
async def test_a_wrong_step_name_fails_the_job_clearly(second: str, words: str) -> None:
    async def flow(job: JobContext) -> None:
        await job.step("same", echo, "1")
        await job.step(second, echo, "2")

    job = await Workbench(flow).run()
    assert job.error is not None
    assert job.error.code == "workflow_misuse"
    assert words in job.error.message


async def test_a_result_that_is_not_of_its_type_is_never_stored() -> None:
    async def lies() -> int:
        return "three"  # type: ignore[return-value]

    async def flow(job: JobContext) -> None:
        await job.step("lie", lies)

    job = await Workbench(flow).run()
    assert (job.status, job.steps) == ("failed", {})
    assert job.error is not None
    assert "no int" in job.error.message


async def test_a_result_that_json_cannot_hold_is_named() -> None:
    async def odd() -> object:
        return object()

    async def flow(job: JobContext) -> None:
        await job.step("odd", odd)

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "JSON cannot hold" in job.error.message


async def test_what_the_workflow_raises_is_the_jobs_reason() -> None:
    async def flow(job: JobContext) -> None:
        raise KeyError("colour")

    job = await Workbench(flow).run()
    assert job.error is not None
    assert job.error.message == "The workflow raised KeyError: 'colour'"


async def test_several_failing_branches_are_all_named() -> None:
    async def broken(name: str) -> None:
        await asyncio.sleep(0)
        raise ValueError(name)

    async def flow(job: JobContext) -> None:
        async with asyncio.TaskGroup() as group:
            for name in ("left", "right"):
                group.create_task(broken(name))

    job = await Workbench(flow).run()
    assert job.error is not None
    assert "left" in job.error.message
    assert "right" in job.error.message


async def test_a_failed_branch_does_not_lose_the_step_that_was_being_stored() -> None:
    done = asyncio.Event()

    async def slow() -> str:
        done.set()
        return "kept"

    async def broken() -> None:
        await done.wait()
        raise ValueError("no")

    async def flow(job: JobContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(job.step("slow", slow))
            group.create_task(job.step("broken", broken, retry=Retry(attempts=1)))

    job = await Workbench(flow).run()
    assert job.failed_step == "broken"
    assert "slow" in job.steps


async def test_control_characters_never_reach_what_people_read() -> None:
    async def flow(job: JobContext) -> None:
        await job.step("say", echo, "a\x00b\x1bc")

    assert (await Workbench(flow).run()).steps["say"].message == "abc"


async def test_the_job_fails_with_one_event() -> None:
    async def flow(job: JobContext) -> None:
        raise Unrecoverable("No.", code="closed")

    bench = Workbench(flow)
    await bench.run()
    failed = [event for event in await bench.events() if isinstance(event, JobFailed)]
    assert [each.error.code for each in failed] == ["closed"]
