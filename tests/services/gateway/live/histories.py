"""Any event a job can have, made up by hypothesis from the event classes themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import msgspec
from hypothesis import strategies as st

from libs.events.event import Recorded
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobEvent

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT, st.lists, max_leaves=5)
_MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)

STREAM = StreamId(uuid4(), uuid4())


def _values(hint: Any) -> st.SearchStrategy[Any]:
    known: dict[Any, st.SearchStrategy[Any]] = {
        str: _TEXT,
        int: st.integers(0, 2**31),
        float: _NUMBERS,
        float | None: st.none() | _NUMBERS,
        datetime: _MOMENTS,
        datetime | None: st.none() | _MOMENTS,
        Any: _JSON,
        dict[str, Any]: st.dictionaries(_TEXT, _JSON, max_size=3),
        msgspec.Raw: _JSON.map(lambda value: msgspec.Raw(msgspec.json.encode(value))),
        tuple[str, ...]: st.lists(_TEXT, max_size=3).map(tuple),
    }
    if hint in known:
        return known[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _structs(hint)
    arguments = getattr(hint, "__args__", ())
    if type(None) in arguments:
        return st.none() | st.one_of(*(_values(each) for each in arguments if each is not type(None)))
    return st.from_type(hint)


def _structs(struct: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(struct)
    fields = {field.name: _values(hints[field.name]) for field in msgspec.structs.fields(struct)}
    return st.fixed_dictionaries(fields).map(lambda values: struct(**values))


EACH_TYPE = sorted(EVENTS.current)
events: st.SearchStrategy[JobEvent] = st.one_of(*(_structs(event) for event in EVENTS.current.values()))


def events_of_type(name: str) -> st.SearchStrategy[JobEvent]:
    return _structs(EVENTS.current[name])


def recorded(event: JobEvent, version: int, *, time: datetime | None = None) -> Recorded[JobEvent]:
    return Recorded(
        stream=STREAM,
        version=version,
        sequence=version * 10,
        id=UUID(int=version),
        type=event.type_name(),
        schema=event.schema,
        time=time or datetime(2026, 1, 1, tzinfo=UTC),
        event=event,
    )
