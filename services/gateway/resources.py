"""What clients are shown, as they are shown it. Field names are the contract; times are UTC in ISO 8601."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

__all__ = [
    "Accepted",
    "AppView",
    "ArtifactView",
    "EventView",
    "JobSummary",
    "JobView",
    "MessageView",
    "NoteView",
    "ProfileDetail",
    "ProfileView",
    "Session",
    "SimulationSummary",
    "SimulationView",
    "StepView",
    "TokenPair",
    "UserView",
]


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    email: str
    name: str


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    access: str
    refresh: str


class Session(TokenPair, frozen=True, kw_only=True):
    """Somebody has signed in."""

    user: UserView


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A job without its history. `parent_id` names the job whose workflow made it, null where a person did."""

    id: UUID
    kind: str
    initial_prompt: str
    prompt: str
    requirements_summary: str | None
    status: str
    error_message: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    parent_id: UUID | None = None


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    agent_name: str
    message: str
    order: int
    created_at: datetime


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    role: str
    sender: str
    content: str
    metadata: dict[str, Any]
    created_at: datetime


class JobView(JobSummary, frozen=True, kw_only=True):
    """A job with what was done and said, in order, as of `version`."""

    steps: tuple[StepView, ...] = ()
    messages: tuple[MessageView, ...] = ()


class AppView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    job_id: UUID
    spec: Any
    created_at: datetime
    updated_at: datetime


class ArtifactView(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a job: `size` in bytes, `digest` as `SHA-256=<base64url>`, `url` where to download it."""

    name: str
    media_type: str
    size: int
    digest: str
    url: str
    created_at: datetime


class SimulationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A simulation, comparison or sweep. `request_data` is what was asked for, as it was sent; `result_data` is null before the job is
    done, and in lists unless asked for. `parent_id` names the sweep whose cell it is."""

    job_id: UUID
    kind: str
    user_id: UUID
    status: str
    request_data: Any
    result_data: Any = None
    description: str
    error_message: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    parent_id: UUID | None = None

    @property
    def id(self) -> UUID:
        """What lists are ordered and paged by, besides `created_at`."""
        return self.job_id


class SimulationView(SimulationSummary, frozen=True, kw_only=True):
    """With what is really run: `normalised` has nothing left open, `notes` say how what was sent was understood."""

    normalised: Any = None
    notes: Any = ()


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """How something that was sent was understood, or what is wrong with it; `pointer` is a JSON pointer."""

    pointer: str
    detail: str


class ProfileView(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as it was written. A `default` one belongs to everybody and cannot be changed, only copied."""

    id: UUID
    profile_type: str
    name: str
    data: Any
    default: bool
    version: int
    created_at: datetime
    updated_at: datetime


class ProfileDetail(ProfileView, frozen=True, kw_only=True):
    """With how it is understood: `normalised` has what it inherits, too, and is null where there are `problems`."""

    normalised: Any = None
    notes: tuple[NoteView, ...] = ()
    problems: tuple[NoteView, ...] = ()


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event as stored; `version` is the cursor."""

    version: int
    id: UUID
    type: str
    schema: int
    time: datetime
    correlation_id: UUID | None
    causation_id: UUID | None
    data: Any


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The command is durable. `version` is the job's after it was decided; null where that had not happened yet."""

    command_id: UUID
    version: int | None
