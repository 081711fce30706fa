"""Everything that can be true of a job. The snake-case names are subjects and stored for ever; a new shape raises `schema` and upcasts the old."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from libs.events.codec import EventRegistry
from libs.events.event import Event

__all__ = [
    "EVENTS",
    "AppStored",
    "ApprovalGranted",
    "ApprovalRejected",
    "ApprovalRequested",
    "ArtifactStored",
    "AttemptSuspended",
    "ChildEnded",
    "ChildStarted",
    "CommandRefused",
    "Failure",
    "JobCancelled",
    "JobCompleted",
    "JobCreated",
    "JobEvent",
    "JobFailed",
    "JobQueued",
    "JobRetried",
    "JobStarted",
    "MapCompleted",
    "MapStarted",
    "ProgressReported",
    "ReplyFailed",
    "ReplyPosted",
    "ReplyStarted",
    "RequirementsSummarized",
    "SignalAwaited",
    "SignalReceived",
    "StepFailed",
    "StepRecorded",
    "TimerFired",
    "TimerSet",
    "Usage",
    "UserMessagePosted",
]


def _null() -> msgspec.Raw:
    return msgspec.Raw(b"null")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong: `code` for programs (`model_timeout`, `step_raised`, ...), `message` one sentence for people."""

    code: str
    message: str
    retryable: bool = True


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a model call cost."""

    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_seconds: float = 0.0


# -- the job as a whole ------------------------------------------------------------------------------------------------


class JobCreated(Event, frozen=True, kw_only=True):
    """A person wants something done. Where `talks`, a conversation comes first; else the job is queued at once."""

    kind: str
    prompt: str
    talks: bool
    request: Any = None  # what kinds without a talk are given: any JSON
    approvals: tuple[str, ...] = ()  # where a person wants to be asked before it goes on
    parent: UUID | None = None  # the owner's job whose workflow made this one


class JobQueued(Event, frozen=True, kw_only=True):
    """The job waits for a runner."""


class JobStarted(Event, frozen=True, kw_only=True):
    """A worker took the job. `attempt` is its fencing token: only the latest attempt can write."""

    attempt: int
    worker: str


class AttemptSuspended(Event, frozen=True, kw_only=True):
    """The attempt has nothing to do but wait, and lets its worker go. `waits` names what for: `approval/plan`, `timer/nap`, `signal/paid`."""

    attempt: int
    waits: tuple[str, ...]


class JobCompleted(Event, frozen=True, kw_only=True):
    """The workflow returned; `result` is what it returned, where that is not an App."""

    attempt: int
    result: msgspec.Raw = msgspec.field(default_factory=_null)


class JobFailed(Event, frozen=True, kw_only=True):
    """The job stopped, with the reason; a retry takes it up where it stopped."""

    error: Failure
    step: str | None = None


class JobCancelled(Event, frozen=True, kw_only=True):
    """The owner called it off."""

    reason: str = ""


class JobRetried(Event, frozen=True, kw_only=True):
    """The owner wants it taken up again: the `conversation` at the unanswered turn, or the `workflow` at the first unfinished step."""

    resumes: Literal["conversation", "workflow"]


class CommandRefused(Event, frozen=True, kw_only=True):
    """A command could not be obeyed; `allowed` says which verbs can be now."""

    verb: str
    code: str
    reason: str
    allowed: tuple[str, ...] = ()


# -- the conversation --------------------------------------------------------------------------------------------------


class UserMessagePosted(Event, frozen=True, kw_only=True):
    """The person said something: a turn that wants exactly one reply."""

    message_id: UUID
    content: str
    sender: str = "user"


class ReplyStarted(Event, frozen=True, kw_only=True):
    """An agent is answering a turn. `attempt` is its fencing token, `stream` names the deltas it sends."""

    turn_id: UUID
    attempt: int
    worker: str
    stream: str


class ReplyPosted(Event, frozen=True, kw_only=True):
    """The one reply to a turn."""

    turn_id: UUID
    message_id: UUID
    attempt: int
    sender: str
    content: str
    stream: str
    metadata: dict[str, Any] = {}
    usage: Usage | None = None


class ReplyFailed(Event, frozen=True, kw_only=True):
    """An attempt to answer a turn came to nothing."""

    turn_id: UUID
    attempt: int
    error: Failure
    retry_in_seconds: float | None = None


class RequirementsSummarized(Event, frozen=True, kw_only=True):
    """The conversation is over; this is what the job is about. `forced` where the limit on rounds ended it."""

    summary: str
    agent: str
    forced: bool = False


# -- the workflow ------------------------------------------------------------------------------------------------------


class StepRecorded(Event, frozen=True, kw_only=True):
    """A step is finished and will never be run again. `agent` and `message` are for people, `result` for the workflow."""

    step_id: UUID
    name: str
    order: int
    attempt: int
    agent: str
    message: str
    result: msgspec.Raw
    tries: int = 1
    duration_seconds: float = 0.0
    usage: Usage | None = None
    stream: str | None = None


class StepFailed(Event, frozen=True, kw_only=True):
    """A try of a step failed; `retry_in_seconds` is null where it was the last."""

    name: str
    attempt: int
    tries: int
    error: Failure
    retry_in_seconds: float | None = None


class ApprovalRequested(Event, frozen=True, kw_only=True):
    """A person must decide before the job goes on. This event's version is the `approval_version` to answer with."""

    name: str
    summary: str


