"""An event as the projector reads it: the envelope as text, the payload as bytes, nothing parsed that no table needs parsed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from libs.events import wire
from libs.events.event import Recorded
from libs.jobs.events import EVENTS as JOB_TYPES
from libs.jobs.events import JobEvent
from libs.profiles.events import EVENTS as PROFILE_TYPES
from libs.profiles.events import ProfileEvent

if TYPE_CHECKING:
    from libs.events.codec import EventRegistry

__all__ = ["Entry", "Malformed"]


def _by_type(*registries: EventRegistry[Any]) -> dict[str, EventRegistry[Any]]:
    """Which sort of aggregates a type of events belongs to: to one only, since the log holds them all side by side."""
    found = {name: registry for registry in registries for name in registry.current}
    if len(found) < sum(len(registry.current) for registry in registries):
        raise ValueError("two sorts of aggregates have an event type in common")
    return found


_REGISTRIES = _by_type(JOB_TYPES, PROFILE_TYPES)

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_STREAM = re.compile(rf"{_UUID}\.{_UUID}\Z")
_TYPE = re.compile(r"[a-z0-9_][a-z0-9_-]*\Z")
_HEADER = re.compile(r"([^:\r\n]+): *([^\r\n]*)")
# The headers of an event as this release writes them; everything else takes the longer way.
_USUAL = re.compile(
    rf"{wire.MESSAGE_ID}: ({_UUID})\r\n{wire.VERSION}: (\d+)\r\n{wire.SCHEMA}: (\d+)\r\n{wire.TIME}: ([0-9T:.+-]+)\r\n"
    rf"(?:{wire.CORRELATION}: ({_UUID})\r\n)?(?:{wire.CAUSATION}: ({_UUID})\r\n)?"
)
_OBJECT = wire.PAYLOAD_OBJECT.encode()

# Streams and types found well-formed, so that each is looked at once and not with every event.
_known: set[str] = set()
_KNOWN_MAX = 20_000


class Malformed(ValueError):
    """A message in EVENTS that is no event of ours; the text says why."""


class Entry(msgspec.Struct, gc=False):
    """One message of EVENTS. `stream` is `<owner>.<id>`, or the whole subject where `problem` says what is wrong with the message."""

    stream: str
    sequence: int
    data: bytes
    owner_id: str = ""
    aggregate_id: str = ""
    type: str = ""
    version: int = 0
    schema: int = 0
    id: str = ""
    time: str = ""
    correlation_id: str | None = None
    causation_id: str | None = None
    object: str | None = None  # where the payload lies, when it was too large for a message
    problem: str | None = None

    @classmethod
    def read(cls, subject: str, sequence: int, head: bytes, data: bytes) -> Entry:
        """From a message and its raw headers. Never raises: what is wrong with it stands in `problem`."""
        stream, type_name = subject[4:77], subject[78:]
        known = stream in _known and type_name in _known and subject[77] == "."
        if not known and not _well_formed(subject, stream, type_name):
            return cls(subject, sequence, data, type=subject, problem="its subject is not `evt.<owner>.<job>.<type>`")
        owner_id, aggregate_id = stream[:36], stream[37:]
        usual = None if _OBJECT in head else _USUAL.search(head.decode(errors="replace"))
        if usual is not None:
            id_, version, schema, time, correlation, causation = usual.groups()
            return cls(
                stream,
                sequence,
                data,
                owner_id,
                aggregate_id,
                type_name,
                int(version),
                int(schema),
                id_,
                time,
                correlation,
                causation,
            )
        try:
            if b"\\" in head or b"\t" in head or b"\0" in head:  # these would break out of a line of COPY
                raise Malformed("its headers hold a tab, a backslash or a zero byte")
            headers = dict(_HEADER.findall(head.decode()))
            return cls(
                stream,
                sequence,
                data,
                owner_id,
                aggregate_id,
                type_name,
                int(headers[wire.VERSION]),
                int(headers[wire.SCHEMA]),
                headers[wire.MESSAGE_ID],
                headers[wire.TIME],
                headers.get(wire.CORRELATION),
                headers.get(wire.CAUSATION),
                headers.get(wire.PAYLOAD_OBJECT),
            )
        except KeyError as error:
            problem = f"its header {error.args[0]} is missing"
        except ValueError as error:
            problem = str(error)
        return cls(stream, sequence, data, owner_id, aggregate_id, type_name, problem=problem)

    @classmethod
    def of_stored(cls, message: wire.Stored) -> Entry:
        """The same from a message whose headers were parsed already."""
        head = "\r\n".join(f"{name}: {value}" for name, value in message.headers.items())
        return cls.read(message.subject, message.sequence, head.encode(), message.data)

    @classmethod
    def of(cls, recorded: Recorded[Any]) -> Entry:
        """The same from a history at hand."""
        owner, job = recorded.stream
        cause = recorded.cause
        return cls(
            f"{owner}.{job}",
            recorded.sequence,
            _REGISTRIES[recorded.type].encode(recorded.event),
            str(owner),
            str(job),
            recorded.type,
            recorded.version,
            recorded.schema,
            str(recorded.id),
            recorded.time.isoformat(),
            str(cause.correlation_id) if cause.correlation_id else None,
            str(cause.causation_id) if cause.causation_id else None,
        )

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"EVENTS {self.sequence}: evt.{self.stream}.{self.type}, version {self.version}"

    @property
    def about_a_profile(self) -> bool:
        """Whether its type is one of a profile's; else a job's, or unknown."""
        return self.type in PROFILE_TYPES.current

    def event(self) -> JobEvent:
        """The payload as today's shape. Raises `Malformed`, and `UnknownEvent` for a type or schema this code does not know of a job."""
        if self.problem is not None:
            raise Malformed(self.problem)
        return JOB_TYPES.decode(self.type, self.schema, self.data)

    def profile_event(self) -> ProfileEvent:
        """The same, of a profile."""
        if self.problem is not None:
            raise Malformed(self.problem)
        return PROFILE_TYPES.decode(self.type, self.schema, self.data)


def _well_formed(subject: str, stream: str, type_name: str) -> bool:
    if not (subject.startswith("evt.") and subject[77:78] == "." and _STREAM.match(stream) and _TYPE.match(type_name)):
        return False
    if len(_known) > _KNOWN_MAX:
        _known.clear()
    _known.update((stream, type_name))
    return True
