"""Reading simulations out of the read models. A result may be megabytes: it stays text from the row to the answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from services.gateway.ports import Page, SimulationFilter
from services.gateway.postgres import Connection, Database
from services.gateway.resources import SimulationSummary, SimulationView
from services.gateway.simulation_views import KINDS, order_parts

__all__ = ["PostgresSimulations"]

_COMMON = (
    "j.id, j.owner_id, j.kind, j.status, j.prompt, j.error_message, j.version, j.created_at, j.updated_at, j.parent_id"
)

_stored = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw] | str | float | bool | None)


class PostgresSimulations:
    """The port `Simulations`."""

    def __init__(self, database: Database, *, timeout_seconds: float) -> None:
        self._database = database
        self._timeout = timeout_seconds

    async def simulation(self, owner: UUID, job_id: UUID) -> SimulationView | None:
        async def select(connection: Connection) -> SimulationView | None:
            # From `jobs`, whose JSON is the log's own text.
            row = await connection.fetchrow(
                f"SELECT {_COMMON}, j.request, j.result FROM read.jobs j "  # noqa: S608
                "WHERE j.id = $1 AND j.owner_id = $2 AND j.kind = ANY($3)",
                job_id,
                owner,
                KINDS,
            )
            if row is None:
                return None
            parts = order_parts(_stored.decode(row["request"]))
            return SimulationView(
                **_common(row),
                request_data=parts.given,
                result_data=_raw(row["result"]),
                normalised=parts.normalised,
                notes=parts.notes,
            )

        return await self._database.run(select, timeout_seconds=self._timeout)

    async def simulations(
        self, owner: UUID, where: SimulationFilter, *, results: bool, after: Page | None, limit: int
    ) -> list[SimulationSummary]:
        arguments: list[Any] = [owner, limit, KINDS if where.kind is None else (where.kind,)]
        conditions = ["j.owner_id = $1", "j.kind = ANY($3)"]
        if where.status is not None:
            arguments.append(where.status)
            conditions.append(f"j.status = ${len(arguments)}")
        if where.parent is None:
            conditions.append("j.parent_id IS NULL")
        else:
            arguments.append(where.parent)
            conditions.append(f"j.parent_id = ${len(arguments)}")
        if after is not None:
            arguments += [after.created_at, after.id]
            conditions.append(f"(j.created_at, j.id) < (${len(arguments) - 1}, ${len(arguments)})")
        statement = (
            f"SELECT {_COMMON}, s.request_data, {'j.result' if results else 'NULL AS result'} "  # noqa: S608
            f"FROM read.simulation_jobs s JOIN read.jobs j ON j.id = s.job_id WHERE {' AND '.join(conditions)} "
            "ORDER BY j.created_at DESC, j.id DESC LIMIT $2"
        )

        async def select(connection: Connection) -> list[SimulationSummary]:
            return [
                SimulationSummary(
                    **_common(row), request_data=_raw(row["request_data"]), result_data=_raw(row["result"])
                )
                for row in await connection.fetch(statement, *arguments)
            ]

        return await self._database.run(select, timeout_seconds=self._timeout)


def _common(row: Any) -> dict[str, Any]:
    return {
        "job_id": row["id"],
        "kind": row["kind"],
        "user_id": row["owner_id"],
        "status": row["status"],
        "description": row["prompt"],
        "error_message": row["error_message"],
        "version": row["version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "parent_id": row["parent_id"],
    }


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None or text == "null" else msgspec.Raw(text.encode())
