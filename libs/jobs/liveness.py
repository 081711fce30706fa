"""Who is alive: a worker answers whether it still holds an attempt, so that others wait for it or take over at once.

Every answer is a hint: an attempt taken from a living worker costs its work, never the log's truth, since the fence
decides there.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import nats.errors

from libs.events import subjects, wire
from libs.events.subjects import StreamId

if TYPE_CHECKING:
    from types import TracebackType

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

__all__ = ["Holder", "still_held", "worker_name"]

_ANSWER_SECONDS = 2.0


class _Question(msgspec.Struct, frozen=True):
    job: UUID
    attempt: int


class _Answer(msgspec.Struct, frozen=True):
    holds: bool


def worker_name(service: str) -> str:
    """A fresh name for this process, `<service>-<8 hex>`: a restarted process is another worker."""
    return f"{service}-{secrets.token_hex(4)}"


class Holder:
    """What this worker holds, and its answers to whoever asks about it while the block runs.

    async with Holder(nats, worker) as holder:
        with holder.hold(stream, attempt): ...
    """

    def __init__(self, client: Client, worker: str) -> None:
        self.worker = worker
        self._nats = client
        self._held: Counter[tuple[UUID, int]] = Counter()
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Holder:
        self._subscription = await self._nats.subscribe(subjects.worker(self.worker), cb=self._asked)
        await self._nats.flush()  # nobody may ask before the server knows that we answer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held.clear()
        if self._subscription is not None:
            with suppress(nats.errors.Error, OSError):  # the connection is gone, and the subscription with it
                await self._subscription.unsubscribe()

    def holds(self, stream: StreamId, attempt: int) -> bool:
        """Whether this worker is at this attempt of the job."""
        return (stream.id, attempt) in self._held

    @contextmanager
    def hold(self, stream: StreamId, attempt: int) -> Iterator[None]:
        """Answer for this attempt while the block runs."""
        key = (stream.id, attempt)
        self._held[key] += 1
        try:
            yield
        finally:
            self._held[key] -= 1
            if self._held[key] <= 0:
                del self._held[key]

    async def _asked(self, message: Msg) -> None:
        try:
            question = msgspec.json.decode(message.data, type=_Question)
        except msgspec.DecodeError:
            return  # whoever sent it gets no answer, and takes that for "no"
        answer = _Answer(holds=(question.job, question.attempt) in self._held)
        await self._nats.publish(message.reply, msgspec.json.encode(answer))


async def still_held(
    client: Client, worker: str, stream: StreamId, attempt: int, *, timeout_seconds: float = _ANSWER_SECONDS
) -> bool:
    """Whether `worker` says that it is at this attempt of the job; one that is gone or silent that long says no.

    Raises `LogUnavailable` where this process itself has lost NATS: then nothing is known.
    """
    question = msgspec.json.encode(_Question(job=stream.id, attempt=attempt))
    try:
        reply = await client.request(subjects.worker(worker), question, timeout=timeout_seconds)
    except (TimeoutError, nats.errors.NoRespondersError) as error:
        if not client.is_connected:
            raise wire.unavailable("asking a worker", error) from error
        return False
    except (nats.errors.Error, OSError) as error:
        raise wire.unavailable("asking a worker", error) from error
    try:
        return msgspec.json.decode(reply.data, type=_Answer).holds
    except msgspec.DecodeError:
        return False
