"""Filling the read models anew while the old ones serve, then swapping them in one transaction.

The new tables grow in a schema of their own, `<schema>_building`, from the first event; when they have caught up, the live position is locked
for a moment, the last events are applied, and two schemas change names. Readers with prepared statements have their names resolved again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import NamedTuple

import asyncpg
import structlog
from prometheus_client import Gauge

from libs.process import metrics
from services.projector.log import LogClient, LogReader, log_state, next_sequence
from services.projector.model import JOB_EVENTS, JOBS, MODEL_VERSION, TABLES
from services.projector.projection import FetchPayload, Projection
from services.projector.tables import Connection, Place, Tables, connect

__all__ = ["Differences", "Progress", "RebuildError", "Show", "rebuild"]

log = structlog.get_logger(__name__)

_progress = Gauge(
    "jobstream_rebuild_progress_ratio", "How much of the log a running rebuild has applied.", registry=metrics.registry
)

BATCH_MAX = 4_000
_CLOSE = 2_000  # events behind the live tables at which it is worth locking them
_LOCK_SECONDS = 2
_PATIENCE_SECONDS = 1.0  # for an event that should be there, before asking whether it was erased
_DROP_TRIES = 60
_SHOWN = 5


class RebuildError(Exception):
    """The rebuild did not happen; the live tables are as they were. The text says why."""


class Progress(NamedTuple):
    """How far a rebuild is."""

    phase: str
    sequence: int
    end: int
    events_per_second: float

    @property
    def percent(self) -> float:
        return 100.0 if self.end == 0 else min(100.0, 100.0 * self.sequence / self.end)

    @property
    def seconds_left(self) -> float | None:
        return (self.end - self.sequence) / self.events_per_second if self.events_per_second else None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left"
        return f"{self.phase}: {self.percent:.1f} %, {self.sequence} of {self.end}, {self.events_per_second:.0f} events/s{left}"


class Differences(NamedTuple):
    """Rows that only one of two generations has: how many per table, and some of them."""

    counts: dict[str, int]
    examples: list[str]

    def __bool__(self) -> bool:
        return any(self.counts.values())


Show = Callable[[Progress], None]


async def rebuild(
    client: LogClient, url: str, schema: str, fetch: FetchPayload, *, show: Show, verify: bool = False
) -> Differences | None:
    """Rebuild the read models of `schema` and swap them in.

    With `verify`, the new rows are first compared with the live ones at the same position, and swapped in only where all are
    equal; the differences are returned. Raises `RebuildError`, also where another rebuild is running; leftovers of one that was
    interrupted are removed.
    """
    building = await connect(url, name="jobstream-rebuild")
    live = await connect(url, name="jobstream-rebuild")
    try:
        key = f"jobstream.rebuild.{schema}"
        if not await live.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", key):
            raise RebuildError("another rebuild is running")
        work = _Rebuild(client, live, building, schema, fetch, show)
        return await work.run(verify=verify)
    finally:
        _progress.set(0)
        for connection in (building, live):
            connection.terminate()


class _Rebuild:
    def __init__(
        self,
        client: LogClient,
        live: Connection,
        building: Connection,
        schema: str,
        fetch: FetchPayload,
        show: Show,
    ) -> None:
        self._client = client
        self._live = live
        self._schema = schema
        self._new = f"{schema}_building"
        self._old = f"{schema}_retired"
        self._serving = Tables(live, schema)
        self._tables = Tables(building, self._new)
        self._fetch = fetch
        self._show = show
        self._began = time.monotonic()

    async def run(self, *, verify: bool) -> Differences | None:
        await self._clean_up()
        state = await log_state(self._client)
        serving = await self._serving.place()
        if serving is not None and serving.model_version > MODEL_VERSION:
            raise RebuildError(
                f"the live tables are of version {serving.model_version}, this release makes {MODEL_VERSION}"
            )
        if verify and (serving is None or serving.model_version != MODEL_VERSION):
            raise RebuildError("there are no live tables of this version to compare with")
        place = await self._tables.create(state.incarnation)
        projection = Projection(self._tables, place, self._fetch)
        reader = LogReader(self._client, after=0, incarnation=state.incarnation)
        try:
            await self._fill(
                projection, reader, state.last if serving is None else self._end(serving, place, state.last)
            )
            self._report("indexing", projection, state.last)
            await self._tables.index()
            return await self._finish(projection, reader, verify=verify)
        finally:
            await projection.abandon()
            await reader.stop()
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._clean_up()  # if the connection is gone, the next rebuild does it

    def _end(self, serving: Place, place: Place, last: int) -> int:
        """Up to where to fill before it is worth looking at the live tables: they alone say how far is far enough."""
        return min(serving.sequence, last) if serving.incarnation == place.incarnation else last

    async def _fill(self, projection: Projection, reader: LogReader, end: int) -> None:
        shown = 0.0
        reached = projection.place.sequence
        while reached < end:
            entries = await reader.next(BATCH_MAX, patience_seconds=_PATIENCE_SECONDS)
            if entries and entries[-1].sequence > end:
                reader.give_back([entry for entry in entries if entry.sequence > end])
                entries = [entry for entry in entries if entry.sequence <= end]
            if entries:
                await projection.begin(entries)
                reached = entries[-1].sequence
            elif (await next_sequence(self._client, reached) or end + 1) > end:
                await projection.skip_to(end)  # what stood there was erased
                reached = end
            _progress.set(reached / end)
            if time.monotonic() - shown > 1:
                shown = time.monotonic()
                self._report("filling", projection, end)
        await projection.settle()
        self._report("filled", projection, end)

    def _report(self, phase: str, projection: Projection, end: int) -> None:
        seconds = time.monotonic() - self._began
        progress = Progress(phase, projection.place.sequence, end, projection.applied / seconds if seconds else 0.0)
        log.info(
            "rebuild.progress", phase=phase, sequence=progress.sequence, end=end, percent=round(progress.percent, 1)
        )
        self._show(progress)

    async def _finish(self, projection: Projection, reader: LogReader, *, verify: bool) -> Differences | None:
        """Catch up, lock the live position, apply the rest, compare where wanted, change the names."""
        compared = False
        while True:
            serving = await self._serving.place()
            target = await self._target(serving, projection.place)
            if target - projection.place.sequence > _CLOSE:
                await self._fill(projection, reader, target)
                continue
            transaction = self._live.transaction()
            await transaction.start()
            try:
                if serving is not None:
                    # Held from here on: the live projector waits, and no reader ever sees an older version than before.
                    await self._live.execute(
                        f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'; "
                        f'LOCK TABLE "{self._schema}".position IN EXCLUSIVE MODE'
                    )
                    serving = await self._serving.place()
                target = await self._target(serving, projection.place)
                await self._fill(projection, reader, target)
                if verify and not compared:
                    await self._tables.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
                    await transaction.rollback()  # the live projector goes on, the moment is held on to
                    found = await self._compare(projection.place, serving)
                    await self._tables.connection.execute("COMMIT")
                    if found:
                        return found
                    compared = True
                    continue
                await self._swap(had_live=serving is not None)
                await transaction.commit()
            except asyncpg.LockNotAvailableError:
                await transaction.rollback()
                log.info("rebuild.live_is_busy", position=projection.place.sequence)
                continue
            except BaseException:
                with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await transaction.rollback()
                raise
            self._report("swapped", projection, projection.place.sequence)
            return Differences({}, []) if verify else None

    async def _target(self, serving: Place | None, place: Place) -> int:
        """Where the new tables must stand: where the live ones do, or at the log's end where those do not follow this log."""
        last = (await log_state(self._client)).last
        return last if serving is None else self._end(serving, place, last)

    async def _swap(self, *, had_live: bool) -> None:
        await self._live.execute("SET LOCAL synchronous_commit = on")
        if had_live:
            await self._live.execute(f'ALTER SCHEMA "{self._schema}" RENAME TO "{self._old}"')
        else:
            await self._live.execute(f'DROP SCHEMA IF EXISTS "{self._schema}"')  # empty, or this fails, as it should
        await self._live.execute(f'ALTER SCHEMA "{self._new}" RENAME TO "{self._schema}"')

    async def _compare(self, place: Place, serving: Place | None) -> Differences:
        if serving is None or serving.sequence < place.sequence:
            raise RebuildError(f"the live tables do not stand at {place.sequence}, so they cannot be compared")
        counts: dict[str, int] = {}
        examples: list[str] = []
        for table in (JOBS, JOB_EVENTS, *TABLES.values()):
            rows = await self._tables.connection.fetch(
                f"""
                WITH live AS (SELECT t::text AS row FROM "{self._schema}"."{table.name}" t),
                     built AS (SELECT t::text AS row FROM "{self._new}"."{table.name}" t),
                     found AS (
                        (SELECT 'only live' AS side, row FROM (SELECT row FROM live EXCEPT ALL SELECT row FROM built) l)
                        UNION ALL
                        (SELECT 'only rebuilt', row FROM (SELECT row FROM built EXCEPT ALL SELECT row FROM live) b)
                     )
                SELECT side, row, count(*) OVER () AS total FROM found LIMIT {_SHOWN}
                """,  # noqa: S608
                timeout=3600,
            )
            counts[table.name] = rows[0]["total"] if rows else 0
            examples += [f"{table.name}, {row['side']}: {row['row'][:500]}" for row in rows]
        return Differences(counts, examples)

    async def _clean_up(self) -> None:
        """Drop what no reader is sent to any more; wait for those still reading."""
        for tries in range(_DROP_TRIES):
            try:
                async with self._live.transaction():
                    await self._live.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
                    await self._live.execute(f'DROP SCHEMA IF EXISTS "{self._new}" CASCADE')
                    await self._live.execute(f'DROP SCHEMA IF EXISTS "{self._old}" CASCADE')
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                log.info("rebuild.old_tables_in_use", tries=tries + 1)
                await asyncio.sleep(1)
            else:
                return
        log.warning("rebuild.old_tables_left", schema=self._old, action="the next rebuild will remove them")
