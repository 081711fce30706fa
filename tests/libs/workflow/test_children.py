from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from libs.events.errors import LogUnavailable
from libs.events.memory import MemoryStore
from libs.jobs.events import (
    EVENTS,
    AttemptSuspended,
    ChildEnded,
    ChildStarted,
    JobCreated,
    JobRetried,
    JobStarted,
    ProgressReported,
)
from libs.jobs.state import Status
from libs.workflow import App, Child, ChildFailed, ChildJob, JobContext, Retry
from libs.workflow.attempt import Suspended
from libs.workflow.testing import Workbench

runs: Counter[int] = Counter()
broken: set[int] = set()


async def cell(job: JobContext) -> dict[str, int]:
    number = job.request

    async def compute() -> int:
        runs[number] += 1
        if number in broken:
            raise ValueError(f"{number} is broken")
        return number * 10

    return {"value": await job.step("compute", compute, retry=Retry(attempts=1))}


async def asking(job: JobContext) -> str:
    return (await job.approval("go", "Go on?")).comment


async def spec(job: JobContext) -> App:
    return App({"summary": "an app"})


KINDS = {"cell": cell, "asking": asking, "spec": spec}


def bench(function: Callable[[JobContext], Coroutine[Any, Any, Any]]) -> Workbench:
    return Workbench(function, children=KINDS)


def cells(total: int) -> list[ChildJob]:
    return [ChildJob(name=f"cell-{n}", kind="cell", request=n) for n in range(total)]


@pytest.fixture(autouse=True)
def fresh() -> None:
    runs.clear()
    broken.clear()


async def test_a_child_is_a_job_of_its_own_and_its_result_is_returned() -> None:
    children: list[Child[dict[str, int]]] = []

    async def flow(job: JobContext) -> int:
        child = await job.child("first", kind="cell", prompt="a cell", request=7, type=dict[str, int])
        children.append(child)
        assert child.result is not None
        return child.result["value"]

    parent = bench(flow)
    assert bytes((await parent.run()).result) == b"70"
    created = (await (await parent.child("first")).events())[0]
    assert isinstance(created, JobCreated)
    assert (created.kind, created.prompt, created.parent) == ("cell", "a cell", parent.stream.id)
    assert children[0].id == (await parent.child("first")).stream.id
    assert children[0].status is Status.DONE


async def test_a_parent_holds_no_worker_while_it_waits() -> None:
    async def flow(job: JobContext) -> object:
        return (await job.child("first", kind="cell", request=1)).result

    parent = bench(flow)
    assert await parent.attempt_once() == Suspended(("child/first",))
    assert await parent.attempt_once() is None
    await (await parent.child("first")).run()
    assert (await parent.run()).status == "done"


async def test_an_app_is_the_result_of_the_child_that_made_it() -> None:
    async def flow(job: JobContext) -> object:
        return (await job.child("app", kind="spec")).result

    assert bytes((await bench(flow).run()).result) == b'{"summary":"an app"}'


async def test_children_side_by_side_are_all_done_and_made_once() -> None:
    async def flow(job: JobContext) -> list[object]:
        found = await asyncio.gather(*(job.child(f"c{n}", kind="cell", request=n) for n in range(5)))
        return [child.result for child in found]

    parent = bench(flow)
    job = await parent.run()
    assert msgspec.json.decode(job.result) == [{"value": n * 10} for n in range(5)]
    assert set(runs.values()) == {1}
    assert len([e for e in await parent.events() if isinstance(e, ChildStarted)]) == 5


async def test_at_most_so_many_children_are_open_at_once() -> None:
    most = 0

    async def flow(job: JobContext) -> list[object]:
        return [child.result for child in await job.children(cells(20), at_once=4, name="cells")]

    parent = bench(flow)
    job = await parent.run()
    open_ = 0
    for event in await parent.events():
        open_ += isinstance(event, ChildStarted) - isinstance(event, ChildEnded)
        most = max(most, open_)
    assert most == 4
    assert msgspec.json.decode(job.result) == [{"value": n * 10} for n in range(20)]
    reports = [e for e in await parent.events() if isinstance(e, ProgressReported)]
    assert (reports[-1].name, reports[-1].done, reports[-1].total) == ("cells", 20, 20)


async def test_a_failed_child_fails_its_parent_and_both_are_retried() -> None:
    broken.add(2)

    async def flow(job: JobContext) -> list[object]:
        return [child.result for child in await job.children(cells(4), at_once=2)]

    parent = bench(flow)
    job = await parent.run()
    assert job.error is not None
    assert (job.error.code, job.failed_step) == ("child_failed", "cell-2")
    assert "2 is broken" in job.error.message
    assert not (await parent.job()).children_open
    broken.clear()
    await parent.retry()
    job = await parent.run()
    assert job.status == "done", job.error
    assert (runs[0], runs[1], runs[2], runs[3]) == (1, 1, 2, 1)
    retried = [e for e in await (await parent.child("cell-2")).events() if isinstance(e, JobRetried)]
    assert len(retried) == 1


