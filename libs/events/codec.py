"""Events to bytes and back: readable JSON payloads, the type in the subject, the schema version in a header, old shapes upcast on reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from libs.events.errors import UnknownEvent
from libs.events.event import Event

__all__ = ["EventRegistry", "Upcast"]

E = TypeVar("E", bound=Event)


class Upcast(NamedTuple):
    """How an older shape becomes the next one: a pure function."""

    old: type[Event]
    to_next: Callable[[Any], Event]


class EventRegistry(Generic[E]):
    """The closed set of events an aggregate can have, with every older shape that was ever stored."""

    def __init__(self, events: Iterable[type[E]], upcasts: Iterable[Upcast] = ()) -> None:
        self.current: Mapping[str, type[E]] = {event.type_name(): event for event in events}
        self._decoders = {(name, event.schema): msgspec.json.Decoder(event) for name, event in self.current.items()}
        self._upcasts = {}
        for upcast in upcasts:
            key = (upcast.old.type_name(), upcast.old.schema)
            if key in self._decoders:
                raise ValueError(f"two shapes claim {key}")
            self._decoders[key] = msgspec.json.Decoder(upcast.old)
            self._upcasts[key] = upcast.to_next
        self._encoder = msgspec.json.Encoder()

    def encode(self, event: E) -> bytes:
        """The event's fields as JSON, without an envelope."""
        return self._encoder.encode(event)

    def decode(self, type_name: str, schema: int, payload: bytes) -> E:
        """Read a stored payload as today's shape. Raises `UnknownEvent` for a type or schema this code does not know."""
        decoder = self._decoders.get((type_name, schema))
        if decoder is None:
            raise UnknownEvent(type_name, schema)
        try:
            event: Event = decoder.decode(payload)
            while (upcast := self._upcasts.get((type_name, event.schema))) is not None:
                event = upcast(event)
        except (msgspec.MsgspecError, ValueError) as error:
            raise UnknownEvent(type_name, schema, str(error)) from error
        if type(event) is not self.current[type_name]:
            raise UnknownEvent(type_name, schema, "its upcasts do not lead to today's shape")
        return event
