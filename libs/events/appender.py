"""Guarded appends, coalesced: single publishes while few wait, one atomic batch when many do, so that fsynced appends stay fast.

A batch holds at most one decision of any aggregate: guards are checked against the stream, not against the batch, so two would both commit.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Counter, Histogram

from libs.events import wire
from libs.events.errors import EventsError, LogUnavailable
from libs.process import faults
from libs.process.clock import new_id

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["Appender", "Message", "WrongPosition"]

_APPENDED = Counter("jobstream_events_appended_total", "Events appended to the log.")
_BATCH_SIZE = Histogram(
    "jobstream_append_batch_decisions", "Decisions per atomic batch.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)

_SINGLES_IN_FLIGHT_MAX = 64
_BATCHES_IN_FLIGHT_MAX = 1  # per process; the server handles one at a time, and allows 50 per stream over all processes
_BATCH_DECISIONS_MIN = 8
_BATCH_ADVANTAGE = 2.0  # what a batch must promise over single publishes to be taken
_WEIGHT = 0.1  # of the newest measurement in the running costs
_BATCH_MESSAGES_MAX = 512  # the server allows 1,000
_BATCH_BYTES_MAX = 2 * 1024 * 1024

# Codes of JetStream. Replicated streams and batches answer 10164 where one node answers 10071; both may mean "another append is in flight".
_WRONG_POSITION = (10071, 10164)
_DUPLICATE_IN_BATCH = 10201
_TOO_MANY_BATCHES = 10210
_BATCH_TRIES = 5


class WrongPosition(EventsError):
    """The guard held: the aggregate is not where the decision left it, or another append to it is in flight."""


class Message(NamedTuple):
    """One message of a decision, its own headers without guard and batch."""

    subject: str
    payload: bytes
    headers: dict[str, str]


class _Decision(NamedTuple):
    guard: str
    after_sequence: int
    messages: Sequence[Message]
    done: asyncio.Future[int]

    @property
    def size(self) -> int:
        return sum(len(message.payload) + 512 for message in self.messages)


class Appender:
    """Sends decisions to one stream, each whole or not at all, guarded by a subject filter and the sequence of its last message."""

    def __init__(self, nats: Client, *, timeout_seconds: float = 5.0) -> None:
        self._nats = nats
        self._timeout = timeout_seconds
        self._waiting: deque[_Decision] = deque()
        self._singles = 0
        self._batches = 0
        self._batches_sent = 0
        # What a batch costs against a single publish differs tenfold between disks, so it is measured as we go.
        self._single_seconds = 0.0003
        self._batch_seconds = 0.002
        self._tasks: set[asyncio.Task[None]] = set()

    async def append(self, guard: str, after_sequence: int, messages: Sequence[Message]) -> int:
        """Append all messages or none; return the stream sequence of the last.

        Raises `WrongPosition` where the guard held, `LogUnavailable` where the outcome is unknown.
        """
        decision = _Decision(guard, after_sequence, messages, asyncio.get_running_loop().create_future())
        self._waiting.append(decision)
        self._send()
        return await decision.done

    def _send(self) -> None:
        worth_a_batch = max(_BATCH_DECISIONS_MIN, _BATCH_ADVANTAGE * self._batch_seconds / self._single_seconds)
        while self._waiting:
            batch = len(self._waiting) >= worth_a_batch or len(self._waiting[0].messages) > 1
            if batch and self._batches < _BATCHES_IN_FLIGHT_MAX:
                self._batches += 1
                self._start(self._send_batch(self._take_batch()))
            elif self._singles < _SINGLES_IN_FLIGHT_MAX and (single := self._take_single()) is not None:
                self._singles += 1
                self._start(self._send_single(single))
            else:
                return

    def _take_single(self) -> _Decision | None:
        """The oldest decision that one message carries; those of several wait for their batch without holding it up."""
        for index, decision in enumerate(self._waiting):
            if len(decision.messages) == 1:
                del self._waiting[index]
                return decision
        return None

    def _start(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take_batch(self) -> list[_Decision]:
        """The decisions that wait, oldest first, one of an aggregate at most, within what a batch may hold."""
        batch: list[_Decision] = []
        left: deque[_Decision] = deque()
        guards: set[str] = set()
        messages = size = 0
        while self._waiting:
            decision = self._waiting.popleft()
            if decision.done.cancelled():
                continue
            fits = messages + len(decision.messages) <= _BATCH_MESSAGES_MAX and size + decision.size <= _BATCH_BYTES_MAX
            if batch and not (fits and decision.guard not in guards):
                left.append(decision)
                if not fits:
                    break
                continue
            batch.append(decision)
            guards.add(decision.guard)
            messages += len(decision.messages)
            size += decision.size
        left.extend(self._waiting)
        self._waiting = left
        return batch

    async def _send_single(self, decision: _Decision) -> None:
        try:
            await self._resolve(decision)
        finally:
            self._singles -= 1
            self._send()

    async def _send_batch(self, batch: list[_Decision]) -> None:
        try:
            if len(batch) == 1:
                await self._resolve(batch[0])
                return
            _BATCH_SIZE.observe(len(batch))
            try:
                last = await self._publish_batch(batch)
            except wire.ApiError:
                # One guard that holds rejects the whole batch: each decision is tried by itself.
                await asyncio.gather(*(self._resolve(decision) for decision in batch))
                return
            sequence = last - sum(len(decision.messages) for decision in batch)
            for decision in batch:
                sequence += len(decision.messages)
                _settle(decision.done, sequence)
        except Exception as error:
            for decision in batch:
                _settle(decision.done, error)
        finally:
            self._batches -= 1
            self._send()

    async def _resolve(self, decision: _Decision) -> None:
        """Send one decision by itself and settle its future."""
        try:
            if len(decision.messages) == 1:
                sequence = await self._publish_single(decision)
            else:
                sequence = await self._publish_batch([decision])
        except wire.ApiError as error:
            if error.err_code in _WRONG_POSITION or error.err_code == _DUPLICATE_IN_BATCH:
                _settle(decision.done, WrongPosition(str(error)))
            else:
                _settle(decision.done, LogUnavailable(f"appending: {error}"))
        except Exception as error:
            _settle(decision.done, error)
        else:
            _settle(decision.done, sequence)

    async def _publish_single(self, decision: _Decision) -> int:
        message = decision.messages[0]
        headers = {**message.headers, **_guard(decision)}
        started, beside, undisturbed = time.perf_counter(), self._singles, self._batches_sent
        ack = await wire.publish(self._nats, message.subject, message.payload, headers, timeout=self._timeout)
        if self._batches_sent == undisturbed and not self._batches:
            # Singles wait at the server while it commits a batch: counting that would make batches look ever cheaper.
            each = (time.perf_counter() - started) / max(1, beside)
            self._single_seconds += _WEIGHT * (each - self._single_seconds)
        await faults.reach("append.before_ack")
        _APPENDED.inc()
        return ack.seq

    async def _publish_batch(self, batch: list[_Decision]) -> int:
        """Send an atomic batch and return the sequence of its last message. All messages are in hand before it is opened."""
        for _ in range(_BATCH_TRIES):
            try:
                return await self._publish_batch_once(batch)
            except wire.ApiError as error:
                if error.err_code != _TOO_MANY_BATCHES:
                    raise
                # Batches left open by a crashed process block new ones for up to ten seconds.
                await asyncio.sleep(random.uniform(0.5, 3.0))  # noqa: S311
        raise LogUnavailable("appending: too many atomic batches are open")

    async def _publish_batch_once(self, batch: list[_Decision]) -> int:
        started = time.perf_counter()
        self._batches_sent += 1
        batch_id = str(new_id())
        number = 0
        total = sum(len(decision.messages) for decision in batch)
        for decision in batch:
            for index, message in enumerate(decision.messages):
                number += 1
                headers = dict(message.headers)
                if index == 0:
                    headers.update(_guard(decision))
                headers["Nats-Batch-Id"] = batch_id
                headers["Nats-Batch-Sequence"] = str(number)
                if number == total:
                    headers["Nats-Batch-Commit"] = "1"
                    ack = await wire.publish(
                        self._nats, message.subject, message.payload, headers, timeout=self._timeout
                    )
                    each = (time.perf_counter() - started) / max(1, self._batches)
                    self._batch_seconds += _WEIGHT * (each - self._batch_seconds)
                    await faults.reach("append.before_ack")
                    _APPENDED.inc(total)
                    return ack.seq
                await faults.reach("append.mid_batch")
                await wire.send(self._nats, message.subject, message.payload, headers)
        raise AssertionError("a batch has messages")


def _guard(decision: _Decision) -> dict[str, str]:
    return {
        "Nats-Expected-Last-Subject-Sequence": str(decision.after_sequence),
        "Nats-Expected-Last-Subject-Sequence-Subject": decision.guard,
    }


def _settle(future: asyncio.Future[int], outcome: int | BaseException) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
