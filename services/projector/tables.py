"""The read models in Postgres: one generation of the tables, in one schema, and the position they stand at."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from libs.process.clock import new_id
from services.projector.copying import job_values, message_line, step_line, text, upsert
from services.projector.draft import Draft, Parked
from services.projector.entry import Entry
from services.projector.model import (
    JOB_EVENTS,
    JOBS,
    MODEL_VERSION,
    TABLES,
    DeletedProfileRow,
    Fold,
    JobRow,
    MessageRow,
    ProfileRow,
    StepRow,
    Table,
    ddl,
)
from services.projector.profiles import ProfileState

__all__ = ["Connection", "Place", "PositionMoved", "Tables", "Unstorable", "connect"]

Connection = Any  # asyncpg's own, whose annotations depend on how it was made

_CHUNK_BYTES = 256 * 1024
_UNSTORABLE = (
    "22",
    "23",
    "54",
)  # SQLSTATE classes: wrong data, a broken constraint, a limit passed; the same data will fail again


class PositionMoved(Exception):
    """Another projector, or a rebuild, moved the position: nothing was written; look where it stands now."""


class Unstorable(Exception):
    """Postgres refuses these rows and always will; nothing was written."""


class Place(NamedTuple):
    """Where a generation of the tables stands: what must still be true when the next batch is committed."""

    generation: UUID
    model_version: int
    incarnation: str
    sequence: int


async def connect(url: str, *, name: str) -> Connection:
    """A connection for writing read models: no commit waits for the disk, since whatever a crash takes is made again from the log."""
    settings = {"application_name": name, "timezone": "UTC", "synchronous_commit": "off", "jit": "off"}
    return await asyncpg.connect(url, server_settings=settings, timeout=10, command_timeout=60)


class Tables:
    """The tables of one schema, over a connection that nobody else uses meanwhile."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self.connection = connection
        self.schema = schema
        self._upserts = {table.name: upsert(schema, table) for table in (JOBS, *TABLES.values()) if table.key}
        self._columns = _selected(JOBS)

    async def place(self) -> Place | None:
        """Where the tables stand; None where there are none yet."""
        if await self.connection.fetchval("SELECT to_regclass($1)", f'"{self.schema}".position') is None:
            return None
        row = await self.connection.fetchrow(
            f'SELECT generation, model_version, incarnation, sequence FROM "{self.schema}".position'  # noqa: S608
        )
        return Place(row["generation"], row["model_version"], row["incarnation"], row["sequence"])

    async def create(self, incarnation: str) -> Place:
        """Make empty tables, without the secondary indices, standing before the first event of that stream."""
        place = Place(new_id(), MODEL_VERSION, incarnation, 0)
        async with self.connection.transaction():
            await self.connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"')
            await self.connection.execute(f'SET LOCAL search_path TO "{self.schema}"')
            await self.connection.execute(ddl("schema"))
            await self.connection.execute(
                "INSERT INTO position (generation, model_version, incarnation, sequence) VALUES ($1, $2, $3, $4)",
                *place,
            )
        return place

    async def index(self) -> None:
        """Add the secondary indices, and let the planner count where it has a choice between them."""
        async with self.connection.transaction():
            await self.connection.execute(f'SET LOCAL search_path TO "{self.schema}"')
            await self.connection.execute(ddl("indices"), timeout=3600)
        for name in ("jobs", "apps", "approvals", "timers", "simulation_jobs", "profiles"):
            await self.connection.execute(f'ANALYZE "{self.schema}"."{name}"', timeout=3600)

    async def rows(self, job_ids: Iterable[str]) -> dict[str, JobRow]:
        """The jobs' rows by `<owner>.<job>`; those that have none are left out."""
        records = await self.connection.fetch(
            f'SELECT {self._columns} FROM "{self.schema}".jobs WHERE id = ANY($1::text[]::uuid[])',  # noqa: S608
            list(job_ids),
        )
        found = {}
        for record in records:
            values = dict(record)
            fold = msgspec.json.decode(values.pop("fold"), type=Fold)
            job = JobRow(**values, fold=fold)
            found[f"{job.owner_id}.{job.id}"] = job
        return found

    async def profiles(self, ids: Collection[str]) -> dict[str, ProfileState]:
        """The same of profiles, deleted ones included."""
        found: dict[str, ProfileState] = {}
        for kind in (ProfileRow, DeletedProfileRow):
            table = TABLES[kind]
            records = await self.connection.fetch(
                f'SELECT {_selected(table)} FROM "{self.schema}"."{table.name}" WHERE id = ANY($1::text[]::uuid[])',  # noqa: S608
                list(ids),
            )
            for record in records:
                row = kind(*record)
                found[f"{row.owner_id}.{row.id}"] = row
        return found

    async def parked(self) -> dict[str, tuple[int, str]]:
        """What is parked: stream -> sequence of the event it stopped at, and why."""
        records = await self.connection.fetch(
            f'SELECT stream, sequence, reason FROM "{self.schema}".parked ORDER BY sequence'  # noqa: S608
        )
        return {record["stream"]: (record["sequence"], record["reason"]) for record in records}

    async def commit(self, draft: Draft, place: Place, sequence: int, *, released: Sequence[str] = ()) -> Place:
        """Write the batch and move the position from `place` to `sequence`, both or neither; forget the `released` parkings.

        Raises `PositionMoved` where it no longer stood at `place`, and `Unstorable` for data that Postgres refuses. When the
        connection breaks, the outcome is unknown: ask for the place again.
        """
        try:
            await self._begin(place, sequence)
            await self._write(draft)
            for parked in draft.parked.values():
                await self._park(parked)
            if released:
                await self.connection.execute(
                    f'DELETE FROM "{self.schema}".parked WHERE stream = ANY($1::text[])',  # noqa: S608
                    [text(stream) for stream in released],
                )
            await self.connection.execute("COMMIT")
        except BaseException as error:
            await self._roll_back()
            if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] in _UNSTORABLE:
                raise Unstorable(f"{error.sqlstate}: {error}") from error
            raise
        return place._replace(sequence=sequence)

    async def _begin(self, place: Place, sequence: int) -> None:
        # The position first: of two projectors one waits here for the other, and then sees that it has moved.
        moved = await self.connection.execute(
            f'BEGIN; UPDATE "{self.schema}".position SET sequence = {int(sequence)}, moved_at = now() '  # noqa: S608
            f"WHERE generation = '{place.generation}' AND sequence = {int(place.sequence)}"
        )
        if moved != "UPDATE 1":
            raise PositionMoved(f"the position is no longer {place.sequence} of generation {place.generation}")

    async def _write(self, draft: Draft) -> None:
        if draft.events:
            await self._copy(JOB_EVENTS, b"".join(draft.events))
        if draft.steps:
            await self._copy(TABLES[StepRow], "".join([step_line(row) for row in draft.steps]).encode())
        if draft.messages:
            await self._copy(TABLES[MessageRow], "".join([message_line(row) for row in draft.messages]).encode())
        if draft.jobs:
            await self._upsert(JOBS, [job_values(job) for job in draft.jobs.values()])
        for kind, keyed in draft.keyed.items():
            if keyed:
                await self._upsert(TABLES[kind], list(keyed.values()))
        if draft.profiles:
            await self._write_profiles(draft.profiles.values())

    async def _write_profiles(self, profiles: Collection[ProfileState]) -> None:
        for kind in (ProfileRow, DeletedProfileRow):
            table, rows = TABLES[kind], [row for row in profiles if isinstance(row, kind)]
            if len(rows) < len(profiles):
                gone = [row.id for row in profiles if not isinstance(row, kind)]
                await self.connection.execute(
                    f'DELETE FROM "{self.schema}"."{table.name}" WHERE id = ANY($1::text[]::uuid[])',  # noqa: S608
                    gone,
                )
            if rows:
                await self._upsert(table, rows)

    async def _copy(self, table: Table, lines: bytes) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(lines), _CHUNK_BYTES):
                yield lines[start : start + _CHUNK_BYTES]

        await self.connection.copy_to_table(
            table.name, source=chunks(), columns=list(table.columns), schema_name=self.schema
        )

    async def _upsert(self, table: Table, rows: Sequence[Sequence[object]]) -> None:
        arrays = [[text(value) for value in column] for column in zip(*rows, strict=True)]
        await self.connection.execute(self._upserts[table.name], *arrays)

    async def _park(self, parked: Parked) -> None:
        entry: Entry = parked.entry
        await self.connection.execute(
            f'INSERT INTO "{self.schema}".parked (stream, job_id, owner_id, sequence, version, type, schema, reason) '  # noqa: S608
            "VALUES ($1, $2::text::uuid, $3::text::uuid, $4, $5, $6, $7, $8) ON CONFLICT (stream) DO UPDATE SET "
            "sequence = EXCLUDED.sequence, version = EXCLUDED.version, type = EXCLUDED.type, schema = EXCLUDED.schema, "
            "reason = EXCLUDED.reason",
            text(entry.stream),
            entry.aggregate_id or None,
            entry.owner_id or None,
            entry.sequence,
            entry.version,
            text(entry.type),
            entry.schema,
            text(parked.reason[:2000]),
        )

    async def _roll_back(self) -> None:
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            await self.connection.execute("ROLLBACK", timeout=5)


def _selected(table: Table) -> str:
    """Its columns, ids, times and JSON as text."""
    return ", ".join(f'"{name}"::text' if _as_text(kind) else f'"{name}"' for name, kind in table.columns.items())


def _as_text(kind: str) -> bool:
    return kind in ("uuid", "json", "timestamptz")
