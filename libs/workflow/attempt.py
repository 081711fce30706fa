"""One attempt at a job: it runs the workflow, writes under the fence, and lets the worker go when only waits are left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog

from libs.events.errors import LogUnavailable, UnknownEvent
from libs.events.event import Cause, Recorded
from libs.jobs.commands import CompleteJob, FailJob, JobCommand, SuspendAttempt
from libs.jobs.decide import FenceLost, decide
from libs.jobs.events import Failure, JobEvent
from libs.jobs.state import Job, Status
from libs.workflow import endings, metrics
from libs.workflow.errors import InvalidName, NameTaken, WorkflowError

if TYPE_CHECKING:
    from libs.events.repository import Repository
    from libs.events.subjects import StreamId
    from libs.workflow.ports import Host
    from libs.workflow.registry import WorkflowFunction

__all__ = ["Attempt", "Ended", "Lost", "Outcome", "Released", "Suspended"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

_SETTLE_TURNS = 25  # of the event loop: what other branches get to begin something before the worker is let go
_NAME_CHARACTERS_MAX = 200
_BACKOFF_SECONDS = 0.05
_BACKOFF_SECONDS_MAX = 2.0


class Ended(msgspec.Struct, frozen=True):
    """The job is done, failed or cancelled."""

    status: Status


class Suspended(msgspec.Struct, frozen=True):
    """Only these waits are left; the log knows them, and the worker is free."""

    waits: tuple[str, ...]


class Released(msgspec.Struct, frozen=True):
    """The worker gave the job back before its end; any other may take it at once."""


class Lost(msgspec.Struct, frozen=True):
    """Another attempt took over: nothing more may be sent about the job, not even an acknowledgement."""


Outcome = Ended | Suspended | Released | Lost


class Attempt:
    """A worker's hold on a job. Every write is decided with the attempt's number, so an outdated one writes nothing."""

    def __init__(
        self,
        jobs: Repository[Job, JobEvent],
        job: Job,
        host: Host,
        *,
        lease_lost: Callable[[], bool] = lambda: False,
        cause: Cause = Cause(),
    ) -> None:
        """`job` has just been started: its `attempt` is this one. `lease_lost` tells whether the worker may have been given up."""
        if job.attempt is None:
            raise ValueError("the job has no attempt")
        self.job = job
        self.stream: StreamId = job.stream
        self.number = job.attempt.number
        self.worker = job.attempt.worker
        self.host = host
        self.reported_at: dict[str, datetime] = {}  # the latest progress stored under a name
        self.jobs = jobs
        self._lease_lost = lease_lost
        self.cause = cause
        self._names: dict[tuple[str, str], str] = {}
        self._active = 0  # steps, maps and other work under way
        self._steps = 0  # of these, what must not be cut short when the worker is asked to stop
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._owed: list[Callable[[], Awaitable[None]]] = []
        self._paying = asyncio.Lock()
        self._stacks = AsyncExitStack()
        self.replays = 0  # streams of results that are still being given what was stored before: see `waits.Listener`
        self._suspending: asyncio.Task[None] | None = None
        self._closing = False
        self._refreshing: asyncio.Task[None] | None = None
        self._refresh_again = False
        self._draining = False
        self._root: asyncio.Task[Any] | None = None
        self._stopped: asyncio.Future[Outcome] | None = None

    # -- running -------------------------------------------------------------------------------------------------------

    async def run(self, function: WorkflowFunction) -> Outcome:
        """Run the workflow until the job ends, only waits are left, the worker is asked to stop, or the fence is lost.

        If cancelled, the workflow is cancelled too and the job is given back.
        """
        from libs.workflow.context import JobContext  # context builds on this module

        self._stopped = asyncio.get_running_loop().create_future()
        self._root = asyncio.create_task(_main(function, JobContext(self)), name=f"workflow-{self.stream.id}")
        try:
            await asyncio.wait((self._root, self._stopped), return_when=asyncio.FIRST_COMPLETED)
            if not self._stopped.done():
                return await self._finish()
            await self._unwind()
            outcome = self._stopped.result()
        except asyncio.CancelledError:
            self._stop(Released())
            await self._unwind()
            await self._hand_back()
            raise
        finally:
            for task in (self._suspending, self._refreshing):
                if task is not None:
                    task.cancel()
            await self._stacks.aclose()
        if isinstance(outcome, Released):
            await self._hand_back()
        return outcome

    def notify(self) -> None:
        """Something about the job may have changed: look, and go on, or stop, accordingly."""
        if self._refreshing is not None and not self._refreshing.done():
            self._refresh_again = True
        elif self._stopped is not None and not self._stopped.done():
            self._refreshing = asyncio.create_task(self._refresh())

    def drain(self) -> None:
        """Give the job back as soon as no step is under way, and begin no other step."""
        self._draining = True
        if not self._steps:
            self._stop(Released())

    @property
    def cancelled(self) -> bool:
        """Whether the job's owner called it off."""
        return self.job.status is Status.CANCELLED

    # -- what the context's operations are made of -----------------------------------------------------------------------

    def claim(self, kind: str, name: str, what: str = "") -> None:
        """Reserve a name for one use in this run. Raises `InvalidName`, `NameTaken`."""
        if not isinstance(name, str) or not name.strip() or len(name) > _NAME_CHARACTERS_MAX or not name.isprintable():
            raise InvalidName(f"{name!r} is no name for a {kind}: 1 to {_NAME_CHARACTERS_MAX} printable characters")
        if (kind, name) in self._names:
            used = self._names[kind, name]
            by = f" by {used}" if used else ""
            raise NameTaken(f"the {kind} name {name!r} is used already in this run{by}; every {kind} needs its own")
        self._names[kind, name] = what

    async def begin(self, *, step: bool = False) -> None:
        """Work starts that keeps the worker. If the attempt has stopped, the caller is cancelled instead."""
        await self._open()
        if step and self._draining:
            self._stop(Released())
            raise asyncio.CancelledError
        self._active += 1
        self._steps += step
        try:
            if self._owed:
                await self._pay()
            if self._lease_lost():
                await self.verify()
        except BaseException:
            self.end(step=step)
            raise

    def end(self, *, step: bool = False) -> None:
        """The work is over."""
        self._active -= 1
        self._steps -= step
        if self._draining and step and not self._steps:
            self._stop(Released())
        elif self._waiting and not self._active:
            self._settle()

    def check(self) -> None:
        """Cancel the caller where the attempt has stopped."""
        if self._stopped is None or self._stopped.done():
            raise asyncio.CancelledError

    def owe(self, debt: Callable[[], Awaitable[None]]) -> None:
        """Have this done before anything else begins, or the workflow's return is stored: what cannot be awaited where it is caused."""
        self._owed.append(debt)

    def closing(self, stack: AsyncExitStack) -> AsyncExitStack:
        """The stack, which is closed when the attempt is over at the latest."""
        self._stacks.push_async_exit(stack)
        return stack

    async def verify(self) -> None:
        """Ask the log itself whether the attempt still holds the job; if not, the caller is cancelled."""
        self._take(await self.insist(lambda: self._load()))
        self.check()

    async def commit(self, command: JobCommand) -> Sequence[Recorded[JobEvent]]:
        """Decide and append, for as long as it takes; return the events made. Where the fence is lost, the caller is cancelled."""
        self.check()
        committed = await self.insist(lambda: self._decide(command))
        if committed is None:
            self._take(self.jobs.peek(self.stream) or self.job)
            self._stop(Lost())
            raise asyncio.CancelledError
        self.job, events = committed
        if self._waiting:
            self._resolve()
        return events

    async def wait(self, *waits: str) -> None:
        """Return when one of the waits (`approval/plan`, `timer/nap`, ...), which the log knows, is over; meanwhile the worker may be let go."""
        if self._owed:
            await self.begin()
            self.end()
        if any(map(self.job.wait_over, waits)):
            return
        await self._open()
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.update(dict.fromkeys(waits, over))
        self._settle()
        try:
            await over
        finally:
            for wait in waits:
                self._waiting.pop(wait, None)
            if self._waiting and not self._active:
                self._settle()

    async def _pay(self) -> None:
        async with self._paying:
            while self._owed:
                await self._owed[0]()
                del self._owed[0]

    # -- stopping and suspending ---------------------------------------------------------------------------------------

    def _stop(self, outcome: Outcome) -> None:
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(outcome)

    async def _open(self) -> None:
        """Return when something may begin. What begins while a suspension is being stored could not be stored after it."""
        if self._closing and self._suspending is not None:
            await asyncio.wait((self._suspending,))
        self.check()

    def _settle(self) -> None:
        if not self._active and self._waiting and (self._suspending is None or self._suspending.done()):
            self._suspending = asyncio.create_task(self._suspend())

    async def _suspend(self) -> None:
        for _ in range(_SETTLE_TURNS):
            await asyncio.sleep(0)
            if self._active or not self._waiting or (self._root is not None and self._root.done()):
                self._suspending = None
                return
        waits = tuple(sorted(self._waiting))
        self._closing = True
        try:
            events = await self.commit(SuspendAttempt(attempt=self.number, waits=waits))
        except asyncio.CancelledError:
            return
        finally:
            self._suspending = None
            self._closing = False
        if events:
            metrics.suspended.inc()
            self._stop(Suspended(waits))

    def _resolve(self) -> None:
        for wait, over in self._waiting.items():
            if not over.done() and self.job.wait_over(wait):
                over.set_result(None)

    async def _refresh(self) -> None:
        while True:
            self._refresh_again = False
            self._take(await self.insist(lambda: self._load()))
            if not self._refresh_again:
                return

    def _take(self, job: Job) -> None:
        self.job = job
        if job.attempt is None or job.attempt.number != self.number:
            self._stop(Ended(job.status) if job.status.ended else Lost())
        elif self._waiting:
            self._resolve()

    async def _load(self) -> Job:
        job, _ = await self.jobs.load(self.stream)
        return job or self.job

    async def _decide(self, command: JobCommand) -> tuple[Job, Sequence[Recorded[JobEvent]]] | None:
        try:
            committed = await self.jobs.transact(self.stream, lambda job: decide(job, command), cause=self.cause)
        except FenceLost:
            return None
        return committed.state or self.job, committed.events

    async def insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the log until it answers: what a step did must not be forgotten because NATS restarts.

        Where the log has an event unknown here, the attempt stops and the caller is cancelled.
        """
        delay = _BACKOFF_SECONDS
        while True:
            try:
                return await ask()
            except LogUnavailable as error:
                log.warning("attempt.log_unavailable", attempt=self.number, error=str(error))
            except UnknownEvent as error:
                # Newer code has written to the job: this one must not touch it, and an upgraded worker will.
                log.error("attempt.unknown_event", attempt=self.number, error=str(error))
                self._stop(Lost())
                raise asyncio.CancelledError from None
            await asyncio.sleep(random.uniform(delay / 2, delay))  # noqa: S311
            delay = min(delay * 2, _BACKOFF_SECONDS_MAX)

    async def _unwind(self) -> None:
        """Cancel the workflow, and give it a bounded time to tidy up."""
        root = self._root
        if root is None or root.done():
            return
        root.cancel()
        _, late = await asyncio.wait((root,), timeout=self.host.limits.cleanup_seconds)
        if late:
            log.error("attempt.cleanup_too_slow", attempt=self.number, seconds=self.host.limits.cleanup_seconds)
            root.cancel()
            root.add_done_callback(_ignore)
        else:
            _ignore(root)

    async def _hand_back(self) -> None:
        """Tell the log that nobody runs the job. Best effort: without it, others ask whether this worker lives."""
        try:
            async with asyncio.timeout(2.0):
                await self._decide(SuspendAttempt(attempt=self.number, waits=()))
        except (LogUnavailable, TimeoutError) as error:
            log.warning("attempt.not_handed_back", attempt=self.number, error=repr(error))

    # -- ending --------------------------------------------------------------------------------------------------------

    async def _finish(self) -> Outcome:
        try:
            await self.commit(await self._verdict())
        except asyncio.CancelledError:
            if self._stopped is not None and self._stopped.done():
                return self._stopped.result()
            raise
        return Ended(self.job.status)

    async def _verdict(self) -> CompleteJob | FailJob:
        assert self._root is not None
        if self._root.cancelled():
            failure = Failure(code="workflow_cancelled", message="The workflow cancelled itself")
            return FailJob(attempt=self.number, error=failure)
        error = self._root.exception()
        if error is None:
            try:
                await self._pay()
                return endings.completed(self, self._root.result())
            except WorkflowError as unstorable:
                error = unstorable
        log.warning("attempt.failed", attempt=self.number, kind=self.job.kind, exc_info=error)
        return endings.failed(self, error)


async def _main(function: WorkflowFunction, context: Any) -> Any:
    return await function(context)


def _ignore(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("attempt.error_while_stopping", error=repr(error))
