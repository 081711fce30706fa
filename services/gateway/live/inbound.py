"""What clients may say: one struct for each kind of frame, and the judgement on anything else.

Pure, and total: whatever bytes come in, the answer is a frame or `BadFrame`.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec

from libs.jobs.commands import (
    ApproveStep,
    CancelJob,
    PostMessage,
    RejectStep,
    RetryJob,
    SendSignal,
    WireCommand,
    keyed_command_id,
)
from libs.process.clock import new_id
from services.gateway.decoding import check_depth
from services.gateway.problems import Code, Problem
from services.gateway.text import check_name, check_text

__all__ = ["FRAME_BYTES_MAX", "BadFrame", "ClientFrame", "Submission", "parse", "submission"]

FRAME_BYTES_MAX = 64 * 1024

_Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Comment = Annotated[str, msgspec.Meta(max_length=2000)]
_Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class _Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    ref: _Ref | None = None  # comes back in `ack` and `error`


class _Wanted(_Said, frozen=True, kw_only=True):
    key: _Ref | None = None  # the same key and kind on the same job are the same command, however often it is sent


class Say(_Wanted, frozen=True, kw_only=True, tag="chat"):
    """Say something to the agent: one turn, which gets one reply."""

    content: str


class Approve(_Wanted, frozen=True, kw_only=True, tag="approve"):
    """Let the job go on. `approval_version` is the `seq` of the `approval` frame."""

    name: str
    approval_version: _Version
    comment: _Comment = ""


class Reject(_Wanted, frozen=True, kw_only=True, tag="reject"):
    """Do not let the job go on: it fails with the comment."""

    name: str
    approval_version: _Version
    comment: _Comment = ""


class Cancel(_Wanted, frozen=True, kw_only=True, tag="cancel"):
    """Call the job off."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class Retry(_Wanted, frozen=True, kw_only=True, tag="retry"):
    """Take a failed or cancelled job up again."""


class Signal(_Wanted, frozen=True, kw_only=True, tag="signal"):
    """Give a waiting job what it waits for."""

    name: str
    data: Any = None


class Auth(_Said, frozen=True, kw_only=True, tag="auth"):
    """Prove who you are, first or again before the token expires."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class Pong(_Said, frozen=True, kw_only=True, tag="pong"):
    """Answer to `ping`."""

    t: Any = None
    head: Any = None


ClientFrame = Say | Approve | Reject | Cancel | Retry | Signal | Auth | Pong

_KINDS = frozenset(str(kind.__struct_config__.tag) for kind in ClientFrame.__args__)
_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_anything = msgspec.json.Decoder()


class BadFrame(Exception):
    """The frame means nothing; the message is one sentence for people."""

    def __init__(self, code: Code, message: str, ref: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.ref = ref


def parse(data: str | bytes) -> ClientFrame:
    """Read one frame. Raises `BadFrame` for whatever is not one."""
    if len(data) > FRAME_BYTES_MAX:
        raise BadFrame(Code.TOO_LARGE, f"A frame has at most {FRAME_BYTES_MAX} bytes.")
    try:
        frame = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _diagnose(data, error) from None
    except (msgspec.DecodeError, UnicodeError):
        raise BadFrame(Code.INVALID_JSON, "The frame is not JSON.") from None
    except RecursionError:
        raise BadFrame(Code.INVALID_JSON, "The frame is nested too deeply.") from None
    try:
        _check(frame)
    except Problem as problem:
        raise BadFrame(problem.code, problem.detail, frame.ref) from None
    return frame


def _diagnose(data: str | bytes, error: msgspec.ValidationError) -> BadFrame:
    try:
        said = _anything.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return BadFrame(Code.INVALID_JSON, "The frame is not JSON that can be read.")
    if not isinstance(said, dict):
        return BadFrame(Code.INVALID_INPUT, "A frame is a JSON object with a kind.")
    ref = said.get("ref")
    ref = ref if isinstance(ref, str) and 0 < len(ref) <= 255 else None
    kind = said.get("kind")
    if kind not in _KINDS if isinstance(kind, str) else True:
        return BadFrame(Code.UNKNOWN_KIND, f"A frame's kind is one of {', '.join(sorted(_KINDS))}.", ref)
    return BadFrame(Code.INVALID_INPUT, f"The {kind} frame is not as it should be: {error}.", ref)


def _check(frame: ClientFrame) -> None:
    match frame:
        case Say():
            check_text(frame.content, "/content", "The message")
        case Approve() | Reject():
            check_name(frame.name, "/name", "The approval's name")
            check_text(frame.comment, "/comment", "The comment", empty=True)
        case Cancel():
            check_text(frame.reason, "/reason", "The reason", empty=True)
        case Signal():
            check_name(frame.name, "/name", "The signal's name")
            check_depth(frame.data, "/data")
        case _:
            pass


class Submission(NamedTuple):
    """A frame as the command it stands for."""

    command: WireCommand
    command_id: UUID


def submission(job_id: UUID, frame: Say | Approve | Reject | Cancel | Retry | Signal) -> Submission:
    """The command a frame stands for, under an id that its key determines."""
    command = _command(frame)
    command_id = new_id() if frame.key is None else keyed_command_id(job_id, command.verb, frame.key)
    return Submission(command, command_id)


def _command(frame: Say | Approve | Reject | Cancel | Retry | Signal) -> WireCommand:
    match frame:
        case Say():
            return PostMessage(content=frame.content)
        case Approve():
            return ApproveStep(name=frame.name, approval_version=frame.approval_version, comment=frame.comment)
        case Reject():
            return RejectStep(name=frame.name, approval_version=frame.approval_version, comment=frame.comment)
        case Cancel():
            return CancelJob(reason=frame.reason)
        case Retry():
            return RetryJob()
        case Signal():
            return SendSignal(name=frame.name, data=frame.data)
