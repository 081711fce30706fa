"""Wake-ups: a hint that a job may have something to run. The log decides; whoever starts the next attempt runs it.

Fault points: `attempt.before_start`, `attempt.after_start` (the log names this worker, nothing has run yet),
`attempt.before_end` (the workflow is over for now, the wake-up is not acknowledged).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

import structlog

from libs.events.event import Cause
from libs.events.subscription import Delivery, Done, Later
from libs.events.subscription import Outcome as Handled
from libs.jobs.commands import FailJob, FireTimer, StartAttempt
from libs.jobs.decide import decide
from libs.jobs.events import Failure, JobEvent, JobStarted
from libs.jobs.liveness import still_held
from libs.process import faults
from libs.workflow import metrics
from libs.workflow.attempt import Attempt, Ended, Lost, Outcome, Released, Suspended
from services.runner.slots import Slots

if TYPE_CHECKING:
    from nats.aio.client import Client

    from libs.events.subjects import StreamId
    from libs.jobs.liveness import Holder
    from libs.jobs.repository import Jobs
    from libs.jobs.state import Attempt as Hold
    from libs.jobs.state import Job
    from libs.workflow.family import Family
    from libs.workflow.ports import Host
    from libs.workflow.registry import WorkflowFunction, Workflows
    from services.runner.running import Running

__all__ = ["WakeUps"]

log = structlog.get_logger(__name__)

_UNKNOWN_KIND_DELIVERIES_MAX = 20  # a runner that knows the kind may be on its way (an upgrade): about two minutes
_UNKNOWN_KIND_DELAY_SECONDS_MAX = 10.0
_NO_SLOT_SECONDS_MAX = 4.0


class WakeUps:
    """Handles deliveries from EVENTS and WAKEUPS; a delivery is kept alive for as long as the attempt it started runs."""

    def __init__(
        self,
        client: Client,
        jobs: Jobs,
        workflows: Workflows,
        host: Host,
        holder: Holder,
        running: Running,
        family: Family,
        *,
        slots: int,
        stalls_max: int,
        lease_seconds: float,
    ) -> None:
        self._nats = client
        self._jobs = jobs
        self._workflows = workflows
        self._host = host
        self._holder = holder
        self._running = running
        self._family = family
        self._slots = Slots(slots)
        self._stalls_max = stalls_max
        self._lease_seconds = lease_seconds

    async def __call__(self, delivery: Delivery) -> Handled:
        stream = delivery.subject.stream
        job, _ = await self._jobs.load(stream)
        if job is None or job.status.ended:
            if job is not None and delivery.subject.name != "child_ended":  # which is the answer to that
                await self._family.ended(job, delivery.cause)
            self._jobs.forget(stream)
            return Done()
        if delivery.is_hint:
            job = await self._look_after_timers(job)
            job = await self._family.look_after(job)
        stale = job.attempt
        if stale is not None and await self._is_held(stream, stale):
            self._running.notify(stream)
            # Its holder keeps a wake-up of its own; only one that nobody else may follow up comes back.
            first = delivery.deliveries == 1 and not delivery.is_hint
            return Done() if first else Later(self._lease_seconds)
        function = self._workflows.get(job.kind)
        if function is None:
            return await self._unknown_kind(job, stale, delivery)
        if not self._slots.has_room_for(stream.owner):
            return Later(self._pause(delivery))  # another runner may have a free slot
        with self._slots.taking(stream.owner):
            return await self._attempt(job, stale, function, delivery)

    @staticmethod
    def _pause(delivery: Delivery) -> float:
        """Longer from time to time: thousands of jobs may be waiting, and each look at one costs a little."""
        longest = min(0.5 * 1.5 ** min(delivery.deliveries - 1, 10), _NO_SLOT_SECONDS_MAX)
        return random.uniform(0.2, 1.0) * longest  # noqa: S311

    async def _is_held(self, stream: StreamId, hold: Hold) -> bool:
        if hold.worker == self._holder.worker:
            return self._holder.holds(stream, hold.number)
        return await still_held(self._nats, hold.worker, stream, hold.number)

    async def _attempt(self, job: Job, stale: Hold | None, function: WorkflowFunction, delivery: Delivery) -> Handled:
        stream, cause = job.stream, delivery.cause
        await faults.reach("attempt.before_start")
        # Held before it is stored, so that nobody who sees it stored finds it not held.
        with self._holder.hold(stream, job.attempts + 1):
            started, job = await self._start(job, stale, cause)
            if started is None:
                if job.status.ended:
                    await self._family.ended(job, cause)
                return Done()
            with self._holder.hold(stream, started.attempt):
                await faults.reach("attempt.after_start")
                attempt = Attempt(self._jobs, job, self._host, lease_lost=lambda: delivery.lease_lost, cause=cause)
                with self._running.running(attempt):
                    log.info("attempt.started", attempt=started.attempt, kind=job.kind)
                    outcome = await attempt.run(function)
        await faults.reach("attempt.before_end")
        if isinstance(outcome, Ended):
            await self._family.ended(attempt.job, cause)
        metrics.attempts.labels(type(outcome).__name__.lower()).inc()
        log.info("attempt.over", attempt=started.attempt, outcome=outcome)
        self._jobs.forget(stream)
        return self._handled(outcome, delivery)

    async def _start(self, job: Job, stale: Hold | None, cause: Cause) -> tuple[JobStarted | None, Job]:
        """Take the job, unless there is nothing to run or another worker was faster."""

        def start(now: Job | None) -> Sequence[JobEvent]:
            # What was found stale may have been taken over by another since.
            takeover = stale is not None and now is not None and now.attempt == stale
            command = StartAttempt(worker=self._holder.worker, takeover=takeover, stalls_max=self._stalls_max)
            return decide(now, command)

        committed = await self._jobs.transact(job.stream, start, cause=cause)
        started = next((each.event for each in committed.events if isinstance(each.event, JobStarted)), None)
        if committed.events and started is None:
            metrics.attempts.labels("gave_up").inc()
            log.error("attempt.no_progress", stalls=job.stalls)
        elif started is not None and stale is not None:
            metrics.takeovers.inc()
            log.warning("attempt.taken_over", from_worker=stale.worker, attempt=started.attempt)
        return started, committed.state or job

    @staticmethod
    def _handled(outcome: Outcome, delivery: Delivery) -> Handled:
        match outcome:
            case Ended() | Suspended():
                return Done()
            case Released():
                return Later(0)
            case Lost():
                delivery.abandon()
                return Done()  # which is not sent
            case _:
                assert_never(outcome)

    async def _unknown_kind(self, job: Job, stale: Hold | None, delivery: Delivery) -> Handled:
        if delivery.deliveries <= _UNKNOWN_KIND_DELIVERIES_MAX:
            log.warning("attempt.unknown_kind", kind=job.kind, known=self._workflows.kinds)
            return Later(min(2.0 ** (delivery.deliveries - 2), _UNKNOWN_KIND_DELAY_SECONDS_MAX))
        started, job = await self._start(job, stale, delivery.cause)
        if started is not None:
            message = f"No runner knows how to do {job.kind!r} jobs"
            command = FailJob(attempt=started.attempt, error=Failure(code="unknown_kind", message=message))
            failed = await self._jobs.transact(job.stream, lambda now: decide(now, command), cause=delivery.cause)
            job = failed.state or job
        if job.status.ended:
            await self._family.ended(job, delivery.cause)
        return Done()

    async def _look_after_timers(self, job: Job) -> Job:
        """A hint may stand for a timer whose schedule was lost: fire what is due, and schedule anew what is not."""
        now = self._host.clock.now()
        for name, timer in job.timers.items():
            if timer.fired:
                continue
            if timer.due > now:
                await self._host.schedule(job.stream, name, timer.due)
            else:
                command = FireTimer(name=name, now=now)
                committed = await self._jobs.transact(job.stream, lambda state, c=command: decide(state, c))  # type: ignore[misc]
                job = committed.state or job
        return job
