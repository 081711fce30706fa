"""How a service handles the commands it decides: in the order people sent them, once each, whichever replica gets which delivery."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import structlog

from libs.events.commands import CommandEnvelope, Outcome, Refusal
from libs.events.errors import NoSuchAggregate
from libs.events.subscription import Delivery, Done, Later, Refused
from libs.events.subscription import Outcome as Handled

if TYPE_CHECKING:
    from libs.events.commands import CommandLog
    from libs.events.repository import Repository

__all__ = ["CommandHandler", "Decider", "MalformedCommand"]

log = structlog.get_logger(__name__)

_CREATE_DELAY_SECONDS = 0.1
_CREATE_WAITS_MAX = 600  # deliveries of a command whose aggregate still has no event
_UNKNOWN_VERB_DELIVERIES_MAX = 60  # a copy that knows it may be on its way (an upgrade)
_UNKNOWN_VERB_DELAY_SECONDS = 2.0


class MalformedCommand(ValueError):
    """The command is none of this verb's, and never will be."""


class Decider(Protocol):
    """What one sort of aggregates has to say about its commands. Verbs belong to one sort only."""

    @property
    def repository(self) -> Repository[Any, Any]: ...

    @property
    def verbs(self) -> Container[str]:
        """Those that this service decides."""
        ...

    @property
    def opening(self) -> str | None:
        """The verb that can only be the first, so that nothing older need be looked for."""
        ...

    @property
    def absent(self) -> Refusal | None:
        """The answer where there is no such aggregate; None where another service may be about to create it."""
        ...

    @property
    def mismatch(self) -> Refusal | None:
        """The answer to a command under the id of an older one that wants something else; None where that is no mistake."""
        ...

    def decided(self, state: Any) -> int:
        """The stream sequence of the latest of this service's commands that made an event."""
        ...

    def decide(self, state: Any | None, command: CommandEnvelope) -> Sequence[Any]:
        """The events that the command makes; a repeat makes none. Pure. Raises `MalformedCommand`, `NoSuchAggregate`."""
        ...

    def refusal(self, event: Any) -> Refusal | None:
        """What the event says of its command, where it refuses it."""
        ...

    def refused_before(self, state: Any | None, command_id: UUID) -> Refusal | None:
        """How the command was refused when it came first, where that is remembered."""
        ...


class CommandHandler:
    """Handles deliveries from COMMANDS: decides every command of the aggregate up to the delivered one that is not decided yet.

    Two replicas may hold two messages of one aggregate at once; since each decides the older one first, order does not depend on who is
    faster.
    """

    def __init__(self, commands: CommandLog, *deciders: Decider) -> None:
        self._commands = commands
        self._deciders = deciders

    async def __call__(self, delivery: Delivery) -> Handled:
        try:
            delivered = CommandEnvelope.of(delivery.message)
        except (KeyError, ValueError) as error:
            return Refused(f"not a command: {error!r}")
        decider = next((each for each in self._deciders if delivered.verb in each.verbs), None)
        if decider is None:
            if delivery.deliveries > _UNKNOWN_VERB_DELIVERIES_MAX:
                return Refused(f"nobody here decides {delivered.verb!r}")
            log.warning("command.unknown_verb", verb=delivered.verb, deliveries=delivery.deliveries)
            return Later(_UNKNOWN_VERB_DELAY_SECONDS)
        for command in await self._undecided(decider, delivered):
            try:
                await self._decide(decider, command, own=command is delivered)
            except NoSuchAggregate:
                if decider.absent is not None:
                    await self._commands.answer(
                        command, Outcome(command_id=command.id, version=0, refused=decider.absent)
                    )
                # Its create command is on its way through another service.
                elif delivery.deliveries > _CREATE_WAITS_MAX:
                    return Refused("what it is about was never created")
                else:
                    return Later(_CREATE_DELAY_SECONDS)
            except MalformedCommand as error:
                if command is delivered:
                    return Refused(f"malformed {command.verb}: {error}")
                log.warning("command.malformed", verb=command.verb, error=str(error))
        return Done()

    async def _undecided(self, decider: Decider, delivered: CommandEnvelope) -> list[CommandEnvelope]:
        """The delivered command, after the older ones that nobody has decided."""
        if delivered.verb == decider.opening:
            return [delivered]
        state, _ = await decider.repository.load(delivered.stream)
        decided = 0 if state is None else decider.decided(state)
        older = await self._commands.between(delivered.stream, after=decided, upto=delivered.sequence - 1)
        return [*(each for each in older if each.verb in decider.verbs), delivered]

    async def _decide(self, decider: Decider, envelope: CommandEnvelope, *, own: bool) -> None:
        committed = await decider.repository.transact(
            envelope.stream, lambda state: decider.decide(state, envelope), cause=envelope.cause
        )
        refused = None
        for recorded in committed.events:
            refused = decider.refusal(recorded.event) or refused
        if not committed.events:
            if not own:
                return  # a repeat, of which its own delivery tells: here somebody waits for a later command of the same id
            refused = decider.refused_before(committed.state, envelope.id) or await self._mismatch(decider, envelope)
        log.info("command.decided", verb=envelope.verb, events=len(committed.events), refused=refused and refused.code)
        version = committed.position.version
        await self._commands.answer(envelope, Outcome(command_id=envelope.id, version=version, refused=refused))

    async def _mismatch(self, decider: Decider, envelope: CommandEnvelope) -> Refusal | None:
        """The refusal of what was decided under this id before, where that was something else: nothing happens, but people are told."""
        if decider.mismatch is None or envelope.outcome_to is None:
            return None
        first = await self._commands.sent_first(envelope, upto=envelope.sequence - 1)
        return None if first is None or first.wants_as(envelope) else decider.mismatch
