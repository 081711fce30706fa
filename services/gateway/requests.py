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
    "CopyProfileBody",
    "CreateJobBody",
    "CreateProfileBody",
    "DecisionBody",
    "EventsQuery",
    "JobQuery",
    "JobsQuery",
    "LoginBody",
    "MessageBody",
    "MessagesQuery",
    "NoQuery",
    "PatchProfileBody",
    "ProfileQuery",
    "ProfileType",
    "ProfilesQuery",
    "PutProfileBody",
    "RefreshBody",
    "RegisterBody",
    "RepriceBody",
    "RerunBody",
    "RetryBody",
    "SignalBody",
    "SimulationBody",
    "SimulationQuery",
    "SimulationsQuery",
    "StopBody",
    "TicketBody",
]

_VERSION_MAX = 2**31 - 1
Version = Annotated[int, Meta(ge=0, le=_VERSION_MAX)]
MinVersion = Annotated[Version, Meta(description="At least that new")]
Cursor = Annotated[str, Meta(max_length=200, description="Where the page starts, out of the `Link` header")]
Parent = Annotated[UUID, Meta(description="The jobs that this one's workflow made, which are left out otherwise")]
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

    prompt: Annotated[str, Meta(description="1 to 5,000 characters; kinds whose request is checked do without")] = ""
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
    status: StatusName | None = None
    kind: Annotated[str, Meta(max_length=64)] | None = None
    parent: Parent | None = None
    q: Annotated[str, Meta(max_length=200, description="A part of the prompt, in any case")] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class JobQuery(_Input, frozen=True, kw_only=True):
    at: Annotated[Version, Meta(description="Exactly as of this version")] | None = None
    min_version: MinVersion | None = None


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
    cursor: Cursor | None = None


# -- simulations and profiles ------------------------------------------------------------------------------------------

SimulationKind = Literal["simulation", "comparison", "sweep"]
ProfileType = Literal["casino", "player", "playing_strategy", "betting_strategy", "counting_system"]
ExpectedVersion = Annotated[Version, Meta(description="Refused where it was changed after this version")]
ProfileData = Annotated[Any, Meta(description="an object; with `parent` it holds only what differs from that profile")]
Profiles = Annotated[Any, Meta(description="names of profiles, or whole ones")]


class SimulationBody(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate: names or whole profiles, in any of the spellings that people's files have. One of `num_rounds`,
    `target_standard_error` and `blocks` is needed; `a` and `b` are for a comparison, `base` and `axes` for a sweep."""

    kind: SimulationKind = "simulation"
    casino: Profiles = None
    players: Profiles = None
    num_rounds: int | None = None
    target_standard_error: float | None = None
    blocks: int | None = None
    seed: int | None = None
    include_hand_history: bool = False
    mode: Literal["ev", "sessions"] = "ev"
    session_rounds: int | None = None
    win_goal: float | None = None
    a: Any = None
    b: Any = None
    base: Any = None
    axes: Any = None
    profiles: Annotated[
        Any, Meta(description="an array of `{profile_type, name, data}`: profiles of this request's own")
    ] = None
    approvals: Annotated[tuple[str, ...], Meta(max_length=16)] = ()


class SimulationsQuery(_Input, frozen=True, kw_only=True):
    status: StatusName | None = None
    kind: SimulationKind | None = None
    parent: Parent | None = None
    full: Annotated[bool, Meta(description="With results, and then at most 10 at a time")] = False
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class SimulationQuery(_Input, frozen=True, kw_only=True):
    min_version: MinVersion | None = None


class StopBody(_Input, frozen=True, kw_only=True):
    pass


class RerunBody(_Input, frozen=True, kw_only=True):
    pass


class RepriceBody(_Input, frozen=True, kw_only=True):
    """`betting_strategy` is a name or a whole one; `bankroll`, for the risk of ruin, is the player's unless given."""

    betting_strategy: Any
    player: Annotated[int, Meta(ge=0, le=6)] = 0
    bankroll: Annotated[float, Meta(gt=0, le=1e12)] | None = None


class ProfilesQuery(_Input, frozen=True, kw_only=True):
    profile_type: ProfileType | None = None
    default: Annotated[bool, Meta(description="Only those that everybody has, or only your own")] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None


class ProfileQuery(_Input, frozen=True, kw_only=True):
    expected_version: ExpectedVersion | None = None


class CreateProfileBody(_Input, frozen=True, kw_only=True):
    """Either `data`, or with `copy_of` those of the profile of this type and that name, a default or your own."""

    profile_type: ProfileType
    name: Annotated[str, Meta(description="1 to 100 characters; once in each type, in whatever case")]
    data: ProfileData = None
    copy_of: str | None = None


class PutProfileBody(_Input, frozen=True, kw_only=True):
    """All the data anew. Name and type are what they were: another name is a copy."""

    data: ProfileData
    name: str | None = None
    profile_type: ProfileType | None = None
    expected_version: ExpectedVersion | None = None


class PatchProfileBody(_Input, frozen=True, kw_only=True):
    """Members of `data` replace those of the same name, null removes them (RFC 7396)."""

    data: Any = msgspec.field(default_factory=dict)
    name: str | None = None
    expected_version: ExpectedVersion | None = None


class CopyProfileBody(_Input, frozen=True, kw_only=True):
    name: str
