"""The tables as the code sees them: rows, their columns in order, and the version of it all."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import msgspec

__all__ = [
    "MODEL_VERSION",
    "TABLES",
    "AppRow",
    "ApprovalRow",
    "ArtifactRow",
    "DeletedProfileRow",
    "Fold",
    "JobRow",
    "MessageRow",
    "ProfileRow",
    "Reply",
    "Row",
    "SimulationRow",
    "StepRow",
    "Table",
    "TimerRow",
    "ddl",
]

MODEL_VERSION = 3
"""Raised whenever a table or what `views` writes changes: a projector that finds another number rebuilds."""

# Times are ISO-8601 text and ids canonical UUID text throughout, as they stand in the log: nothing here needs to calculate with them.


class StepRow(NamedTuple):
    job_id: str
    order: int
    owner_id: str
    id: str
    name: str
    agent_name: str
    message: str
    attempt: int
    tries: int
    duration_seconds: float
    stream: str | None
    usage: str | None
    version: int
    created_at: str


class MessageRow(NamedTuple):
    job_id: str
    version: int
    owner_id: str
    id: str
    role: str
    sender: str
    content: str
    metadata: str
    stream: str | None
    usage: str | None
    created_at: str


class AppRow(NamedTuple):
    job_id: str
    id: str
    owner_id: str
    spec: str
    version: int
    created_at: str
    updated_at: str


class ApprovalRow(NamedTuple):
    job_id: str
    version: int
    owner_id: str
    id: str
    name: str
    summary: str
    decision: str
    comment: str
    requested_at: str
    decided_at: str | None = None


class TimerRow(NamedTuple):
    job_id: str
    name: str
    owner_id: str
    due: str
    open: bool
    set_at: str
    fired_at: str | None = None


class ArtifactRow(NamedTuple):
    job_id: str
    name: str
    owner_id: str
    media_type: str
    size: int
    digest: str
    object: str
    version: int
    created_at: str


class SimulationRow(NamedTuple):
    """A simulation as its owners' other tools know it: nothing but what follows from the job's row."""

    job_id: str
    user_id: str
    status: str
    request_data: str
    result_data: str | None
    created_at: str
    updated_at: str


class ProfileRow(NamedTuple):
    id: str
    owner_id: str
    profile_type: str
    name: str
    data: str
    version: int
    sequence: int
    created_at: str
    updated_at: str


class DeletedProfileRow(NamedTuple):
    """All that is left of a deleted profile: what an event that brings it back must know."""

    id: str
    owner_id: str
    version: int
    sequence: int
    deleted_at: str


Row = (
    StepRow
    | MessageRow
    | AppRow
    | ApprovalRow
    | TimerRow
    | ArtifactRow
    | SimulationRow
    | ProfileRow
    | DeletedProfileRow
)


class Reply(NamedTuple):
    """A reply being written."""

    turn_id: str
    attempt: int
    worker: str


class Fold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the next event must know and no reader is shown: only what is still open, so it stays small however long the job."""

    since: str = ""  # when what the job waits for now began
    unanswered: tuple[str, ...] = ()
    reply: Reply | None = None
    waits: tuple[str, ...] = ()
    approvals: dict[str, ApprovalRow] = {}
    timers: dict[str, TimerRow] = {}
    signals: dict[str, str] = {}  # name -> awaited since
    children: dict[str, tuple[str, str]] = {}  # name -> (id, started at)
    app_created_at: str | None = None


class JobRow(msgspec.Struct, kw_only=True):
    """A row of `jobs`, fields in the order of its columns; `waiting` and `needs` follow from the others and are set before writing."""

    id: str
    owner_id: str
    kind: str
    initial_prompt: str
    prompt: str
    talks: bool
    request: str
    approvals: str
    requirements_summary: str | None = None
    status: str
    error_code: str | None = None
    error_message: str | None = None
    failed_step: str | None = None
    result: str = "null"
    version: int
    sequence: int
    created_at: str
    updated_at: str
    attempt: int | None = None
    worker: str | None = None
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    parent_id: str | None = None
    children_open: int = 0
    waiting: str | None = None
    needs: str | None = None
    fold: Fold = Fold()


class Table(NamedTuple):
    """A table's columns with their types; with a `key`, rows replace earlier ones of the same key, else they are only ever added.

    The `fixed` columns never change once the row is there, and are not written again.
    """

    name: str
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


_TEXT, _INTEGER, _TIME, _ID = "text", "integer", "timestamptz", "uuid"

