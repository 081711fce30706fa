"""Waits that hold no worker: approvals, signals, sleeps. Each is an event first, then a schedule where it has a due time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from libs.jobs.commands import AwaitSignal, RequestApproval, SetTimer
from libs.jobs.state import Approval
from libs.workflow import timers
from libs.workflow.errors import InvalidName, Misuse, ResultUnreadable, WaitTimedOut
from libs.workflow.results import described
from libs.workflow.steps import current_step

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt

__all__ = ["RESERVED", "approval", "signal", "sleep"]

RESERVED = ("retry-", "signal-")  # timers of the engine's own
_SUMMARY_CHARACTERS_MAX = 100_000


async def approval(attempt: Attempt, name: str, summary: str) -> Approval:
    """Ask a person, and return their yes. A no fails the job, so it never returns here."""
    _outside_steps("approval", name)
    attempt.claim("approval", name)
    if name not in attempt.job.asked:
        await attempt.begin()
        try:
            text = summary[:_SUMMARY_CHARACTERS_MAX]
            await attempt.commit(RequestApproval(attempt=attempt.number, name=name, summary=text))
        finally:
            attempt.end()
    await attempt.wait(f"approval/{name}")
    return attempt.job.asked[name]


async def signal(attempt: Attempt, name: str, timeout_seconds: float | None, type_: Any) -> Any:
    """The data of the named signal as `type_`. Raises `WaitTimedOut`; `ResultUnreadable` where the data is no `type_`."""
    _outside_steps("signal", name)
    attempt.claim("signal", name)
    timer = f"signal-{name}"
    if name not in attempt.job.signals:
        due = None if timeout_seconds is None else attempt.host.clock.now() + timedelta(seconds=timeout_seconds)
        await attempt.begin()
        try:
            await attempt.commit(AwaitSignal(attempt=attempt.number, name=name, due=due))
        finally:
            attempt.end()
    if timer in attempt.job.timers and not attempt.job.wait_over(f"signal/{name}"):
        await timers.schedule(attempt, timer)
    await attempt.wait(f"signal/{name}")
    received = attempt.job.signals[name]
    if not received.received:
        raise WaitTimedOut(name)
    try:
        return msgspec.json.decode(received.data, type=type_)
    except msgspec.DecodeError as error:
        raise ResultUnreadable(f"the data of the signal {name!r} is no {described(type_)}: {error}") from None


async def sleep(attempt: Attempt, name: str, seconds: float | None, until: datetime | None) -> None:
    """Return when the time has passed; the due time is computed once and stored."""
    _outside_steps("sleep", name)
    if (seconds is None) == (until is None):
        raise Misuse(f"the sleep {name!r} needs either seconds or until")
    if until is not None and until.tzinfo is None:
        raise Misuse(f"the sleep {name!r} needs an until with a time zone")
    if name.startswith(RESERVED):
        raise InvalidName(f"the sleep {name!r}: names that begin with {' or '.join(RESERVED)} are the engine's own")
    attempt.claim("sleep", name)
    if name not in attempt.job.timers:
        due = until if until is not None else attempt.host.clock.now() + timedelta(seconds=seconds or 0)
        await attempt.begin()
        try:
            await attempt.commit(SetTimer(attempt=attempt.number, name=name, due=due))
        finally:
            attempt.end()
    await timers.wait_for(attempt, name)


def _outside_steps(kind: str, name: str) -> None:
    if current_step() is not None:
        raise Misuse(
            f"the {kind} {name!r} is inside a step; wait in the workflow itself, so that the worker can be let go"
        )