async def test_a_parent_may_look_at_failures_itself() -> None:
    broken.add(1)

    async def flow(job: JobContext) -> list[str]:
        found = await job.children(cells(3), check=False)
        assert found[1].error is not None
        return [child.status for child in found]

    assert bytes((await bench(flow).run()).result) == b'["done","failed","done"]'


async def test_a_failure_may_be_caught() -> None:
    broken.add(1)

    async def flow(job: JobContext) -> str:
        try:
            await job.child("c", kind="cell", request=1)
        except ChildFailed as error:
            return error.status
        return "done"

    assert bytes((await bench(flow).run()).result) == b'"failed"'


async def test_cancelling_a_parent_calls_off_its_children_and_a_retry_takes_them_up() -> None:
    async def flow(job: JobContext) -> list[object]:
        orders = [ChildJob(name=f"a{n}", kind="asking", approvals=("go",)) for n in range(3)]
        return [child.result for child in await job.children(orders)]

    parent = bench(flow)
    await parent.run()
    child = await parent.child("a0")
    await child.approve("go", "yes")
    await parent.run()
    await parent.cancel()
    job = await parent.job()
    assert {name: each.status for name, each in job.children.items()} == {
        "a0": Status.DONE,
        "a1": Status.CANCELLED,
        "a2": Status.CANCELLED,
    }
    await parent.retry()
    await parent.run()
    for name in ("a1", "a2"):
        child = await parent.child(name)
        assert (await child.job()).status == "awaiting_approval"
        await child.approve("go", "now")
    job = await parent.run()
    assert msgspec.json.decode(job.result) == ["yes", "now", "now"]


async def test_children_left_open_by_a_workflow_that_ends_are_called_off() -> None:
    async def flow(job: JobContext) -> str:
        asking = asyncio.ensure_future(job.child("a", kind="asking"))
        await job.child("c", kind="cell", request=1)
        asking.cancel()
        return "enough"

    parent = bench(flow)
    job = await parent.run()
    assert job.status == "done"
    assert (await (await parent.child("a")).job()).status == "cancelled"
    assert not (await parent.job()).children_open


async def test_grandchildren_are_called_off_too() -> None:
    async def middle(job: JobContext) -> object:
        return (await job.child("a", kind="asking")).result

    async def flow(job: JobContext) -> object:
        return (await job.child("m", kind="middle")).result

    parent = Workbench(flow, children={**KINDS, "middle": middle})
    await parent.run()
    await parent.cancel()
    assert (await (await (await parent.child("m")).child("a")).job()).status == "cancelled"


async def test_another_kind_under_the_same_name_is_an_error() -> None:
    kinds = iter(["cell", "asking"])

    async def flow(job: JobContext) -> None:
        await job.child("c", kind=next(kinds), request=1)

    job = await bench(flow).run()
    assert job.error is not None
    assert "was a 'cell' job and is now a 'asking' job" in job.error.message


async def test_few_attempts_are_made_for_many_children() -> None:
    async def flow(job: JobContext) -> int:
        return len(await job.children(cells(50), at_once=10))

    parent = bench(flow)
    await parent.run()
    assert len([e for e in await parent.events() if isinstance(e, JobStarted)]) <= 7


class Failing(MemoryStore[Any]):
    """A store that loses the acknowledgement of every n-th append."""

    every = 3
    appends = 0

    async def append(self, *args: Any, **kwargs: Any) -> Any:
        position = await super().append(*args, **kwargs)
        self.appends += 1
        if self.appends % self.every == 0:
            raise LogUnavailable("the acknowledgement was lost")
        return position


async def test_lost_acknowledgements_make_no_second_child() -> None:
    async def flow(job: JobContext) -> list[object]:
        return [child.result for child in await job.children(cells(6), at_once=3)]

    store = Failing(EVENTS)
    parent = Workbench(flow, children=KINDS, store=store)
    for _ in range(100):
        try:
            job = await parent.run()
        except LogUnavailable:
            parent.restart()
            continue
        if job.status.ended:
            break
    assert msgspec.json.decode(job.result) == [{"value": n * 10} for n in range(6)]
    assert len([e for e in await parent.events() if isinstance(e, ChildStarted)]) == 6
    assert len([e for e in await parent.events() if isinstance(e, AttemptSuspended)]) >= 2
