"""What should be moving and is not gets a hint; what rightly waits costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from libs.events.subjects import StreamId
from libs.jobs.commands import (
    CancelJob,
    CreateJob,
    EndChild,
    RequestApproval,
    SetTimer,
    StartAttempt,
    StartChild,
    SuspendAttempt,
)
from libs.jobs.testing import Life, build_history
from services.projector.reconciler import BackOff, Candidate, Reconciler, silent_jobs
from tests.services.projector.conftest import World, a_stream


class Monotonic:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def candidate(version: int = 1) -> Candidate:
    return Candidate("runner", StreamId(uuid4(), uuid4()), version)


def back_off(clock: Monotonic) -> BackOff:
    return BackOff(first_seconds=30, seconds_max=100, monotonic=clock)


def test_a_job_is_hinted_at_once_when_it_first_falls_silent() -> None:
    job = candidate()
    assert back_off(Monotonic()).due([job], 10) == [job]


def test_each_pause_between_hints_is_twice_the_last_up_to_the_longest() -> None:
    clock, job = Monotonic(), candidate()
    hints = back_off(clock)
    told = []
    for second in range(500):
        clock.now = 1000.0 + second
        if hints.due([job], 10):
            told.append(second)
    assert told == [0, 30, 90, 190, 290, 390, 490]


def test_a_job_that_moved_and_fell_silent_again_is_hinted_at_once() -> None:
    clock, job = Monotonic(), candidate()
    hints = back_off(clock)
    hints.due([job], 10)
    moved = job._replace(version=2)
    assert hints.due([moved], 10) == [moved]


def test_a_round_is_bounded_and_the_others_come_next() -> None:
    hints, jobs = back_off(Monotonic()), [candidate() for _ in range(5)]
    assert [hints.due(jobs, 2) for _ in range(3)] == [jobs[:2], jobs[2:4], jobs[4:]]


def test_a_job_that_ended_is_forgotten() -> None:
    hints, job = back_off(Monotonic()), candidate()
    hints.due([job], 10)
    hints.forget_all_but([])
    assert hints.due([job], 10) == [job]


def queued(*, ago: timedelta = timedelta(hours=1)) -> Life:
    life = Life(a_stream(), began=datetime.now(UTC) - ago)
    life.do(CreateJob(kind="other", prompt="an idea", talks=False), seconds=0)
    return life


def talking() -> Life:
    life = Life(a_stream(), began=datetime.now(UTC) - timedelta(hours=1))
    life.do(CreateJob(kind="build", prompt="an idea", talks=True), seconds=0)
    return life


def suspended(due: datetime | None = None) -> Life:
    life = queued()
    life.do(StartAttempt(worker="runner-1"))
    if due is None:
        life.do(RequestApproval(attempt=1, name="plan", summary="Go on?"))
        life.do(SuspendAttempt(attempt=1, waits=("approval/plan",)))
    else:
        life.do(SetTimer(attempt=1, name="nap", due=due))
        life.do(SuspendAttempt(attempt=1, waits=("timer/nap",)))
    return life


async def silent(world: World, *lives: Life) -> dict[StreamId, str]:
    async with world.projecting():
        for life in lives:
            await world.append(life)
        await world.caught_up()
    return {each.stream: each.service for each in await silent_jobs(world.tables, "read", after_seconds=30)}


async def test_a_queued_job_nobody_takes_is_the_runners(world: World) -> None:
    life = queued()
    assert await silent(world, life) == {life.stream: "runner"}


async def test_an_unanswered_turn_is_the_agents(world: World) -> None:
    life = talking()
    assert await silent(world, life) == {life.stream: "agents"}


async def test_a_job_that_just_moved_is_left_alone(world: World) -> None:
    assert await silent(world, queued(ago=timedelta(0))) == {}


async def test_waiting_and_ended_jobs_are_left_alone(world: World) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert await silent(world, suspended(), suspended(tomorrow), build_history(a_stream())) == {}


async def test_a_timer_that_is_due_and_did_not_fire_is_the_runners(world: World) -> None:
    life = suspended(datetime.now(UTC) - timedelta(minutes=10))
    assert await silent(world, life) == {life.stream: "runner"}


def parent_of(*children: Life, ended: bool = False) -> Life:
    life = queued()
    life.do(StartAttempt(worker="runner-1"))
    for number, child in enumerate(children):
        life.do(StartChild(attempt=1, name=f"cell-{number}", child_id=child.stream.id, kind="other"))
    waits = tuple(f"child/cell-{number}" for number in range(len(children)))
    life.do(CancelJob() if ended else SuspendAttempt(attempt=1, waits=waits))
    return life


def finished() -> Life:
    life = queued()
    life.do(CancelJob())
    return life


async def test_a_parent_that_missed_its_childs_end_is_the_runners(world: World) -> None:
    over, waiting = finished(), suspended()
    parent = parent_of(waiting, over)
    assert await silent(world, over, waiting, parent) == {parent.stream: "runner"}


async def test_a_parent_that_knows_which_children_ended_is_left_alone(world: World) -> None:
    over, waiting = finished(), suspended()
    parent = parent_of(waiting, over)
    parent.do(EndChild(child_id=over.stream.id, status="cancelled", round=0))
    parent.do(StartAttempt(worker="runner-1"))
    parent.do(SuspendAttempt(attempt=2, waits=("child/cell-0",)))
    assert await silent(world, over, waiting, parent) == {}


async def test_an_ended_parent_with_open_children_is_the_runners(world: World) -> None:
    waiting = suspended()
    parent = parent_of(waiting, ended=True)
    assert await silent(world, waiting, parent) == {parent.stream: "runner"}


async def test_hints_lie_in_the_stream_wakeups_once_a_job(world: World) -> None:
    lives = [queued(), queued(), talking()]
    await silent(world, *lives)

    async def nothing() -> None:
        return

    reconciler = Reconciler(world.client, world.settings, leading=lambda: True, also=nothing)
    assert await reconciler.round() == 3
    await world.client.flush()
    info = await world.admin.jetstream().stream_info("WAKEUPS", subjects_filter=">")
    assert set(info.state.subjects or {}) == {
        f"wake.{service}.{life.stream.owner}.{life.stream.id}"
        for life, service in zip(lives, ("runner", "runner", "agents"), strict=True)
    }
    assert await reconciler.round() == 0
