"""Numbered SQL migrations, applied once and in order, by one process at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

__all__ = ["MIGRATIONS", "Migration", "MigrationError", "migrate", "read_migrations"]

log = structlog.get_logger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = 0x6A6F6273  # any number, the same for all: "jobs"

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql\Z")


class MigrationError(Exception):
    """The database and the migration files disagree; the text says how."""


class Migration(msgspec.Struct, frozen=True):
    """One file of the folder."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The folder's migrations in order. Raises `MigrationError` on a number used twice or a misnamed file."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_what_it_does.sql")
        number = int(match[1])
        if number in found:
            raise MigrationError(f"{path.name} and {number:04}_{found[number].name}.sql share a number")
        found[number] = Migration(number, match[2], path.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


async def migrate(connection: Any, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing, each migration in a transaction of its own; answer the names of those applied.

    Processes that start together wait for each other. Raises `MigrationError` if an applied migration was edited, or if
    the database has one this release does not know.
    """
    migrations = read_migrations() if migrations is None else migrations
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        await connection.execute(
            """
            CREATE SCHEMA IF NOT EXISTS migrations;
            CREATE TABLE IF NOT EXISTS migrations.applied (
                number     integer PRIMARY KEY,
                name       text NOT NULL,
                checksum   text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            );
            """
        )
        rows = await connection.fetch("SELECT number, name, checksum FROM migrations.applied")
        known = {migration.number: migration for migration in migrations}
        for row in rows:
            label = f"{row['number']:04}_{row['name']}"
            migration = known.get(row["number"])
            if migration is None:
                raise MigrationError(f"the database is ahead of this release: it has migration {label}")
            if migration.checksum != row["checksum"]:
                raise MigrationError(f"migration {label} was edited after it had been applied; add a new one instead")
        applied = {row["number"] for row in rows}
        done: list[str] = []
        for migration in migrations:
            if migration.number not in applied:
                await _apply(connection, migration)
                done.append(migration.name)
        return done
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _apply(connection: Any, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO migrations.applied (number, name, checksum) VALUES ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.checksum,
        )
    log.info("migration.applied", number=migration.number, name=migration.name)
