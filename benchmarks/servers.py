"""A NATS server and a Postgres of one's own for benchmarks of single services, with the project's streams, users, roles and migrations."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from infra.embedded.nats import EmbeddedNats
from infra.embedded.postgres import DATABASE, EmbeddedPostgres
from infra.nats import topology
from infra.postgres import migrate, roles
from libs.events.connection import connect
from libs.process import logs

__all__ = ["Servers", "projector", "servers"]


class Servers:
    """Both, running."""

    def __init__(self, nats: EmbeddedNats, postgres: EmbeddedPostgres, passwords: dict[str, str]) -> None:
        self.nats = nats
        self.postgres = postgres
        self._passwords = passwords

    def database_url(self, role: str = roles.PROJECTOR) -> str:
        return self.postgres.url(role, self._passwords[role])

    def environ(self, user: str) -> dict[str, str]:
        """What a service process needs to find them."""
        name, password = self.nats.user(user)
        return {
            **os.environ,
            "NATS_URL": self.nats.url,
            "NATS_USER": name,
            "NATS_PASSWORD": password,
            "DATABASE_URL": self.database_url(),
            "LOG_LEVEL": "warning",
        }


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Start them, durable as in production; stop them and remove their data on leaving."""
    logs.configure("benchmark", "error")  # standard output is for figures
    folder = Path(tempfile.mkdtemp(prefix="jobstream-bench-"))
    folder.chmod(0o711)  # noqa: ASYNC240  # once, before anything runs
    nats = EmbeddedNats(folder / "nats")
    postgres = EmbeddedPostgres(folder / "postgres")
    passwords = roles.passwords()
    try:
        nats.start()
        postgres.start()
        admin = await connect(nats.settings("admin"), "benchmark")
        await topology.apply(admin)
        await admin.close()
        superuser = await asyncpg.connect(postgres.superuser_url())
        await roles.ensure_roles(superuser, passwords)
        await roles.ensure_database(superuser, DATABASE)
        await superuser.close()
        owner = await asyncpg.connect(postgres.url(roles.ADMIN, passwords[roles.ADMIN]))
        await migrate.migrate(owner)
        await owner.close()
        yield Servers(nats, postgres, passwords)
    finally:
        nats.kill()
        postgres.kill()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def projector(running: Servers, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A projector process while the block runs."""
    command = (sys.executable, "-m", "services.projector")
    root = Path(__file__).parent.parent
    process = await asyncio.create_subprocess_exec(*command, cwd=root, env=running.environ("projector") | environ)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
