"""Waits that hold no worker: approvals, signals, sleeps. Each is an event first, then a schedule where it has a due time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from libs.jobs.commands import AwaitSignal, RequestApproval, SetTimer
from libs.jobs.state import Approval
from libs.workflow import timers
from libs.workflow.errors import InvalidName, Misuse, ResultUnreadable, WaitTimedOut
from libs.workflow.results import described
from libs.workflow.steps import current_step

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt

__all__ = ["RESERVED", "Listener", "approval", "listen", "signal", "sleep"]

T_co = TypeVar("T_co", covariant=True)

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
    if not attempt.job.signals[name].received:
        raise WaitTimedOut(name)
    return _data(attempt, name, type_)


class Listener(Generic[T_co]):
    """A signal that may come while the workflow works on: see `JobContext.listen`."""

    __slots__ = ("_attempt", "_type", "name")

    def __init__(self, attempt: Attempt, name: str, type_: Any) -> None:
        self._attempt = attempt
        self._type = type_
        self.name = name

    @property
    def received(self) -> bool:
        """Whether it came. Not shown before the results that earlier attempts took have been given again by `results`:

        so a loop left because of it is left no earlier when it is run again."""
        return not self._attempt.replays and self._attempt.job.signals[self.name].received

    @property
    def data(self) -> T_co | None:
        """What came with it, None before. Raises `ResultUnreadable` where that is of another type."""
        return _data(self._attempt, self.name, self._type) if self.received else None


async def listen(attempt: Attempt, name: str, type_: Any) -> Listener[Any]:
    """Have the log know that the signal is welcome, and go on."""
    _outside_steps("signal", name)
    attempt.claim("signal", name)
    if name not in attempt.job.signals:
        await attempt.begin()
        try:
            await attempt.commit(AwaitSignal(attempt=attempt.number, name=name))
        finally:
            attempt.end()
    return Listener(attempt, name, type_)


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


def _data(attempt: Attempt, name: str, type_: Any) -> Any:
    try:
        return msgspec.json.decode(attempt.job.signals[name].data, type=type_)
    except msgspec.DecodeError as error:
        raise ResultUnreadable(f"the data of the signal {name!r} is no {described(type_)}: {error}") from None


def _outside_steps(kind: str, name: str) -> None:
    if current_step() is not None:
        raise Misuse(
            f"the {kind} {name!r} is inside a step; wait in the workflow itself, so that the worker can be let go"
        )
