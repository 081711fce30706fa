"""What people and workers can want of a job.

`WIRE` commands travel on `cmd.<owner>.<job>.<verb>` and come from people through the gateway; the others never leave the worker that
decides them. A command with an `attempt` comes from the worker that holds it; decided for an older attempt it raises `FenceLost`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID, uuid5

import msgspec

from libs.jobs.events import Failure, Usage

__all__ = [
    "VERBS",
    "WIRE",
    "ApproveStep",
    "AwaitSignal",
    "CancelJob",
    "CompleteJob",
    "CompleteMap",
    "CreateChild",
    "CreateJob",
    "EndChild",
    "FailJob",
    "FailReply",
    "FailStep",
    "FireTimer",
    "JobCommand",
    "PostMessage",
    "PostReply",
    "RecordStep",
    "RejectStep",
    "ReportProgress",
    "RequestApproval",
    "RetryJob",
    "SendSignal",
    "SetTimer",
    "StartAttempt",
    "StartChild",
    "StartMap",
    "StartReply",
    "StoreArtifact",
    "SuspendAttempt",
    "WireCommand",
    "keyed_command_id",
]


class _Command(msgspec.Struct, frozen=True, kw_only=True):
    pass


# -- from people, on the wire ------------------------------------------------------------------------------------------


class CreateJob(_Command, frozen=True, kw_only=True):
    """Make the job. Where it `talks`, `prompt` is the first turn of its conversation; else it is queued at once."""

    verb: ClassVar[str] = "create"
    kind: str
    prompt: str
    talks: bool
    request: Any = None
    approvals: tuple[str, ...] = ()
    sender: str = "user"


class PostMessage(_Command, frozen=True, kw_only=True):
    """Say something to the agent. Refused once the conversation is over."""

    verb: ClassVar[str] = "chat"
    content: str
    sender: str = "user"


class CancelJob(_Command, frozen=True, kw_only=True):
    """Call the job off. Refused once it is done or failed; a second time changes nothing."""

    verb: ClassVar[str] = "cancel"
    reason: str = ""


class RetryJob(_Command, frozen=True, kw_only=True):
    """Take a failed or cancelled job up where it stopped; any other refuses."""

    verb: ClassVar[str] = "retry"


class ApproveStep(_Command, frozen=True, kw_only=True):
    """Let the job go on. `approval_version` is the version of the request that is answered; for any other it is refused."""

    verb: ClassVar[str] = "approve"
    name: str
    approval_version: int
    comment: str = ""


class RejectStep(_Command, frozen=True, kw_only=True):
    """Say no: the job fails with the comment. `approval_version` counts as for `ApproveStep`."""

    verb: ClassVar[str] = "reject"
    name: str
    approval_version: int
    comment: str = ""


class SendSignal(_Command, frozen=True, kw_only=True):
    """Give the workflow the named signal it waits for, with its data. Refused where nothing waits for it."""

    verb: ClassVar[str] = "signal"
    name: str
    data: Any = None


WireCommand = CreateJob | PostMessage | CancelJob | RetryJob | ApproveStep | RejectStep | SendSignal

WIRE: dict[str, type[WireCommand]] = {each.verb: each for each in WireCommand.__args__}


def keyed_command_id(job_id: UUID, verb: str, key: str) -> UUID:
    """The id of the command that a client sends under a key of its own: the same key and verb on the same job are the same command."""
    return uuid5(
        job_id, f"{verb}:{key}"
    )  # with the verb, so that a cancel is never taken for the chat message before it


# Which service decides which verb. `pause`, `resume`, `fork` and `continue` will join the runner's.
VERBS: dict[str, str] = {
    "create": "agents",
    "chat": "agents",
    "cancel": "runner",
    "retry": "runner",
    "approve": "runner",
    "reject": "runner",
    "signal": "runner",
}


# -- from agents -------------------------------------------------------------------------------------------------------


class StartReply(_Command, frozen=True, kw_only=True):
    """Answer the oldest unanswered turn. Changes nothing where there is none, or where another worker is at it and this is no `takeover`."""

    worker: str
    takeover: bool = False
    stalls_max: int = 10  # attempts on one turn that came to nothing, not even an error, before the job fails


class PostReply(_Command, frozen=True, kw_only=True):
    """Store the reply. With a `summary` the conversation is over and the job is queued."""

    turn_id: UUID
    attempt: int
    message_id: UUID
    sender: str
    content: str
    stream: str
    metadata: dict[str, Any] = {}
    usage: Usage | None = None
    summary: str | None = None
    forced: bool = False


class FailReply(_Command, frozen=True, kw_only=True):
    """The attempt came to nothing. Without `retry_in_seconds` the job fails with the error."""

    turn_id: UUID
    attempt: int
    error: Failure
    retry_in_seconds: float | None = None


# -- from runners ------------------------------------------------------------------------------------------------------


class StartAttempt(_Command, frozen=True, kw_only=True):
    """Take the job. Changes nothing where there is nothing to run, or where another worker runs it and this is no `takeover`."""

    worker: str
    takeover: bool = False
    stalls_max: int = 10  # attempts in a row that recorded nothing before the job fails


class RecordStep(_Command, frozen=True, kw_only=True):
    """Store a finished step with its result. Changes nothing where the step has one already."""

    attempt: int
    step_id: UUID
    name: str
    agent: str
    message: str
    result: msgspec.Raw
    tries: int = 1
    duration_seconds: float = 0.0
    usage: Usage | None = None
    stream: str | None = None


class FailStep(_Command, frozen=True, kw_only=True):
    """Note a try of a step that failed. Without `retry_in_seconds` it was the last."""

    attempt: int
    name: str
    tries: int
    error: Failure
    retry_in_seconds: float | None = None


class RequestApproval(_Command, frozen=True, kw_only=True):
    """Ask a person. Changes nothing where the same was asked already."""

    attempt: int
    name: str
    summary: str


class AwaitSignal(_Command, frozen=True, kw_only=True):
    """Wait for a signal, until `due` where there is one. Changes nothing where it is waited for already."""

    attempt: int
    name: str
    due: datetime | None = None


class SetTimer(_Command, frozen=True, kw_only=True):
    """Sleep until `due`. Changes nothing where the timer was set: its first due time holds."""

    attempt: int
    name: str
    due: datetime


class FireTimer(_Command, frozen=True, kw_only=True):
    """A schedule says that a timer is due; only what the log says counts."""

    name: str
    now: datetime


class SuspendAttempt(_Command, frozen=True, kw_only=True):
    """Let the worker go. Changes nothing where one of the waits is over already: then go on."""

    attempt: int
    waits: tuple[str, ...]


class StartMap(_Command, frozen=True, kw_only=True):
    """Cut work into `total` shards. Changes nothing where the map was started."""

    attempt: int
    name: str
    total: int


class CompleteMap(_Command, frozen=True, kw_only=True):
    """The results of the first `total` shards (all, where not given) are the map's. Changes nothing where it was completed."""

    attempt: int
    name: str
    digest: str
    total: int | None = None
    left: bool = False


