"""Profiles by id, on JetStream: what the service that decides them and those that only read them use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from libs.events.jetstream import JetStreamStore, KvSnapshots
from libs.events.repository import Repository
from libs.process.clock import Clock, SystemClock
from libs.profiles.events import EVENTS, ProfileEvent
from libs.profiles.evolve import evolve
from libs.profiles.state import FOLD_VERSION, Profile

if TYPE_CHECKING:
    from nats.aio.client import Client

    from libs.events.codec import EventRegistry
    from libs.events.event import Position
    from libs.events.subjects import StreamId

__all__ = ["Profiles", "profile_repository", "read_profiles"]

Profiles = Repository[Profile, ProfileEvent]

_REMEMBERED = 256  # each may hold as many data as a profile can


def profile_repository(nats: Client, clock: Clock | None = None) -> Profiles:
    """Profiles in the stream EVENTS, with snapshots in the bucket SNAPSHOTS."""
    return Repository(
        JetStreamStore[ProfileEvent](nats, EVENTS),
        evolve,
        clock=clock or SystemClock(),
        snapshots=KvSnapshots(nats, Profile, FOLD_VERSION),
        cache_size=_REMEMBERED,
    )


def read_profiles(nats: Client, *, others: Iterable[EventRegistry[Any]] = ()) -> Profiles:
    """The same for who only loads: it writes no snapshot, and an id that belongs to one of the `others` aggregates is no profile's."""
    return Repository(
        JetStreamStore[ProfileEvent](nats, EVENTS, others=others),
        evolve,
        clock=SystemClock(),
        snapshots=_ReadSnapshots(nats, Profile, FOLD_VERSION),
        cache_size=_REMEMBERED,
    )


class _ReadSnapshots(KvSnapshots[Profile]):
    async def put(self, stream: StreamId, state: Profile, position: Position) -> None:
        return
