"""What is stored comes back as it was: every event through the codec, every state through a snapshot."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import fold
from libs.jobs.state import Job
from tests.libs.jobs.spec import (
    BROKEN,
    BROKEN_TALK,
    FINISHED,
    GRANTED,
    LISTENING,
    REPLYING,
    SIMULATION,
    SLEEPING,
    recorded,
)
from tests.libs.jobs.test_histories import FILES, history

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
RAW = JSON.map(lambda value: msgspec.Raw(msgspec.json.encode(value)))

st.register_type_strategy(msgspec.Raw, RAW)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"]), max_size=30))


def events_of(kind: type[JobEvent]) -> st.SearchStrategy[JobEvent]:
    return st.builds(kind, **{field.name: _values(field.type) for field in msgspec.structs.fields(kind)})


def _values(kind: object) -> st.SearchStrategy[object]:
    from datetime import UTC
    from typing import Any

    if kind is Any:
        return JSON
    if "datetime" in str(kind):
        times = st.datetimes(timezones=st.just(UTC))
        return st.none() | times if "None" in str(kind) else times
    if kind == dict[str, Any]:
        return st.dictionaries(st.text(max_size=8), JSON, max_size=3)
    if kind is float or kind == float | None:
        numbers = st.floats(allow_nan=False, allow_infinity=False)
        return st.none() | numbers if kind is not float else numbers
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{field.name: _values(field.type) for field in msgspec.structs.fields(kind)})
    return st.from_type(kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", EVENTS.current.values(), ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_comes_back_as_it_was_stored(kind: type[JobEvent], data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    assert EVENTS.decode(kind.type_name(), kind.schema, EVENTS.encode(event)) == event


STATES = [REPLYING, GRANTED, SLEEPING, LISTENING, FINISHED, BROKEN, BROKEN_TALK, SIMULATION]
SNAPSHOTS = [fold(recorded(each)) for each in STATES] + [fold(history(path)) for path in FILES]


@pytest.mark.parametrize("job", SNAPSHOTS)
def test_a_snapshot_holds_the_whole_state(job: Job) -> None:
    stored = msgspec.json.encode(job)
    assert msgspec.json.decode(stored, type=Job) == job


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_snapshot_and_the_tail_are_as_good_as_the_whole_history(path: object) -> None:
    events = history(path)  # type: ignore[arg-type]
    whole = fold(events)
    for cut in range(1, len(events)):
        snapshot = msgspec.json.decode(msgspec.json.encode(fold(events[:cut])), type=Job)
        assert fold(events[cut:], snapshot) == whole
