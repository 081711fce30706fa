"""Jobs by id, on JetStream: what every service that decides or folds jobs uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libs.events.jetstream import JetStreamStore, KvSnapshots
from libs.events.repository import Repository
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import evolve
from libs.jobs.state import FOLD_VERSION, Job
from libs.process.clock import Clock, SystemClock

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["Jobs", "job_repository"]

Jobs = Repository[Job, JobEvent]


def job_repository(nats: Client, clock: Clock | None = None) -> Jobs:
    """Jobs in the stream EVENTS, with snapshots in the bucket SNAPSHOTS."""
    return Repository(
        JetStreamStore[JobEvent](nats, EVENTS),
        evolve,
        clock=clock or SystemClock(),
        snapshots=KvSnapshots(nats, Job, FOLD_VERSION),
    )
