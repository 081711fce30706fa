"""Waking what fell asleep: wake-ups are hints and may be lost, so every few seconds the read models are asked what should be moving and is not.

It reads `jobs` and `timers` and publishes hints on `wake.<service>.<owner>.<job>`; each pause between two hints about the same job is twice
the last, so that a job which rightly runs for days costs almost nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import nats.errors
import structlog

from libs.events import subjects
from services.projector import gauges
from services.projector.tables import Connection, connect

if TYPE_CHECKING:
    from nats.aio.client import Client

    from services.projector.settings import ProjectorSettings

__all__ = ["BackOff", "Candidate", "Reconciler", "silent_jobs"]

log = structlog.get_logger(__name__)

_LOOKED_AT_MAX = 5_000


class Candidate(NamedTuple):
    """A job that could be moving: `service` should look at it. `version` changes when something happened."""

    service: str
    stream: subjects.StreamId
    version: int


class BackOff:
    """Which candidates are due for a hint. Forgets a job as soon as it is no candidate any more, or something happened to it."""

    def __init__(
        self, *, first_seconds: float, seconds_max: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._first = first_seconds
        self._max = seconds_max
        self._monotonic = monotonic
        self._told: dict[subjects.StreamId, tuple[int, float, float]] = {}  # version, due again at, pause after that

    def due(self, candidates: Sequence[Candidate], limit: int) -> list[Candidate]:
        """Those to hint at now, at most `limit`, the ones never hinted at first."""
        now = self._monotonic()
        fresh, again = [], []
        for each in candidates:
            told = self._told.get(each.stream)
            if told is None or told[0] != each.version:
                fresh.append(each)
            elif told[1] <= now:
                again.append(each)
        chosen = (fresh + sorted(again, key=lambda each: self._told[each.stream][1]))[:limit]
        for each in chosen:
            told = self._told.get(each.stream)
            pause = self._first if told is None or told[0] != each.version else told[2]
            self._told[each.stream] = (each.version, now + pause, min(self._max, pause * 2))
        return chosen

    def forget_all_but(self, candidates: Sequence[Candidate]) -> None:
        """Keep no memory of jobs that move again."""
        streams = {each.stream for each in candidates}
        self._told = {stream: told for stream, told in self._told.items() if stream in streams}


async def silent_jobs(
    connection: Connection, schema: str, *, after_seconds: float, limit: int = _LOOKED_AT_MAX
) -> list[Candidate]:
    """Jobs with something to do and no event for that long; with a timer that is due for that long; with a child that ended that long ago,

    or that they left open at their own end. The longest silent first."""
    rows = await connection.fetch(
        f"""
        SELECT needs AS service, owner_id, id, version, updated_at AS since FROM "{schema}".jobs
        WHERE needs IS NOT NULL AND updated_at < now() - make_interval(secs => $1)
        UNION ALL
        SELECT 'runner', p.owner_id, p.id, p.version, p.updated_at FROM "{schema}".jobs p
        WHERE p.children_open > 0 AND p.needs IS NULL AND p.updated_at < now() - make_interval(secs => $1)
          AND (p.status IN ('done', 'failed', 'cancelled') OR EXISTS (
            SELECT FROM json_each(p.fold->'children') open JOIN "{schema}".jobs c ON c.id = (open.value->>0)::uuid
            WHERE c.status IN ('done', 'failed', 'cancelled') AND c.updated_at < now() - make_interval(secs => $1)))
        UNION ALL
        SELECT DISTINCT ON (t.job_id) 'runner', t.owner_id, t.job_id, j.version, t.due
        FROM "{schema}".timers t JOIN "{schema}".jobs j ON j.id = t.job_id
        WHERE t.open AND t.due < now() - make_interval(secs => $1)
          AND j.needs IS NULL AND j.status NOT IN ('done', 'failed', 'cancelled')
        ORDER BY since LIMIT $2
        """,  # noqa: S608
        after_seconds,
        limit,
    )
    return [
        Candidate(row["service"], subjects.StreamId(UUID(str(row["owner_id"])), UUID(str(row["id"]))), row["version"])
        for row in rows
    ]


class Reconciler:
    """The loop. Works only while `leading()`, so that several projectors do not say everything twice."""

    def __init__(
        self,
        client: Client,
        settings: ProjectorSettings,
        *,
        leading: Callable[[], bool],
        also: Callable[[], Awaitable[None]],
    ) -> None:
        """`also` is done after each round: other slow housekeeping."""
        self._client = client
        self._settings = settings
        self._leading = leading
        self._also = also
        self._back_off = BackOff(
            first_seconds=settings.reconcile_after_seconds, seconds_max=settings.reconcile_backoff_seconds_max
        )

    async def run(self) -> None:
        """Go on until cancelled; a round that fails is logged, and the next one comes."""
        while True:
            await asyncio.sleep(self._settings.reconcile_interval_seconds)
            if not self._leading():
                continue
            try:
                await self.round()
                await self._also()
            except Exception as error:
                log.warning("reconciler.round_failed", error=str(error), kind=type(error).__name__)

    async def round(self) -> int:
        """Look once; answer how many hints were sent."""
        connection = await connect(self._settings.database_url.reveal(), name="jobstream-reconciler")
        try:
            candidates = await silent_jobs(
                connection, self._settings.read_schema, after_seconds=self._settings.reconcile_after_seconds
            )
        finally:
            connection.terminate()
        if len(candidates) < _LOOKED_AT_MAX:
            self._back_off.forget_all_but(candidates)
        chosen = self._back_off.due(candidates, self._settings.reconcile_hints_max)
        for each in chosen:
            try:
                await self._client.publish(subjects.wakeup(each.service, each.stream))
            except (nats.errors.Error, OSError) as error:
                log.warning("reconciler.hint_not_sent", error=str(error))
                break
            gauges.hints.labels(each.service).inc()
        if chosen:
            log.info("reconciler.hinted", jobs=len(chosen), silent=len(candidates))
        return len(chosen)
