"""A small aggregate of the tests' own: coins are paid and counted; once they were paid in whole units."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from libs.events.codec import EventRegistry, Upcast
from libs.events.event import Cause, Event, NewEvent, Recorded
from libs.process.clock import new_id

__all__ = ["REGISTRY", "Coins", "CoinsCounted", "CoinsPaid", "paid", "total"]


class CoinsPaidV1(Event, frozen=True, kw_only=True):
    schema = 1
    amount: int


class CoinsPaid(Event, frozen=True, kw_only=True):
    schema = 2
    cents: int


class CoinsCounted(Event, frozen=True, kw_only=True):
    note: str


Coins = CoinsPaid | CoinsCounted
REGISTRY: EventRegistry[Coins] = EventRegistry(
    Coins.__args__, [Upcast(CoinsPaidV1, lambda old: CoinsPaid(cents=old.amount * 100))]
)


def paid(cents: int, **cause: Any) -> NewEvent[Coins]:
    return NewEvent(id=new_id(), time=datetime.now(UTC), event=CoinsPaid(cents=cents), cause=Cause(**cause))


def total(state: int | None, recorded: Recorded[Coins]) -> int:
    return (state or 0) + (recorded.event.cents if isinstance(recorded.event, CoinsPaid) else 0)
