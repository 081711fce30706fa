"""The only place that builds or takes apart a NATS subject of ours.

Every token that comes from outside is a canonical UUID or a name checked here: the server itself would accept `*` or `a.b` as an owner.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from uuid import UUID

from libs.events.errors import InvalidSubject

__all__ = [
    "StreamId",
    "Subject",
    "command",
    "commands_of",
    "dead_letter",
    "delta",
    "event",
    "events_of",
    "is_name",
    "live_events_of",
    "outcome",
    "parse",
    "results_of",
    "shard",
    "shards_of",
    "task",
    "tasks_of",
    "timer_due",
    "timer_set",
    "wakeup",
    "worker",
]

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,127}\Z")


class StreamId(NamedTuple):
    """One aggregate's place in the log: whose it is, and which it is."""

    owner: UUID
    id: UUID


class Subject(NamedTuple):
    """A subject taken apart: `<prefix>.<owner>.<id>.<name>`."""

    stream: StreamId
    name: str


def is_name(text: str) -> bool:
    """Whether the text can stand in a subject as a name: lower-case letters, digits, '_' and '-', at most 128."""
    return _NAME.match(text) is not None


def _name(text: str) -> str:
    if not is_name(text):
        raise InvalidSubject(f"{text!r} is no subject token: lower-case letters, digits, '_' and '-', at most 128")
    return text


def event(stream: StreamId, type_name: str) -> str:
    return f"evt.{stream.owner}.{stream.id}.{_name(type_name)}"


def events_of(stream: StreamId) -> str:
    """The filter that guards and reads all of an aggregate's events. Always this one: in a cluster, guards are compared as text."""
    return f"evt.{stream.owner}.{stream.id}.>"


def live_events_of(stream: StreamId) -> str:
    """Where the stream republishes what it has stored of this aggregate."""
    return f"live.{stream.owner}.{stream.id}.>"


def command(stream: StreamId, verb: str) -> str:
    return f"cmd.{stream.owner}.{stream.id}.{_name(verb)}"


def commands_of(stream: StreamId) -> str:
    return f"cmd.{stream.owner}.{stream.id}.>"


def delta(stream: StreamId) -> str:
    """A reply being typed: core NATS, never stored."""
    return f"delta.{stream.owner}.{stream.id}"


def dead_letter(stream: StreamId, service: str) -> str:
    return f"dead.{stream.owner}.{stream.id}.{_name(service)}"


def wakeup(service: str, stream: StreamId) -> str:
    """A hint that a service should look at this aggregate."""
    return f"wake.{_name(service)}.{stream.owner}.{stream.id}"


def shard(stream: StreamId, map_name: str, number: int) -> str:
    return f"shard.{stream.owner}.{stream.id}.{_name(map_name)}.{number}"


def shards_of(stream: StreamId, map_name: str) -> str:
    return f"shard.{stream.owner}.{stream.id}.{_name(map_name)}.*"


def results_of(stream: StreamId, map_name: str) -> str:
    """Where the stream says which results of a map it has stored: their headers only."""
    return f"result.{stream.owner}.{stream.id}.{_name(map_name)}.*"


def task(stream: StreamId, map_name: str, number: int) -> str:
    return f"task.{stream.owner}.{stream.id}.{_name(map_name)}.{number}"


def tasks_of(stream: StreamId, map_name: str | None = None) -> str:
    """All shards of a job, or of one of its maps, that wait for a runner."""
    return f"task.{stream.owner}.{stream.id}.{f'{_name(map_name)}.*' if map_name else '>'}"


def timer_set(stream: StreamId, timer: str) -> str:
    return f"timer.set.{stream.owner}.{stream.id}.{_name(timer)}"


def timer_due(stream: StreamId, timer: str) -> str:
    return f"timer.due.{stream.owner}.{stream.id}.{_name(timer)}"


def outcome(listener: str) -> str:
    """Where the sender of a command listens for what became of it: core NATS, a courtesy; the log is the truth."""
    return f"outcome.{_name(listener)}"


def worker(name: str) -> str:
    """Where a worker answers whether it still holds an attempt: core NATS request and reply."""
    return f"worker.{_name(name)}"


# Where the owner stands in subjects that have more than one leading token.
_LEADING = {"evt": 1, "live": 1, "cmd": 1, "dead": 1, "delta": 1, "shard": 1, "task": 1, "wake": 2, "timer": 2}


def parse(subject: str) -> Subject:
    """Take apart any subject built here. The name is what follows the ids (for a shard `map.number`), or empty. Raises `InvalidSubject`."""
    tokens = subject.split(".")
    leading = _LEADING.get(tokens[0])
    if leading is None or len(tokens) < leading + 2:
        raise InvalidSubject(f"{subject!r} is not a subject of jobstream")
    owner, aggregate = tokens[leading], tokens[leading + 1]
    try:
        stream = StreamId(UUID(owner), UUID(aggregate))
    except ValueError:
        raise InvalidSubject(f"{subject!r} does not name an owner and an aggregate by UUID") from None
    if str(stream.owner) != owner or str(stream.id) != aggregate:
        raise InvalidSubject(f"{subject!r} spells a UUID in another than the canonical form")
    return Subject(stream, ".".join(tokens[leading + 2 :]))
