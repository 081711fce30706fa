"""Commands on the wire: accepted once they are durable, read back by aggregate, and answered by an outcome where somebody listens.

An outcome travels over core NATS and may be lost; the truth about a command is the event with its id as causation.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from libs.events import subjects, wire
from libs.events.event import Cause

if TYPE_CHECKING:
    from nats.aio.client import Client

    from libs.events.wire import Stored

__all__ = ["CommandEnvelope", "CommandLog", "Outcome", "Place", "Refusal"]

_PAGE = 16  # commands may have a megabyte
_PAGES_MAX = 64


class CommandEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """A command as stored: `payload` is the verb's own JSON, `sequence` its place in COMMANDS (0 before it has one)."""

    stream: subjects.StreamId
    verb: str
    id: UUID
    time: datetime
    payload: bytes
    sequence: int = 0
    correlation_id: UUID | None = None
    traceparent: str | None = None
    outcome_to: str | None = None  # the listener's name, see `subjects.outcome`

    @property
    def cause(self) -> Cause:
        """What the events it makes carry."""
        return Cause(
            causation_id=self.id,
            correlation_id=self.correlation_id or self.id,
            command_sequence=self.sequence,
            traceparent=self.traceparent,
        )

    def wants_as(self, other: CommandEnvelope) -> bool:
        """Whether both say the same. A field that only one of them has was unknown to whoever sent the other, and tells nothing."""
        if self.verb != other.verb:
            return False
        ours, theirs = _said(self.payload), _said(other.payload)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            return all(_canonical(ours[name]) == _canonical(theirs[name]) for name in ours.keys() & theirs.keys())
        return _canonical(ours) == _canonical(theirs)

    @classmethod
    def of(cls, message: Stored) -> CommandEnvelope:
        """Read a stored message. Raises `InvalidSubject`, `KeyError` or `ValueError` for what is no command of ours."""
        subject, headers = subjects.parse(message.subject), message.headers
        cause = wire.cause_of(headers)
        return cls(
            stream=subject.stream,
            verb=subject.name,
            id=UUID(headers[wire.MESSAGE_ID]),
            time=wire.time_of(headers),
            payload=message.data,
            sequence=message.sequence,
            correlation_id=cause.correlation_id,
            traceparent=cause.traceparent,
            outcome_to=headers.get(wire.OUTCOME_TO),
        )


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command was not obeyed, and which verbs would be now."""

    code: str
    reason: str
    allowed: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command: the aggregate's version after it, and why it was refused, if it was."""

    command_id: UUID
    version: int
    refused: Refusal | None = None


class Place(NamedTuple):
    """Where a command is stored; `repeated` where it was before, under the same id (whatever that one wants)."""

    sequence: int
    repeated: bool


class CommandLog:
    """The stream COMMANDS."""

    def __init__(self, nats: Client, *, timeout_seconds: float = 5.0) -> None:
        self._nats = nats
        self._timeout = timeout_seconds

    async def publish(self, command: CommandEnvelope) -> Place:
        """Store the command durably and return its place in the stream. A repeat of the same id within two minutes stores nothing new.

        Raises `LogUnavailable` where it was not confirmed in time: send the same again (same id).
        """
        headers = wire.cause_headers(
            Cause(correlation_id=command.correlation_id or command.id, traceparent=command.traceparent)
        )
        headers[wire.MESSAGE_ID] = str(command.id)
        headers[wire.TIME] = command.time.isoformat()
        if command.outcome_to is not None:
            headers[wire.OUTCOME_TO] = command.outcome_to
        subject = subjects.command(command.stream, command.verb)
        ack = await wire.publish(self._nats, subject, command.payload, headers, timeout=self._timeout)
        return Place(ack.seq, ack.duplicate)

    async def first(self, stream: subjects.StreamId, verb: str) -> CommandEnvelope | None:
        """The aggregate's oldest stored command of this verb, or None. Raises `LogUnavailable`."""
        messages = await wire.read_range(self._nats, "COMMANDS", subjects.command(stream, verb), limit=1)
        return CommandEnvelope.of(messages[0]) if messages else None

    async def between(self, stream: subjects.StreamId, *, after: int, upto: int) -> list[CommandEnvelope]:
        """The aggregate's commands with stream sequences in (after, upto], oldest first. Raises `LogUnavailable`."""
        messages = await wire.read_range(
            self._nats, "COMMANDS", subjects.commands_of(stream), first_sequence=after + 1, last_sequence=upto
        )
        return [CommandEnvelope.of(message) for message in messages]

    async def sent_first(self, command: CommandEnvelope, *, upto: int) -> CommandEnvelope | None:
        """The oldest command stored under this one's id, at a sequence of at most `upto`.

        It is looked for among the oldest thousand of the aggregate's of this verb; None where it is not there, or was trimmed.
        Raises `LogUnavailable`.
        """
        subject, after = subjects.command(command.stream, command.verb), 0
        for _ in range(_PAGES_MAX):
            page = await wire.read_range(
                self._nats, "COMMANDS", subject, first_sequence=after + 1, last_sequence=upto, limit=_PAGE
            )
            for message in page:
                if message.headers.get(wire.MESSAGE_ID) == str(command.id):
                    return CommandEnvelope.of(message)
            if len(page) < _PAGE:
                break
            after = page[-1].sequence
        return None

    async def answer(self, command: CommandEnvelope, outcome: Outcome) -> None:
        """Tell whoever sent the command, if they still listen, what became of it."""
        if command.outcome_to is not None:
            await self._nats.publish(subjects.outcome(command.outcome_to), msgspec.json.encode(outcome))


def _said(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload.hex()


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")
