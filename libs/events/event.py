"""What a fact looks like: the event itself, where it stands in the log, and the envelope that carries both."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from libs.events.subjects import StreamId

__all__ = ["START", "Cause", "Event", "NewEvent", "Position", "Recorded"]

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact in the past tense. A subclass's name in snake case is its type for ever; a changed shape raises `schema`.

    An older shape keeps its fields in a class named `...V1`, with the `schema` it had, and is upcast when read.
    """

    schema: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """`StepRecorded` and its older shape `StepRecordedV1` both answer `step_recorded`."""
        return _type_name(cls.__name__)


@cache
def _type_name(class_name: str) -> str:
    return _WORD.sub("_", re.sub(r"V\d+\Z", "", class_name)).lower()


E = TypeVar("E", bound=Event)
E_co = TypeVar("E_co", bound=Event, covariant=True)


class Position(NamedTuple):
    """How far an aggregate's history has been read: its version, and the stream sequence of that event (both 0 before the first)."""

    version: int
    sequence: int


START = Position(0, 0)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why events are appended: carried in headers from the command (or the event) that caused them."""

    causation_id: UUID | None = None
    correlation_id: UUID | None = None
    command_sequence: int | None = None  # of the command in COMMANDS: how far an aggregate's commands have been decided
    traceparent: str | None = None


class NewEvent(msgspec.Struct, Generic[E_co], frozen=True, kw_only=True):
    """An event about to be appended."""

    id: UUID
    time: datetime
    event: E_co
    cause: Cause = Cause()


class Recorded(msgspec.Struct, Generic[E_co], frozen=True, kw_only=True):
    """An event as the log has it. `version` counts the aggregate's events from 1 without gaps; `sequence` is the stream's."""

    stream: StreamId
    version: int
    sequence: int
    id: UUID
    type: str
    schema: int
    time: datetime
    event: E_co
    cause: Cause = Cause()

    @property
    def position(self) -> Position:
        return Position(self.version, self.sequence)
