"""The attempts that run in this process: found by job, told of live events, drained at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Gauge

from libs.events import subjects
from libs.events.errors import InvalidSubject
from libs.process.metrics import registry

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from libs.events.subjects import StreamId
    from libs.workflow.attempt import Attempt

__all__ = ["Running"]

log = structlog.get_logger(__name__)

_JOBS = Gauge("jobstream_runner_jobs", "Jobs being run by this process.", registry=registry)

# What can end a wait or an attempt from outside. Core NATS: a lost one is made up for by `check`.
_TELLING = (
    "job_cancelled",
    "job_failed",
    "approval_granted",
    "approval_rejected",
    "signal_received",
    "timer_fired",
    "child_ended",
)


class Running:
    """Which jobs this process runs now."""

    def __init__(self) -> None:
        self._attempts: dict[StreamId, Attempt] = {}
        self._draining = False

    def __len__(self) -> int:
        return len(self._attempts)

    @contextmanager
    def running(self, attempt: Attempt) -> Iterator[None]:
        """Know the attempt while the block runs."""
        self._attempts[attempt.stream] = attempt
        _JOBS.set(len(self._attempts))
        if self._draining:
            attempt.drain()
        try:
            yield
        finally:
            if self._attempts.get(attempt.stream) is attempt:
                del self._attempts[attempt.stream]
            _JOBS.set(len(self._attempts))

    def notify(self, stream: StreamId) -> None:
        """Something about the job may have changed."""
        attempt = self._attempts.get(stream)
        if attempt is not None:
            attempt.notify()

    def notify_all(self) -> None:
        """Something about any of the jobs may have changed."""
        for attempt in tuple(self._attempts.values()):
            attempt.notify()

    def drain(self) -> None:
        """Give every job back as soon as none of its steps is under way."""
        self._draining = True
        for attempt in tuple(self._attempts.values()):
            attempt.drain()

    async def listen(self, client: Client) -> None:
        """Have live events that matter told to the attempts, from now on."""
        for name in _TELLING:
            await client.subscribe(f"live.*.*.{name}", cb=self._told)

    async def check(self, every_seconds: float) -> None:
        """For ever: have each attempt compare itself with the log now and then, a lost live event or not."""
        while True:
            await asyncio.sleep(every_seconds)
            self.notify_all()

    async def _told(self, message: Msg) -> None:
        try:
            self.notify(subjects.parse(message.subject).stream)
        except InvalidSubject:
            log.warning("running.foreign_message", subject=message.subject)
