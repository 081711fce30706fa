"""What a wake-up comes to, without a server: whom the log names, who is alive, and whether anybody comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from libs.events import subjects
from libs.events.memory import MemoryStore
from libs.events.repository import Repository
from libs.events.subjects import StreamId
from libs.events.subscription import Delivery, Done, Later
from libs.events.wire import Stored
from libs.jobs.commands import CreateJob, StartAttempt
from libs.jobs.decide import decide
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import evolve
from libs.jobs.liveness import Holder
from libs.jobs.state import Job
from libs.process.clock import ManualClock, new_id
from libs.workflow import JobContext
from libs.workflow.family import Family
from libs.workflow.registry import Workflows
from libs.workflow.testing import MemoryHost
from services.runner import wakeups
from services.runner.running import Running
from services.runner.wakeups import WakeUps

STREAM = StreamId(new_id(), new_id())


def wake_up(*, deliveries: int = 1, hint: bool = False) -> Delivery:
    subject = subjects.wakeup("runner", STREAM) if hint else subjects.event(STREAM, "job_queued")
    return Delivery(Stored(subject, 1, {}, b""), deliveries=deliveries, reply="ack", lease_seconds=3600)


async def short(job: JobContext) -> str:
    return "done"


class Office:
    """A runner's wake-up handling over memory; `alive` are the workers that answer."""

    def __init__(self, flow: Callable[[JobContext], Any] = short, *, slots: int = 2) -> None:
        self.clock = ManualClock()
        self.store: MemoryStore[JobEvent] = MemoryStore(EVENTS)
        self.jobs: Repository[Job, JobEvent] = Repository(self.store, evolve, clock=self.clock)
        self.alive: set[str] = set()
        self.running = Running()
        self.holder = Holder(None, "runner-me")  # type: ignore[arg-type]
        self.handler = WakeUps(
            None,  # type: ignore[arg-type]
            self.jobs,
            Workflows({}, {"test": flow}),
            MemoryHost(self.clock, self.jobs),
            self.holder,
            self.running,
            Family(self.jobs),
            slots=slots,
            stalls_max=3,
            lease_seconds=7.0,
        )

    async def queue(self, kind: str = "test") -> None:
        create = CreateJob(kind=kind, prompt="", talks=False)
        await self.jobs.transact(STREAM, lambda job: decide(job, create, command_id=new_id()))

    async def start(self, worker: str) -> None:
        start = StartAttempt(worker=worker, takeover=True)
        await self.jobs.transact(STREAM, lambda job: decide(job, start), fresh=True)

    async def wake(self, **options: Any) -> Any:
        return await self.handler(wake_up(**options))

    async def job(self) -> Job:
        job, _ = await self.jobs.load(STREAM)
        assert job is not None
        return job


@pytest.fixture
async def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    office = Office()

    async def still_held(_client: object, worker: str, _stream: StreamId, _attempt: int) -> bool:
        return worker in office.alive

    monkeypatch.setattr(wakeups, "still_held", still_held)
    return office


async def test_a_wake_up_runs_what_is_queued(office: Office) -> None:
    await office.queue()
    assert await office.wake() == Done()
    assert (await office.job()).status == "done"


async def test_a_wake_up_for_a_job_without_events_is_done(office: Office) -> None:
    assert await office.wake() == Done()


async def test_a_wake_up_for_a_job_that_has_ended_changes_nothing(office: Office) -> None:
    await office.queue()
    await office.wake()
    version = (await office.job()).version
    assert await office.wake(deliveries=3) == Done()
    assert (await office.job()).version == version


@pytest.mark.parametrize(
    ("options", "outcome"),
    [({}, Done()), ({"deliveries": 2}, Later(7.0)), ({"hint": True}, Later(7.0))],
)
async def test_a_living_holder_is_left_alone(office: Office, options: dict[str, Any], outcome: object) -> None:
    await office.queue()
    await office.start("runner-other")
    office.alive.add("runner-other")
    assert await office.wake(**options) == outcome
    assert (await office.job()).attempts == 1


async def test_a_job_whose_holder_is_gone_is_taken_over(office: Office) -> None:
    await office.queue()
    await office.start("runner-gone")
    assert await office.wake() == Done()
    job = await office.job()
    assert (job.status, job.attempts) == ("done", 2)


async def test_of_two_who_find_the_same_holder_gone_one_takes_over(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.queue()
    await office.start("runner-gone")
    asked = asyncio.Barrier(2)

    async def both_find_it_gone(*_: object) -> bool:
        await asked.wait()
        return False

    monkeypatch.setattr(wakeups, "still_held", both_find_it_gone)
    other = Office()
    other.handler._jobs = office.jobs
    await asyncio.gather(office.wake(), other.wake())
    assert (await office.job()).attempts == 2


async def test_a_kind_that_nobody_knows_is_left_to_an_upgraded_runner_for_a_while(office: Office) -> None:
    await office.queue("unheard-of")
    assert isinstance(await office.wake(deliveries=3), Later)
    assert (await office.job()).status == "queued"


async def test_a_kind_that_nobody_knows_fails_the_job_in_the_end(office: Office) -> None:
    await office.queue("unheard-of")
    assert await office.wake(deliveries=21) == Done()
    error = (await office.job()).error
    assert error is not None
    assert error.message == "No runner knows how to do 'unheard-of' jobs"


async def test_without_a_free_slot_a_wake_up_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(slots=1)
    await office.queue()
    with office.handler._slots.taking(new_id()):
        assert isinstance(await office.wake(), Later)


@pytest.mark.parametrize(("same_user", "outcome"), [(True, Later), (False, Done)])
async def test_a_user_with_many_jobs_under_way_leaves_room_for_others(same_user: bool, outcome: type) -> None:
    office = Office(slots=5)
    await office.queue()
    busy = STREAM.owner if same_user else new_id()
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(office.handler._slots.taking(busy))
        assert isinstance(await office.wake(), outcome)


async def test_a_hint_fires_an_overdue_timer_and_runs_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    async def naps(job: JobContext) -> None:
        await job.sleep("nap", 60)

    office = Office(naps)
    await office.queue()
    await office.wake()
    assert await office.wake(hint=True) == Done()
    assert (await office.job()).status == "running"
    office.clock.advance(timedelta(seconds=61))
    await office.wake(hint=True)
    assert (await office.job()).status == "done"


async def test_a_fenced_attempt_sends_nothing_more() -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        reached.set()
        await go.wait()
        return "late"

    async def flow(job: JobContext) -> None:
        await job.step("slow", slow)

    office = Office(flow)
    await office.queue()
    delivery = wake_up()
    handling = asyncio.create_task(office.handler(delivery))  # type: ignore[arg-type]
    await reached.wait()
    await office.start("runner-other")
    go.set()
    await handling
    assert delivery.lease_lost
