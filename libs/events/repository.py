"""The loop that exists once: load, decide, append, and on a conflict fold the tail and decide again."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from prometheus_client import Counter

from libs.events.errors import VersionConflict
from libs.events.event import START, Cause, Event, NewEvent, Position, Recorded
from libs.process import faults
from libs.process.clock import Clock, new_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from libs.events.store import EventStore
    from libs.events.subjects import StreamId

__all__ = ["Committed", "Repository", "Snapshots"]

S = TypeVar("S")
E = TypeVar("E", bound=Event)

_CONFLICTS = Counter("jobstream_append_conflicts_total", "Decisions taken again because somebody appended first.")
_SNAPSHOT_EVERY = 64  # events folded since the last snapshot before a new one is worth its write
_RETRY_DELAY_SECONDS = 0.002
_RETRY_DELAY_SECONDS_MAX = 0.2


class Snapshots(Protocol[S]):
    """Where folded states are kept so that loading does not read a whole history. A lost snapshot costs time, nothing else."""

    async def get(self, stream: StreamId) -> tuple[S, Position] | None: ...

    async def put(self, stream: StreamId, state: S, position: Position) -> None: ...


class Committed(NamedTuple, Generic[S, E]):
    """What became of a decision: the state after it, where the aggregate stands, and the events it made (none: it changed nothing)."""

    state: S
    position: Position
    events: Sequence[Recorded[E]]


class _Entry(Generic[S]):
    __slots__ = ("lock", "position", "snapshot_version", "state", "users")

    def __init__(self) -> None:
        self.state: S | None = None
        self.position = START
        self.snapshot_version = 0
        self.lock = asyncio.Lock()
        self.users = 0


class Repository(Generic[S, E]):
    """Aggregates by id: loads them by snapshot and tail, remembers those in use, and appends what is decided about them.

    Decisions on one aggregate are taken one after another within a process, so that many writers do not starve each other.
    """

    def __init__(
        self,
        store: EventStore[E],
        evolve: Callable[[S | None, Recorded[E]], S],
        *,
        clock: Clock,
        snapshots: Snapshots[S] | None = None,
        cache_size: int = 4096,
    ) -> None:
        self._store = store
        self._evolve = evolve
        self._clock = clock
        self._snapshots = snapshots
        self._cache_size = cache_size
        self._entries: OrderedDict[StreamId, _Entry[S]] = OrderedDict()

    async def load(self, stream: StreamId) -> tuple[S | None, Position]:
        """The aggregate as the log has it now; None and `START` where it has no events. Raises `UnknownEvent`, `LogUnavailable`."""
        async with self._locked(stream) as entry:
            await self._refresh(stream, entry)
            return entry.state, entry.position

    def peek(self, stream: StreamId) -> S | None:
        """What this process last knew of the aggregate, without asking the log."""
        entry = self._entries.get(stream)
        return entry.state if entry else None

    async def transact(
        self,
        stream: StreamId,
        decide: Callable[[S | None], Sequence[E]],
        *,
        cause: Cause = Cause(),
        fresh: bool = False,
    ) -> Committed[S | None, E]:
        """Append what `decide` makes of the aggregate's state; decide again for as long as somebody else appends first.

        `decide` is pure and may be called several times; what it raises is passed on and nothing is appended. A remembered state may be
        old: a decision to append is checked by the guard, a decision that changes nothing is taken again on the log's own head, as is every
        decision where `fresh`. Raises `LogUnavailable` where the outcome could not be learned: then the decision may have been appended.
        """
        async with self._locked(stream) as entry:
            if fresh or entry.state is None:
                await self._refresh(stream, entry)
                fresh = True
            delay = _RETRY_DELAY_SECONDS
            while True:
                try:
                    decided = decide(entry.state)
                except Exception:
                    if fresh:
                        raise
                    decided = ()
                if not decided:
                    if fresh:
                        return Committed(entry.state, entry.position, ())
                    await self._refresh(stream, entry)
                    fresh = True
                    continue
                now = self._clock.now()
                last = getattr(entry.state, "updated_at", None)
                time = now if last is None or now > last else last  # event time never runs backwards
                new = [NewEvent(id=new_id(), time=time, event=event, cause=cause) for event in decided]
                await faults.reach("append.before")
                try:
                    position = await self._store.append(stream, new, after=entry.position)
                except VersionConflict as conflict:
                    _CONFLICTS.inc()
                    self._fold(entry, conflict.tail)
                    fresh = True
                    await asyncio.sleep(random.uniform(0, delay))  # noqa: S311
                    delay = min(delay * 2, _RETRY_DELAY_SECONDS_MAX)
                    continue
                recorded = [
                    Recorded(
                        stream=stream,
                        version=entry.position.version + number,
                        sequence=position.sequence - len(new) + number,
                        id=each.id,
                        type=each.event.type_name(),
                        schema=each.event.schema,
                        time=each.time,
                        event=each.event,
                        cause=each.cause,
                    )
                    for number, each in enumerate(new, start=1)
                ]
                self._fold(entry, recorded)
                await self._snapshot(stream, entry)
                return Committed(entry.state, entry.position, recorded)

    def forget(self, stream: StreamId) -> None:
        """Drop what is remembered of an aggregate (after its end, or its erasure)."""
        entry = self._entries.get(stream)
        if entry is not None and not entry.users:
            del self._entries[stream]

    @asynccontextmanager
    async def _locked(self, stream: StreamId) -> AsyncIterator[_Entry[S]]:
        entry = self._entries.get(stream)
        if entry is None:
            entry = self._entries[stream] = _Entry()
            self._evict()
        else:
            self._entries.move_to_end(stream)
        entry.users += 1
        try:
            async with entry.lock:
                yield entry
        finally:
            entry.users -= 1

    def _evict(self) -> None:
        for _ in range(min(8, len(self._entries) - self._cache_size)):
            stream, entry = next(iter(self._entries.items()))
            if entry.users:
                self._entries.move_to_end(stream)
            else:
                del self._entries[stream]

    async def _refresh(self, stream: StreamId, entry: _Entry[S]) -> None:
        if entry.state is None and self._snapshots is not None:
            snapshot = await self._snapshots.get(stream)
            if snapshot is not None:
                entry.state, entry.position = snapshot
                entry.snapshot_version = entry.position.version
        self._fold(entry, await self._store.load(stream, after=entry.position))
        await self._snapshot(stream, entry)

    def _fold(self, entry: _Entry[S], events: Sequence[Recorded[E]]) -> None:
        for recorded in events:
            entry.state = self._evolve(entry.state, recorded)
            entry.position = recorded.position

    async def _snapshot(self, stream: StreamId, entry: _Entry[S]) -> None:
        if self._snapshots is None or entry.state is None:
            return
        if entry.position.version - entry.snapshot_version >= _SNAPSHOT_EVERY:
            entry.snapshot_version = entry.position.version
            await self._snapshots.put(stream, entry.state, entry.position)
