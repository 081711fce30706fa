"""What jobs put on NATS, for whoever makes documents of it."""

from __future__ import annotations

from libs.events.schemas import Contract
from libs.jobs.commands import VERBS, WIRE
from libs.jobs.events import EVENTS

__all__ = ["JOBS"]

JOBS = Contract(EVENTS, WIRE, VERBS)
