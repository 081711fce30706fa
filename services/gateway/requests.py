"""What clients send: the bodies and query parameters of every call. An unknown field is refused, since it would be a promise not kept."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from libs.jobs.state import Status

__all__ = [
    "AppsQuery",
    "CancelBody",
    "CreateJobBody",
    "DecisionBody",
    "EventsQuery",
    "JobQuery",
    "JobsQuery",
    "LoginBody",
    "MessageBody",
    "MessagesQuery",
    "NoQuery",
    "RefreshBody",
    "RegisterBody",
    "RetryBody",
    "SignalBody",
    "TicketBody",
]

_VERSION_MAX = 2**31 - 1
Version = Annotated[int, Meta(ge=0, le=_VERSION_MAX)]
StatusName = Literal["collecting", "queued", "running", "awaiting_approval", "paused", "done", "failed", "cancelled"]
assert set(StatusName.__args__) == {each.value for each in Status}  # type: ignore[attr-defined]


class _Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class RegisterBody(_Input, frozen=True, kw_only=True):
    email: str
    password: str
    name: str | None = None
    username: str | None = None  # the same, as older clients call it


class LoginBody(_Input, frozen=True, kw_only=True):
    email: str
    password: Annotated[str, Meta(max_length=1024)]


class RefreshBody(_Input, frozen=True, kw_only=True):
    refresh: Annotated[str, Meta(max_length=512)]


class CreateJobBody(_Input, frozen=True, kw_only=True):
    """`request` is any JSON for kinds that take one; `approvals` names where to stop for a person."""

    prompt: Annotated[str, Meta(description="1 to 5,000 characters")]
    kind: str = "build"
    request: Any = None
    approvals: Annotated[tuple[str, ...], Meta(max_length=16)] = ()


class MessageBody(_Input, frozen=True, kw_only=True):
    """With a `key` the message can be sent again without being said twice."""

    content: Annotated[str, Meta(description="1 to 5,000 characters")]
    key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class CancelBody(_Input, frozen=True, kw_only=True):
    reason: Annotated[str, Meta(max_length=1000)] = ""


class RetryBody(_Input, frozen=True, kw_only=True):
    pass


class DecisionBody(_Input, frozen=True, kw_only=True):
    """`approval_version` is that of the event that asked: an answer to an older question is refused."""

    name: str
    approval_version: Annotated[int, Meta(ge=1, le=_VERSION_MAX)]
    comment: Annotated[str, Meta(max_length=2000)] = ""


class SignalBody(_Input, frozen=True, kw_only=True):
    data: Any = None


class JobsQuery(_Input, frozen=True, kw_only=True):
    """`q` looks for a part of the prompt, in any case; `cursor` comes from the `Link` header."""

    status: StatusName | None = None
    kind: Annotated[str, Meta(max_length=64)] | None = None
    q: Annotated[str, Meta(max_length=200)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class JobQuery(_Input, frozen=True, kw_only=True):
    """`at`: exactly as of this version; `min_version`: at least that new."""

    at: Version | None = None
    min_version: Version | None = None


class EventsQuery(_Input, frozen=True, kw_only=True):
    """Events with versions above `after`. A stream (`Accept: text/event-stream`) has no limit."""

    after: Version = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class MessagesQuery(_Input, frozen=True, kw_only=True):
    job_id: UUID


class TicketBody(_Input, frozen=True, kw_only=True):
    job_id: UUID


class NoQuery(_Input, frozen=True, kw_only=True):
    """No parameters at all."""


class AppsQuery(_Input, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=200)] | None = None
