"""What the gateway needs from outside, in its own words; the adapters are named after their technology."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from libs.events.commands import Outcome
from libs.events.event import Recorded
from libs.events.subjects import StreamId
from libs.jobs.commands import WireCommand
from libs.jobs.events import JobEvent
from libs.jobs.state import Artifact
from libs.profiles.commands import ProfileCommand
from services.gateway.resources import AppView, JobSummary, JobView, ProfileView, SimulationSummary, SimulationView

__all__ = [
    "Accounts",
    "Commands",
    "Credentials",
    "DatabaseUnavailable",
    "EmailTaken",
    "IdempotencyKeys",
    "IdempotencyRecord",
    "JobFilter",
    "Jobs",
    "Lists",
    "Objects",
    "Page",
    "ProfileLists",
    "ReadModels",
    "RefreshRejected",
    "Rotation",
    "Sent",
    "SimulationFilter",
    "Simulations",
    "User",
]


class DatabaseUnavailable(Exception):
    """Postgres did not answer in time; what needs it cannot be had now."""


# -- jobs --------------------------------------------------------------------------------------------------------------


class Jobs(Protocol):
    """One job at a time: works with the database down, and knows a job from the moment its create command was stored."""

    async def get(
        self, owner: UUID, job_id: UUID, *, min_version: int | None = None, at: int | None = None
    ) -> JobView | None:
        """The job at least as of `min_version`, or exactly as of `at`; None where this owner has no such job.

        Raises `CursorBeyondHead` where the job has not come that far, `LogUnavailable` where nothing answers.
        """
        ...

    async def exists(self, owner: UUID, job_id: UUID) -> bool:
        """Whether this owner has such a job, be it only as a stored create command. Raises `LogUnavailable`."""
        ...

    async def events(self, owner: UUID, job_id: UUID, *, after: int, limit: int) -> list[Recorded[JobEvent]]:
        """The job's events with versions above `after`, oldest first, without gaps, at most `limit`. Raises `LogUnavailable`, `UnknownEvent`."""
        ...

    async def app(self, owner: UUID, job_id: UUID) -> AppView | None:
        """The job's App, None where it has none yet. Raises `LogUnavailable`."""
        ...

    async def artifact(self, owner: UUID, job_id: UUID, name: str) -> Artifact | None:
        """The job's file of this name, None where it has none yet. Raises `LogUnavailable`."""
        ...

    async def artifacts(self, owner: UUID, job_id: UUID) -> tuple[Artifact, ...]:
        """The job's files, oldest first; none where there is no such job. Raises `LogUnavailable`."""
        ...

    async def head(self, owner: UUID, job_id: UUID) -> int | None:
        """The job's latest version in the log: 0 where only its create command is stored, None where this owner has no such job."""
        ...


class ReadModels(Protocol):
    """What the projector made of the log, which may be a moment behind. Everything raises `DatabaseUnavailable`, soon."""

    async def job(self, owner: UUID, job_id: UUID) -> JobView | None: ...

    async def events(self, owner: UUID, job_id: UUID, *, first: int, limit: int) -> list[Recorded[JobEvent]]:
        """The job's events from version `first` on, oldest first. Raises `UnknownEvent`."""
        ...

    async def app(self, owner: UUID, job_id: UUID) -> AppView | None: ...


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`parent`: the jobs that this one's workflow made; None: those that people asked for."""

    status: str | None = None
    kind: str | None = None
    text: str | None = None
    parent: UUID | None = None


class Objects(Protocol):
    """The bytes of files."""

    def chunks(self, name: str) -> AsyncGenerator[bytes, None]:
        """What is stored under a name, piece by piece. Raises `LogUnavailable`."""
        ...


class Page(NamedTuple):
    """Where a page starts: after this job in the order newest first."""

    created_at: datetime
    id: UUID


class Lists(Protocol):
    """Many things at a time, out of the read models. Everything raises `DatabaseUnavailable`."""

    async def jobs(self, owner: UUID, where: JobFilter, *, after: Page | None, limit: int) -> list[JobSummary]: ...

    async def apps(self, owner: UUID, *, after: Page | None, limit: int) -> list[AppView]: ...

    async def app_by_id(self, owner: UUID, app_id: UUID) -> AppView | None: ...


class SimulationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`parent`: the simulations that this job had made; None: those that people asked for."""

    status: str | None = None
    kind: str | None = None
    parent: UUID | None = None


class Simulations(Protocol):
    """Simulations in the read models. Everything raises `DatabaseUnavailable`."""

    async def simulation(self, owner: UUID, job_id: UUID) -> SimulationView | None:
        """None, too, for jobs of other kinds."""
        ...

    async def simulations(
        self, owner: UUID, where: SimulationFilter, *, results: bool, after: Page | None, limit: int
    ) -> list[SimulationSummary]:
        """Newest first; with `results` each with its `result_data`."""
        ...


class ProfileLists(Protocol):
    """Users' own profiles in the read models. Everything raises `DatabaseUnavailable`."""

    async def profiles(
        self, owner: UUID, profile_type: str | None, *, after: Page | None, limit: int
    ) -> list[ProfileView]:
        """Newest first."""
        ...

    async def names(self, owner: UUID) -> list[tuple[str, str]]:
        """Type and name of every one."""
        ...

    async def count(self, owner: UUID) -> int: ...


class Sent(Protocol):
    """A command that is durable and may be decided any moment. Give it up with `forget` when nobody waits for it any more."""

    @property
    def command_id(self) -> UUID: ...

    @property
    def repeated(self) -> bool:
        """Whether it was stored before: then its decision may be in the past, and nobody will tell."""
        ...

    async def outcome(self, *, timeout_seconds: float) -> Outcome | None:
        """What became of the command, or None if that was not heard of in time (a later call may hear of it)."""
        ...

    def when_decided(self, heard: Callable[[Outcome], None]) -> None:
        """Call `heard` with what became of the command, if that is heard of before the command is given up."""
        ...

    def forget(self) -> None: ...


class Commands(Protocol):
    """The way in: a command is accepted once it is stored."""

    async def create(
        self,
        stream: StreamId,
        command: WireCommand,
        *,
        command_id: UUID,
        time: datetime,
        traceparent: str | None = None,
    ) -> None:
        """Store the command; nobody waits for its outcome. Raises `LogUnavailable`."""
        ...

    async def send(
        self,
        stream: StreamId,
        command: WireCommand | ProfileCommand,
        *,
        command_id: UUID,
        traceparent: str | None = None,
    ) -> Sent:
        """Store a command whose outcome is listened for. The same id twice is the same command. Raises `LogUnavailable`."""
        ...


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a key stands for: the job it makes, under which command, and the digest of the body it came with. `seed` is for what the body
    leaves to chance, so that making the job once more makes the same one."""

    job_id: UUID
    command_id: UUID
    digest: str
    time: datetime
    seed: int = 0


class IdempotencyKeys(Protocol):
    async def find(self, owner: UUID, key: str) -> IdempotencyRecord | None:
        """The record that holds the key, None where none does. Raises `LogUnavailable`."""
        ...

    async def claim(self, owner: UUID, key: str, record: IdempotencyRecord) -> IdempotencyRecord:
        """The record that holds the key: ours if we were first, else the first one's, for 24 hours. Raises `LogUnavailable`."""
        ...


# -- accounts ----------------------------------------------------------------------------------------------------------


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    email: str
    name: str


class Credentials(NamedTuple):
    user: User
    password_hash: str


class EmailTaken(Exception):
    """There is an account with this email, in whatever case it is spelt."""


class RefreshRejected(Exception):
    """The refresh token gives nothing; `reused` where it was used before and its family is now revoked."""

    def __init__(self, *, reused: bool) -> None:
        super().__init__("reused" if reused else "unknown, expired or revoked")
        self.reused = reused


class Rotation(NamedTuple):
    """A refresh token was exchanged: whose it was, and the only token that counts from now on."""

    user: User
    successor: str


class Accounts(Protocol):
    """Users, their password hashes and refresh tokens. Everything raises `DatabaseUnavailable`."""

    async def register(self, *, email: str, name: str, password_hash: str) -> User:
        """Raises `EmailTaken`."""
        ...

    async def by_email(self, email: str) -> Credentials | None: ...

    async def set_password_hash(self, user_id: UUID, password_hash: str) -> None: ...

    async def open_session(self, user_id: UUID) -> str:
        """A refresh token that begins a new family."""
        ...

    async def rotate(self, token: str) -> Rotation:
        """Exchange a refresh token; raises `RefreshRejected`. Within ten seconds of the first exchange every repeat gives the same successor."""
        ...

    async def close_session(self, token: str) -> None:
        """Revoke the token's family; an unknown token changes nothing."""
        ...

    async def count_attempt(self, limits: Mapping[str, int]) -> float | None:
        """Count an attempt under each key (attempts allowed in 15 minutes); the seconds to wait where one is used up, else None."""
        ...

    async def forgive(self, key: str, *, within: Collection[str]) -> None:
        """A sign-in succeeded: forget the attempts counted under `key`, and take as many off those it is `within`."""
        ...
