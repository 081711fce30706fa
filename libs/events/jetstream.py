"""The event store on the stream EVENTS: the one place that writes to `evt.>`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import msgspec
import nats.errors
import structlog

from libs.events import subjects, wire
from libs.events.appender import Appender, Message, WrongPosition
from libs.events.codec import EventRegistry
from libs.events.errors import LogUnavailable, VersionConflict
from libs.events.event import START, Event, NewEvent, Position, Recorded
from libs.events.objects import Objects

if TYPE_CHECKING:
    from nats.aio.client import Client

    from libs.events.subjects import StreamId

__all__ = ["JetStreamStore", "KvSnapshots"]

log = structlog.get_logger(__name__)

E = TypeVar("E", bound=Event)
S = TypeVar("S")

_STREAM = "EVENTS"
_PAYLOAD_BYTES_MAX = 64 * 1024  # above that, the payload is an object
_SNAPSHOT_BYTES_MAX = 4 * 1024 * 1024  # below the server's limit on a message
_TRIES = 6
_REPLICA_TRIES = 20


class JetStreamStore(Generic[E]):
    """An `EventStore` on JetStream.

    Several sorts of aggregates share the log. A history that begins with an event of the `others` is another sort's: here it reads as if
    there were none. Without `others` it raises `UnknownEvent`, as does a foreign event later in a history, which never happens.
    """

    def __init__(
        self,
        nats_client: Client,
        registry: EventRegistry[E],
        *,
        others: Iterable[EventRegistry[Any]] = (),
        timeout_seconds: float = 5.0,
    ) -> None:
        self._nats = nats_client
        self._registry = registry
        self._foreign = frozenset(name for other in others for name in other.current)
        self._timeout = timeout_seconds
        self._appender = Appender(nats_client, timeout_seconds=timeout_seconds)
        self._objects = Objects(nats_client)

    async def append(self, stream: StreamId, events: Sequence[NewEvent[E]], *, after: Position) -> Position:
        if not events:
            return after
        messages = [
            await self._message(stream, version, new) for version, new in enumerate(events, start=after.version + 1)
        ]
        guard = subjects.events_of(stream)
        problem: Exception = LogUnavailable("appending was never tried")
        for attempt in range(_TRIES):
            try:
                sequence = await self._appender.append(guard, after.sequence, messages)
                return Position(after.version + len(events), sequence)
            except (WrongPosition, LogUnavailable) as error:
                problem = error
            # A lost acknowledgement looks like a conflict, so the log is asked who is there: another decision, ours, or nobody yet.
            await asyncio.sleep(random.uniform(0, 0.002 * 4**attempt))  # noqa: S311
            try:
                tail = await self.load(stream, after=after)
            except LogUnavailable as error:
                problem = error
                continue
            if [recorded.id for recorded in tail[: len(events)]] == [new.id for new in events]:
                return tail[len(events) - 1].position
            if tail:
                raise VersionConflict(tail)
        if isinstance(problem, LogUnavailable):
            raise problem
        raise LogUnavailable(f"appending: {problem}, yet no other event is there")

    async def load(self, stream: StreamId, *, after: Position = START, limit: int | None = None) -> list[Recorded[E]]:
        found: list[Recorded[E]] = []
        filter_subject = subjects.events_of(stream)
        for _ in range(_REPLICA_TRIES):
            position = found[-1].position if found else after
            messages = await wire.read_range(
                self._nats,
                _STREAM,
                filter_subject,
                first_sequence=position.sequence + 1,
                limit=limit,
                timeout=self._timeout,
            )
            if position == START and messages and self._is_foreign(messages[0]):
                return []
            for message in messages:
                recorded = await self.decode(message)
                if recorded.version != position.version + 1:
                    raise LogUnavailable(f"{stream.id}: version {recorded.version} follows {position.version}")
                found.append(recorded)
                position = recorded.position
            if limit is not None:
                return found  # a page: its reader comes again
            # Direct reads may be answered by a replica that is behind; the leader knows the head.
            head = await wire.last_of(self._nats, _STREAM, filter_subject, timeout=self._timeout)
            if head is None or head[1] <= position.sequence:
                return found
            await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311
        raise LogUnavailable(f"reading {stream.id}: no replica has caught up with the leader")

    async def head(self, stream: StreamId) -> Position:
        last = await wire.last_of(self._nats, _STREAM, subjects.events_of(stream), timeout=self._timeout)
        if last is None:
            return START
        messages = await wire.read_range(self._nats, _STREAM, subjects.events_of(stream), first_sequence=last[1])
        if not messages:
            raise LogUnavailable(f"reading {stream.id}: no replica has caught up with the leader")
        if self._is_foreign(messages[-1]) and not await self.load(stream, limit=1):
            return START
        return Position(int(messages[-1].headers[wire.VERSION]), messages[-1].sequence)

    async def decode(self, message: wire.Stored) -> Recorded[E]:
        """An event as stored or as republished to `live.>`. Raises `UnknownEvent`, and `LogUnavailable` where its payload cannot be fetched."""
        headers = message.headers
        payload = message.data
        if (name := headers.get(wire.PAYLOAD_OBJECT)) is not None:
            payload = await self._objects.get(name)
        subject = subjects.parse(message.subject)
        schema = int(headers[wire.SCHEMA])
        return Recorded(
            stream=subject.stream,
            version=int(headers[wire.VERSION]),
            sequence=message.sequence,
            id=UUID(headers[wire.MESSAGE_ID]),
            type=subject.name,
            schema=schema,
            time=wire.time_of(headers),
            event=self._registry.decode(subject.name, schema, payload),
            cause=wire.cause_of(headers),
        )

    def _is_foreign(self, message: wire.Stored) -> bool:
        return bool(self._foreign) and subjects.parse(message.subject).name in self._foreign

    async def _message(self, stream: StreamId, version: int, new: NewEvent[E]) -> Message:
        payload = self._registry.encode(new.event)
        headers = {
            wire.MESSAGE_ID: str(new.id),
            wire.VERSION: str(version),
            wire.SCHEMA: str(new.event.schema),
            wire.TIME: new.time.isoformat(),
            **wire.cause_headers(new.cause),
        }
        if len(payload) > _PAYLOAD_BYTES_MAX:
            name = await self._objects.put(stream, payload)
            headers[wire.PAYLOAD_OBJECT] = name
            payload = msgspec.json.encode({"object": name, "size": len(payload)})
        return Message(subjects.event(stream, new.event.type_name()), payload, headers)


class _Snapshot(msgspec.Struct):
    fold: int
    version: int
    sequence: int
    state: msgspec.Raw


class KvSnapshots(Generic[S]):
    """Folded states in the KV bucket SNAPSHOTS. Whatever cannot be read is as good as absent; of another fold version, too."""

    def __init__(self, nats_client: Client, state: type[S], fold_version: int) -> None:
        self._nats = nats_client
        self._decoder = msgspec.json.Decoder(state)
        self._fold_version = fold_version

    async def get(self, stream: StreamId) -> tuple[S, Position] | None:
        try:
            reply = await self._nats.request(
                f"$JS.API.DIRECT.GET.KV_SNAPSHOTS.$KV.SNAPSHOTS.{stream.owner}.{stream.id}", b"", timeout=2
            )
            if (reply.headers or {}).get("Status") or not reply.data:
                return None
            snapshot = msgspec.json.decode(reply.data, type=_Snapshot)
            if snapshot.fold != self._fold_version:
                return None
            return self._decoder.decode(snapshot.state), Position(snapshot.version, snapshot.sequence)
        except (nats.errors.Error, msgspec.MsgspecError, OSError, TimeoutError) as error:
            log.warning("snapshot.unreadable", error=str(error), aggregate=str(stream.id))
            return None

    async def put(self, stream: StreamId, state: S, position: Position) -> None:
        snapshot = _Snapshot(
            fold=self._fold_version,
            version=position.version,
            sequence=position.sequence,
            state=msgspec.Raw(msgspec.json.encode(state)),
        )
        data = msgspec.json.encode(snapshot)
        if len(data) > _SNAPSHOT_BYTES_MAX:
            return
        try:
            await self._nats.publish(f"$KV.SNAPSHOTS.{stream.owner}.{stream.id}", data)
        except (nats.errors.Error, OSError) as error:
            log.warning("snapshot.not_written", error=str(error), aggregate=str(stream.id))
