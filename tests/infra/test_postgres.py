from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from asyncpg import InsufficientPrivilegeError

from infra.postgres import migrate, roles
from infra.postgres.migrate import Migration, MigrationError
from tests.conftest import Database


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url("admin"))
    yield connection
    await connection.close()


@pytest.fixture
async def gateway(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url("gateway"))
    yield connection
    await connection.close()


@pytest.fixture
async def operator(database: Database, admin: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    await roles.grant_operator(admin)
    connection = await asyncpg.connect(database.url("operator"))
    yield connection
    await connection.close()


@pytest.fixture
async def projector(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url("projector"))
    yield connection
    await connection.close()


async def test_migrating_again_applies_nothing(admin: asyncpg.Connection) -> None:
    assert await migrate.migrate(admin) == []


async def test_two_that_start_together_apply_each_migration_once(database: Database) -> None:
    extra = [*migrate.read_migrations(), Migration(9000, "late", "CREATE TABLE identity.late (id int)")]

    async def one() -> list[str]:
        connection = await asyncpg.connect(database.url("admin"))
        try:
            return await migrate.migrate(connection, extra)
        finally:
            await connection.close()

    assert sorted(await asyncio.gather(one(), one())) == [[], ["late"]]


async def test_an_edited_migration_is_refused(admin: asyncpg.Connection) -> None:
    first, *rest = migrate.read_migrations()
    edited = Migration(first.number, first.name, first.sql + "-- edited")
    with pytest.raises(MigrationError, match="0001_roles_and_schemas was edited"):
        await migrate.migrate(admin, [edited, *rest])


async def test_a_database_ahead_of_the_release_is_refused(admin: asyncpg.Connection) -> None:
    with pytest.raises(MigrationError, match="ahead of this release"):
        await migrate.migrate(admin, [])


async def test_a_failing_migration_leaves_nothing_behind(admin: asyncpg.Connection) -> None:
    broken = Migration(9001, "broken", "CREATE TABLE identity.half (id int); SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.migrate(admin, [*migrate.read_migrations(), broken])
    assert await admin.fetchval("SELECT to_regclass('identity.half')") is None


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").touch()
    (tmp_path / "0001_b.sql").touch()
    with pytest.raises(MigrationError, match="share a number"):
        migrate.read_migrations(tmp_path)


async def test_making_the_roles_again_keeps_them(database: Database) -> None:
    connection = await asyncpg.connect(database.server.superuser_url())
    await roles.ensure_roles(connection, database.server.passwords)
    await connection.close()
    await (await asyncpg.connect(database.url("gateway"))).close()


async def test_who_may_not_create_roles_is_told_the_sql(gateway: asyncpg.Connection) -> None:
    with pytest.raises(roles.RolesMissing, match="CREATE ROLE"):
        await roles.ensure_roles(gateway, roles.passwords())


async def test_the_projector_makes_read_models_and_the_gateway_reads_them(
    projector: asyncpg.Connection, gateway: asyncpg.Connection
) -> None:
    await projector.execute(
        "CREATE SCHEMA read_1; CREATE TABLE read_1.jobs (id int); INSERT INTO read_1.jobs VALUES (7)"
    )
    assert await gateway.fetchval("SELECT id FROM read_1.jobs") == 7


@pytest.mark.parametrize(
    "sql",
    ["INSERT INTO read_1.jobs VALUES (8)", "DELETE FROM read_1.jobs", "DROP TABLE read_1.jobs", "CREATE SCHEMA mine"],
)
async def test_the_gateway_cannot_write_read_models(
    projector: asyncpg.Connection, gateway: asyncpg.Connection, sql: str
) -> None:
    await projector.execute("CREATE SCHEMA read_1; CREATE TABLE read_1.jobs (id int)")
    with pytest.raises(InsufficientPrivilegeError):
        await gateway.execute(sql)


async def test_the_operator_reads_read_models_made_before_and_after_it(
    projector: asyncpg.Connection, admin: asyncpg.Connection, database: Database
) -> None:
    await projector.execute("CREATE SCHEMA read_1; CREATE TABLE read_1.jobs AS SELECT 7 AS id")
    await roles.grant_operator(admin)
    await projector.execute("CREATE SCHEMA read_2; CREATE TABLE read_2.jobs AS SELECT 8 AS id")
    operator = await asyncpg.connect(database.url("operator"))
    ids = [await operator.fetchval(f"SELECT id FROM {schema}.jobs") for schema in ("read_1", "read_2")]
    await operator.close()
    assert ids == [7, 8]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO read_1.jobs VALUES (8)",
        "DROP TABLE read_1.jobs",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (id int)",
        "SELECT * FROM identity.users",
        "SELECT * FROM migrations.applied",
        "SET ROLE jobstream_projector",
    ],
)
async def test_the_operator_can_nothing_else(
    projector: asyncpg.Connection, operator: asyncpg.Connection, sql: str
) -> None:
    await projector.execute("CREATE SCHEMA read_1; CREATE TABLE read_1.jobs (id int)")
    with pytest.raises(InsufficientPrivilegeError):
        await operator.execute(sql)


async def test_the_gateway_keeps_identities(admin: asyncpg.Connection, gateway: asyncpg.Connection) -> None:
    await admin.execute("CREATE TABLE identity.sample (id int)")
    await gateway.execute("INSERT INTO identity.sample VALUES (1)")
    assert await gateway.fetchval("SELECT count(*) FROM identity.sample") == 1


async def test_the_projector_cannot_read_identities(admin: asyncpg.Connection, projector: asyncpg.Connection) -> None:
    await admin.execute("CREATE TABLE identity.sample (id int)")
    with pytest.raises(InsufficientPrivilegeError):
        await projector.fetch("SELECT * FROM identity.sample")


async def test_a_wrong_password_is_refused(database: Database) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(database.server.url("jobstream_gateway", "guess", database.name))


async def test_the_server_recovers_committed_rows_after_a_kill(database: Database, admin: asyncpg.Connection) -> None:
    await admin.execute("CREATE TABLE identity.kept AS SELECT 1 AS id")
    await asyncio.to_thread(database.server.kill)
    database.server.restart()
    again = await asyncpg.connect(database.url("admin"))
    assert await again.fetchval("SELECT id FROM identity.kept") == 1
    await again.close()
