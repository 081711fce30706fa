"""What profiles put on NATS, for whoever makes documents of it."""

from __future__ import annotations

from libs.events.schemas import Contract
from libs.profiles.commands import VERBS, WIRE
from libs.profiles.events import EVENTS

__all__ = ["PROFILES"]

PROFILES = Contract(EVENTS, WIRE, VERBS)
