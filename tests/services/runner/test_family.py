"""Children on real runner processes: made once, waited for without a worker, ended with their parent, whatever is killed."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from libs.events.subjects import StreamId
from libs.jobs.children import child_id
from libs.jobs.commands import CancelJob
from libs.jobs.decide import decide
from libs.jobs.events import ChildEnded, ChildStarted, JobCreated, JobStarted
from libs.jobs.repository import job_repository
from libs.jobs.state import Status
from libs.process.clock import new_id
from tests.services.runner.conftest import Desk
from tests.services.workers import StartReplica

Lines = Callable[[], list[str]]


def child(parent: StreamId, number: int) -> StreamId:
    return StreamId(parent.owner, child_id(parent.id, f"cell-{number}"))


async def assert_each_child_once(desk: Desk, parent: StreamId, numbers: list[int], lines: Lines) -> None:
    history = [each.event for each in await desk.history(parent)]
    assert len([event for event in history if isinstance(event, ChildStarted)]) == len(numbers)
    assert len([event for event in history if isinstance(event, ChildEnded)]) == len(numbers)
    for number in numbers:
        created = [each for each in await desk.history(child(parent, number)) if isinstance(each.event, JobCreated)]
        assert len(created) == 1
    assert {f"end cell {number}" for number in numbers} <= set(lines())


async def test_children_are_run_by_two_runners_while_their_parent_holds_none(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    await start(SLOTS="1").ready()
    await start(SLOTS="1").ready()
    numbers = list(range(12))
    stream = await desk.create("family", request=[numbers, 4, 0.1])
    job = await desk.done(stream, seconds=60)
    assert msgspec.json.decode(job.result) == [number * number for number in numbers]
    await assert_each_child_once(desk, stream, numbers, lines)
    histories = [await desk.history(child(stream, number)) for number in numbers]
    started = [each.event for history in histories for each in history if isinstance(each.event, JobStarted)]
    workers = {event.worker for event in started}
    assert len(workers) == 2


@pytest.mark.faults
@pytest.mark.parametrize(
    "point",
    [
        "child.before_create@1",
        "child.after_create@1",
        "child.after_create@3",
        "child.before_told@1",
        "child.before_told@4",
        "attempt.before_end@2",
        "append.before_ack@4",
    ],
)
async def test_a_kill_anywhere_makes_no_second_child_and_forgets_none(
    desk: Desk, start: StartReplica, lines: Lines, point: str
) -> None:
    name, _, at = point.partition("@")
    doomed = await start(FAULT_POINTS=f"{name}=kill@{at}").ready()
    numbers = list(range(6))
    stream = await desk.create("family", request=[numbers, 2, 0])
    async with asyncio.timeout(30):
        while doomed.child.exit_status() is None:
            await asyncio.sleep(0.02)
    await start().ready()
    job = await desk.done(stream, seconds=60)
    assert msgspec.json.decode(job.result) == [number * number for number in numbers]
    await assert_each_child_once(desk, stream, numbers, lines)


async def test_a_parent_that_missed_its_childs_end_learns_of_it_by_a_hint(desk: Desk, start: StartReplica) -> None:
    await start().ready()
    stream = await desk.create("family", request=[[1], 1, 60])
    await desk.until(stream, lambda job: job.waits == ("child/cell-1",))
    # Ended behind the runner's back: nobody tells the parent.
    end, jobs = CancelJob(), job_repository(desk.client)
    await jobs.transact(child(stream, 1), lambda job: decide(job, end, command_id=new_id()))
    await desk.wake(stream)
    job = await desk.until(stream, lambda job: job.status.ended)
    assert job.error is not None
    assert job.error.code == "child_failed"


async def test_cancelling_a_parent_stops_its_children_at_once(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start(SLOTS="3").ready()
    stream = await desk.create("family", request=[[1, 2, 3], 3, 60])
    await desk.until(stream, lambda _: sum(line.startswith("begin cell") for line in lines()) == 3)
    await desk.cancel(stream)
    for number in (1, 2, 3):
        ended = await desk.until(child(stream, number), lambda job: job.status.ended, seconds=5)
        assert ended.status is Status.CANCELLED
    job = await desk.until(stream, lambda job: not job.children_open, seconds=5)
    assert job.status is Status.CANCELLED


async def test_a_parent_retried_while_its_children_are_called_off_has_them_done(
    desk: Desk, start: StartReplica, lines: Lines
) -> None:
    await start().ready()
    numbers = list(range(6))
    stream = await desk.create("family", request=[numbers, 6, 0.3])
    await desk.until(stream, lambda _: any(line.startswith("begin cell") for line in lines()))
    await desk.cancel(stream)
    await desk.retry(stream)
    job = await desk.until(stream, lambda job: job.retries and job.status.ended)
    assert job.status is Status.DONE, job.error
    assert msgspec.json.decode(job.result) == [number * number for number in numbers]


async def test_a_hint_calls_off_what_a_parent_left_open(desk: Desk, start: StartReplica, lines: Lines) -> None:
    await start().ready()
    stream = await desk.create("family", request=[[1], 1, 60])
    await desk.until(stream, lambda _: "begin cell 1" in lines())
    end, jobs = CancelJob(), job_repository(desk.client)
    await jobs.transact(stream, lambda job: decide(job, end, command_id=new_id()))
    await desk.wake(stream)
    ended = await desk.until(child(stream, 1), lambda job: job.status.ended, seconds=5)
    assert ended.status is Status.CANCELLED
    await desk.until(stream, lambda job: not job.children_open)


async def test_a_retry_of_the_parent_retries_the_failed_child_alone(
    desk: Desk, start: StartReplica, lines: Lines, ledger: Path
) -> None:
    await start().ready()
    stream = await desk.create("family", request=[[1, 2, -3], 1, 0])
    job = await desk.until(stream, lambda job: job.status is Status.FAILED)
    assert job.failed_step == "cell--3"
    ledger.with_name("mended").touch()
    await desk.retry(stream)
    job = await desk.until(stream, lambda job: job.status is Status.DONE)
    assert msgspec.json.decode(job.result) == [1, 4, 9]
    assert Counter(lines())["begin cell 1"] == 1
    retried = await desk.until(child(stream, -3), lambda job: True)
    assert (retried.retries, retried.status) == (1, Status.DONE)


@pytest.mark.faults
async def test_many_children_survive_runners_killed_at_random(desk: Desk, start: StartReplica, lines: Lines) -> None:
    replicas = [await start().ready(), await start().ready()]
    numbers = list(range(40))
    stream = await desk.create("family", request=[numbers, 8, 0.05])
    for round_number in range(3):
        await desk.until(stream, lambda job, n=round_number: len(job.children) - len(job.children_open) > 8 * n)
        replicas.pop(0).child.send(signal.SIGKILL)
        replicas.append(await start().ready())
    job = await desk.done(stream, seconds=60)
    assert msgspec.json.decode(job.result) == [number * number for number in numbers]
    await assert_each_child_once(desk, stream, numbers, lines)
