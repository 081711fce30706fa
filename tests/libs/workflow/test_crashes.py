"""Crash at every append of a random workflow: nothing stored is repeated, nothing is lost, and the end is the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.events.errors import UnknownEvent
from libs.events.event import START, NewEvent, Position, Recorded
from libs.events.memory import MemoryStore
from libs.events.repository import Repository
from libs.events.subjects import StreamId
from libs.jobs.commands import RecordStep, StartAttempt
from libs.jobs.decide import decide
from libs.jobs.events import EVENTS, JobEvent, StepRecorded
from libs.jobs.evolve import evolve, fold
from libs.workflow import JobContext, Retry, shard
from libs.workflow.attempt import Attempt, Lost, Released, Suspended
from libs.workflow.testing import Workbench


class MortalStore:
    """A process's way to the log, until that process dies: before or after a given append is stored."""

    def __init__(self, inner: MemoryStore[JobEvent], *, die_at: int, stored: bool) -> None:
        self._inner = inner
        self._left = die_at
        self._stored = stored
        self.dead = asyncio.Event()

    async def append(self, stream: StreamId, events: Sequence[NewEvent[JobEvent]], *, after: Position) -> Position:
        await self._alive()
        self._left -= 1
        if self._left == 0:
            if self._stored:
                await self._inner.append(stream, events, after=after)
            self.dead.set()
            await self._alive()
        return await self._inner.append(stream, events, after=after)

    async def load(
        self, stream: StreamId, *, after: Position = START, limit: int | None = None
    ) -> list[Recorded[JobEvent]]:
        await self._alive()
        return await self._inner.load(stream, after=after, limit=limit)

    async def head(self, stream: StreamId) -> Position:
        await self._alive()
        return await self._inner.head(stream)

    async def _alive(self) -> None:
        if self.dead.is_set():
            await asyncio.Event().wait()
        await asyncio.sleep(0)


@shard("crash-double")
async def double(number: int) -> int:
    return 2 * number


