"""Filling the log with ordinary build jobs, many at once and interleaved, by atomic batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from libs.events import subjects, wire
from libs.events.event import Recorded
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.testing import build_history
from libs.process.clock import new_id

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["append", "fill", "interleaved"]

_BATCH = 500
_AT_ONCE = 50
_OWNERS = 20


def interleaved(jobs: int) -> Iterator[Recorded[JobEvent]]:
    """The events of so many build jobs, fifty of them under way at any time."""
    owners = [new_id() for _ in range(_OWNERS)]
    waiting = (iter(build_history(StreamId(owners[number % _OWNERS], new_id())).history) for number in range(jobs))
    under_way = list(islice(waiting, _AT_ONCE))
    while under_way:
        for place in reversed(range(len(under_way))):
            recorded = next(under_way[place], None)
            if recorded is not None:
                yield recorded
            elif (other := next(waiting, None)) is not None:
                under_way[place] = other
            else:
                del under_way[place]


async def fill(client: Client, events: int) -> int:
    """Append at least so many events; answer how many."""
    source = interleaved(events // len(build_history(StreamId(new_id(), new_id())).history) + 1)
    filled = 0
    while batch := list(islice(source, _BATCH)):
        await append(client, batch)
        filled += len(batch)
    return filled


async def append(client: Client, batch: Sequence[Recorded[JobEvent]]) -> None:
    """Append the events by one atomic batch. Guards are left out: nobody else writes here."""
    batch_id = new_id().hex
    for number, recorded in enumerate(batch, start=1):
        headers = {
            "Nats-Batch-Id": batch_id,
            "Nats-Batch-Sequence": str(number),
            wire.MESSAGE_ID: str(recorded.id),
            wire.VERSION: str(recorded.version),
            wire.SCHEMA: str(recorded.schema),
            wire.TIME: recorded.time.isoformat(),
            **wire.cause_headers(recorded.cause),
        }
        subject, payload = subjects.event(recorded.stream, recorded.type), EVENTS.encode(recorded.event)
        if number == len(batch):
            reply = await client.request(subject, payload, timeout=30, headers=headers | {"Nats-Batch-Commit": "1"})
        elif number == 1:
            reply = await client.request(subject, payload, timeout=30, headers=headers)
        else:
            await client.publish(subject, payload, headers=headers)
            continue
        if reply.data and "error" in (answer := msgspec.json.decode(reply.data)):
            raise RuntimeError(f"the log was not filled: {answer['error']}")
