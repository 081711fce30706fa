"""Work from a durable consumer: handled side by side, kept alive by heartbeats, given back with back-off, dead-lettered when hopeless."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, assert_never
from uuid import UUID

import msgspec
import nats.errors
import structlog
from prometheus_client import Counter, Gauge

from libs.events import subjects, wire
from libs.events.errors import EventsError, InvalidSubject, LogUnavailable
from libs.events.event import Cause
from libs.process import faults

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from libs.process.lifecycle import Stopping

__all__ = [
    "Delivery",
    "Done",
    "Handler",
    "Later",
    "Outcome",
    "Refused",
    "Subscription",
    "lease_seconds_of",
    "leases_of",
    "pending_of",
]

log = structlog.get_logger(__name__)

_HANDLED = Counter("jobstream_messages_handled_total", "Messages by what became of them.", ["consumer", "outcome"])
_ACTIVE = Gauge("jobstream_messages_active", "Messages being handled.", ["consumer"])
_PENDING = Gauge("jobstream_consumer_pending", "Messages that wait behind the latest delivered one.", ["consumer"])

_EXPIRES_SECONDS = 30.0
_IDLE_HEARTBEAT_SECONDS = 5.0
_PULL_AGAIN_SECONDS = 0.25
_HAND_BACK_SECONDS = 2.0
_CONSUMER_AGAIN_SECONDS = 0.5
_CANCEL_SECONDS = 5.0  # what a cancelled handler gets to end; then the process ends without it
_BACKOFF_SECONDS_MAX = 30.0


class Done(msgspec.Struct, frozen=True):
    """Handled: do not deliver it again."""


class Later(msgspec.Struct, frozen=True):
    """Not now: deliver it again after `delay_seconds`."""

    delay_seconds: float


class Refused(msgspec.Struct, frozen=True):
    """Hopeless: put it among the dead letters with the reason."""

    reason: str


Outcome = Done | Later | Refused


class Delivery:
    """One message in this worker's hands, for as long as its lease lasts."""

    def __init__(self, message: wire.Stored, *, deliveries: int, reply: str, lease_seconds: float) -> None:
        """`deliveries` counts this one; `reply` is where it is acknowledged. Raises `InvalidSubject`."""
        self.message = message
        self.subject = subjects.parse(message.subject)
        self.deliveries = deliveries
        self.reply = reply
        self._lease_seconds = lease_seconds
        self._lease_until = time.monotonic() + lease_seconds

    @property
    def is_hint(self) -> bool:
        """Whether it comes from WAKEUPS: a reason to look at the job, and no event."""
        return self.message.subject.startswith("wake.")

    @property
    def cause(self) -> Cause:
        """What is done because of this event is caused by it."""
        headers = self.message.headers
        known = wire.cause_of(headers)
        event_id = None if self.is_hint else headers.get(wire.MESSAGE_ID)
        return Cause(
            causation_id=UUID(event_id) if event_id else None,
            correlation_id=known.correlation_id,
            traceparent=known.traceparent,
        )

    @property
    def lease_lost(self) -> bool:
        """Whether another worker may hold the message by now. Then this one sends nothing more about it."""
        return time.monotonic() >= self._lease_until

    def renew(self, confirmed_from: float) -> None:
        """The server confirmed an in-progress sent at this monotonic time."""
        if not self.lease_lost:
            self._lease_until = confirmed_from + self._lease_seconds

    def abandon(self) -> None:
        """Send nothing more about it, not even an acknowledgement: another worker has taken over what it is about."""
        self._lease_until = 0.0


Handler = Callable[[Delivery], Awaitable[Outcome]]


async def lease_seconds_of(client: Client, stream: str, consumer: str, *, timeout: float = 5.0) -> float:
    """How long the server leaves a message with a silent worker. Raises `LogUnavailable` also where there is no such consumer (yet)."""
    return float((await _look_up(client, stream, consumer, timeout))["config"]["ack_wait"]) / 1e9


async def pending_of(client: Client, stream: str, consumer: str, *, timeout: float = 5.0) -> int:
    """How many of its messages the consumer has not delivered to anybody. Raises `LogUnavailable`."""
    return int((await _look_up(client, stream, consumer, timeout))["num_pending"])


async def _look_up(client: Client, stream: str, consumer: str, timeout: float) -> dict[str, Any]:
    doing = f"looking up the consumer {stream}/{consumer}"
    try:
        reply = await client.request(f"$JS.API.CONSUMER.INFO.{stream}.{consumer}", b"", timeout=timeout)
    except (TimeoutError, OSError, nats.errors.Error) as error:
        raise wire.unavailable(doing, error) from error
    answer: dict[str, Any] = msgspec.json.decode(reply.data)
    if "error" in answer:
        raise LogUnavailable(f"{doing}: {answer['error'].get('description')}")
    return answer


