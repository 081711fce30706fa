"""The gateway's Postgres: a small pool that is never waited for long, and is left alone for a moment once it did not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import structlog
from prometheus_client import Counter

from libs.process import metrics
from libs.process.settings import Secret
from services.gateway.ports import DatabaseUnavailable

__all__ = ["Connection", "Database", "open_database"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

Connection = Any  # asyncpg lends a proxy of its connection

_unavailable = Counter(
    "jobstream_gateway_database_unavailable_total", "Times Postgres did not answer in time.", registry=metrics.registry
)

_REST_SECONDS = 1.0  # how long those who have another source leave a silent Postgres alone
_CONNECT_TIMEOUT_SECONDS = 3.0
_DOWN = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,  # the projector has not made the read models yet
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,  # ... or not granted them yet
    ConnectionError,
    TimeoutError,
    OSError,
)


class Database:
    """Connections to lend. Everything that goes wrong between us and Postgres is `DatabaseUnavailable`; a rule that was broken is not."""

    def __init__(self, pool: Any, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._rests_until = 0.0

    @property
    def resting(self) -> bool:
        """Postgres was silent a moment ago: whoever has another source should use it."""
        return self._monotonic() < self._rests_until

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, timeout_seconds: float) -> T:
        """Do the work on a connection, all of it within the time. Raises `DatabaseUnavailable`."""
        try:
            found = await self._work(work, timeout_seconds)
        except _DOWN as error:
            _unavailable.inc()
            if not self.resting:
                log.warning("database.unavailable", kind=type(error).__name__)
            self._rests_until = self._monotonic() + _REST_SECONDS
            raise DatabaseUnavailable from error
        self._rests_until = 0.0
        return found

    async def _work(self, work: Callable[[Connection], Awaitable[T]], timeout_seconds: float) -> T:
        async with asyncio.timeout(timeout_seconds):
            connection = await self._pool.acquire()
        try:
            async with asyncio.timeout(timeout_seconds):
                return await work(connection)
        except TimeoutError:
            connection.terminate()  # a server that is silent does not answer a polite cancellation either
            raise
        finally:
            await self._pool.release(connection, timeout=1.0)

    async def ping(self) -> None:
        """Raises `DatabaseUnavailable`."""

        async def ask(connection: Connection) -> None:
            await connection.fetchval("SELECT 1")

        await self.run(ask, timeout_seconds=0.7)


@asynccontextmanager
async def open_database(url: Secret, *, connections_max: int) -> AsyncIterator[Database]:
    """A pool while the block runs. It connects when first used, so that a gateway starts, and works as far as it can, without Postgres."""
    pool = asyncpg.create_pool(
        url.reveal(),
        min_size=0,
        max_size=connections_max,
        timeout=_CONNECT_TIMEOUT_SECONDS,
        max_inactive_connection_lifetime=300,
        server_settings={"application_name": "jobstream-gateway", "jit": "off", "timezone": "UTC"},
    )
    await pool
    try:
        yield Database(pool)
    finally:
        try:
            async with asyncio.timeout(1.0):
                await pool.close()
        except TimeoutError:
            pool.terminate()
