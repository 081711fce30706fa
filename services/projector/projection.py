"""Applying the log to one generation of the tables, batch by batch, parking what cannot be applied."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence

import nats.js.errors
import structlog

from libs.events.errors import LogUnavailable
from services.projector.draft import Draft, Parked
from services.projector.entry import Entry
from services.projector.model import JobRow
from services.projector.tables import Place, Tables, Unstorable

__all__ = ["FetchPayload", "Projection", "relax_collector"]

log = structlog.get_logger(__name__)

FetchPayload = Callable[[str], Awaitable[bytes]]
"""The bytes of a payload too large for a message. Raises `LogUnavailable`."""

_ROWS_KEPT = 5_000
_MISSING_MAX = 4  # a replica may be behind for a moment
_FETCH_PAUSE_SECONDS = 0.5


def relax_collector() -> None:
    """Let Python look for reference cycles seldom: a batch is many objects without any, all gone when it is committed.

    For a process's start. At the usual thresholds the collector takes a third of the time of drafting a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


class Projection:
    """The tables at a place, what of them the next events need, and what is parked. Valid until anything but `Unstorable` is raised."""

    def __init__(self, tables: Tables, place: Place, fetch: FetchPayload, parked: dict[str, str] | None = None) -> None:
        self.tables = tables
        self.place = place
        self.parked = parked or {}  # stream -> why
        self.applied = 0  # events, ever
        self._fetch = fetch
        self._rows: dict[str, JobRow] = {}  # by use, the longest unused first

    async def apply(self, entries: Sequence[Entry]) -> None:
        """Commit the entries, which must follow each other in the log and begin after `place`. Raises `PositionMoved` and what Postgres raises."""
        for entry in entries:
            if entry.object is not None and entry.stream not in self.parked:
                await self._fetch_payload(entry)
        await self._commit(entries)

    async def skip_to(self, sequence: int) -> None:
        """Move on where the log holds nothing up to there any more. Raises `PositionMoved`."""
        self.place = await self.tables.commit(Draft({}, ()), self.place, sequence)

    async def retry(self, entries: Sequence[Entry]) -> bool:
        """Apply a parked job's held-back entries, all up to `place`; answer whether the job is free again."""
        stream = entries[0].stream
        del self.parked[stream]
        for entry in entries:
            if entry.object is not None:
                await self._fetch_payload(entry)
        await self._commit(entries, release=stream)
        return stream not in self.parked

    async def _commit(self, entries: Sequence[Entry], *, release: str | None = None) -> None:
        await self._look_up(entries)
        draft = Draft(self._rows, self.parked)
        for entry in entries:
            draft.add(entry)
        try:
            await self._write(draft, entries, release)
        except Unstorable as error:
            if len(entries) == 1:
                log.warning("projection.unstorable", place=entries[0].place, error=str(error))
                draft = Draft(self._rows, self.parked)
                draft.park(entries[0], str(error))
                await self._write(draft, entries, None)
                return
            # Halve until the one event is found that Postgres will not have.
            middle = len(entries) // 2
            await self._commit(entries[:middle])
            await self._commit(entries[middle:], release=release)

    async def _write(self, draft: Draft, entries: Sequence[Entry], release: str | None) -> None:
        draft.finish()
        released = (
            [release] if release is not None and release not in draft.parked and release not in self.parked else []
        )
        sequence = max(self.place.sequence, entries[-1].sequence)
        self.place = await self.tables.commit(draft, self.place, sequence, released=released)
        self.applied += draft.applied
        for stream, job in draft.jobs.items():
            self._rows.pop(stream, None)
            self._rows[stream] = job
        while len(self._rows) > _ROWS_KEPT:
            del self._rows[next(iter(self._rows))]
        for stream, parked in draft.parked.items():
            self._park(stream, parked)

    def _park(self, stream: str, parked: Parked) -> None:
        self.parked[stream] = parked.reason
        log.error(
            "projection.parked",
            place=parked.entry.place,
            reason=parked.reason,
            job_id=parked.entry.job_id,
            action="its later events are held back; upgrade the projector, or mend and rebuild",
        )

    async def _look_up(self, entries: Sequence[Entry]) -> None:
        """Have the rows at hand of all jobs that the entries go on with."""
        seen: set[str] = set()
        missing: list[str] = []
        for entry in entries:
            stream = entry.stream
            if stream in seen:
                continue
            seen.add(stream)
            if stream in self._rows:
                self._rows[stream] = self._rows.pop(stream)
            elif entry.version != 1 and entry.problem is None and stream not in self.parked:
                missing.append(entry.job_id)
        if missing:
            self._rows.update(await self.tables.rows(missing))

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
