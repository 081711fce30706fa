"""The in-memory store: for tests and for trying a workflow without a server. It keeps nothing when the process ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from libs.events.codec import EventRegistry
from libs.events.errors import VersionConflict
from libs.events.event import START, Event, NewEvent, Position, Recorded
from libs.events.subjects import StreamId

__all__ = ["MemoryStore"]

E = TypeVar("E", bound=Event)


class MemoryStore(Generic[E]):
    """An `EventStore` in a dictionary. Events pass through the codec, so what cannot be stored fails here as well."""

    def __init__(self, registry: EventRegistry[E]) -> None:
        self._registry = registry
        self._histories: defaultdict[StreamId, list[Recorded[E]]] = defaultdict(list)
        self._sequence = 0
        self.on_append: list[Callable[[Recorded[E]], None]] = []

    async def append(self, stream: StreamId, events: Sequence[NewEvent[E]], *, after: Position) -> Position:
        history = self._histories[stream]
        tail = history[after.version :]
        if tail or (history[-1].position if history else START) != after:
            if [recorded.id for recorded in tail[: len(events)]] == [new.id for new in events] and events:
                return tail[len(events) - 1].position
            raise VersionConflict(tail)
        recorded = []
        for version, new in enumerate(events, start=after.version + 1):
            self._sequence += 1
            type_name, schema = new.event.type_name(), new.event.schema
            recorded.append(
                Recorded(
                    stream=stream,
                    version=version,
                    sequence=self._sequence,
                    id=new.id,
                    type=type_name,
                    schema=schema,
                    time=new.time,
                    event=self._registry.decode(type_name, schema, self._registry.encode(new.event)),
                    cause=new.cause,
                )
            )
        history.extend(recorded)
        for each in recorded:
            for listener in self.on_append:
                listener(each)
        return recorded[-1].position if recorded else after

    async def load(self, stream: StreamId, *, after: Position = START, limit: int | None = None) -> list[Recorded[E]]:
        history = self._histories[stream]
        return history[after.version : None if limit is None else after.version + limit]

    async def head(self, stream: StreamId) -> Position:
        history = self._histories[stream]
        return history[-1].position if history else START
