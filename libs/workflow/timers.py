"""Durable timers of a running attempt: the event first, then the schedule, both as often as it takes.

Fault point: `timer.between_event_and_schedule`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from libs.jobs.commands import FireTimer
from libs.process import faults

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt

__all__ = ["schedule", "wait_for"]


async def wait_for(attempt: Attempt, timer: str) -> None:
    """Return when a timer that the log knows has fired; meanwhile the worker may be let go."""
    if not attempt.job.timers[timer].fired:
        await schedule(attempt, timer)
    await attempt.wait(f"timer/{timer}")


async def schedule(attempt: Attempt, timer: str) -> None:
    """Have the timer looked at when due. Done again after every restart: a crash may have come between event and schedule."""
    due = attempt.job.timers[timer].due
    await attempt.begin()
    try:
        await faults.reach("timer.between_event_and_schedule")
        now = attempt.host.clock.now()
        if due <= now:
            await attempt.commit(FireTimer(name=timer, now=now))
        else:
            await attempt.insist(lambda: attempt.host.schedule(attempt.stream, timer, due))
    finally:
        attempt.end()
