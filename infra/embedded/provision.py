"""Preparing NATS and Postgres for the services, be they embedded or outside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import structlog
from nats.aio.client import Client as NatsClient
from nats.errors import Error as NatsError

from infra.embedded.postgres import DATABASE, EmbeddedPostgres
from infra.nats import topology
from infra.postgres import migrate, roles
from libs.process.settings import SettingsError

__all__ = ["Urls", "apply_topology", "provision_embedded", "provision_outside", "provision_server"]

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 10

Urls = dict[str, str]
"""The database URL of each service that has one."""


async def apply_topology(
    servers: Sequence[str],
    *,
    user: str | None,
    password: str | None,
    creds: str | None,
    wanted: topology.Topology,
) -> list[str]:
    """Connect and apply the streams and consumers. Raises `TopologyError` if that is refused."""
    failures: list[str] = []

    async def note(error: Exception) -> None:
        failures.append(str(error))

    client = NatsClient()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):  # the library itself would go on trying
            await client.connect(
                list(servers),
                name="jobstream topology",
                user=user,
                password=password,
                user_credentials=creds,
                inbox_prefix=f"_INBOX_{user}".encode() if user else b"_INBOX",
                allow_reconnect=False,
                reconnect_time_wait=1,
                max_reconnect_attempts=4,
                error_cb=note,
            )
    except (NatsError, OSError, TimeoutError) as error:
        await client.close()
        reason = next((text for text in reversed(failures) if text), str(error) or "no answer")
        raise topology.TopologyError(f"NATS at {', '.join(servers)} cannot be reached: {reason}") from None
    try:
        return await topology.apply(client, wanted)
    except topology.TopologyError as error:
        raise topology.TopologyError("; ".join([str(error), *failures])) from None
    finally:
        await client.close()


async def provision_embedded(server: EmbeddedPostgres, passwords: dict[str, str]) -> Urls:
    """Roles, database and migrations on our own server; answer URLs without passwords."""
    await provision_server(server.superuser_url(), server.url(roles.ADMIN, passwords[roles.ADMIN]), passwords)
    return {"gateway": server.url(roles.GATEWAY), "projector": server.url(roles.PROJECTOR)}


async def provision_server(superuser_url: str, admin_url: str, passwords: dict[str, str]) -> None:
    """Roles, database and migrations on a server whose superuser we are."""
    connection = await asyncpg.connect(superuser_url)
    try:
        await roles.ensure_roles(connection, passwords)
        await roles.ensure_database(connection, DATABASE)
    finally:
        await connection.close()
    connection = await asyncpg.connect(admin_url)
    try:
        await migrate.migrate(connection)
        await roles.grant_operator(connection)
    finally:
        await connection.close()


async def provision_outside(url: str, passwords: dict[str, str], given: Urls) -> Urls:
    """Roles (unless the services' own URLs are given) and migrations in the database of `url`; answer the URLs.

    Raises `SettingsError` with what an administrator has to do, if the user of `url` may not do it.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError, ValueError, TimeoutError) as error:
        raise SettingsError([f"DATABASE_URL leads to no usable Postgres: {error}"]) from None
    try:
        wanted = {role: passwords[role] for role in (roles.GATEWAY, roles.PROJECTOR)}
        if not given:
            await roles.ensure_roles(connection, wanted)
        try:
            await roles.grant_database(connection, await connection.fetchval("SELECT current_database()"))
        except asyncpg.InsufficientPrivilegeError:
            log.warning("database.grants_left", reason="the user of DATABASE_URL does not own the database")
    except roles.RolesMissing as error:
        raise SettingsError([str(error)]) from None
    finally:
        await connection.close()
    connection = await asyncpg.connect(url)
    try:
        await migrate.migrate(connection)
    finally:
        await connection.close()
    return given or {
        service: _as_user(url, role, passwords[role])
        for service, role in (("gateway", roles.GATEWAY), ("projector", roles.PROJECTOR))
    }


def _as_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))