_JOBS = {
    "id": _ID, "owner_id": _ID, "kind": _TEXT, "initial_prompt": _TEXT, "prompt": _TEXT, "talks": "boolean",
    "request": "json", "approvals": "json", "requirements_summary": _TEXT, "status": _TEXT, "error_code": _TEXT,
    "error_message": _TEXT, "failed_step": _TEXT, "result": "json", "version": _INTEGER, "sequence": "bigint",
    "created_at": _TIME, "updated_at": _TIME, "attempt": _INTEGER, "worker": _TEXT, "attempts": _INTEGER,
    "prompt_tokens": "bigint", "completion_tokens": "bigint", "parent_id": _ID, "children_open": _INTEGER,
    "waiting": "json", "needs": _TEXT, "fold": "json",
}  # fmt: skip
_EVENTS = {
    "job_id": _ID, "version": _INTEGER, "sequence": "bigint", "owner_id": _ID, "id": _ID, "type": _TEXT,
    "schema": _INTEGER, "time": _TIME, "correlation_id": _ID, "causation_id": _ID, "data": "json",
}  # fmt: skip
_STEPS = {
    "job_id": _ID, "order": _INTEGER, "owner_id": _ID, "id": _ID, "name": _TEXT, "agent_name": _TEXT, "message": _TEXT,
    "attempt": _INTEGER, "tries": _INTEGER, "duration_seconds": "double precision", "stream": _TEXT, "usage": "json",
    "version": _INTEGER, "created_at": _TIME,
}  # fmt: skip
_MESSAGES = {
    "job_id": _ID, "version": _INTEGER, "owner_id": _ID, "id": _ID, "role": _TEXT, "sender": _TEXT, "content": _TEXT,
    "metadata": "json", "stream": _TEXT, "usage": "json", "created_at": _TIME,
}  # fmt: skip
_APPS = {
    "job_id": _ID, "id": _ID, "owner_id": _ID, "spec": "json", "version": _INTEGER, "created_at": _TIME,
    "updated_at": _TIME,
}  # fmt: skip
_APPROVALS = {
    "job_id": _ID, "version": _INTEGER, "owner_id": _ID, "id": _ID, "name": _TEXT, "summary": _TEXT, "decision": _TEXT,
    "comment": _TEXT, "requested_at": _TIME, "decided_at": _TIME,
}  # fmt: skip
_TIMERS = {
    "job_id": _ID, "name": _TEXT, "owner_id": _ID, "due": _TIME, "open": "boolean", "set_at": _TIME, "fired_at": _TIME,
}  # fmt: skip
_ARTIFACTS = {
    "job_id": _ID, "name": _TEXT, "owner_id": _ID, "media_type": _TEXT, "size": "bigint", "digest": _TEXT,
    "object": _TEXT, "version": _INTEGER, "created_at": _TIME,
}  # fmt: skip

_SIMULATION_JOBS = {
    "job_id": _ID, "user_id": _ID, "status": _TEXT, "request_data": "jsonb", "result_data": "jsonb",
    "created_at": _TIME, "updated_at": _TIME,
}  # fmt: skip
_PROFILES = {
    "id": _ID, "owner_id": _ID, "profile_type": _TEXT, "name": _TEXT, "data": "json", "version": _INTEGER,
    "sequence": "bigint", "created_at": _TIME, "updated_at": _TIME,
}  # fmt: skip
_DELETED_PROFILES = {
    "id": _ID, "owner_id": _ID, "version": _INTEGER, "sequence": "bigint", "deleted_at": _TIME,
}  # fmt: skip

_FIXED = ("owner_id", "kind", "initial_prompt", "prompt", "talks", "request", "approvals", "created_at", "parent_id")

JOBS = Table("jobs", _JOBS, ("id",), _FIXED)
JOB_EVENTS = Table("job_events", _EVENTS)
TABLES: dict[type[Row], Table] = {
    StepRow: Table("job_steps", _STEPS),
    MessageRow: Table("job_messages", _MESSAGES),
    AppRow: Table("apps", _APPS, ("job_id",)),
    ApprovalRow: Table("approvals", _APPROVALS, ("job_id", "version")),
    TimerRow: Table("timers", _TIMERS, ("job_id", "name")),
    ArtifactRow: Table("artifacts", _ARTIFACTS, ("job_id", "name")),
    SimulationRow: Table("simulation_jobs", _SIMULATION_JOBS, ("job_id",), ("user_id", "request_data", "created_at")),
    ProfileRow: Table("profiles", _PROFILES, ("id",)),
    DeletedProfileRow: Table("deleted_profiles", _DELETED_PROFILES, ("id",)),
}


def ddl(part: str) -> str:
    """The text of `schema` or `indices`; its names are unqualified."""
    return files("services.projector").joinpath(f"{part}.sql").read_text(encoding="utf-8")
