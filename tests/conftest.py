"""Real servers for tests: one NATS and one Postgres per test process, on free ports, gone when the process is."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import nats
import pytest

from infra.embedded.nats import EmbeddedNats
from infra.embedded.postgres import EmbeddedPostgres
from infra.nats import topology
from infra.postgres import migrate, roles

T = TypeVar("T")

PREFIX = "jobstream-tests-"
TEMPLATE = "jobstream_template"


def _now(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, outside any test's event loop."""
    with closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(work)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder any user can reach, removed at the end; those that killed sessions left are removed at the start."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_if_abandoned(old)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o711)  # Postgres runs as nobody where the tests run as root
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _remove_if_abandoned(folder: Path) -> None:
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return


def _serve_nats(folder: Path, sync_interval: str) -> EmbeddedNats:
    server = EmbeddedNats(folder, sync_interval=sync_interval)
    server.start()
    _now(_apply_topology(server))
    return server


async def _apply_topology(server: EmbeddedNats) -> None:
    user, password = server.user("admin")
    client = await nats.connect(
        server.url, user=user, password=password, inbox_prefix=b"_INBOX_admin", allow_reconnect=False
    )
    try:
        await topology.apply(client)
    finally:
        await client.close()


@pytest.fixture(scope="session")
def nats_server(server_folder: Path) -> Iterator[EmbeddedNats]:
    """A NATS server with the accounts and streams, shared by the tests of this process: use ids of your own."""
    server = _serve_nats(server_folder / "nats", os.environ.get("TEST_NATS_SYNC_INTERVAL", "always"))
    yield server
    server.kill()


@pytest.fixture
def fresh_nats(server_folder: Path) -> Iterator[EmbeddedNats]:
    """A NATS server of the test's own, to fill, kill and restart."""
    folder = server_folder / f"nats-{uuid4().hex}"
    server = _serve_nats(folder, os.environ.get("TEST_NATS_SYNC_INTERVAL", "always"))
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


class PostgresServer(EmbeddedPostgres):
    """The session's server, with the roles made and a migrated database to copy."""

    passwords: dict[str, str]

    def role_url(self, role: str, database: str) -> str:
        return self.url(role, self.passwords[role], database)


class Database:
    """One test's own database: roles and migrations applied, no rows."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self.server = server
        self.name = name

    def url(self, role: str = "admin") -> str:
        """The URL for `admin`, `gateway`, `projector` (or the role's full name)."""
        full = role if role.startswith("jobstream_") else f"jobstream_{role}"
        return self.server.role_url(full, self.name)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[PostgresServer]:
    """A Postgres server shared by the tests of this process; take `database` for one to write to."""
    server = PostgresServer(server_folder / "postgres", durable=False)
    server.passwords = roles.passwords()
    server.start()
    _now(_make_template(server))
    yield server
    server.kill()


@pytest.fixture
def fresh_postgres(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A Postgres server of the test's own, for what changes the roles: their passwords belong to the whole server."""
    folder = server_folder / f"postgres-{uuid4().hex}"
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


async def _make_template(server: PostgresServer) -> None:
    admin = await asyncpg.connect(server.superuser_url())
    await roles.ensure_roles(admin, server.passwords)
    await roles.ensure_database(admin, TEMPLATE)
    await admin.close()
    owner = await asyncpg.connect(server.role_url(roles.ADMIN, TEMPLATE))
    await migrate.migrate(owner)
    await owner.close()


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A database of the test's own, dropped afterwards."""
    name = f"test_{uuid4().hex}"
    _now(_create_database(postgres_server, name))
    yield Database(postgres_server, name)
    _now(_drop_database(postgres_server, name))


async def _create_database(server: PostgresServer, name: str) -> None:
    admin = await asyncpg.connect(server.superuser_url())
    await roles.ensure_database(admin, name, template=TEMPLATE)
    await admin.close()


async def _drop_database(server: PostgresServer, name: str) -> None:
    if server.child is None or server.child.exit_status() is not None:
        return
    admin = await asyncpg.connect(server.superuser_url())
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()
