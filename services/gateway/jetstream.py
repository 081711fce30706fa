"""The way to NATS: commands and their outcomes, idempotency keys, jobs folded from the log. The gateway writes no event and no snapshot."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import nats.errors
import structlog

from libs.events import subjects, wire
from libs.events.commands import CommandEnvelope, CommandLog, Outcome, Place
from libs.events.errors import LogUnavailable
from libs.events.event import Position
from libs.events.jetstream import JetStreamStore, KvSnapshots
from libs.events.repository import Repository
from libs.events.subjects import StreamId
from libs.jobs.commands import WireCommand
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import evolve
from libs.jobs.state import FOLD_VERSION, Job
from libs.process.clock import Clock
from libs.profiles.commands import ProfileCommand
from libs.profiles.events import EVENTS as PROFILE_EVENTS
from services.gateway.ports import IdempotencyRecord
from services.gateway.problems import Code, Problem

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

__all__ = ["JetStreamCommands", "JetStreamIdempotencyKeys", "folded_jobs", "listening"]

log = structlog.get_logger(__name__)

_JOBS_REMEMBERED = 512
_WRONG_LAST_SEQUENCE = (10071, 10164)  # replicated streams may answer 10164 where one node answers 10071
_KEY_TRIES = 5


# -- commands ----------------------------------------------------------------------------------------------------------


class _Pending:
    """A command whose outcome somebody waits for; two senders of one command id share it."""

    __slots__ = ("future", "waiters")

    def __init__(self) -> None:
        self.future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.waiters = 0


class _Sent:
    """The port `Sent`."""

    def __init__(self, commands: JetStreamCommands, command_id: UUID, pending: _Pending) -> None:
        self._commands = commands
        self._pending = pending
        self._forgotten = False
        self.repeated = False
        self.command_id = command_id

    async def outcome(self, *, timeout_seconds: float) -> Outcome | None:
        await asyncio.wait({self._pending.future}, timeout=timeout_seconds)
        return self._ours(self._pending.future.result()) if self._pending.future.done() else None

    def when_decided(self, heard: Callable[[Outcome], None]) -> None:
        def tell(done: asyncio.Future[Outcome]) -> None:
            if (outcome := self._ours(done.result())) is not None:
                heard(outcome)

        self._pending.future.add_done_callback(tell)

    def _ours(self, outcome: Outcome) -> Outcome | None:
        """A repeat that was found to be one is not blamed for another body that came under its key meanwhile."""
        refused = outcome.refused
        other = self.repeated and refused is not None and refused.code == Code.IDEMPOTENCY_MISMATCH
        return None if other else outcome

    def forget(self) -> None:
        if not self._forgotten:
            self._forgotten = True
            self._commands.release(self.command_id)


class JetStreamCommands:
    """The port `Commands`. `listener` is the name under which the deciding services find this process."""

    def __init__(self, log: CommandLog, clock: Clock, listener: str) -> None:
        self._log = log
        self._clock = clock
        self._listener = listener
        self._pending: dict[UUID, _Pending] = {}

    async def create(
        self,
        stream: StreamId,
        command: WireCommand,
        *,
        command_id: UUID,
        time: datetime,
        traceparent: str | None = None,
    ) -> None:
        await self._publish(
            CommandEnvelope(
                stream=stream,
                verb=command.verb,
                id=command_id,
                time=time,
                payload=msgspec.json.encode(command),
                traceparent=traceparent,
            )
        )

    async def send(
        self,
        stream: StreamId,
        command: WireCommand | ProfileCommand,
        *,
        command_id: UUID,
        traceparent: str | None = None,
    ) -> _Sent:
        pending = self._pending.get(command_id)
        if pending is None:
            pending = self._pending[command_id] = _Pending()
        pending.waiters += 1
        sent = _Sent(self, command_id, pending)
        envelope = CommandEnvelope(
            stream=stream,
            verb=command.verb,
            id=command_id,
            time=self._clock.now(),
            payload=msgspec.json.encode(command),
            traceparent=traceparent,
            outcome_to=self._listener,
        )
        try:
            place = await self._publish(envelope)
            if place.repeated and isinstance(command, WireCommand):
                await self._check_same(envelope, place)
                sent.repeated = True
        except BaseException:
            sent.forget()
            raise
        return sent

    def heard(self, outcome: Outcome) -> None:
        """A deciding service says what became of a command."""
        pending = self._pending.get(outcome.command_id)
        if pending is not None and not pending.future.done():
            pending.future.set_result(outcome)

    def release(self, command_id: UUID) -> None:
        """One fewer waits for this command."""
        pending = self._pending.get(command_id)
        if pending is not None:
            pending.waiters -= 1
            if not pending.waiters:
                del self._pending[command_id]

    async def _check_same(self, envelope: CommandEnvelope, place: Place) -> None:
        """That what was stored first under this id wants the same. Once the log takes repeats again, whoever decides them checks it."""
        first = await self._log.sent_first(envelope, upto=place.sequence)
        if first is not None and not first.wants_as(envelope):
            raise Problem(Code.IDEMPOTENCY_MISMATCH, "Use another key for another body.")

    async def _publish(self, envelope: CommandEnvelope) -> Place:
        try:
            return await self._log.publish(envelope)
        except nats.errors.MaxPayloadError:
            raise Problem(Code.TOO_LARGE, "The event log takes no message of this size.") from None
        except wire.ApiError as error:
            raise LogUnavailable(f"storing a command: {error}") from error


@asynccontextmanager
async def listening(client: Client, commands: JetStreamCommands, listener: str) -> AsyncIterator[None]:
    """Hear outcomes while the block runs."""
    decoder = msgspec.json.Decoder(Outcome)

    async def hear(message: Msg) -> None:
        try:
            commands.heard(decoder.decode(message.data))
        except msgspec.MsgspecError as error:
            log.warning("outcome.malformed", error=str(error))

    subscription = await client.subscribe(subjects.outcome(listener), cb=hear)
    try:
        yield
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


# -- idempotency keys --------------------------------------------------------------------------------------------------


class JetStreamIdempotencyKeys:
    """The port `IdempotencyKeys`, in the bucket IDEMPOTENCY, whose entries live for 24 hours."""

    def __init__(self, client: Client, *, timeout_seconds: float = 5.0) -> None:
        self._nats = client
        self._timeout = timeout_seconds

    async def find(self, owner: UUID, key: str) -> IdempotencyRecord | None:
        return await self._holder(_subject(owner, key))

    async def claim(self, owner: UUID, key: str, record: IdempotencyRecord) -> IdempotencyRecord:
        subject = _subject(owner, key)
        headers = {"Nats-Expected-Last-Subject-Sequence": "0"}  # must not exist
        for _ in range(_KEY_TRIES):
            try:
                await wire.publish(self._nats, subject, msgspec.json.encode(record), headers, timeout=self._timeout)
            except wire.ApiError as error:
                if error.err_code not in _WRONG_LAST_SEQUENCE:
                    raise LogUnavailable(f"claiming an idempotency key: {error}") from error
            else:
                return record
            holder = await self._holder(subject)
            if holder is not None:
                return holder
            await asyncio.sleep(0.01)  # it expired in between, or a replica has not heard of it yet
        raise LogUnavailable("claiming an idempotency key: it is neither free nor held")

    async def _holder(self, subject: str) -> IdempotencyRecord | None:
        found = await wire.read_range(self._nats, "KV_IDEMPOTENCY", subject, limit=1, timeout=self._timeout)
        return msgspec.json.decode(found[0].data, type=IdempotencyRecord) if found else None


def _subject(owner: UUID, key: str) -> str:
    """The key is hashed: it may hold anything, and need not be readable in a subject."""
    return f"$KV.IDEMPOTENCY.{owner}.{hashlib.sha256(key.encode()).hexdigest()}"


# -- jobs --------------------------------------------------------------------------------------------------------------


class _ReadSnapshots(KvSnapshots[Job]):
    """Snapshots that those who decide have written; reading jobs is no reason to write more."""

    async def put(self, stream: StreamId, state: Job, position: Position) -> None:
        return


def folded_jobs(client: Client, clock: Clock) -> tuple[JetStreamStore[JobEvent], Repository[Job, JobEvent]]:
    """The log, and jobs as it has them; what has another sort of history is no job."""
    store = JetStreamStore[JobEvent](client, EVENTS, others=(PROFILE_EVENTS,))
    snapshots = _ReadSnapshots(client, Job, FOLD_VERSION)
    return store, Repository(store, evolve, clock=clock, snapshots=snapshots, cache_size=_JOBS_REMEMBERED)
