"""What a service that decides commands of jobs tells the handler of commands about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from libs.events.commands import CommandEnvelope, Refusal
from libs.events.handling import MalformedCommand
from libs.jobs.commands import VERBS, WIRE, CreateJob
from libs.jobs.decide import decide
from libs.jobs.events import CommandRefused, JobEvent

if TYPE_CHECKING:
    from libs.jobs.repository import Jobs
    from libs.jobs.state import Job

__all__ = ["JobDecider"]


class JobDecider:
    """A `Decider` of the commands of jobs that are this service's."""

    opening = CreateJob.verb
    absent: Refusal | None = None  # some verbs are decided elsewhere than `create`
    mismatch: Refusal | None = Refusal(code="idempotency_mismatch", reason="the key was used with another body")

    def __init__(self, service: str, jobs: Jobs) -> None:
        self.repository = jobs
        self.verbs = frozenset(verb for verb, decides in VERBS.items() if decides == service)
        self._service = service

    def decided(self, state: Job) -> int:
        return state.commands_decided.get(self._service, 0)

    def decide(self, state: Job | None, command: CommandEnvelope) -> Sequence[JobEvent]:
        try:
            wanted = msgspec.json.decode(command.payload, type=WIRE[command.verb])
        except msgspec.MsgspecError as error:
            raise MalformedCommand(str(error)) from error
        return decide(state, wanted, command_id=command.id)

    def refusal(self, event: JobEvent) -> Refusal | None:
        if isinstance(event, CommandRefused):
            return Refusal(code=event.code, reason=event.reason, allowed=event.allowed)
        return None

    def refused_before(self, state: Job | None, command_id: UUID) -> Refusal | None:
        return None  # a job remembers that a command was decided, not how
