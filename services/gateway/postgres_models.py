"""Reading the read models, in the schema `read`. Every statement names the owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from libs.events.event import Cause, Recorded
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobEvent
from services.gateway.ports import JobFilter, Page
from services.gateway.postgres import Connection, Database
from services.gateway.resources import AppView, JobSummary, JobView, MessageView, StepView

__all__ = ["PostgresModels"]

_SUMMARY = (
    "id, kind, initial_prompt, prompt, requirements_summary, status, error_message, version, created_at, updated_at, "
    "parent_id"
)
_APP = "id, job_id, spec, created_at, updated_at"

# One statement, so that the job, its steps and its messages are of one moment.
_JOB = f"""
SELECT {_SUMMARY},
    (SELECT json_agg(json_build_object('id', s.id, 'agent_name', s.agent_name, 'message', s.message, 'order', s."order",
                                       'created_at', s.created_at) ORDER BY s."order")
     FROM read.job_steps s WHERE s.job_id = j.id) AS steps,
    (SELECT json_agg(json_build_object('id', m.id, 'role', m.role, 'sender', m.sender, 'content', m.content,
                                       'metadata', m.metadata, 'created_at', m.created_at) ORDER BY m.version)
     FROM read.job_messages m WHERE m.job_id = j.id) AS messages
FROM read.jobs j WHERE id = $1 AND owner_id = $2
"""  # noqa: S608

_steps = msgspec.json.Decoder(tuple[StepView, ...])
_messages = msgspec.json.Decoder(tuple[MessageView, ...])


class PostgresModels:
    """The ports `ReadModels` and `Lists`."""

    def __init__(self, database: Database, *, read_timeout_seconds: float, list_timeout_seconds: float) -> None:
        self._database = database
        self._read_timeout = read_timeout_seconds
        self._list_timeout = list_timeout_seconds

    @property
    def resting(self) -> bool:
        return self._database.resting

    # -- one job, for which there is another source --------------------------------------------------------------------

    async def job(self, owner: UUID, job_id: UUID) -> JobView | None:
        async def select(connection: Connection) -> JobView | None:
            row = await connection.fetchrow(_JOB, job_id, owner)
            if row is None:
                return None
            return JobView(
                **_summary(row),
                steps=_steps.decode(row["steps"]) if row["steps"] else (),
                messages=_messages.decode(row["messages"]) if row["messages"] else (),
            )

        return await self._database.run(select, timeout_seconds=self._read_timeout)

    async def events(self, owner: UUID, job_id: UUID, *, first: int, limit: int) -> list[Recorded[JobEvent]]:
        stream = StreamId(owner, job_id)

        async def select(connection: Connection) -> list[Recorded[JobEvent]]:
            rows = await connection.fetch(
                """
                SELECT version, sequence, id, type, schema, time, correlation_id, causation_id, data
                FROM read.job_events WHERE job_id = $1 AND owner_id = $2 AND version >= $3 ORDER BY version LIMIT $4
                """,
                job_id,
                owner,
                first,
                limit,
            )
            return [_recorded(stream, row) for row in rows]

        return await self._database.run(select, timeout_seconds=self._read_timeout if limit < _MANY else _LONG_SECONDS)

    async def app(self, owner: UUID, job_id: UUID) -> AppView | None:
        return await self._app("job_id", job_id, owner, self._read_timeout)

    # -- lists, for which there is none --------------------------------------------------------------------------------

    async def app_by_id(self, owner: UUID, app_id: UUID) -> AppView | None:
        return await self._app("id", app_id, owner, self._list_timeout)

    async def jobs(self, owner: UUID, where: JobFilter, *, after: Page | None, limit: int) -> list[JobSummary]:
        arguments: list[Any] = [owner, limit]
        conditions = ["owner_id = $1"]

        def add(condition: str, *values: Any) -> None:
            places = [f"${len(arguments) + number}" for number in range(1, len(values) + 1)]
            arguments.extend(values)
            conditions.append(condition.format(*places))

        if where.status is not None:
            add("status = {}", where.status)
        if where.kind is not None:
            add("kind = {}", where.kind)
        if where.text:
            add("prompt ILIKE {}", f"%{_like(where.text)}%")
        if where.parent is None:
            conditions.append("parent_id IS NULL")
        else:
            add("parent_id = {}", where.parent)
        if after is not None:
            add("(created_at, id) < ({}, {})", after.created_at, after.id)
        statement = (
            f"SELECT {_SUMMARY} FROM read.jobs WHERE {' AND '.join(conditions)} "  # noqa: S608
            "ORDER BY created_at DESC, id DESC LIMIT $2"
        )

        async def select(connection: Connection) -> list[JobSummary]:
            return [JobSummary(**_summary(row)) for row in await connection.fetch(statement, *arguments)]

        return await self._database.run(select, timeout_seconds=self._list_timeout)

    async def apps(self, owner: UUID, *, after: Page | None, limit: int) -> list[AppView]:
        condition, arguments = "", [owner, limit]
        if after is not None:
            condition = "AND (created_at, id) < ($3, $4)"
            arguments += [after.created_at, after.id]

        async def select(connection: Connection) -> list[AppView]:
            rows = await connection.fetch(
                f"SELECT {_APP} FROM read.apps WHERE owner_id = $1 {condition} "  # noqa: S608
                "ORDER BY created_at DESC, id DESC LIMIT $2",
                *arguments,
            )
            return [_app(row) for row in rows]

        return await self._database.run(select, timeout_seconds=self._list_timeout)

    async def _app(self, column: str, value: UUID, owner: UUID, timeout_seconds: float) -> AppView | None:
        async def select(connection: Connection) -> AppView | None:
            row = await connection.fetchrow(
                f"SELECT {_APP} FROM read.apps WHERE {column} = $1 AND owner_id = $2",  # noqa: S608
                value,
                owner,
            )
            return None if row is None else _app(row)

        return await self._database.run(select, timeout_seconds=timeout_seconds)


_MANY = 2_000  # events, above which reading them may take longer
_LONG_SECONDS = 10.0


def _summary(row: Any) -> dict[str, Any]:
    return {field: row[field] for field in JobSummary.__struct_fields__}


def _app(row: Any) -> AppView:
    return AppView(
        id=row["id"],
        job_id=row["job_id"],
        spec=msgspec.json.decode(row["spec"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _recorded(stream: StreamId, row: Any) -> Recorded[JobEvent]:
    return Recorded(
        stream=stream,
        version=row["version"],
        sequence=row["sequence"],
        id=row["id"],
        type=row["type"],
        schema=row["schema"],
        time=row["time"],
        event=EVENTS.decode(row["type"], row["schema"], row["data"].encode()),
        cause=Cause(correlation_id=row["correlation_id"], causation_id=row["causation_id"]),
    )


def _like(text: str) -> str:
    """The text as a pattern that means just itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
