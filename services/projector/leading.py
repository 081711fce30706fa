"""Applying events for as long as it is this process's turn: one projector leads, others stand by and take over when it falls silent."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from libs.events import wire
from libs.events.errors import EventsError
from libs.process import faults
from libs.process.cancellation import heed
from services.projector import gauges
from services.projector.entry import Entry
from services.projector.log import STREAM, LogClient, LogReader, log_state
from services.projector.model import MODEL_VERSION
from services.projector.projection import FetchPayload, Projection
from services.projector.rebuild import Progress, rebuild
from services.projector.tables import Connection, Tables

if TYPE_CHECKING:
    from libs.process.clock import Clock
    from libs.process.health import Health
    from services.projector.settings import ProjectorSettings

__all__ = ["Leader", "NewerTables"]

log = structlog.get_logger(__name__)

_TURN_POLL_SECONDS = 0.5
_LATE_AFTER_EVENTS = 20_000


class NewerTables(Exception):
    """The tables were made by a newer release than this one: let that release's projector work."""


class Leader:
    """One process's part in the projection. `reader` is there while it leads, so that a reconnect can be told to it."""

    def __init__(
        self, client: LogClient, fetch: FetchPayload, settings: ProjectorSettings, health: Health, clock: Clock
    ) -> None:
        self.reader: LogReader | None = None
        self._client = client
        self._fetch = fetch
        self._settings = settings
        self._health = health
        self._clock = clock

    async def await_turn(self, connection: Connection) -> None:
        """Return when the lock is ours, or when whoever holds it has stopped moving; it is a courtesy: commits compare and set."""
        tables = Tables(connection, self._settings.read_schema)
        key = f"jobstream.projector.{self._settings.read_schema}"
        seen, since = -1, time.monotonic()
        while not await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", key):
            if seen == -1:
                log.info("projector.standing_by")
            place = await tables.place()
            sequence = 0 if place is None else place.sequence
            if sequence != seen or (await log_state(self._client)).last <= sequence:
                seen, since = sequence, time.monotonic()
            elif time.monotonic() - since > self._settings.projection_takeover_seconds:
                log.warning("projector.leader_silent", position=sequence, seconds=round(time.monotonic() - since, 1))
                return
            await asyncio.sleep(_TURN_POLL_SECONDS)

    async def lead(self, connection: Connection) -> None:
        """Apply events until cancelled, or until another moves the position (`PositionMoved`).

        Raises `PositionBeyondEnd` where the log is another one or lost its end, and `NewerTables`.
        """
        schema = self._settings.read_schema
        tables = Tables(connection, schema)
        place = await tables.place()
        if place is None:
            place = await tables.create((await log_state(self._client)).incarnation)
            await tables.index()
            log.info("projector.tables_made", schema=schema)
        if place.model_version > MODEL_VERSION:
            raise NewerTables(
                f"the read models are of version {place.model_version}, this projector writes version {MODEL_VERSION}: "
                "upgrade it"
            )
        if place.model_version < MODEL_VERSION:
            log.warning("projector.rebuilding", tables=place.model_version, code=MODEL_VERSION)
            await rebuild(
                self._client, self._settings.database_url.reveal(), schema, self._fetch, show=self._show_rebuild
            )
            self._health.restore("read models")
            place = await tables.place()
            assert place is not None
        self.reader = reader = LogReader(self._client, after=place.sequence, incarnation=place.incarnation)
        parked = {stream: reason for stream, (_, reason) in (await tables.parked()).items()}
        projection = Projection(tables, place, self._fetch, parked)
        try:
            await reader.open()
            self._health.restore("database")
            self._health.restore("halted")
            await self._retry_parked(projection)
            gauges.leading.set(1)
            log.info("projector.leading", position=place.sequence, generation=str(place.generation))
            await self._follow(projection, reader)
        finally:
            gauges.leading.set(0)
            self.reader = None
            await projection.abandon()
            await reader.stop()

    def _show_rebuild(self, progress: Progress) -> None:
        self._health.degrade("read models", f"they are being rebuilt, the old ones serve meanwhile: {progress}")

    async def _follow(self, projection: Projection, reader: LogReader) -> None:
        interval = self._settings.projection_interval_seconds
        began = 0.0
        while True:
            heed()
            entries = await reader.next(self._settings.projection_batch_max)
            # A trickle is gathered for a moment; what has piled up is not kept waiting.
            pause = began + interval - time.monotonic()
            if pause > 0 and len(entries) < self._settings.projection_batch_max // 8:
                await asyncio.sleep(pause)
                if reader.queued:
                    entries += await reader.next(self._settings.projection_batch_max)
            began = time.monotonic()
            await faults.reach("projector.before_commit")
            before = projection.applied
            await projection.apply(entries)
            await faults.reach("projector.after_commit")
            self._observe(projection, reader, entries, projection.applied - before)

    def _observe(self, projection: Projection, reader: LogReader, entries: list[Entry], applied: int) -> None:
        now = self._clock.now()
        waiting = reader.pending + reader.queued
        newest = _age_seconds(entries[-1].time, now)
        gauges.applied.inc(applied)
        gauges.batch_size.observe(len(entries))
        gauges.lag.observe(_age_seconds(entries[0].time, now))
        gauges.lag_now.set(newest if waiting else 0.0)
        gauges.pending.set(waiting)
        self._show_parked(projection)
        if waiting and (newest > self._settings.projection_behind_seconds or waiting > _LATE_AFTER_EVENTS):
            self._health.degrade("behind", f"{waiting} events wait; the newest applied one is {newest:.0f} s old")
        else:
            self._health.restore("behind")

    def _show_parked(self, projection: Projection) -> None:
        gauges.parked.set(len(projection.parked))
        if not projection.parked:
            self._health.restore("parked")
            return
        stream, reason = next(iter(projection.parked.items()))
        self._health.degrade(
            "parked",
            f"{len(projection.parked)} jobs or profiles are held back by an event that cannot be applied; {stream}: {reason}; "
            f"see the table {self._settings.read_schema}.parked",
        )

    async def _retry_parked(self, projection: Projection) -> None:
        """Fold what is parked anew from the log: after an upgrade it may be known."""
        place = projection.place
        streams = list(projection.parked)
        ids = [id_ for _, dot, id_ in (stream.partition(".") for stream in streams) if dot and len(id_) == 36]
        rows = {**await projection.tables.rows(ids), **await projection.tables.profiles(ids)}
        for stream in streams:
            after = rows[stream].sequence if stream in rows else 0
            try:
                held = await wire.read_range(
                    self._client, STREAM, f"evt.{stream}.>", first_sequence=after + 1, last_sequence=place.sequence
                )
            except EventsError as error:
                log.warning("projection.parked_unreadable", stream=stream, error=str(error))
                continue
            entries = [Entry.of_stored(message) for message in held]
            if entries and entries[0].stream == stream and await projection.retry(entries):
                log.info("projection.released", stream=stream, events=len(entries))
        self._show_parked(projection)


def _age_seconds(time: str, now: datetime) -> float:
    """How long ago an event's time was; 0 where it cannot be read or lies ahead."""
    try:
        return max(0.0, (now - datetime.fromisoformat(time)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
