"""Run a workflow in a test: no server, no waiting, a clock that jumps to whatever is due next.

bench = Workbench(newsletter, prompt="Weekly news")
await bench.run()                       # until it ends, or waits for somebody
await bench.approve("send")
assert (await bench.run()).status == "done"
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from libs.events.event import Cause, Recorded
from libs.events.memory import MemoryStore
from libs.events.repository import Repository
from libs.events.store import EventStore
from libs.events.subjects import StreamId
from libs.jobs.commands import (
    ApproveStep,
    CancelJob,
    CreateJob,
    FireTimer,
    RejectStep,
    RetryJob,
    SendSignal,
    StartAttempt,
    WireCommand,
)
from libs.jobs.decide import decide
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import evolve
from libs.jobs.state import Job
from libs.process.clock import ManualClock
from libs.workflow.attempt import Attempt, Ended, Outcome, Suspended
from libs.workflow.errors import UnknownWorkflow
from libs.workflow.family import Family
from libs.workflow.ports import Delta, Limits, ShardResult, ShardTask
from libs.workflow.registry import WorkflowFunction, Workflows, shard_named
from libs.workflow.shards import compute

__all__ = ["MemoryHost", "Workbench"]

_OWNER = UUID("00000000-0000-7000-8000-00000000000a")
_JOB = UUID("00000000-0000-7000-8000-000000000001")


class MemoryShards:
    """A `ShardBoard` that computes what is offered at once, in this process. Results outlive the attempts, as stored ones do."""

    def __init__(self, job_of: Callable[[StreamId], Awaitable[Job | None]]) -> None:
        self._job_of = job_of
        self.most_offered = 0  # at any one time
        self._results: defaultdict[tuple[StreamId, str], list[ShardResult]] = defaultdict(list)
        self._sequence = 0
        self._watching: defaultdict[tuple[StreamId, str], set[asyncio.Event]] = defaultdict(set)
        self._offered: dict[tuple[StreamId, str, int], asyncio.Task[None]] = {}

    async def offer(self, stream: StreamId, map_token: str, tasks: Sequence[ShardTask]) -> None:
        for task in tasks:
            key = (stream, map_token, task.number)
            if key not in self._offered:
                self._offered[key] = asyncio.create_task(self._compute(key, task))
        self.most_offered = max(self.most_offered, len(self._offered))

    async def waiting(self) -> int:
        return 0

    async def results(
        self, stream: StreamId, map_token: str, *, after: int, limit: int | None = None
    ) -> Sequence[ShardResult]:
        return [each for each in self._results[stream, map_token] if each.sequence > after][:limit]

    async def fetch(self, result: ShardResult) -> ShardResult:
        return result

    @asynccontextmanager
    async def watch(self, stream: StreamId, map_token: str) -> AsyncIterator[asyncio.Event]:
        changed = asyncio.Event()
        self._watching[stream, map_token].add(changed)
        try:
            yield changed
        finally:
            self._watching[stream, map_token].discard(changed)

    async def withdraw(self, stream: StreamId, map_token: str) -> None:
        for key in [key for key in self._offered if key[:2] == (stream, map_token)]:
            self._offered.pop(key).cancel()

    async def _compute(self, key: tuple[StreamId, str, int], task: ShardTask) -> None:
        shard = shard_named(task.shard)
        assert shard is not None, "a coordinator offers registered shards only"
        job = await self._job_of(key[0])
        assert job is not None, "a coordinator has a job"
        result = await compute(task, shard, job, worker="test", pause=_no_pause)
        self._offered.pop(key, None)
        earlier = [each for each in self._results[key[:2]] if each.number == task.number]
        if earlier and earlier[-1].sequence != task.after:
            return  # the first result wins
        self._sequence += 1
        self._results[key[:2]].append(msgspec.structs.replace(result, sequence=self._sequence))
        for changed in self._watching[key[:2]]:
            changed.set()


async def _no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


class MemoryHost:
    """A `Host` that remembers what it was asked. Pauses are always durable timers, so that the clock decides about them."""

    def __init__(self, clock: ManualClock, jobs: Repository[Job, JobEvent]) -> None:
        async def job_of(stream: StreamId) -> Job | None:
            return (await jobs.load(stream))[0]

        self.clock = clock
        self.limits = Limits(durable_delay_seconds=-1.0, cleanup_seconds=1.0)
        self.shards = MemoryShards(job_of)
        self.deltas: list[Delta] = []
        self.scheduled: dict[str, datetime] = {}
        self.objects: dict[str, bytes] = {}

    def random(self) -> float:
        return 0.5

    async def send_delta(self, stream: StreamId, delta: Delta) -> None:
        self.deltas.append(delta)

    async def schedule(self, stream: StreamId, timer: str, due: datetime) -> None:
        self.scheduled[timer] = due

    async def store_object(self, stream: StreamId, data: bytes) -> str:
        name = f"object-{uuid5(_JOB, data.hex())}"
        self.objects[name] = data
        return name


class Workbench:
    """One job in memory: run it, answer it, break it off, and look at its events."""

    def __init__(
        self,
        function: WorkflowFunction,
        *,
        prompt: str = "",
        request: Any = None,
        approvals: Sequence[str] = (),
        kind: str = "test",
        store: MemoryStore[JobEvent] | None = None,
        children: Mapping[str, WorkflowFunction] | None = None,
    ) -> None:
        """`children` are the workflows of other kinds that this one has done; those registered with `@workflow` are known."""
        self.function = function
        self._workflows = Workflows({}, children)
        self._children: dict[str, Workbench] = {}
        self.clock = ManualClock()
        self.store = store or MemoryStore(EVENTS)
        self.host = MemoryHost(self.clock, Repository(self.store, evolve, clock=self.clock))
        self.stream = StreamId(_OWNER, _JOB)
        self._create = CreateJob(
            kind=kind, prompt=prompt, talks=False, request=request, approvals=tuple(approvals), sender="user"
        )
        self._commands = 0
        self._attempt: Attempt | None = None
        self.store.on_append.append(self._appended)
        self.restart()

    def restart(self, through: EventStore[JobEvent] | None = None) -> None:
        """Forget everything but the log, as a new process does. `through` may wrap the store, to let it fail."""
        self._attempt = None
        self.jobs: Repository[Job, JobEvent] = Repository(through or self.store, evolve, clock=self.clock)
        self._family = Family(self.jobs)

    async def run(self, *, skip_time: bool = True) -> Job:
        """Run until the job, with its children, ends or waits for a person, a signal or, unless `skip_time`, a time; return the job."""
        while True:
            outcome = await self.attempt_once()
            if not isinstance(outcome, Ended) and await self._run_children(skip_time):
                continue
            if not isinstance(outcome, Suspended) or not skip_time or not await self._next_timer():
                return await self.job()

    async def attempt_once(self) -> Outcome | None:
        """One attempt, as a worker would make it; None where there is nothing to run."""
        await self._created()
        command = StartAttempt(worker="test", takeover=True)
        committed = await self.jobs.transact(self.stream, lambda job: decide(job, command), fresh=True)
        if not committed.events or committed.state is None or committed.state.attempt is None:
            return None
        attempt = self._attempt = Attempt(self.jobs, committed.state, self.host)
        try:
            outcome = await attempt.run(self.function)
        finally:
            self._attempt = None
        if isinstance(outcome, Ended):
            await self._family.ended(attempt.job)
        return outcome

    async def child(self, name: str) -> Workbench:
        """A child that the workflow has started, to be answered, broken off and looked at in its turn."""
        if name not in self._children:
            known = (await self.job()).children[name]
            function = self._workflows.get(known.kind)
            if function is None:
                raise UnknownWorkflow(
                    f"no workflow does {known.kind!r} jobs: give it to the Workbench as one of `children`"
                )
            child = Workbench(function, store=self.store)
            child.stream = StreamId(self.stream.owner, known.id)
            child.clock, child.host, child._workflows = self.clock, self.host, self._workflows
            child.restart()
            self._children[name] = child
        return self._children[name]

    async def advance(self, seconds: float) -> None:
        """Let time pass, and fire what has come due meanwhile."""
        self.clock.advance(timedelta(seconds=seconds))
        for name, timer in (await self.job()).timers.items():
            if not timer.fired and timer.due <= self.clock.now():
                await self._fire(name)

    async def approve(self, name: str, comment: str = "") -> None:
        version = (await self.job()).asked[name].version
        await self.send(ApproveStep(name=name, approval_version=version, comment=comment))

    async def reject(self, name: str, comment: str = "") -> None:
        version = (await self.job()).asked[name].version
        await self.send(RejectStep(name=name, approval_version=version, comment=comment))

    async def signal(self, name: str, data: Any = None) -> None:
        await self.send(SendSignal(name=name, data=data))

    async def cancel(self, reason: str = "") -> None:
        await self.send(CancelJob(reason=reason))

    async def retry(self) -> None:
        await self.send(RetryJob())

    async def send(self, command: WireCommand) -> Sequence[Recorded[JobEvent]]:
        """Decide a command from a person, as the runner does; return the events it made."""
        await self._created()
        return await self._decide(command)

    async def job(self) -> Job:
        """The job as the log has it."""
        await self._created()
        job, _ = await self.jobs.load(self.stream)
        assert job is not None
        return job

    async def events(self) -> list[JobEvent]:
        """Everything that happened, oldest first."""
        return [recorded.event for recorded in await self.store.load(self.stream)]

    @property
    def deltas(self) -> list[Delta]:
        return self.host.deltas

    async def _created(self) -> None:
        if not await self.store.load(self.stream, limit=1):
            await self._decide(self._create)

    async def _decide(self, command: WireCommand) -> Sequence[Recorded[JobEvent]]:
        self._commands += 1
        command_id = uuid5(_JOB, f"command-{self._commands}")
        cause = Cause(causation_id=command_id, correlation_id=command_id, command_sequence=self._commands)
        jobs = Repository(self.store, evolve, clock=self.clock)
        decided = await jobs.transact(self.stream, lambda job: decide(job, command, command_id=command_id), cause=cause)
        if decided.state is not None and decided.state.status.ended:
            await self._family.ended(decided.state)
        return decided.events

    async def _run_children(self, skip_time: bool) -> bool:
        """Run the children that are waited for; whether one of them came to its end."""
        names = list((await self.job()).children_open)
        for name in names:
            await (await self.child(name)).run(skip_time=skip_time)
        return len((await self.job()).children_open) < len(names)

    async def _next_timer(self) -> bool:
        """Jump to the next due time, if any, and fire what is due then."""
        pending = [timer.due for timer in (await self.job()).timers.values() if not timer.fired]
        if not pending:
            return False
        await self.advance(max(0.0, (min(pending) - self.clock.now()).total_seconds()))
        return True

    async def _fire(self, name: str) -> None:
        command = FireTimer(name=name, now=self.clock.now())
        jobs = Repository(self.store, evolve, clock=self.clock)
        await jobs.transact(self.stream, lambda job: decide(job, command))

    def _appended(self, _recorded: Recorded[JobEvent]) -> None:
        if self._attempt is not None:
            self._attempt.notify()
