"""A job as its events leave it. Immutable: folding an event makes a new state that shares what did not change."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from libs.events.subjects import StreamId
from libs.jobs.events import Failure, Usage

__all__ = [
    "FOLD_VERSION",
    "App",
    "Approval",
    "Artifact",
    "Attempt",
    "Child",
    "Decision",
    "Job",
    "Message",
    "Progress",
    "Reply",
    "Shards",
    "Signal",
    "Status",
    "Step",
    "Timer",
]

FOLD_VERSION = 2  # raised whenever `evolve` or this state changes meaning: snapshots of another version are dropped


class Status(StrEnum):
    """What clients are shown."""

    COLLECTING = "collecting"
    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (Status.DONE, Status.FAILED, Status.CANCELLED)


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Message(_Part, frozen=True, kw_only=True):
    id: UUID
    role: str
    sender: str
    content: str
    created_at: datetime
    metadata: dict[str, Any] = {}


class Reply(_Part, frozen=True, kw_only=True):
    """A reply being written: which turn, by whom, under which fencing token."""

    turn_id: UUID
    attempt: int
    worker: str


class Attempt(_Part, frozen=True, kw_only=True):
    """The worker that holds the job, and its fencing token."""

    number: int
    worker: str


class Step(_Part, frozen=True, kw_only=True):
    id: UUID
    name: str
    order: int
    agent: str
    message: str
    result: msgspec.Raw
    created_at: datetime
    usage: Usage | None = None


class Decision(StrEnum):
    OPEN = "open"
    GRANTED = "granted"
    REJECTED = "rejected"


class Approval(_Part, frozen=True, kw_only=True):
    """`version` is that of the event that asked: answers must name it."""

    name: str
    summary: str
    version: int
    requested_at: datetime
    decision: Decision = Decision.OPEN
    comment: str = ""


class Timer(_Part, frozen=True, kw_only=True):
    due: datetime
    fired: bool = False


class Signal(_Part, frozen=True, kw_only=True):
    """A wait for a signal: over when `received` or when its timer `signal-<name>` fired."""

    awaited_at: datetime
    received: bool = False
    data: msgspec.Raw = msgspec.Raw(b"null")


class Shards(_Part, frozen=True, kw_only=True):
    total: int
    digest: str | None = None  # set once the map is complete
    taken: int | None = None  # how many results it was completed with, from the first on
    left: bool = False  # whether the workflow wanted no more


class Child(_Part, frozen=True, kw_only=True):
    """A job of this job's own. `status` is None while its end is waited for; `again`: it is retried once the workflow comes to it.

    `doubtful`: it was open when this job ended, and may yet be called off for that although this job was retried since."""

    id: UUID
    kind: str
    round: int = 0
    status: Status | None = None
    error: Failure | None = None
    again: bool = False
    doubtful: bool = False


class Progress(_Part, frozen=True, kw_only=True):
    """The latest stored report of a name, and how many of them were stored."""

    done: float
    total: float | None = None
    message: str = ""
    reports: int = 1


class Artifact(_Part, frozen=True, kw_only=True):
    name: str
    media_type: str
    size: int
    digest: str
    object: str
    created_at: datetime


class App(_Part, frozen=True, kw_only=True):
    id: UUID
    spec: Any
    created_at: datetime
    updated_at: datetime


class Job(_Part, frozen=True, kw_only=True):
    """Everything a decision, or a reader of the job, may need to know."""

    stream: StreamId
    kind: str
    prompt: str
    talks: bool
    request: Any
    approvals: tuple[str, ...]
    status: Status
    version: int
    created_at: datetime
    updated_at: datetime
    requirements_summary: str | None = None
    error: Failure | None = None
    failed_step: str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    app: App | None = None
    parent: UUID | None = None  # of the same owner
    retries: int = 0  # how often it was retried

    messages: tuple[Message, ...] = ()
    unanswered: tuple[UUID, ...] = ()  # ids of user messages that want a reply, oldest first
    reply: Reply | None = None
    reply_attempts: int = 0  # ever started: the next fencing token is one more
    reply_stalls: int = 0  # started on the oldest unanswered turn and never heard of again
    reply_failures: int = 0  # on the oldest unanswered turn
    reply_retry_at: datetime | None = None  # not to be tried again before

    steps: dict[str, Step] = {}
    tries: dict[str, int] = {}  # failed tries of steps that are not finished
    given_up: dict[str, Failure] = {}  # steps whose last try failed: a restarted attempt fails them at once
    attempt: Attempt | None = None
    attempts: int = 0
    stalls: int = 0  # attempts in a row that recorded nothing
    progressed: bool = True
    waits: tuple[str, ...] = ()  # what a suspended attempt waits for
    asked: dict[str, Approval] = {}
    timers: dict[str, Timer] = {}
    signals: dict[str, Signal] = {}
    maps: dict[str, Shards] = {}
    children: dict[str, Child] = {}
    progress: dict[str, Progress] = {}
    artifacts: tuple[Artifact, ...] = ()

    handled: frozenset[UUID] = frozenset()  # commands that made an event: a repeat changes nothing
    commands_decided: dict[str, int] = {}  # per service: the stream sequence of the latest command decided

    @property
    def children_open(self) -> dict[str, Child]:
        """The children whose end is not known here."""
        return {name: child for name, child in self.children.items() if child.status is None}

    def wait_over(self, wait: str) -> bool:
        """Whether `approval/<name>`, `timer/<name>`, `signal/<name>` or `child/<name>` no longer holds the job up."""
        what, _, name = wait.partition("/")
        match what:
            case "approval":
                return self.asked[name].decision is not Decision.OPEN
            case "timer":
                return self.timers[name].fired
            case "signal":
                timer = self.timers.get(f"signal-{name}")
                return self.signals[name].received or (timer is not None and timer.fired)
            case "child":
                return self.children[name].status is not None
            case _:
                raise ValueError(f"nothing waits for {wait!r}")
