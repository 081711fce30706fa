"""What clients are shown, as they are shown it. Field names are the contract; times are UTC in ISO 8601."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

__all__ = [
    "Accepted",
    "AppView",
    "EventView",
    "JobSummary",
    "JobView",
    "MessageView",
    "Session",
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
    """A job without its history."""

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
