"""Applying the log to one generation of the tables, batch by batch, parking what cannot be applied."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import nats.js.errors
import structlog

from libs.events.errors import LogUnavailable
from services.projector.draft import Draft
from services.projector.entry import Entry
from services.projector.model import JobRow
from services.projector.profiles import ProfileState
from services.projector.tables import Place, Tables, Unstorable

__all__ = ["FetchPayload", "Projection", "relax_collector"]

log = structlog.get_logger(__name__)

FetchPayload = Callable[[str], Awaitable[bytes]]
"""The bytes of a payload too large for a message. Raises `LogUnavailable`."""

_ROWS_KEPT = 5_000
_PROFILES_KEPT = 200  # they may be large, and seldom change
_DRAFTED_AT_A_TIME = 200
_MISSING_MAX = 4  # a replica may be behind for a moment
_FETCH_PAUSE_SECONDS = 0.5


class _Writing(NamedTuple):
    """A batch on its way to Postgres."""

    entries: Sequence[Entry]
    draft: Draft
    task: asyncio.Task[None]


def relax_collector() -> None:
    """Let Python look for reference cycles seldom: a batch is many objects without any, all gone when it is committed.

    For a process's start. At the usual thresholds the collector takes a third of the time of drafting a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class Projection:
    """The tables at a place, what of them the next events need, and what is parked. After any exception: throw it away and look anew."""

    def __init__(self, tables: Tables, place: Place, fetch: FetchPayload, parked: dict[str, str] | None = None) -> None:
        self.tables = tables
        self.place = place  # what is committed
        self.parked = parked or {}  # stream -> why
        self.applied = 0  # events, ever
        self._fetch = fetch
        self._rows: dict[str, JobRow] = {}  # by use, the longest unused first
        self._profiles: dict[str, ProfileState] = {}  # likewise
        self._writing: _Writing | None = None

    async def apply(self, entries: Sequence[Entry]) -> None:
        """Commit the entries, which must follow those before in the log. Raises `PositionMoved` and what Postgres raises."""
        await self.begin(entries)
        await self.settle()

    async def begin(self, entries: Sequence[Entry]) -> None:
        """Draft the entries while those begun before are still being written, then begin to write them. Raises what `settle` does."""
        for entry in entries:
            if entry.object is not None and entry.stream not in self.parked:
                await self._fetch_payload(entry)
        draft = await self._draft(entries)
        if not await self.settle():
            draft = await self._draft(entries)  # what came before was not written as it was when this was drafted
        self._adopt(draft)
        self._writing = _Writing(entries, draft, asyncio.create_task(self._write(draft, entries)))

    async def settle(self) -> bool:
        """Wait until everything begun is committed; answer whether all of it could be written as drafted, with nothing new parked."""
        if (writing := self._writing) is None:
            return True
        self._writing = None
        try:
            await writing.task
        except Unstorable as error:
            await self._split(writing.entries, writing.draft, error)
            return False
        return True

    async def abandon(self) -> None:
        """Stop writing what is not committed yet."""
        if self._writing is not None:
            self._writing.task.cancel()
            await asyncio.wait([self._writing.task])
            self._writing = None

    async def retry(self, entries: Sequence[Entry]) -> bool:
        """Apply a parked stream's held-back entries, all up to `place`; answer whether it is free again."""
        stream = entries[0].stream
        del self.parked[stream]
        for entry in entries:
            if entry.object is not None:
                await self._fetch_payload(entry)
        await self._apply_alone(entries, release=stream)
        return stream not in self.parked

    async def skip_to(self, sequence: int) -> None:
        """Move on where the log holds nothing up to there any more. Raises `PositionMoved`."""
        await self.settle()
        self.place = await self.tables.commit(Draft({}, ()), self.place, sequence)

    async def _draft(self, entries: Sequence[Entry]) -> Draft:
        if self._missing(entries):
            await self.settle()  # the connection must be free, and the rows as they will be
            missing = self._missing(entries)
            self._rows.update(await self.tables.rows(missing.values()))
            if any(entry.about_a_profile for entry in entries):
                self._profiles.update(await self.tables.profiles(missing.values()))
        draft = Draft(self._rows, self.parked, self._profiles)
        for number, entry in enumerate(entries, start=1):
            draft.add(entry)
            if number % _DRAFTED_AT_A_TIME == 0:
                await asyncio.sleep(0)  # to those who read and write meanwhile
        draft.finish()
        return draft

    def _missing(self, entries: Sequence[Entry]) -> dict[str, str]:
        """The streams, with their ids, that the entries go on with and whose rows are not at hand."""
        seen: dict[str, str | None] = {}
        for entry in entries:
            stream = entry.stream
            if stream not in seen:
                # A job's id never becomes a profile's: for that few events are looked up in vain.
                begun = (entry.version != 1 or entry.about_a_profile) and entry.problem is None
                begun = begun and stream not in self.parked
                known = stream in self._rows or stream in self._profiles
                seen[stream] = entry.aggregate_id if begun and not known else None
        return {stream: aggregate_id for stream, aggregate_id in seen.items() if aggregate_id is not None}

    def _adopt(self, draft: Draft) -> None:
        """Let what comes next build on a draft."""
        for stream, job in draft.jobs.items():
            self._rows.pop(stream, None)
            if job.waiting is not None:  # an ended one has few events to come, and may have megabytes of result
                self._rows[stream] = job
        while len(self._rows) > _ROWS_KEPT:
            del self._rows[next(iter(self._rows))]
        for stream, profile in draft.profiles.items():
            self._profiles.pop(stream, None)
            self._profiles[stream] = profile
        while len(self._profiles) > _PROFILES_KEPT:
            del self._profiles[next(iter(self._profiles))]
        for stream, parked in draft.parked.items():
            self.parked[stream] = parked.reason

    async def _write(self, draft: Draft, entries: Sequence[Entry], release: str | None = None) -> None:
        released = [release] if release is not None and release not in self.parked else []
        sequence = max(self.place.sequence, entries[-1].sequence)
        self.place = await self.tables.commit(draft, self.place, sequence, released=released)
        self.applied += draft.applied
        for parked in draft.parked.values():
            log.error(
                "projection.parked",
                place=parked.entry.place,
                reason=parked.reason,
                job_id=parked.entry.aggregate_id,
                action="its later events are held back; upgrade the projector, or mend and rebuild",
            )

    async def _apply_alone(self, entries: Sequence[Entry], release: str | None = None) -> None:
        draft = await self._draft(entries)
        self._adopt(draft)
        try:
            await self._write(draft, entries, release)
        except Unstorable as error:
            await self._split(entries, draft, error, release)

    async def _split(
        self, entries: Sequence[Entry], refused: Draft, error: Unstorable, release: str | None = None
    ) -> None:
        """Halve what Postgres will not have until the one event is found that it will not have, and park that."""
        self._rows.clear()
        self._profiles.clear()
        for stream in refused.parked:
            self.parked.pop(stream, None)
        if len(entries) > 1:
            middle = len(entries) // 2
            await self._apply_alone(entries[:middle])
            await self._apply_alone(entries[middle:], release)
            return
        draft = Draft({}, self.parked)
        draft.park(entries[0], str(error))
        self._adopt(draft)
        await self._write(draft, entries)

    async def _fetch_payload(self, entry: Entry) -> None:
        """Replace the reference by the bytes. While NATS is away this waits; an object that is not there is the entry's own problem."""
        assert entry.object is not None
        missing = 0
        while entry.object is not None and entry.problem is None:
            try:
                entry.data = await self._fetch(entry.object)
                entry.object = None
            except LogUnavailable as error:
                log.warning("projection.payload_unavailable", place=entry.place, error=str(error))
                missing += isinstance(error.__cause__, nats.js.errors.NotFoundError)
                if missing == _MISSING_MAX:
                    entry.problem = f"its payload, the object {entry.object}, is not in the object store"
                await asyncio.sleep(_FETCH_PAUSE_SECONDS)
