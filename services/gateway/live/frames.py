"""What travels to a client: one durable frame for every event, and the frames that steer a connection.

Pure. A frame is encoded once and shared by every socket that gets it; the structs here are also where the published schemas come from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, assert_never
from uuid import UUID

import msgspec

from libs.events.event import Recorded
from libs.jobs.events import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AppStored,
    ArtifactStored,
    AttemptSuspended,
    CommandRefused,
    JobCancelled,
    JobCompleted,
    JobCreated,
    JobEvent,
    JobFailed,
    JobQueued,
    JobRetried,
    JobStarted,
    MapCompleted,
    MapStarted,
    ProgressReported,
    ReplyFailed,
    ReplyPosted,
    ReplyStarted,
    RequirementsSummarized,
    SignalAwaited,
    SignalReceived,
    StepFailed,
    StepRecorded,
    TimerFired,
    TimerSet,
    UserMessagePosted,
)
from libs.jobs.state import Status

__all__ = [
    "Ack",
    "App",
    "Approval",
    "Chat",
    "Closing",
    "ControlFrame",
    "Delta",
    "Description",
    "DurableFrame",
    "Error",
    "Frame",
    "Happened",
    "Hello",
    "Live",
    "Ping",
    "Progress",
    "Reset",
    "StatusChanged",
    "Step",
    "control",
    "delta",
    "durable",
    "frame_of",
    "status_after",
]


# -- durable frames: one for each event --------------------------------------------------------------------------------


class _Durable(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, rename={"job_id": "jobId"}
):
    seq: int  # the job's version after the event: never skips, valid as `after`
    id: UUID  # of the message, step or app, else of the event
    job_id: UUID
    timestamp: datetime
    causation_id: UUID | None = None  # the command that asked for it, as its `ack` named it


class Chat(_Durable, frozen=True, kw_only=True, tag="chat"):
    """Somebody said something. With a `stream` it replaces what that stream's deltas have shown."""

    role: Literal["user", "agent", "system"]
    sender: str
    content: str
    metadata: dict[str, Any]
    stream: str | None = None


class Description(_Durable, frozen=True, kw_only=True, tag="description"):
    """What the job is about, as the conversation left it."""

    agent: str
    stage: Literal["requirements"]
    message: str


class StatusChanged(_Durable, frozen=True, kw_only=True, tag="status"):
    """The job as a whole moved; `status` is what reading it shows after this event."""

    status: Status
    message: str


class Step(_Durable, frozen=True, kw_only=True, tag="step"):
    """A step is finished. With a `stream` it replaces what that stream's deltas have shown."""

    agent: str
    message: str
    order: int
    name: str
    stream: str | None = None


class App(_Durable, frozen=True, kw_only=True, tag="app"):
    """The artifact of a build job."""

    status: Status
    spec: Any


class Approval(_Durable, frozen=True, kw_only=True, tag="approval"):
    """A person must decide; answer with `name` and, as `approval_version`, this frame's `seq`."""

    name: str
    summary: str


class Progress(_Durable, frozen=True, kw_only=True, tag="progress"):
    """How far something has come."""

    name: str
    attempt: int
    done: float
    total: float | None
    message: str
    data: Any


class Happened(_Durable, frozen=True, kw_only=True, tag="event"):
    """Any other event, as it is stored."""

    type: str
    data: Any


DurableFrame = Chat | Description | StatusChanged | Step | App | Approval | Progress | Happened


# -- frames that steer a connection ------------------------------------------------------------------------------------


