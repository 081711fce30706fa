"""What can go wrong with the log: one tree, each error saying what the caller does next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libs.events.event import Recorded

__all__ = [
    "CursorBeyondHead",
    "EventsError",
    "InvalidSubject",
    "LogUnavailable",
    "NoSuchAggregate",
    "UnknownEvent",
    "VersionConflict",
]


class EventsError(Exception):
    """Something about the log went wrong."""


class VersionConflict(EventsError):
    """Somebody appended first; fold `tail`, the events after the position that was expected, and decide again."""

    def __init__(self, tail: Sequence[Recorded[Any]]) -> None:
        super().__init__(f"{len(tail)} events were appended first")
        self.tail = tail


class LogUnavailable(EventsError):
    """The log could not be reached, or did not say what became of an append; load again later: the append may or may not have happened."""


class UnknownEvent(EventsError):
    """An event of a type or schema version this code does not know; leave the aggregate alone until the code is upgraded."""

    def __init__(self, type_name: str, schema: int, reason: str = "no such type or schema version here") -> None:
        super().__init__(f"event {type_name!r} with schema version {schema} cannot be read: {reason}")
        self.type_name = type_name
        self.schema = schema


class NoSuchAggregate(EventsError):
    """The command needs an aggregate that has no event: its create command is still on its way, or there never was one."""


class CursorBeyondHead(EventsError):
    """A cursor names a version that does not exist yet; read the aggregate anew and go on from its version."""


class InvalidSubject(EventsError):
    """A subject or a part of one is malformed; the message says how."""
