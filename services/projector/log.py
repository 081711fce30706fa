"""Reading EVENTS in order: an ephemeral push consumer that is made anew wherever it breaks off, without losing or repeating a message.

nats-py parses the headers of every message as mail headers, which costs more than everything else here together; so a client of our own takes
this one subscription's messages as bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client

from libs.events import wire
from libs.events.errors import LogUnavailable
from services.projector.entry import Entry

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

__all__ = ["LogClient", "LogReader", "LogState", "PositionBeyondEnd", "log_state", "next_sequence"]

log = structlog.get_logger(__name__)

STREAM = "EVENTS"
_HEARTBEAT_SECONDS = 2.0
_QUEUED_MAX = 20_000
_STATUS = b"NATS/1.0 "
_NO_MESSAGE = 10037
Take = Callable[[bytes, bytes, bytes, bytes | None], None]


class PositionBeyondEnd(Exception):
    """The log is another one than the tables were made from, or has lost its end; somebody must look at it."""


class LogClient(Client):
    """A NATS client one of whose subscriptions may take its messages as they come: subject, reply, payload and headers as bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._takers: dict[int, Take] = {}

    async def take(self, subject: str, take: Take) -> Subscription:
        """Subscribe to a subject nobody publishes to yet."""
        subscription = await self.subscribe(subject)
        self._takers[subscription._id] = take
        return subscription

    async def leave(self, subscription: Subscription) -> None:
        """End what `take` began."""
        self._takers.pop(subscription._id, None)
        with contextlib.suppress(nats.errors.Error, OSError):  # the connection is gone, and the subscription with it
            await subscription.unsubscribe()

    async def _process_msg(self, sid: int, subject: Any, reply: Any, data: Any, headers: Any) -> None:
        take = self._takers.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            take(subject, reply, data, headers)


class LogState(NamedTuple):
    """Which log it is, and its first and last sequence."""

    incarnation: str
    first: int
    last: int


async def log_state(client: Client, stream: str = STREAM) -> LogState:
    """Ask the stream's leader. Raises `LogUnavailable`."""
    answer = await _request(client, f"$JS.API.STREAM.INFO.{stream}", {})
    return LogState(answer["created"], answer["state"]["first_seq"], answer["state"]["last_seq"])


async def next_sequence(client: Client, after: int, stream: str = STREAM) -> int | None:
    """The sequence of the first message after one, asked of the stream's leader; None where there is none. Raises `LogUnavailable`."""
    payload = msgspec.json.encode({"seq": after + 1, "next_by_subj": ">"})
    try:
        reply = await client.request(f"$JS.API.STREAM.MSG.GET.{stream}", payload, timeout=5)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise wire.unavailable("looking for the next event", error) from error
    answer = msgspec.json.decode(reply.data)
    if (problem := answer.get("error")) is None:
        return int(answer["message"]["seq"])
    if problem.get("err_code") == _NO_MESSAGE:
        return None
    raise LogUnavailable(f"looking for the next event: {problem.get('description')}")


async def _request(client: Client, subject: str, payload: dict[str, Any]) -> dict[str, Any]:
    try:
        reply = await client.request(subject, msgspec.json.encode(payload), timeout=5)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise wire.unavailable(subject, error) from error
    answer: dict[str, Any] = msgspec.json.decode(reply.data)
    if (problem := answer.get("error")) is not None:
        raise LogUnavailable(f"{subject}: {problem.get('description')}")
    return answer