class StartChild(_Command, frozen=True, kw_only=True):
    """Have a child job. Changes nothing where it is had already, unless a retry takes it up again."""

    attempt: int
    name: str
    child_id: UUID
    kind: str
    round: int = 0


class CreateChild(_Command, frozen=True, kw_only=True):
    """Make the child itself, queued at once. Changes nothing where it exists."""

    parent: UUID
    kind: str
    prompt: str
    request: Any = None
    approvals: tuple[str, ...] = ()


class EndChild(_Command, frozen=True, kw_only=True):
    """A child came to its end, retried `round` times. Changes nothing where that is known, or another round is waited for."""

    child_id: UUID
    status: Literal["done", "failed", "cancelled"]
    round: int
    error: Failure | None = None


class ReportProgress(_Command, frozen=True, kw_only=True):
    """Tell how far something has come."""

    attempt: int
    name: str
    done: float
    total: float | None = None
    message: str = ""
    data: Any = None


class StoreArtifact(_Command, frozen=True, kw_only=True):
    """Note a file that lies in the object store. Changes nothing where the same content was noted under this name."""

    attempt: int
    name: str
    media_type: str
    size: int
    digest: str
    object: str


class CompleteJob(_Command, frozen=True, kw_only=True):
    """The workflow returned. With an `app_id`, `app` is stored as the job's App first."""

    attempt: int
    app_id: UUID | None = None
    app: Any = None
    result: msgspec.Raw = msgspec.Raw(b"null")


class FailJob(_Command, frozen=True, kw_only=True):
    """End the job with an error; from there only a person's `retry` goes on."""

    attempt: int
    error: Failure
    step: str | None = None


JobCommand = (
    WireCommand
    | StartReply
    | PostReply
    | FailReply
    | StartAttempt
    | RecordStep
    | FailStep
    | RequestApproval
    | AwaitSignal
    | SetTimer
    | FireTimer
    | SuspendAttempt
    | StartMap
    | CompleteMap
    | StartChild
    | CreateChild
    | EndChild
    | ReportProgress
    | StoreArtifact
    | CompleteJob
    | FailJob
)
