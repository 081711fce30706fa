"""Frames: what clients are told of each event."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events.event import Cause
from libs.jobs.events import (
    ApprovalRequested,
    AppStored,
    AttemptSuspended,
    CommandRefused,
    Failure,
    JobCancelled,
    JobCompleted,
    JobCreated,
    JobEvent,
    JobFailed,
    JobQueued,
    JobRetried,
    JobStarted,
    ProgressReported,
    ReplyPosted,
    RequirementsSummarized,
    StepRecorded,
    UserMessagePosted,
)
from libs.jobs.evolve import evolve
from libs.jobs.state import Job
from services.gateway.live.frames import Ack, DurableFrame, control, delta
from services.gateway.live.translation import durable, status_after
from tests.services.gateway.live.histories import EACH_TYPE, events_of_type, recorded


def shown(event: JobEvent, version: int = 7) -> dict[str, Any]:
    frame: dict[str, Any] = msgspec.json.decode(durable(recorded(event, version)).payload)
    return frame


@pytest.mark.parametrize("type_name", EACH_TYPE)
@given(data=st.data())
def test_every_event_is_one_durable_frame_with_its_version(type_name: str, data: st.DataObject) -> None:
    event = data.draw(events_of_type(type_name))
    version = data.draw(st.integers(1, 10_000))
    frame = durable(recorded(event, version))
    read = msgspec.json.decode(frame.payload, type=DurableFrame)
    assert (read.seq, frame.seq, frame.kind) == (version, version, read.__struct_config__.tag)


@pytest.mark.parametrize("type_name", EACH_TYPE)
@given(data=st.data())
def test_every_durable_frame_names_seq_id_job_and_time(type_name: str, data: st.DataObject) -> None:
    frame = shown(data.draw(events_of_type(type_name)))
    assert {"kind", "seq", "id", "jobId", "timestamp"} <= frame.keys()


@given(st.text(st.characters(codec="utf-8"), max_size=70_000))
def test_a_frame_on_the_wire_is_a_complete_unmasked_text_message(content: str) -> None:
    wire = durable(recorded(UserMessagePosted(message_id=uuid4(), content=content), 1)).wire
    opcode, size, start = wire[0], wire[1], 2
    if size == 126:
        size, start = int.from_bytes(wire[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(wire[2:10], "big"), 10
    assert (opcode, len(wire)) == (0x81, start + size)


def test_a_users_message_is_a_chat_frame_under_the_messages_id() -> None:
    message_id = uuid4()
    frame = shown(UserMessagePosted(message_id=message_id, content="hello", sender="user"))
    expected = {"kind": "chat", "role": "user", "sender": "user", "content": "hello", "metadata": {}}
    assert frame.items() >= (expected | {"id": str(message_id)}).items()


def test_a_reply_is_a_chat_frame_that_names_the_stream_it_replaces() -> None:
    event = ReplyPosted(
        turn_id=uuid4(),
        message_id=uuid4(),
        attempt=2,
        sender="client_relations",
        content="Who is it for?",
        stream="reply-1",
        metadata={"round": 1},
    )
    frame = shown(event)
    expected = {"role": "agent", "stream": "reply-1", "metadata": {"round": 1}, "id": str(event.message_id)}
    assert frame.items() >= expected.items()


def test_a_summary_is_a_description_frame() -> None:
    frame = shown(RequirementsSummarized(summary="A shop.", agent="client_relations"))
    assert (
        frame.items()
        >= {
            "kind": "description",
            "agent": "client_relations",
            "stage": "requirements",
            "message": "A shop.",
        }.items()
    )


def test_a_step_is_a_step_frame_under_the_steps_id() -> None:
    step_id = uuid4()
    event = StepRecorded(
        step_id=step_id, name="ceo-1", order=1, attempt=1, agent="CEO", message="Go.", result=msgspec.Raw(b"{}")
    )
    expected = {"kind": "step", "id": str(step_id), "agent": "CEO", "message": "Go.", "order": 1}
    assert shown(event).items() >= expected.items()


def test_an_app_frame_carries_the_spec_of_a_job_that_is_done() -> None:
    frame = shown(AppStored(app_id=uuid4(), attempt=1, spec={"summary": "x"}))
    assert (frame["kind"], frame["status"], frame["spec"]) == ("app", "done", {"summary": "x"})


def test_an_approval_frame_names_what_is_asked() -> None:
    frame = shown(ApprovalRequested(name="plan", summary="Two steps."), version=9)
    assert (frame["kind"], frame["name"], frame["summary"], frame["seq"]) == ("approval", "plan", "Two steps.", 9)


def test_progress_is_a_progress_frame() -> None:
    data = {"rounds_per_second": 1.2e7, "seconds_left": None, "players": [{"name": "me", "ev": -0.004, "low": -0.1}]}
    frame = shown(ProgressReported(name="rounds", attempt=1, done=3, total=10, message="a third", data=data))
    assert (frame["kind"], frame["done"], frame["total"], frame["message"]) == ("progress", 3, 10, "a third")
    assert frame["data"] == data


def test_any_other_event_is_an_event_frame_with_its_type_and_data() -> None:
    frame = shown(CommandRefused(verb="cancel", code="not_allowed_now", reason="it is done"))
    assert (frame["kind"], frame["type"], frame["data"]["verb"]) == ("event", "command_refused", "cancel")


def test_a_failure_tells_its_reason() -> None:
    frame = shown(JobFailed(error=Failure(code="model_timeout", message="The model did not answer.")))
    assert (frame["status"], frame["message"]) == ("failed", "The model did not answer.")


STATUS_EVENTS: list[list[JobEvent]] = [
    [
        JobCreated(kind="build", prompt="x", talks=True),
        JobQueued(),
        JobStarted(attempt=1, worker="w"),
        JobCompleted(attempt=1),
    ],
    [JobCreated(kind="sim", prompt="x", talks=False), JobQueued(), JobCancelled(), JobRetried(resumes="workflow")],
    [JobCreated(kind="build", prompt="x", talks=True), JobCancelled(), JobRetried(resumes="conversation")],
    [
        JobCreated(kind="build", prompt="x", talks=True),
        JobQueued(),
        JobStarted(attempt=1, worker="w"),
        ApprovalRequested(name="plan", summary="?"),
        AttemptSuspended(attempt=1, waits=("approval/plan",)),
    ],
    [
        JobCreated(kind="build", prompt="x", talks=True),
        JobQueued(),
        JobStarted(attempt=1, worker="w"),
        AttemptSuspended(attempt=1, waits=("timer/nap",)),
        JobStarted(attempt=2, worker="w"),
        JobFailed(error=Failure(code="x", message="y")),
    ],
]


@pytest.mark.parametrize("history", STATUS_EVENTS, ids=lambda history: str(history[-1].type_name()))
def test_the_status_told_is_the_status_folded(history: list[JobEvent]) -> None:
    job: Job | None = None
    for version, event in enumerate(history, start=1):
        job = evolve(job, recorded(event, version))
        assert status_after(event) in (None, job.status)


def test_a_frame_names_the_command_that_caused_its_event() -> None:
    command_id = uuid4()
    caused = msgspec.structs.replace(recorded(JobCancelled(), 3), cause=Cause(causation_id=command_id))
    assert msgspec.json.decode(durable(caused).payload)["causation_id"] == str(command_id)


def test_a_delta_is_passed_on_as_it_was_sent() -> None:
    sent = {"stream": "reply-1", "attempt": 1, "offset": 4, "text": "ü"}
    frame = delta(msgspec.json.encode(sent))
    assert msgspec.json.decode(frame.payload) == sent | {"kind": "delta"}


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"stream":1}', b"\xff"])
def test_what_is_no_delta_is_refused(payload: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeError)):
        delta(payload)


def test_an_undecided_ack_says_so() -> None:
    payload = control(Ack(ref=None, command_id=None, seq=None)).payload
    assert msgspec.json.decode(payload) == {"kind": "ack", "ref": None, "command_id": None, "seq": None}