class LogReader:
    """The log after a sequence, in order, each message once."""

    def __init__(self, client: LogClient, *, after: int, incarnation: str) -> None:
        self.last = after  # sequence of the last message received
        self.pending = 0  # messages the server still had when it sent that one
        self._client = client
        self._incarnation = incarnation
        self._subscription: Subscription | None = None
        self._entries: list[Entry] = []
        self._arrived = asyncio.Event()
        self._delivered = 0  # messages of the present consumer: a gap in them means that some were lost on the way
        self._broken: str | None = "not begun"
        self._flow_reply: str | None = None
        self._answers: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin, where `next` would do so. Raises `PositionBeyondEnd` as it does, and `LogUnavailable`."""
        if self._broken is not None:
            await self._begin()

    async def next(self, limit: int, *, patience_seconds: float = math.inf) -> list[Entry]:
        """The next entries, at most `limit`; waits for the first of them, and gives none when patience ran out.

        Raises `PositionBeyondEnd` where the log is not, or no longer, the one that was begun with.
        """
        pause = 0.1
        until = time.monotonic() + patience_seconds
        while not self._entries:
            try:
                await self.open()
                pause = 0.1
            except (LogUnavailable, nats.errors.Error, OSError) as error:
                log.warning("log.unavailable", error=str(error))
                await asyncio.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311
                pause = min(2.0, pause * 2)
                continue
            self._arrived.clear()
            left = until - time.monotonic()
            try:
                async with asyncio.timeout(min(left, 2.5 * _HEARTBEAT_SECONDS)):
                    await self._arrived.wait()
            except TimeoutError:
                if left < 2.5 * _HEARTBEAT_SECONDS:
                    return []
                self.restart("no heartbeat")
        taken = self._entries[:limit]
        del self._entries[:limit]
        if self._flow_reply is not None and len(self._entries) < _QUEUED_MAX:
            self._answer(self._flow_reply)
            self._flow_reply = None
        return taken

    @property
    def queued(self) -> int:
        """How many entries `next` would give at once."""
        return len(self._entries)

    def give_back(self, entries: list[Entry]) -> None:
        """Put back what was taken last: it comes first next time."""
        self._entries[:0] = entries

    def restart(self, why: str) -> None:
        """Begin anew after the last message received: to be called after every reconnect."""
        self._broken = self._broken or why
        self._arrived.set()

    async def stop(self) -> None:
        """Take no more messages."""
        if self._subscription is not None:
            await self._client.leave(self._subscription)
            self._subscription = None

    async def _begin(self) -> None:
        await self.stop()
        state = await log_state(self._client)
        if state.incarnation != self._incarnation:
            raise PositionBeyondEnd(
                f"the tables were made from a stream {STREAM} created at {self._incarnation}, but this one was created at "
                f"{state.incarnation}: point NATS_URL at the right server, or run `python -m services.projector rebuild`"
            )
        if state.last < self.last:
            raise PositionBeyondEnd(
                f"the tables stand at event {self.last}, but the stream {STREAM} ends at {state.last}: it lost events that were "
                "acknowledged; restore it, or accept the loss and run `python -m services.projector rebuild`"
            )
        log.info("log.reading", after=self.last, end=state.last, reason=self._broken)
        self._broken, self._delivered, self._flow_reply = None, 0, None
        inbox = self._client.new_inbox()
        self._subscription = await self._client.take(inbox, self._take)
        config = {
            "deliver_subject": inbox,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.last + 1,
            "ack_policy": "none",
            "max_deliver": 1,
            "flow_control": True,
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * 1e9),
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int(5e9),
        }
        try:
            made = await _request(
                self._client, f"$JS.API.CONSUMER.CREATE.{STREAM}", {"stream_name": STREAM, "config": config}
            )
        except BaseException:
            self._broken = "the consumer could not be made"
            raise
        if self._delivered == 0:
            self.pending = made["num_pending"]

    def _take(self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if self._broken is not None:
            return
        head = headers or b""
        if head.startswith(_STATUS) and not data:
            self._control(head, reply)
            return
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivered>.<time>.<pending>, in newer servers after domain and account
        tokens = reply.split(b".")
        place = 5 if len(tokens) == 9 else 7
        delivered = int(tokens[place + 1])
        if delivered != self._delivered + 1:
            self.restart(f"message {delivered} came after {self._delivered}")
            return
        self._delivered = delivered
        self.last = int(tokens[place])
        self.pending = int(tokens[place + 3])
        self._entries.append(Entry.read(subject.decode(), self.last, head, data))
        if not self._arrived.is_set():
            self._arrived.set()

    def _control(self, head: bytes, reply: bytes) -> None:
        status, _, rest = head.partition(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in rest.split(b"\r\n") if b": " in line)
        if not status.startswith(b"NATS/1.0 100"):
            self.restart(status.decode(errors="replace"))
        elif reply:
            # The server waits for this before it sends more: that is what holds back a log faster than the tables.
            if len(self._entries) < _QUEUED_MAX:
                self._answer(reply.decode())
            else:
                self._flow_reply = reply.decode()
        else:
            if (stalled := fields.get(b"Nats-Consumer-Stalled")) is not None and self._flow_reply is None:
                self._answer(stalled.decode())
            if int(fields.get(b"Nats-Last-Consumer", self._delivered)) != self._delivered:
                self.restart("the last message did not arrive")
            self._arrived.set()

    def _answer(self, reply: str) -> None:
        async def answer() -> None:
            with contextlib.suppress(
                nats.errors.Error, OSError
            ):  # the heartbeat will tell that the consumer is stalled
                await self._client.publish(reply)

        task = asyncio.create_task(answer())
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
