"""What travels to a client: durable frames, of which every event makes one, and the frames that steer a connection.

Pure. A frame is encoded once and shared by every socket that gets it; the structs here are also where the published schemas come from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from libs.events.event import Recorded
from libs.jobs.events import JobEvent
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
    "encode",
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


def encode(frame: DurableFrame | ControlFrame, recorded: Recorded[JobEvent] | None = None) -> Frame:
    """Encode a frame, with the event it tells if it is durable."""
    return Frame(str(frame.__struct_config__.tag), _encoder.encode(frame), recorded)


def control(frame: ControlFrame) -> Frame:
    """Encode a frame that is no event."""
    return encode(frame)


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