class World:
    """What steps do to it: counted, so that a repetition shows."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()

    async def touch(self, name: str, fail_times: int) -> str:
        self.runs[name] += 1
        await asyncio.sleep(0)
        if self.runs[name] <= fail_times:
            raise ValueError(f"{name} is not ready")
        return f"done {name}"


Part = tuple[str, Any]


def flow_of(parts: Sequence[Part], world: World) -> Any:
    async def one(job: JobContext, path: str, part: Part) -> Any:
        kind, value = part
        match kind:
            case "step":
                return await job.step(path, world.touch, path, value, retry=Retry(attempts=50, initial_seconds=1))
            case "sleep":
                return await job.sleep(path, value)
            case "approval":
                return (await job.approval(path, "?")).comment
            case "signal":
                return await job.wait_for(path)
            case "map":
                return await job.map(path, double, range(value))
            case _:
                return await asyncio.gather(*(one(job, f"{path}-{n}", each) for n, each in enumerate(value)))

    async def flow(job: JobContext) -> Any:
        return [await one(job, f"p{number}", part) for number, part in enumerate(parts)]

    return flow


async def live(parts: Sequence[Part], *, die_at: int, stored: bool) -> tuple[Any, Workbench, World, dict[str, int]]:
    """Run to the end through one crash; return the result, and how often each stored step had run when the process died."""
    world = World()
    bench = Workbench(flow_of(parts, world), store=MemoryStore(EVENTS))
    await bench.job()
    store = MortalStore(bench.store, die_at=die_at, stored=stored)
    runs_at_death: dict[str, int] = {}
    zombies: list[asyncio.Task[Any]] = []
    through: Any = store
    for _ in range(200):
        bench.restart(through)
        task = asyncio.create_task(attempt(bench, store))
        dying = asyncio.create_task(store.dead.wait()) if through is store else None
        await asyncio.wait({task, dying} - {None}, return_when=asyncio.FIRST_COMPLETED)  # type: ignore[arg-type]
        if not task.done():
            zombies.append(task)
            stored_steps = {e.name for e in await bench.events() if isinstance(e, StepRecorded)}
            runs_at_death = {name: world.runs[name] for name in stored_steps}
            through = bench.store
            continue
        task.result()
        if dying is not None:
            dying.cancel()
        bench.restart()
        job = await bench.job()
        if job.status.ended:
            break
        await answer(bench)
    for zombie in zombies:
        while not zombie.done():
            zombie.cancel()
            await asyncio.sleep(0)
    job = await bench.job()
    assert job.status == "done", job.error
    return msgspec.json.decode(job.result), bench, world, runs_at_death


async def attempt(bench: Workbench, store: MortalStore) -> Any:
    command = StartAttempt(worker="w", takeover=True, stalls_max=100)
    committed = await bench.jobs.transact(bench.stream, lambda job: decide(job, command), fresh=True)
    if not committed.events or committed.state is None:
        return None
    mortal = bench.jobs._store is store
    lost = store.dead.is_set if mortal else (lambda: False)
    return await Attempt(bench.jobs, committed.state, bench.host, lease_lost=lost).run(bench.function)


async def answer(bench: Workbench) -> None:
    """Be the person, the sender and the clock."""
    job = await bench.job()
    for wait in job.waits:
        what, _, name = wait.partition("/")
        if job.wait_over(wait):
            continue
        if what == "approval":
            await bench.approve(name, "fine")
        elif what == "signal":
            await bench.signal(name, name)
        else:
            await bench.advance(max(0.0, (job.timers[name].due - bench.clock.now()).total_seconds()))


leaves = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 2)),
    st.tuples(st.just("sleep"), st.integers(1, 100)),
    st.tuples(st.just("approval"), st.none()),
    st.tuples(st.just("signal"), st.none()),
    st.tuples(st.just("map"), st.integers(0, 4)),
)
part = st.one_of(leaves, st.tuples(st.just("together"), st.lists(leaves, min_size=1, max_size=3)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(part, min_size=1, max_size=5), die_at=st.integers(1, 40), stored=st.booleans())
def test_a_crash_at_any_append_repeats_no_stored_step_and_changes_no_result(
    parts: list[Part], die_at: int, stored: bool
) -> None:
    async def story() -> None:
        expected, _, _, _ = await live(parts, die_at=10_000, stored=False)
        result, bench, world, runs_at_death = await live(parts, die_at=die_at, stored=stored)
        assert result == expected
        names = [event.name for event in await bench.events() if isinstance(event, StepRecorded)]
        assert len(names) == len(set(names))
        assert all(world.runs[name] == runs for name, runs in runs_at_death.items())

    asyncio.run(story())


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(part, min_size=1, max_size=4))
def test_the_stored_history_folds_to_what_the_worker_saw(parts: list[Part]) -> None:
    async def story() -> None:
        _, bench, _, _ = await live(parts, die_at=10_000, stored=False)
        assert fold(await bench.store.load(bench.stream)) == await bench.job()

    asyncio.run(story())


async def test_a_worker_whose_job_was_taken_over_stops_and_writes_nothing() -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        reached.set()
        await go.wait()
        return "too late"

    async def flow(job: JobContext) -> None:
        await job.step("slow", slow)

    bench = Workbench(flow)
    stale = asyncio.create_task(bench.attempt_once())
    await reached.wait()
    bench.store.on_append.clear()  # it is told of nothing: only the fence holds it back
    takeover = StartAttempt(worker="other", takeover=True)
    other = Repository(bench.store, evolve, clock=bench.clock)
    await other.transact(bench.stream, lambda job: decide(job, takeover))
    go.set()
    assert await asyncio.wait_for(stale, 5) == Lost()
    assert not any(isinstance(event, StepRecorded) for event in await bench.events())


async def test_a_worker_that_slept_through_its_lease_asks_the_log_before_it_begins_a_step() -> None:
    runs: list[str] = []
    paused = asyncio.Event()

    async def work(name: str) -> str:
        runs.append(name)
        return name

    async def pause() -> str:
        other = Repository(bench.store, evolve, clock=bench.clock)
        # Another worker takes the job over, unseen by this one, which "sleeps" in the meantime.
        bench.store.on_append.clear()
        await other.load(bench.stream)
        takeover = StartAttempt(worker="other", takeover=True)
        record = RecordStep(
            attempt=2, step_id=bench.stream.id, name="pause", agent="a", message="", result=msgspec.Raw(b'"other"')
        )
        await other.transact(bench.stream, lambda job: decide(job, takeover))
        await other.transact(bench.stream, lambda job: decide(job, record))
        paused.set()
        raise ValueError("woken")

    async def flow(job: JobContext) -> None:
        async def guarded() -> None:
            try:
                await pause()
            except ValueError:
                await job.step("after", work, "after")

        await guarded()

    bench = Workbench(flow)
    await bench.job()
    start = StartAttempt(worker="me")
    committed = await bench.jobs.transact(bench.stream, lambda job: decide(job, start))
    assert committed.state is not None
    attempt = Attempt(bench.jobs, committed.state, bench.host, lease_lost=paused.is_set)
    assert await attempt.run(flow) == Lost()
    assert runs == []


async def test_a_worker_asked_to_stop_finishes_its_step_and_gives_the_job_back() -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        reached.set()
        await go.wait()
        return "kept"

    async def flow(job: JobContext) -> list[str]:
        return [await job.step("slow", slow), await job.step("next", slow)]

    bench = Workbench(flow)
    await bench.job()
    start = StartAttempt(worker="me")
    committed = await bench.jobs.transact(bench.stream, lambda job: decide(job, start))
    assert committed.state is not None
    attempt = Attempt(bench.jobs, committed.state, bench.host)
    running = asyncio.create_task(attempt.run(flow))
    await reached.wait()
    attempt.drain()
    go.set()
    assert await running == Released()
    job = await bench.job()
    assert (list(job.steps), job.attempt, job.waits) == (["slow"], None, ())
    assert (await bench.run()).status == "done"


async def test_a_cancelled_worker_gives_the_job_back() -> None:
    reached = asyncio.Event()

    async def endless() -> None:
        reached.set()
        await asyncio.Event().wait()

    async def flow(job: JobContext) -> None:
        await job.step("endless", endless)

    bench = Workbench(flow)
    running = asyncio.create_task(bench.attempt_once())
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await bench.job()).attempt is None


async def test_attempts_that_come_to_nothing_fail_the_job_in_the_end() -> None:
    async def flow(job: JobContext) -> None:
        await asyncio.Event().wait()

    bench = Workbench(flow)
    await bench.job()
    for _ in range(12):
        await bench.jobs.transact(
            bench.stream, lambda job: decide(job, StartAttempt(worker="w", takeover=True)), fresh=True
        )
    job = await bench.job()
    assert (job.status, job.error.code if job.error else "") == ("failed", "no_progress")


async def test_a_signal_between_two_waits_makes_the_attempt_go_on() -> None:
    async def flow(job: JobContext) -> Any:
        return await job.wait_for("go")

    bench = Workbench(flow)
    listeners = list(bench.store.on_append)
    bench.store.on_append.clear()  # the live event is lost: only the log can tell

    def told(recorded: Recorded[JobEvent]) -> None:
        if recorded.type == "signal_awaited":
            bench.store.on_append.clear()
            sending.append(asyncio.create_task(bench.signal("go", 7)))

    sending: list[asyncio.Task[None]] = []
    bench.store.on_append.append(told)
    outcome = await bench.attempt_once()
    bench.store.on_append.extend(listeners)
    if isinstance(outcome, Suspended):
        await bench.attempt_once()
    assert bytes((await bench.job()).result) == b"7"


async def test_a_worker_that_meets_an_event_from_the_future_leaves_the_job_alone() -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        reached.set()
        await go.wait()
        return "done"

    async def flow(job: JobContext) -> None:
        try:
            await job.step("slow", slow)
        except Exception:
            await job.step("other", slow)

    bench = Workbench(flow)
    running = asyncio.create_task(bench.attempt_once())
    await reached.wait()
    before = len(await bench.events())

    async def unreadable(*_: Any, **__: Any) -> Any:
        raise UnknownEvent("job_teleported", 1)

    bench.store.append = unreadable  # type: ignore[method-assign]
    go.set()
    assert await asyncio.wait_for(running, 5) == Lost()
    assert len(await bench.events()) == before
