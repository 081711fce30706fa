"""Reading lists of profiles out of the read models."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from services.gateway.ports import Page
from services.gateway.postgres import Connection, Database
from services.gateway.resources import ProfileView

__all__ = ["PostgresProfiles"]

_COLUMNS = "id, profile_type, name, data, version, created_at, updated_at"


class PostgresProfiles:
    """The port `ProfileLists`."""

    def __init__(self, database: Database, *, timeout_seconds: float) -> None:
        self._database = database
        self._timeout = timeout_seconds

    async def profiles(
        self, owner: UUID, profile_type: str | None, *, after: Page | None, limit: int
    ) -> list[ProfileView]:
        arguments: list[Any] = [owner, limit]
        conditions = ["owner_id = $1"]
        if profile_type is not None:
            arguments.append(profile_type)
            conditions.append(f"profile_type = ${len(arguments)}")
        if after is not None:
            arguments += [after.created_at, after.id]
            conditions.append(f"(created_at, id) < (${len(arguments) - 1}, ${len(arguments)})")
        statement = (
            f"SELECT {_COLUMNS} FROM read.profiles WHERE {' AND '.join(conditions)} "  # noqa: S608
            "ORDER BY created_at DESC, id DESC LIMIT $2"
        )

        async def select(connection: Connection) -> list[ProfileView]:
            return [_view(row) for row in await connection.fetch(statement, *arguments)]

        return await self._database.run(select, timeout_seconds=self._timeout)

    async def names(self, owner: UUID) -> list[tuple[str, str]]:
        async def select(connection: Connection) -> list[tuple[str, str]]:
            rows = await connection.fetch("SELECT profile_type, name FROM read.profiles WHERE owner_id = $1", owner)
            return [(row["profile_type"], row["name"]) for row in rows]

        return await self._database.run(select, timeout_seconds=self._timeout)

    async def count(self, owner: UUID) -> int:
        async def select(connection: Connection) -> int:
            return int(await connection.fetchval("SELECT count(*) FROM read.profiles WHERE owner_id = $1", owner))

        return await self._database.run(select, timeout_seconds=self._timeout)


def _view(row: Any) -> ProfileView:
    return ProfileView(
        id=row["id"],
        profile_type=row["profile_type"],
        name=row["name"],
        data=msgspec.Raw(row["data"].encode()),
        default=False,
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
