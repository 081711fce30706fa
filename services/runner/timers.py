"""Timers that are due. What NATS delivers is a hint: whether a timer fires is decided against the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from libs.events.subscription import Delivery, Done, Later, Outcome, Refused
from libs.jobs.commands import FireTimer
from libs.jobs.decide import NoSuchJob, decide

if TYPE_CHECKING:
    from libs.jobs.repository import Jobs
    from libs.process.clock import Clock

__all__ = ["Timers"]

log = structlog.get_logger(__name__)


class _Due(msgspec.Struct):
    timer: str


class Timers:
    """Handles deliveries from TIMERS; the event `timer_fired` then wakes the job."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def __call__(self, delivery: Delivery) -> Outcome:
        try:
            name = msgspec.json.decode(delivery.message.data, type=_Due).timer
        except msgspec.DecodeError as error:
            return Refused(f"not a timer: {error}")
        now = self._clock.now()
        command = FireTimer(name=name, now=now)
        try:
            committed = await self._jobs.transact(delivery.subject.stream, lambda job: decide(job, command))
        except NoSuchJob:
            return Done()  # it was erased
        job = committed.state
        if committed.events:
            log.info("timer.fired", timer=name)
        elif job is not None and not job.status.ended:
            timer = job.timers.get(name)
            if timer is not None and not timer.fired and timer.due > now:
                return Later((timer.due - now).total_seconds())  # this machine's clock is behind the server's
        return Done()
