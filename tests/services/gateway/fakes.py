"""In-memory adapters of the gateway's ports. They are held to the same suites as the real ones, or are the log's own memory store."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from libs.events.commands import CommandEnvelope, Outcome, Refusal
from libs.events.errors import LogUnavailable
from libs.events.event import Cause, Recorded
from libs.events.memory import MemoryStore
from libs.events.repository import Repository
from libs.events.subjects import StreamId
from libs.jobs.commands import CreateJob, WireCommand
from libs.jobs.decide import NoSuchJob, decide
from libs.jobs.events import EVENTS, CommandRefused, JobEvent
from libs.jobs.evolve import evolve, fold
from libs.jobs.state import Job
from libs.process.clock import Clock, new_id
from libs.profiles.commands import ProfileCommand
from libs.profiles.decide import NoSuchProfile
from libs.profiles.decide import decide as decide_profile
from libs.profiles.events import ProfileChangeRefused, ProfileEvent
from libs.profiles.state import Profile
from services.gateway.ports import (
    Credentials,
    DatabaseUnavailable,
    EmailTaken,
    IdempotencyRecord,
    JobFilter,
    Page,
    RefreshRejected,
    Rotation,
    User,
)
from services.gateway.problems import Code, Problem
from services.gateway.resources import AppView, JobSummary, JobView
from services.gateway.views import app_view, job_view

WINDOW = timedelta(minutes=15)


@dataclass
class _Token:
    family: UUID
    user: User
    expires_at: datetime
    used_at: datetime | None = None
    successor: str | None = None


class MemoryAccounts:
    def __init__(
        self, clock: Clock, lifetime: timedelta = timedelta(days=30), grace: timedelta = timedelta(seconds=10)
    ) -> None:
        self.up = True
        self._clock = clock
        self._lifetime, self._grace = lifetime, grace
        self._users: dict[str, Credentials] = {}
        self._tokens: dict[str, _Token] = {}
        self._revoked: set[UUID] = set()
        self._attempts: dict[str, tuple[int, datetime]] = {}

    def _reach(self) -> None:
        if not self.up:
            raise DatabaseUnavailable

    async def register(self, *, email: str, name: str, password_hash: str) -> User:
        self._reach()
        if email.casefold() in self._users:
            raise EmailTaken
        user = User(id=new_id(), email=email, name=name)
        self._users[email.casefold()] = Credentials(user, password_hash)
        return user

    async def by_email(self, email: str) -> Credentials | None:
        self._reach()
        return self._users.get(email.casefold())

    async def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        for key, (user, _) in list(self._users.items()):
            if user.id == user_id:
                self._users[key] = Credentials(user, password_hash)

    async def open_session(self, user_id: UUID) -> str:
        self._reach()
        user = next(user for user, _ in self._users.values() if user.id == user_id)
        return self._issue(new_id(), user)

    def _issue(self, family: UUID, user: User) -> str:
        token = secrets.token_urlsafe(32)
        self._tokens[token] = _Token(family, user, self._clock.now() + self._lifetime)
        return token

    async def rotate(self, token: str) -> Rotation:
        self._reach()
        held, now = self._tokens.get(token), self._clock.now()
        if held is None or held.family in self._revoked or held.expires_at <= now:
            raise RefreshRejected(reused=False)
        if held.used_at is not None and now - held.used_at > self._grace:
            self._revoked.add(held.family)
            raise RefreshRejected(reused=True)
        if held.successor is None:
            held.used_at, held.successor = now, self._issue(held.family, held.user)
        return Rotation(held.user, held.successor)

    async def close_session(self, token: str) -> None:
        self._reach()
        if token in self._tokens:
            self._revoked.add(self._tokens[token].family)

    async def count_attempt(self, limits: Mapping[str, int]) -> float | None:
        self._reach()
        now, waits = self._clock.now(), []
        for key, limit in limits.items():
            count, ends = self._attempts.get(key, (0, now + WINDOW))
            count, ends = (0, now + WINDOW) if ends <= now else (count, ends)
            self._attempts[key] = (count + 1, ends)
            if count + 1 > limit:
                waits.append((ends - now).total_seconds())
        return max(waits, default=None)

    async def forgive(self, key: str, *, within: Collection[str]) -> None:
        gone, _ = self._attempts.pop(key, (0, None))
        for each in set(within) & self._attempts.keys():
            count, ends = self._attempts[each]
            self._attempts[each] = (max(0, count - gone), ends)


class MemoryModels:
    """Read models that follow the log at once, or stay behind where told to; and the lists."""

    def __init__(self, store: MemoryStore[JobEvent]) -> None:
        self.up = True
        self.follows_upto: int | None = None  # a version that they have not got past
        self.asked = 0
        self._histories: dict[StreamId, list[Recorded[JobEvent]]] = {}
        store.on_append.append(lambda each: self._histories.setdefault(each.stream, []).append(each))

    def _reach(self) -> None:
        self.asked += 1
        if not self.up:
            raise DatabaseUnavailable

    def _history(self, owner: UUID, job_id: UUID) -> list[Recorded[JobEvent]]:
        self._reach()
        return self._histories.get(StreamId(owner, job_id), [])[: self.follows_upto]

    def _jobs(self, owner: UUID) -> list[Job]:
        self._reach()
        jobs = [fold(history) for stream, history in self._histories.items() if stream.owner == owner]
        return sorted((job for job in jobs if job), key=lambda job: (job.created_at, job.stream.id), reverse=True)

    def folded(self, owner: UUID, job_id: UUID) -> Job | None:
        return fold(self._history(owner, job_id))

    def all_jobs(self, owner: UUID) -> list[Job]:
        return self._jobs(owner)

    async def job(self, owner: UUID, job_id: UUID) -> JobView | None:
        job = fold(self._history(owner, job_id))
        return None if job is None else job_view(job)

    async def events(self, owner: UUID, job_id: UUID, *, first: int, limit: int) -> list[Recorded[JobEvent]]:
        return [each for each in self._history(owner, job_id) if each.version >= first][:limit]

    async def app(self, owner: UUID, job_id: UUID) -> AppView | None:
        job = fold(self._history(owner, job_id))
        return None if job is None else app_view(job)

    async def jobs(self, owner: UUID, where: JobFilter, *, after: Page | None, limit: int) -> list[JobSummary]:
        found = [
            job_view(job)
            for job in self._jobs(owner)
            if (where.status in (None, job.status.value))
            and where.parent == job.parent
            and where.kind in (None, job.kind)
            and (where.text or "").lower() in job.prompt.lower()
            and (after is None or (job.created_at, job.stream.id) < after)
        ]
        return [
            JobSummary(**{name: getattr(each, name) for name in JobSummary.__struct_fields__}) for each in found[:limit]
        ]

    async def apps(self, owner: UUID, *, after: Page | None, limit: int) -> list[AppView]:
        found = [app_view(job) for job in self._jobs(owner)]
        return [app for app in found if app and (after is None or (app.created_at, app.id) < after)][:limit]

    async def app_by_id(self, owner: UUID, app_id: UUID) -> AppView | None:
        found: Sequence[AppView | None] = [app_view(job) for job in self._jobs(owner)]
        return next((app for app in found if app and app.id == app_id), None)


class _Sent:
    def __init__(self, command_id: UUID, outcome: asyncio.Future[Outcome], repeated: bool) -> None:
        self.command_id = command_id
        self.repeated = repeated
        self._outcome = outcome

    async def outcome(self, *, timeout_seconds: float) -> Outcome | None:
        await asyncio.wait({self._outcome}, timeout=timeout_seconds)
        return self._outcome.result() if self._outcome.done() else None

    def when_decided(self, heard: Callable[[Outcome], None]) -> None:
        self._outcome.add_done_callback(lambda done: heard(done.result()))

    def forget(self) -> None:
        pass


class MemoryCommands:
    """Commands stored in a list, and decided at once, as the services would, unless `deciding` is off."""

    def __init__(
        self, store: MemoryStore[JobEvent], clock: Clock, profiles: Repository[Profile, ProfileEvent] | None = None
    ) -> None:
        self.deciding = True
        self.reachable = True
        self.stored: list[tuple[CommandEnvelope, WireCommand | ProfileCommand]] = []
        self._clock = clock
        self._jobs: Repository[Job, JobEvent] = Repository(store, evolve, clock=clock)
        self._profiles = profiles

    async def first(self, stream: StreamId, verb: str) -> CommandEnvelope | None:
        self._reach()
        return next((each for each, _ in self.stored if each.stream == stream and each.verb == verb), None)

    async def create(
        self,
        stream: StreamId,
        command: WireCommand,
        *,
        command_id: UUID,
        time: datetime,
        traceparent: str | None = None,
    ) -> None:
        await self._store(stream, command, command_id, time, traceparent)

    async def send(
        self,
        stream: StreamId,
        command: WireCommand | ProfileCommand,
        *,
        command_id: UUID,
        traceparent: str | None = None,
    ) -> _Sent:
        repeated = any(each.id == command_id for each, _ in self.stored)
        outcome = await self._store(stream, command, command_id, self._clock.now(), traceparent)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if outcome is not None:
            future.set_result(outcome)
        return _Sent(command_id, future, repeated)

    async def decide(self, envelope: CommandEnvelope, command: WireCommand | ProfileCommand) -> Outcome | None:
        cause = Cause(causation_id=envelope.id, correlation_id=envelope.id, command_sequence=envelope.sequence)
        if isinstance(command, ProfileCommand):
            return await self._decide_profile(envelope, command, cause)
        try:
            done = await self._jobs.transact(
                envelope.stream, lambda job: decide(job, command, command_id=envelope.id), cause=cause
            )
        except NoSuchJob:
            return None
        refused = None
        for recorded in done.events:
            if isinstance(event := recorded.event, CommandRefused):
                refused = Refusal(code=event.code, reason=event.reason, allowed=event.allowed)
        return Outcome(command_id=envelope.id, version=done.position.version, refused=refused)

    async def _decide_profile(self, envelope: CommandEnvelope, command: ProfileCommand, cause: Cause) -> Outcome:
        assert self._profiles is not None
        refused = None
        try:
            done = await self._profiles.transact(
                envelope.stream,
                lambda profile: decide_profile(
                    envelope.stream, profile, command, command_id=envelope.id, sequence=envelope.sequence
                ),
                cause=cause,
            )
        except NoSuchProfile:
            refused = Refusal(code="no_such_profile", reason="there is no such profile")
            return Outcome(command_id=envelope.id, version=0, refused=refused)
        for recorded in done.events:
            if isinstance(event := recorded.event, ProfileChangeRefused):
                refused = Refusal(code=event.code, reason=event.reason, allowed=event.allowed)
        return Outcome(command_id=envelope.id, version=done.position.version, refused=refused)

    async def _store(
        self,
        stream: StreamId,
        command: WireCommand | ProfileCommand,
        command_id: UUID,
        time: datetime,
        traceparent: str | None,
    ) -> Outcome | None:
        self._reach()
        envelope = CommandEnvelope(
            stream=stream,
            verb=command.verb,
            id=command_id,
            time=time,
            payload=msgspec.json.encode(command),
            sequence=len(self.stored) + 1,
            traceparent=traceparent,
        )
        first = next((each for each, _ in self.stored if each.id == command_id), None)
        if first is None:
            self.stored.append((envelope, command))
        elif isinstance(command, WireCommand) and not isinstance(command, CreateJob) and not first.wants_as(envelope):
            raise Problem(Code.IDEMPOTENCY_MISMATCH)
        return await self.decide(envelope, command) if self.deciding else None

    def _reach(self) -> None:
        if not self.reachable:
            raise LogUnavailable("the test cut the line")


class MemoryKeys:
    def __init__(self) -> None:
        self.claimed: dict[tuple[UUID, str], IdempotencyRecord] = {}

    async def find(self, owner: UUID, key: str) -> IdempotencyRecord | None:
        return self.claimed.get((owner, key))

    async def claim(self, owner: UUID, key: str, record: IdempotencyRecord) -> IdempotencyRecord:
        return self.claimed.setdefault((owner, key), record)


class CuttableStore(MemoryStore[JobEvent]):
    """The log, with a line to it that can be cut."""

    def __init__(self) -> None:
        super().__init__(EVENTS)
        self.reachable = True

    async def load(self, stream: StreamId, **options: object) -> list[Recorded[JobEvent]]:  # type: ignore[override]
        if not self.reachable:
            raise LogUnavailable("the test cut the line")
        return await super().load(stream, **options)  # type: ignore[arg-type]
