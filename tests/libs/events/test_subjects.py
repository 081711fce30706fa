from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events import subjects
from libs.events.errors import InvalidSubject
from libs.events.subjects import StreamId

names = st.from_regex(r"[a-z0-9_][a-z0-9_-]{0,20}", fullmatch=True)
streams = st.builds(StreamId, st.uuids(), st.uuids())


@given(streams, names)
def test_what_is_built_is_taken_apart_again(stream: StreamId, name: str) -> None:
    for build in (subjects.event, subjects.command, subjects.dead_letter, subjects.timer_set, subjects.timer_due):
        assert subjects.parse(build(stream, name)) == (stream, name)
    assert subjects.parse(subjects.wakeup(name, stream)) == (stream, "")
    assert subjects.parse(subjects.shard(stream, name, 7)) == (stream, f"{name}.7")
    assert subjects.parse(subjects.task(stream, name, 7)) == (stream, f"{name}.7")


@pytest.mark.parametrize("name", ["", "*", ">", "a.b", "A", "a b", "a\n", "-a", "x" * 129, "é"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidSubject):
        subjects.event(StreamId(UUID(int=1), UUID(int=2)), name)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "evt",
        "evt.a.b.c",
        "evt.*.*.job_created",
        f"evt.{UUID(int=1)}.job_created",
        f"foreign.{UUID(int=1)}.{UUID(int=2)}.x",
        f"evt.{str(UUID(int=0xABC)).upper()}.{UUID(int=2)}.x",
        f"evt.{UUID(int=1).hex}.{UUID(int=2)}.x",
    ],
)
def test_a_foreign_subject_is_refused(subject: str) -> None:
    with pytest.raises(InvalidSubject):
        subjects.parse(subject)
