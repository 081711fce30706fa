"""One socket that was let in: replay, then live, in order and without a gap; what the client says, and how the connection ends.

Two tasks: one reads, one writes. The writer is woken once per burst and sends it in one write.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, assert_never
from uuid import UUID

import structlog

from libs.events.commands import Outcome
from libs.events.errors import LogUnavailable, UnknownEvent
from libs.jobs.events import CommandRefused
from libs.process.clock import Clock, new_id
from services.gateway.live import inbound, metrics
from services.gateway.live.feed import Feed
from services.gateway.live.frames import Ack, Closing, Error, Frame, Hello, Live, Ping, Reset, control
from services.gateway.live.inbound import BadFrame
from services.gateway.live.limits import Bucket
from services.gateway.live.outbox import Outbox
from services.gateway.live.transport import CloseCode, Closed, Transport
from services.gateway.ports import Commands
from services.gateway.principal import Principal
from services.gateway.problems import Code, Problem
from services.gateway.tokens import InvalidToken

__all__ = ["Session", "SessionContext"]

log = structlog.get_logger(__name__)

PING_SECONDS = 20.0
_STALL_SECONDS = 30.0  # a write that takes longer is a reader that does not read
_FAREWELL_SECONDS = 3.0  # what still waits may be sent this long before the socket closes anyway
_RETRY_SECONDS = 0.5
_RETRY_SECONDS_MAX = 5.0
_PENDING_MAX = 256
_OUTCOME_SECONDS = 5.0  # how long a decision is listened for: that a key was used for something else before
_PAGE_BURST = 500
_BAD_FRAMES_PER_SECOND, _BAD_FRAMES_BURST = 1.0, 20.0


class _Asked:
    """A command of this socket: its `ref`, and what became of it before it was acknowledged."""

    __slots__ = ("acknowledged", "ref", "refusal", "seq")

    def __init__(self, ref: str | None) -> None:
        self.ref = ref
        self.acknowledged = False
        self.seq: int | None = None
        self.refusal: Frame | None = None


class SessionContext(NamedTuple):
    """What sessions share."""

    commands: Commands
    verify: Callable[[str], Principal]  # raises InvalidToken
    clock: Clock


class Session:
    """A `Watcher` of its feed and a `Connection` of the hub."""

    __slots__ = (
        "_bad",
        "_bucket",
        "_connection_id",
        "_context",
        "_ending",
        "_ending_since",
        "_expires_at",
        "_feed",
        "_heard",
        "_outbox",
        "_pending",
        "_pinged",
        "_principal",
        "_sending_since",
        "_transport",
        "_writer",
    )

    def __init__(
        self, transport: Transport, feed: Feed, principal: Principal, bucket: Bucket, context: SessionContext
    ) -> None:
        self._transport = transport
        self._feed = feed
        self._principal = principal
        self._bucket = bucket
        self._context = context
        self._outbox = Outbox(self._overflow)
        self._connection_id = new_id()
        self._expires_at = principal.expires_at
        self._ending: tuple[int, str] | None = None
        self._ending_since = 0.0
        now = time.monotonic()
        self._heard = now
        self._pinged = now - random.uniform(0, PING_SECONDS / 2)  # noqa: S311  # not all at once
        self._sending_since: float | None = None
        self._pending: OrderedDict[UUID, _Asked] | None = None
        self._bad: Bucket | None = None
        self._writer: asyncio.Task[None] | None = None

    async def run(self, after: int | None) -> None:
        """Serve the socket until it is closed, from either side."""
        cursor = self._feed.head if after is None else after
        if cursor > self._feed.head:
            try:
                await self._feed.refresh()
            except LogUnavailable as error:
                log.info("session.cursor_unchecked", error=str(error))
        self._writer = asyncio.create_task(self._write(cursor), name="socket-writer")
        try:
            while True:
                await self._hear(await self._transport.receive())
        except Closed:
            pass
        finally:
            self._feed.detach(self)
            self._outbox.discard()
            self._writer.cancel()
            await asyncio.wait({self._writer})

    # -- what the feed and the hub say ---------------------------------------------------------------------------------

    def offer(self, frame: Frame) -> None:
        self._outbox.offer(frame)
        if self._pending and frame.recorded is not None:
            self._settle(frame)

    def notice(self, error: UnknownEvent) -> None:
        self._say_unreadable()

    def _say_unreadable(self) -> None:
        message = "The job has an event that this server cannot read yet; what follows waits for it."
        self._error(Code.UNREADABLE_EVENT, message)

    def tick(self, now: float) -> None:
        if self._ending is not None:
            if now - self._ending_since > _FAREWELL_SECONDS and self._writer is not None:
                self._writer.cancel()
            return
        if self._sending_since is not None and now - self._sending_since > _STALL_SECONDS:
            self._overflow()
        elif self._pinged > self._heard and now - self._pinged > PING_SECONDS:
            self._end(CloseCode.TIMEOUT, "no pong came", at_once=True)
        elif self._expires_at <= self._context.clock.now():
            self._error(Code.TOKEN_EXPIRED, "The access token has expired: refresh it and connect again.")
            self._end(CloseCode.TOKEN, "token expired")
        elif now - self._pinged >= PING_SECONDS:
            self._pinged = now
            self._outbox.offer(control(Ping(t=datetime.now(UTC), head=self._feed.head)))

    def drain(self) -> None:
        if self._ending is None:
            self._outbox.offer(control(Closing(reason="This server is about to stop: connect again.")))
            self._end(CloseCode.DRAIN, "service restart")

    # -- writing -------------------------------------------------------------------------------------------------------

    async def _write(self, cursor: int) -> None:
        try:
            await self._deliver(cursor)
        except Closed:
            return
        except asyncio.CancelledError:
            if self._ending is None:
                raise
        except Exception as error:
            log.error("session.failed", exc_info=error)
            self._ending = (1011, "internal error")
        if self._ending is not None:
            await self._transport.close(*self._ending)

    async def _deliver(self, cursor: int) -> None:
        hello = Hello(
            head=self._feed.head,
            after=cursor,
            connection=self._connection_id,
            ping_seconds=PING_SECONDS,
            token_expires_at=self._expires_at,
        )
        self._outbox.offer(control(hello))
        if cursor > self._feed.head:
            self._outbox.offer(control(Reset(head=self._feed.head)))
            self._end(CloseCode.CURSOR_BEYOND_HEAD, "cursor beyond the head")
        else:
            await self._replay(cursor)
            self._outbox.offer(control(Live(head=self._feed.head)))
        while True:
            burst = self._outbox.take_now() if self._is_over() else await self._outbox.take()
            if burst:
                await self._send(burst)
            elif self._is_over():
                return

    async def _replay(self, cursor: int) -> None:
        delay = _RETRY_SECONDS
        while not self._is_over():
            try:
                async for page in self._feed.replay(self, cursor):
                    delay = _RETRY_SECONDS
                    for start in range(0, len(page), _PAGE_BURST):
                        await self._send([*self._outbox.take_now(), *page[start : start + _PAGE_BURST]])
                    cursor = page[-1].seq
                    metrics.replayed.inc(len(page))
                    for frame in page if self._pending else ():
                        self._settle(frame)
                    if self._is_over():
                        return
            except LogUnavailable:
                self._error(Code.LOG_UNAVAILABLE, "The history cannot be read now; it is tried again.")
            except UnknownEvent:
                self._say_unreadable()
            else:
                return
            while waiting := self._outbox.take_now():
                await self._send(waiting)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RETRY_SECONDS_MAX)

    async def _send(self, frames: list[Frame]) -> None:
        self._sending_since = time.monotonic()
        await self._transport.send(frames)
        self._sending_since = None

    def _is_over(self) -> bool:
        return self._ending is not None

    # -- ending --------------------------------------------------------------------------------------------------------

    def _overflow(self) -> None:
        """The reader is too slow: it comes back with its cursor and misses nothing."""
        self._end(CloseCode.SLOW, "too slow: connect again with the last seq", at_once=True)

    def _end(self, code: int, reason: str, *, at_once: bool = False) -> None:
        if self._ending is not None:
            return
        self._ending = (code, reason)
        self._ending_since = time.monotonic()
        self._feed.detach(self)
        if at_once:
            self._outbox.discard()
            if self._writer is not None:
                self._writer.cancel()
        else:
            self._outbox.wake()

    # -- what the client says ------------------------------------------------------------------------------------------

    async def _hear(self, data: str | bytes) -> None:
        awaited = self._pinged > self._heard
        self._heard = time.monotonic()
        if self._ending is not None:
            return
        frame: inbound.ClientFrame | BadFrame
        try:
            frame = inbound.parse(data)
        except BadFrame as bad:
            frame = bad
        if awaited and isinstance(frame, inbound.Pong):
            return  # an answer to our ping does not count
        if not self._bucket.take():
            self._error(Code.RATE_LIMITED, "Too many frames: slow down and connect again.")
            self._end(CloseCode.TOO_MANY, "too many frames")
            return
        match frame:
            case BadFrame():
                self._reproach(frame)
            case inbound.Pong():
                pass
            case inbound.Auth():
                self._authenticate_again(frame)
            case (
                inbound.Say()
                | inbound.Approve()
                | inbound.Reject()
                | inbound.Cancel()
                | inbound.Retry()
                | inbound.Signal()
            ):
                await self._submit(frame)
            case _:
                assert_never(frame)

    def _reproach(self, bad: BadFrame) -> None:
        metrics.bad_frames.labels(bad.code.value).inc()
        self._error(bad.code, bad.message, bad.ref)
        if self._bad is None:
            self._bad = Bucket(_BAD_FRAMES_PER_SECOND, _BAD_FRAMES_BURST)
        if not self._bad.take():
            self._end(CloseCode.BAD_FRAMES, "too many bad frames")

    def _authenticate_again(self, frame: inbound.Auth) -> None:
        try:
            principal = self._context.verify(frame.token)
        except InvalidToken as error:
            self._error(error.code, error.code.heading + ".", frame.ref)
            self._end(CloseCode.TOKEN, "token not valid")
            return
        if principal.user_id != self._principal.user_id:
            self._error(Code.TOKEN_INVALID, "The token is another user's.", frame.ref)
            self._end(CloseCode.TOKEN, "another user's token")
            return
        self._expires_at = principal.expires_at
        self._outbox.offer(control(Ack(ref=frame.ref, command_id=None, seq=None, token_expires_at=self._expires_at)))

    async def _submit(
        self,
        frame: inbound.Say | inbound.Approve | inbound.Reject | inbound.Cancel | inbound.Retry | inbound.Signal,
    ) -> None:
        command, command_id = inbound.submission(self._feed.stream.id, frame)
        # From now on, since its events may come before the word that it is stored.
        before = self._pending.get(command_id) if self._pending else None
        asked = self._remember(command_id, frame.ref)
        try:
            sent = await self._context.commands.send(self._feed.stream, command, command_id=command_id)
        except LogUnavailable:
            self._error(Code.LOG_UNAVAILABLE, "The log does not answer: send the frame again, with a key.", frame.ref)
            return
        except Problem as problem:
            if before is not None and self._pending is not None:
                self._pending[command_id] = before  # what becomes of it is not told under this frame's `ref`
            self._error(problem.code, problem.detail, frame.ref)
            return
        # What became of it is told by its event, which unlike an outcome cannot be lost. Only a key used again has none.
        if frame.key is None:
            sent.forget()
        else:
            asyncio.get_running_loop().call_later(_OUTCOME_SECONDS, sent.forget)
            asked.seq = asked.seq or self._feed.version_caused_by(command_id)
        self._outbox.offer(control(Ack(ref=frame.ref, command_id=command_id, seq=asked.seq)))
        asked.acknowledged = True
        if asked.refusal is not None:
            self._outbox.offer(asked.refusal)
        if frame.key is not None:
            sent.when_decided(partial(self._blame_key, frame.ref))

    def _blame_key(self, ref: str | None, outcome: Outcome) -> None:
        if outcome.refused is not None and outcome.refused.code == Code.IDEMPOTENCY_MISMATCH:
            self._error(Code.IDEMPOTENCY_MISMATCH, "Use another key for another body.", ref)

    def _remember(self, command_id: UUID, ref: str | None) -> _Asked:
        if self._pending is None:
            self._pending = OrderedDict()
        asked = self._pending[command_id] = _Asked(ref)
        if len(self._pending) > _PENDING_MAX:
            self._pending.popitem(last=False)
        return asked

    def _settle(self, frame: Frame) -> None:
        """Where an event decides a command of ours: remember its version, and say under the command's `ref` if it was refused."""
        assert self._pending is not None and frame.recorded is not None
        command_id = frame.recorded.cause.causation_id
        asked = self._pending.get(command_id) if command_id is not None else None
        if asked is None:
            return
        asked.seq = frame.seq
        event = frame.recorded.event
        if isinstance(event, CommandRefused):
            asked.refusal = control(Error(code=event.code, message=event.reason, retryable=False, ref=asked.ref))
            if asked.acknowledged:
                self._outbox.offer(asked.refusal)

    def _error(self, code: Code, message: str, ref: str | None = None) -> None:
        self._outbox.offer(control(Error(code=code.value, message=message, retryable=code.retryable, ref=ref)))