class _Control(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    pass


class Hello(_Control, frozen=True, kw_only=True, tag="hello"):
    """The first frame: who was let in where. Events after `after` follow."""

    head: int
    after: int
    connection: UUID
    ping_seconds: float
    token_expires_at: datetime


class Live(_Control, frozen=True, kw_only=True, tag="live"):
    """Everything stored before now was sent; what follows happens now."""

    head: int


class Delta(_Control, frozen=True, kw_only=True, tag="delta"):
    """A piece of a reply being written, `offset` in code points. A new `attempt`, or offset 0, discards what was shown of the stream."""

    stream: str
    attempt: int
    offset: int
    text: str


class Ack(_Control, frozen=True, kw_only=True, tag="ack"):
    """The command is durable. `seq` is the job's version after its decision where that is known already. No command: the `auth` frame."""

    ref: str | None
    command_id: UUID | None
    seq: int | None
    token_expires_at: datetime | None = None


class Error(_Control, frozen=True, kw_only=True, tag="error"):
    """Something the client did could not be done, or something went wrong here; `ref` is that of the frame it answers."""

    code: str
    message: str
    retryable: bool
    ref: str | None = None


class Ping(_Control, frozen=True, kw_only=True, tag="ping"):
    """Answer with `pong`. A `head` above the last `seq` seen for more than a moment means frames are missing."""

    t: datetime
    head: int


class Reset(_Control, frozen=True, kw_only=True, tag="reset"):
    """The cursor lies beyond the job's head: read the job anew and connect with its version."""

    head: int


class Closing(_Control, frozen=True, kw_only=True, tag="closing"):
    """The server is about to close the socket: connect again with the last `seq` seen."""

    reason: str


ControlFrame = Hello | Live | Delta | Ack | Error | Ping | Reset | Closing


# -- encoded -----------------------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()


class Frame:
    """An encoded frame, ready for any number of connections: `wire` is the whole unmasked WebSocket message, its JSON from `start` on."""

    __slots__ = ("kind", "recorded", "seq", "start", "wire")

    def __init__(self, kind: str, payload: bytes, recorded: Recorded[JobEvent] | None = None) -> None:
        size = len(payload)
        if size < 126:
            header = bytes((0x81, size))
        elif size < 65536:
            header = b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            header = b"\x81\x7f" + size.to_bytes(8, "big")
        self.kind = kind
        self.wire = header + payload
        self.start = len(header)
        self.recorded = recorded
        self.seq = 0 if recorded is None else recorded.version  # 0: not durable

    @property
    def payload(self) -> bytes:
        """The JSON text."""
        return self.wire[self.start :]


def control(frame: ControlFrame) -> Frame:
    """Encode a frame that is no event."""
    return Frame(str(frame.__struct_config__.tag), _encoder.encode(frame))


class _TypedText(msgspec.Struct, frozen=True):
    stream: str
    attempt: int
    offset: int
    text: str


_typed_text = msgspec.json.Decoder(_TypedText)


def delta(payload: bytes) -> Frame:
    """The frame for what a worker sent on the job's delta subject. Raises `msgspec.MsgspecError` for anything else."""
    typed = _typed_text.decode(payload)
    return control(Delta(stream=typed.stream, attempt=typed.attempt, offset=typed.offset, text=typed.text))


def durable(recorded: Recorded[JobEvent]) -> Frame:
    """The one encoded frame of an event."""
    frame = frame_of(recorded)
    return Frame(str(frame.__struct_config__.tag), _encoder.encode(frame), recorded)


def status_after(event: JobEvent) -> Status | None:
    """The status that reading the job shows once this event happened; None where it does not change it."""
    match event:
        case JobCreated():
            return Status.COLLECTING if event.talks else Status.QUEUED
        case JobQueued():
            return Status.QUEUED
        case JobRetried():
            return Status.COLLECTING if event.resumes == "conversation" else Status.QUEUED
        case JobStarted():
            return Status.RUNNING
        case AttemptSuspended():
            # An attempt suspends only while everything it waits for is still open.
            asks = any(wait.startswith("approval/") for wait in event.waits)
            return Status.AWAITING_APPROVAL if asks else Status.RUNNING
        case JobCompleted():
            return Status.DONE
        case JobFailed():
            return Status.FAILED
        case JobCancelled():
            return Status.CANCELLED
        case ApprovalRequested():
            return Status.AWAITING_APPROVAL
        case _:
            return None


def _told(event: JobEvent) -> str:
    """One sentence for people on what a status event means."""
    match event:
        case JobCreated():
            return "Let us talk about what you need." if event.talks else "The job was created."
        case JobQueued():
            return "The job waits for a runner."
        case JobRetried():
            where = "the conversation" if event.resumes == "conversation" else "the first unfinished step"
            return f"The job is taken up again at {where}."
        case JobStarted():
            return (
                "A runner works on the job."
                if event.attempt == 1
                else f"A runner took the job up, attempt {event.attempt}."
            )
        case AttemptSuspended():
            return f"The job waits for {_listed(event.waits)}."
        case JobCompleted():
            return "The job is done."
        case JobFailed():
            return event.error.message
        case JobCancelled():
            return f"The job was cancelled: {event.reason}" if event.reason else "The job was cancelled."
        case _:
            raise TypeError(f"{type(event).__name__} does not move the job as a whole")


def _listed(waits: tuple[str, ...]) -> str:
    words = [f"the {what} {name!r}" for what, _, name in (wait.partition("/") for wait in waits)]
    return " and ".join(words) if words else "something"


def frame_of(recorded: Recorded[JobEvent]) -> DurableFrame:
    """What clients are told of an event. Total: every event is exactly one frame, with the event's version as `seq`."""
    event = recorded.event
    envelope: dict[str, Any] = {
        "seq": recorded.version,
        "id": recorded.id,
        "job_id": recorded.stream.id,
        "timestamp": recorded.time,
        "causation_id": recorded.cause.causation_id,
    }
    match event:
        case (
            JobCreated()
            | JobQueued()
            | JobRetried()
            | JobStarted()
            | AttemptSuspended()
            | JobCompleted()
            | JobFailed()
            | JobCancelled()
        ):
            status = status_after(event)
            assert status is not None
            return StatusChanged(status=status, message=_told(event), **envelope)
        case UserMessagePosted():
            envelope["id"] = event.message_id
            return Chat(role="user", sender=event.sender, content=event.content, metadata={}, **envelope)
        case ReplyPosted():
            envelope["id"] = event.message_id
            return Chat(
                role="agent",
                sender=event.sender,
                content=event.content,
                metadata=event.metadata,
                stream=event.stream,
                **envelope,
            )
        case RequirementsSummarized():
            return Description(agent=event.agent, stage="requirements", message=event.summary, **envelope)
        case StepRecorded():
            envelope["id"] = event.step_id
            return Step(
                agent=event.agent,
                message=event.message,
                order=event.order,
                name=event.name,
                stream=event.stream,
                **envelope,
            )
        case AppStored():
            envelope["id"] = event.app_id
            # The App is stored in one decision with the job's completion: whoever reads now finds the job done.
            return App(status=Status.DONE, spec=event.spec, **envelope)
        case ApprovalRequested():
            return Approval(name=event.name, summary=event.summary, **envelope)
        case ProgressReported():
            return Progress(
                name=event.name,
                attempt=event.attempt,
                done=event.done,
                total=event.total,
                message=event.message,
                data=event.data,
                **envelope,
            )
        case (
            CommandRefused()
            | ReplyStarted()
            | ReplyFailed()
            | StepFailed()
            | ApprovalGranted()
            | ApprovalRejected()
            | SignalAwaited()
            | SignalReceived()
            | TimerSet()
            | TimerFired()
            | MapStarted()
            | MapCompleted()
            | ArtifactStored()
        ):
            return Happened(type=recorded.type, data=event, **envelope)
        case _:
            assert_never(event)