async def leases_of(client: Client, streams: Iterable[str], consumer: str) -> dict[str, float]:
    """`lease_seconds_of` a consumer on each of these streams, asked until they exist."""
    found: dict[str, float] = {}
    for stream in streams:
        while stream not in found:
            try:
                found[stream] = await lease_seconds_of(client, stream, consumer)
            except LogUnavailable as error:
                log.warning("subscription.waiting_for_consumer", error=str(error))
                await asyncio.sleep(_CONSUMER_AGAIN_SECONDS)
    return found


class Subscription:
    """Delivers the messages of one durable pull consumer to a handler, at most `concurrency` at once."""

    def __init__(
        self,
        nats: Client,
        stream: str,
        consumer: str,
        handler: Handler,
        *,
        service: str,
        concurrency: int,
        lease_seconds: float,
        deliveries_max: int | None = None,
    ) -> None:
        """With `deliveries_max`, a message delivered more often than that is a dead letter; without, it is retried for ever."""
        self._nats = nats
        self._stream = stream
        self._consumer = consumer
        self._label = f"{stream}/{consumer}"
        self._handler = handler
        self._service = service
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._deliveries_max = deliveries_max
        self._active: dict[asyncio.Task[None], Delivery | None] = {}
        self._wake = asyncio.Event()
        self._asked = 0  # how many messages the outstanding pull may still bring
        self._heard_at = 0.0  # when the server last said anything about it
        self._pulling = True

    @property
    def active(self) -> int:
        """How many messages are being handled."""
        return len(self._active)

    def reconnected(self) -> None:
        """Ask again at once: the server forgot what was asked before."""
        self._asked = 0
        self._wake.set()

    async def run(self, stopping: asyncio.Event | Stopping, *, drain_seconds: float = 10.0) -> None:
        """Work until `stopping`; then take nothing new, give what is being handled `drain_seconds` to end, and hand back the rest."""
        heartbeat = asyncio.create_task(self._heartbeat())
        stop = asyncio.create_task(stopping.wait())
        pulling = asyncio.create_task(self._pull())
        try:
            await asyncio.wait((stop, pulling), return_when=asyncio.FIRST_COMPLETED)
            if pulling.done():
                await pulling
        finally:
            pulling.cancel()
            stop.cancel()
            if self._active:
                await asyncio.wait(tuple(self._active), timeout=drain_seconds)
            leftover = tuple(self._active)
            for task in leftover:
                task.cancel()
            await asyncio.wait((*leftover, pulling), timeout=_CANCEL_SECONDS)
            heartbeat.cancel()

    async def _pull(self) -> None:
        inbox = self._nats.new_inbox()
        subscription = await self._nats.subscribe(
            inbox, cb=self._arrived, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        try:
            while True:
                self._wake.clear()
                free = self._concurrency - len(self._active)
                # Heartbeats that stopped mean that the server restarted or moved the consumer, and forgot what was asked.
                forgotten = time.monotonic() - self._heard_at > 2 * _IDLE_HEARTBEAT_SECONDS
                if free > 0 and (self._asked <= 0 or forgotten):
                    await self._ask(subject, inbox, free)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_HEARTBEAT_SECONDS):
                        await self._wake.wait()
        finally:
            # Without interest the server ends the pull; what it had sent by then is handed back.
            self._pulling = False
            with suppress(nats.errors.Error, OSError, TimeoutError):
                async with asyncio.timeout(_HAND_BACK_SECONDS):
                    await subscription.drain()  # type: ignore[no-untyped-call]

    async def _ask(self, subject: str, inbox: str, batch: int) -> None:
        request = {
            "batch": batch,
            "expires": int(_EXPIRES_SECONDS * 1e9),
            "idle_heartbeat": int(_IDLE_HEARTBEAT_SECONDS * 1e9),
        }
        self._asked = batch
        self._heard_at = time.monotonic()
        try:
            await self._nats.publish(subject, msgspec.json.encode(request), reply=inbox)
        except (nats.errors.Error, OSError) as error:
            log.warning("subscription.pull_failed", consumer=self._label, error=str(error))
            self._asked = 0
            await asyncio.sleep(_PULL_AGAIN_SECONDS)
            self._wake.set()

    async def _arrived(self, message: Msg) -> None:
        self._heard_at = time.monotonic()
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None:
            self._asked -= 1
            if not self._pulling:
                await self._send(message.reply, b"-NAK")
                return
            self._take(message)
        elif status != "100":
            self._asked = 0
            if status not in ("404", "408"):
                description = (message.headers or {}).get("Description", "")
                log.warning("subscription.pull_ended", consumer=self._label, status=status, reason=description)
                await asyncio.sleep(_PULL_AGAIN_SECONDS)
        if self._asked <= 0:
            self._wake.set()

    def _take(self, message: Msg) -> None:
        task = asyncio.create_task(self._handle(message))
        self._active[task] = None
        task.add_done_callback(self._ended)
        _ACTIVE.labels(self._label).set(len(self._active))
        _PENDING.labels(self._label).set(message.metadata.num_pending)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._active.pop(task, None)
        if self._asked <= 0:
            self._wake.set()
        _ACTIVE.labels(self._label).set(len(self._active))
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("subscription.crashed", consumer=self._label, exc_info=error)

    async def _handle(self, message: Msg) -> None:
        try:
            delivery = Delivery(
                wire.Stored.of_delivery(message),
                deliveries=message.metadata.num_delivered,
                reply=message.reply,
                lease_seconds=self._lease_seconds,
            )
        except InvalidSubject as error:
            # Nobody but an operator with a client of their own can have put it there; it can never be handled.
            log.error("subscription.foreign_message", consumer=self._label, subject=message.subject, error=str(error))
            await self._send(message.reply, b"+TERM not a subject of jobstream")
            return
        task = asyncio.current_task()
        if task is not None:
            self._active[task] = delivery
        with structlog.contextvars.bound_contextvars(
            job_id=str(delivery.subject.stream.id), correlation_id=delivery.message.headers.get(wire.CORRELATION)
        ):
            outcome = await self._outcome(delivery)
            if delivery.lease_lost:
                # A late ack, nak or term would act on the delivery of whoever has the message now.
                await faults.reach("subscription.stale_ack")
                _HANDLED.labels(self._label, "lease_lost").inc()
                log.warning("subscription.lease_lost", consumer=self._label, sequence=delivery.message.sequence)
                return
            await faults.reach("subscription.before_ack")
            _HANDLED.labels(self._label, type(outcome).__name__.lower()).inc()
            match outcome:
                case Done():
                    await self._send(delivery.reply, b"+ACK")
                case Later():
                    delay = max(0, int(outcome.delay_seconds * 1e9))
                    await self._send(delivery.reply, b'-NAK {"delay": %d}' % delay)
                case Refused():
                    await self._dead_letter(delivery, outcome.reason)
                case _:
                    assert_never(outcome)

    async def _outcome(self, delivery: Delivery) -> Outcome:
        hopeless = self._deliveries_max is not None and delivery.deliveries > self._deliveries_max
        if hopeless:
            return Refused(f"delivered {delivery.deliveries} times without success")
        try:
            return await self._handler(delivery)
        except asyncio.CancelledError:
            return Later(0)
        except LogUnavailable as error:
            log.warning("subscription.unavailable", consumer=self._label, error=str(error))
            return Later(random.uniform(0.5, 2.0))  # noqa: S311
        except Exception as error:
            log.exception("subscription.handler_failed", consumer=self._label, deliveries=delivery.deliveries)
            if self._deliveries_max is not None and delivery.deliveries >= self._deliveries_max:
                return Refused(f"{type(error).__name__}: {error}")
            delay = min(_BACKOFF_SECONDS_MAX, 2.0 ** min(delivery.deliveries - 1, 10))
            return Later(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def _dead_letter(self, delivery: Delivery, reason: str) -> None:
        headers = dict(delivery.message.headers)
        headers[wire.MESSAGE_ID] = f"dead-{self._label}-{delivery.message.sequence}"
        headers["Dead-Reason"] = " ".join(reason.split())[:500]
        headers["Dead-Subject"] = delivery.message.subject
        headers["Dead-Message-Id"] = delivery.message.headers.get(wire.MESSAGE_ID, "")
        headers["Dead-Deliveries"] = str(delivery.deliveries)
        log.error("subscription.dead_letter", consumer=self._label, reason=reason, subject=delivery.message.subject)
        subject = subjects.dead_letter(delivery.subject.stream, self._service)
        try:
            await wire.publish(self._nats, subject, delivery.message.data, headers, timeout=5)
        except EventsError as error:
            log.warning("subscription.dead_letter_failed", error=str(error))
            await self._send(delivery.reply, b'-NAK {"delay": 5000000000}')
            return
        await self._send(delivery.reply, b"+TERM " + headers["Dead-Reason"].encode())

    async def _send(self, reply: str, word: bytes) -> None:
        try:
            await self._nats.publish(reply, word)
        except (nats.errors.Error, OSError) as error:
            # It will be delivered again, and handling it again changes nothing.
            log.warning("subscription.ack_not_sent", consumer=self._label, error=str(error))

    async def _heartbeat(self) -> None:
        """Tell the server three times a lease that each message is still being worked on, and believe only what it confirms."""

        async def renew(delivery: Delivery) -> None:
            sent = time.monotonic()
            try:
                await self._nats.request(delivery.reply, b"+WPI", timeout=self._lease_seconds / 3)
            except (TimeoutError, nats.errors.Error, OSError):
                return
            delivery.renew(sent)

        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            held = [each for each in self._active.values() if each is not None and not each.lease_lost]
            await asyncio.gather(*(renew(each) for each in held))
