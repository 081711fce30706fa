"""Messages as JetStream takes and gives them: requests with acknowledgements, direct reads, and what our headers mean.

Everything that nats-py leaves out or hides (guards, atomic batches, ranges of one subject) is spoken here in plain requests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import nats.errors

from libs.events import storing
from libs.events.errors import EventsError, LogUnavailable
from libs.events.event import Cause

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

__all__ = [
    "ApiError",
    "PublishAck",
    "Stored",
    "cause_headers",
    "cause_of",
    "last_of",
    "publish",
    "read_range",
    "send",
    "unavailable",
]

MESSAGE_ID = "Nats-Msg-Id"
VERSION = "Event-Version"
SCHEMA = "Event-Schema"
TIME = "Event-Time"
CORRELATION = "Correlation-Id"
CAUSATION = "Causation-Id"
COMMAND_SEQUENCE = "Command-Sequence"
OUTCOME_TO = "Outcome-To"
PAYLOAD_OBJECT = "Payload-Object"  # names the object that holds a payload too large for a message
TRACEPARENT = "traceparent"

_SERVERS_FAULT = 500
_UNREACHABLE = (
    nats.errors.TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.StaleConnectionError,
    nats.errors.OutboundBufferLimitError,
    asyncio.TimeoutError,
    OSError,
)


class ApiError(EventsError):
    """JetStream refused; decide by `err_code`, never by the words."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"{description} ({err_code})")
        self.code = code
        self.err_code = err_code


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class PublishAck(msgspec.Struct):
    """The server's word that a message is stored, and where."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


_ack = msgspec.json.Decoder(PublishAck)


class Stored(msgspec.Struct, frozen=True):
    """A message as a stream holds it."""

    subject: str
    sequence: int
    headers: Mapping[str, str]
    data: bytes

    @classmethod
    def of_direct(cls, message: Msg) -> Stored:
        """From a direct read or a republished message: the place in the stream is told in headers."""
        headers = message.headers or {}
        return cls(headers.get("Nats-Subject", message.subject), int(headers["Nats-Sequence"]), headers, message.data)

    @classmethod
    def of_delivery(cls, message: Msg) -> Stored:
        """From a consumer: the place in the stream is told in the reply subject."""
        return cls(message.subject, message.metadata.sequence.stream, message.headers or {}, message.data)


def unavailable(doing: str, error: BaseException) -> LogUnavailable:
    return LogUnavailable(f"{doing}: NATS did not answer ({type(error).__name__})")


async def publish(
    client: Client, subject: str, payload: bytes, headers: dict[str, str], *, timeout: float
) -> PublishAck:
    """Publish to a stream and wait for its acknowledgement. Raises `ApiError` where it refused, `LogUnavailable` where it did not answer."""
    try:
        reply = await client.request(subject, payload, timeout=timeout, headers=headers)
    except _UNREACHABLE as error:
        if client.is_connected:
            storing.failed(client, subject, f"no answer ({type(error).__name__})")
        raise unavailable(f"publishing to {subject.split('.', 1)[0]}", error) from error
    try:
        ack = parse_ack(reply.data)
    except ApiError as error:
        if error.code >= _SERVERS_FAULT:
            storing.failed(client, subject, str(error))
        raise
    storing.succeeded(client, subject)
    return ack


async def send(client: Client, subject: str, payload: bytes, headers: dict[str, str]) -> None:
    """Publish without waiting for an answer: the messages of a batch before its last. Raises `LogUnavailable` without a connection."""
    try:
        await client.publish(subject, payload, headers=headers)
    except _UNREACHABLE as error:
        raise unavailable(f"publishing to {subject.split('.', 1)[0]}", error) from error


def parse_ack(data: bytes) -> PublishAck:
    ack = _ack.decode(data)
    if ack.error is not None:
        raise ApiError(ack.error.code, ack.error.err_code, ack.error.description)
    return ack


async def last_of(client: Client, stream: str, subject_filter: str, *, timeout: float = 5.0) -> tuple[str, int] | None:
    """Subject and sequence of the latest message on a filter, asked of the stream's leader; None where there is none."""
    request = msgspec.json.encode({"last_by_subj": subject_filter})
    try:
        reply = await client.request(f"$JS.API.STREAM.MSG.GET.{stream}", request, timeout=timeout)
    except _UNREACHABLE as error:
        raise unavailable(f"reading the head of {stream}", error) from error
    answer = msgspec.json.decode(reply.data)
    if (problem := answer.get("error")) is not None:
        if problem.get("err_code") == _NO_MESSAGE:
            return None
        raise LogUnavailable(f"reading the head of {stream}: {problem.get('description')}")
    return answer["message"]["subject"], answer["message"]["seq"]