class ApprovalGranted(Event, frozen=True, kw_only=True):
    """The person said yes: the job goes on."""

    name: str
    approval_version: int
    comment: str = ""


class ApprovalRejected(Event, frozen=True, kw_only=True):
    """The person said no: the job fails with the comment; a retry asks again."""

    name: str
    approval_version: int
    comment: str = ""


class SignalAwaited(Event, frozen=True, kw_only=True):
    """The workflow waits for a named signal, until `due` where there is one."""

    name: str
    due: datetime | None = None


class SignalReceived(Event, frozen=True, kw_only=True):
    """The signal that the workflow waited for came, with its data."""

    name: str
    data: msgspec.Raw = msgspec.field(default_factory=_null)


class TimerSet(Event, frozen=True, kw_only=True):
    """The workflow sleeps. `due` is computed once and stored."""

    name: str
    due: datetime


class TimerFired(Event, frozen=True, kw_only=True):
    """A timer came due: `<name>` of a sleep, `signal-<name>` of a wait that ran out."""

    name: str


class MapStarted(Event, frozen=True, kw_only=True):
    """Work was cut into `total` shards, 0 to total - 1, that any runner may take; their results lie in the stream SHARDS."""

    name: str
    attempt: int
    total: int


class MapCompleted(Event, frozen=True, kw_only=True):
    """The first `total` shards have their one result each, and are the map; `digest` is the SHA-256 over their digests in order.

    `left` where the workflow had seen enough: then they may be fewer than were started."""

    name: str
    attempt: int
    total: int
    digest: str
    left: bool = False


class ChildStarted(Event, frozen=True, kw_only=True):
    """The workflow wants another job done and will look for its end. `round` rises where a failed or cancelled child is retried."""

    name: str
    attempt: int
    child_id: UUID
    kind: str
    round: int = 0


class ChildEnded(Event, frozen=True, kw_only=True):
    """A child is done, failed (with its `error`) or cancelled; its result is read from its own log."""

    name: str
    child_id: UUID
    status: Literal["done", "failed", "cancelled"]
    round: int = 0
    error: Failure | None = None


class ProgressReported(Event, frozen=True, kw_only=True):
    """How far something has come: a bounded number of these per job, finer progress is never stored."""

    name: str
    attempt: int
    done: float
    total: float | None = None
    message: str = ""
    data: Any = None


class ArtifactStored(Event, frozen=True, kw_only=True):
    """A file of the job lies in the object store under `object`; `digest` is `SHA-256=<base64url>`, `size` in bytes."""

    name: str
    attempt: int
    media_type: str
    size: int
    digest: str
    object: str


class AppStored(Event, frozen=True, kw_only=True):
    """The artifact of a build job."""

    app_id: UUID
    attempt: int
    spec: Any


JobEvent = (
    JobCreated
    | JobQueued
    | JobStarted
    | AttemptSuspended
    | JobCompleted
    | JobFailed
    | JobCancelled
    | JobRetried
    | CommandRefused
    | UserMessagePosted
    | ReplyStarted
    | ReplyPosted
    | ReplyFailed
    | RequirementsSummarized
    | StepRecorded
    | StepFailed
    | ApprovalRequested
    | ApprovalGranted
    | ApprovalRejected
    | SignalAwaited
    | SignalReceived
    | TimerSet
    | TimerFired
    | MapStarted
    | MapCompleted
    | ChildStarted
    | ChildEnded
    | ProgressReported
    | ArtifactStored
    | AppStored
)

EVENTS: EventRegistry[JobEvent] = EventRegistry(JobEvent.__args__)
