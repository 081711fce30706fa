"""Commands that end jobs: what such an end means to parents and children happens before the command is acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libs.events.subscription import Done

if TYPE_CHECKING:
    from libs.events.subscription import Delivery, Handler, Outcome
    from libs.jobs.repository import Jobs
    from libs.workflow.family import Family

__all__ = ["Endings"]

_VERBS = frozenset({"cancel", "reject"})  # those that can end a job


class Endings:
    """A handler of commands around another: first the commands, then what they ended."""

    def __init__(self, commands: Handler, jobs: Jobs, family: Family) -> None:
        self._commands = commands
        self._jobs = jobs
        self._family = family

    async def __call__(self, delivery: Delivery) -> Outcome:
        outcome = await self._commands(delivery)
        if isinstance(outcome, Done) and delivery.subject.name in _VERBS:
            job, _ = await self._jobs.load(delivery.subject.stream)
            if job is not None and job.status.ended:
                await self._family.ended(job, delivery.cause)
        return outcome