_NO_MESSAGE = 10037
_RANGE_BATCH = 500


async def read_range(
    client: Client,
    stream: str,
    subject_filter: str,
    *,
    first_sequence: int = 1,
    last_sequence: int | None = None,
    limit: int | None = None,
    timeout: float = 5.0,
) -> list[Stored]:
    """The messages on a filter from one sequence to another, oldest first, at most `limit`, by direct reads (any replica may answer)."""
    found: list[Stored] = []
    page: asyncio.Queue[Msg] = asyncio.Queue()
    inbox = client.new_inbox()

    async def arrived(message: Msg) -> None:
        page.put_nowait(message)

    try:
        subscription = await client.subscribe(inbox, cb=arrived, pending_msgs_limit=-1, pending_bytes_limit=-1)
        try:
            async with asyncio.timeout(timeout) as patience:
                while limit is None or len(found) < limit:
                    batch = _RANGE_BATCH if limit is None else min(_RANGE_BATCH, limit - len(found))
                    request = {"seq": first_sequence, "batch": batch, "next_by_subj": subject_filter}
                    payload = msgspec.json.encode(request)
                    await client.publish(f"$JS.API.DIRECT.GET.{stream}", payload, reply=inbox)
                    before = len(found)
                    while (stored := _in_range(stream, await page.get())) is not None:
                        if last_sequence is not None and stored.sequence > last_sequence:
                            return found
                        found.append(stored)
                    if len(found) - before < batch:
                        break
                    first_sequence = found[-1].sequence + 1
                    patience.reschedule(asyncio.get_running_loop().time() + timeout)
        finally:
            with contextlib.suppress(
                nats.errors.Error, OSError
            ):  # without a connection there is no subscription either
                await subscription.unsubscribe()
    except _UNREACHABLE as error:
        raise unavailable(f"reading {stream}", error) from error
    return found


def _in_range(stream: str, message: Msg) -> Stored | None:
    """A message of a direct read, or None at its end."""
    headers = message.headers or {}
    status = headers.get("Status")
    if status is None:
        return Stored.of_direct(message)
    if status not in ("204", "404"):
        raise LogUnavailable(f"reading {stream}: {status} {headers.get('Description', '')}")
    return None


def cause_headers(cause: Cause) -> dict[str, str]:
    """A cause as headers; what is unknown is left out."""
    headers = {}
    if cause.correlation_id is not None:
        headers[CORRELATION] = str(cause.correlation_id)
    if cause.causation_id is not None:
        headers[CAUSATION] = str(cause.causation_id)
    if cause.command_sequence is not None:
        headers[COMMAND_SEQUENCE] = str(cause.command_sequence)
    if cause.traceparent is not None:
        headers[TRACEPARENT] = cause.traceparent
    return headers


def cause_of(headers: Mapping[str, str]) -> Cause:
    correlation, causation = headers.get(CORRELATION), headers.get(CAUSATION)
    sequence = headers.get(COMMAND_SEQUENCE)
    return Cause(
        correlation_id=UUID(correlation) if correlation else None,
        causation_id=UUID(causation) if causation else None,
        command_sequence=int(sequence) if sequence else None,
        traceparent=headers.get(TRACEPARENT),
    )


def time_of(headers: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(headers[TIME])
