"""How a service handles the commands it decides: in the order people sent them, once each, whichever replica gets which delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from libs.events.commands import CommandEnvelope, Outcome, Refusal
from libs.events.repository import Repository
from libs.events.subscription import Delivery, Done, Later, Refused
from libs.events.subscription import Outcome as Handled
from libs.jobs.commands import VERBS, WIRE
from libs.jobs.decide import NoSuchJob, decide
from libs.jobs.events import CommandRefused, JobEvent
from libs.jobs.state import Job

if TYPE_CHECKING:
    from libs.events.commands import CommandLog

__all__ = ["CommandHandler"]

log = structlog.get_logger(__name__)

_CREATE_DELAY_SECONDS = 0.1
_CREATE_WAITS_MAX = 600  # deliveries of a command whose job still has no event


class CommandHandler:
    """Handles deliveries from COMMANDS: decides every command of the job up to the delivered one that is not decided yet.

    Two replicas may hold two messages of one job at once; since each decides the older one first, order does not depend on who is faster.
    """

    def __init__(self, service: str, jobs: Repository[Job, JobEvent], commands: CommandLog) -> None:
        self._service = service
        self._jobs = jobs
        self._commands = commands

    async def __call__(self, delivery: Delivery) -> Handled:
        try:
            delivered = CommandEnvelope.of(delivery.message)
        except (KeyError, ValueError) as error:
            return Refused(f"not a command: {error!r}")
        undecided = [delivered]
        if delivered.verb != "create":
            job, _ = await self._jobs.load(delivered.stream)
            decided = job.commands_decided.get(self._service, 0) if job else 0
            older = await self._commands.between(delivered.stream, after=decided, upto=delivered.sequence - 1)
            undecided = [each for each in older if VERBS.get(each.verb) == self._service] + undecided
        for command in undecided:
            try:
                await self._decide(command)
            except NoSuchJob:
                # Its create command is on its way through another service.
                if delivery.deliveries > _CREATE_WAITS_MAX:
                    return Refused("its job was never created")
                return Later(_CREATE_DELAY_SECONDS)
            except msgspec.ValidationError as error:
                if command is delivered:
                    return Refused(f"malformed {command.verb}: {error}")
                log.warning("command.malformed", verb=command.verb, error=str(error))
        return Done()

    async def _decide(self, envelope: CommandEnvelope) -> None:
        command = msgspec.json.decode(envelope.payload, type=WIRE[envelope.verb])
        committed = await self._jobs.transact(
            envelope.stream,
            lambda job: decide(job, command, command_id=envelope.id),
            cause=envelope.cause,
        )
        refused = None
        for recorded in committed.events:
            if isinstance(event := recorded.event, CommandRefused):
                refused = Refusal(code=event.code, reason=event.reason, allowed=event.allowed)
        log.info("command.decided", verb=envelope.verb, events=len(committed.events), refused=refused and refused.code)
        version = committed.position.version
        await self._commands.answer(envelope, Outcome(command_id=envelope.id, version=version, refused=refused))
