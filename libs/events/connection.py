"""One way to connect to NATS: never giving up, every denial and disconnect logged, an inbox of the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import nats
import structlog
from nats.aio.client import Client

from libs.events import storing
from libs.process.settings import Secret, Settings

__all__ = ["NatsSettings", "connect", "leave", "unfit"]

log = structlog.get_logger(__name__)

_LEAVE_SECONDS = 2.0


class NatsSettings(Settings, kw_only=True, frozen=True):
    """Where NATS is and who we are there."""

    nats_url: list[str] = msgspec.field(default_factory=lambda: ["nats://127.0.0.1:4222"])
    """Servers of one cluster; any of them will do."""
    nats_user: str | None = None
    """Who we are, where the server knows users by password."""
    nats_password: Secret | None = None
    """The password of `NATS_USER`."""
    nats_creds: str | None = None
    """Path of a credentials file, instead of user and password."""


async def connect(
    settings: NatsSettings,
    name: str,
    *,
    on_reconnect: Callable[[], Awaitable[None]] | None = None,
    on_slow_consumer: Callable[[], Awaitable[None]] | None = None,
    using: Client | None = None,
) -> Client:
    """Connect, and keep reconnecting for ever. `on_reconnect` runs after each reconnect, `on_slow_consumer` after messages were dropped.

    `using` is a client of one's own making, not connected yet.
    """

    async def error(exception: Exception) -> None:
        # Permission denials arrive only here; at the caller they look like time-outs.
        log.warning("nats.error", error=str(exception), kind=type(exception).__name__)
        if isinstance(exception, nats.errors.SlowConsumerError) and on_slow_consumer is not None:
            await on_slow_consumer()

    async def disconnected() -> None:
        log.warning("nats.disconnected")

    async def reconnected() -> None:
        log.info("nats.reconnected", server=client.connected_url.netloc if client.connected_url else None)
        storing.forget(client)  # a server that was started again stores again, or fails anew
        if on_reconnect is not None:
            await on_reconnect()

    client = using or Client()
    await client.connect(
        servers=settings.nats_url,
        name=name,
        user=settings.nats_user,
        password=settings.nats_password.reveal() if settings.nats_password else None,
        user_credentials=settings.nats_creds,
        inbox_prefix=f"_INBOX_{settings.nats_user}".encode() if settings.nats_user else b"_INBOX",
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,  # type: ignore[arg-type]  # annotated as int, but slept as given
        ping_interval=10,
        max_outstanding_pings=2,
        error_cb=error,
        disconnected_cb=disconnected,
        reconnected_cb=reconnected,
    )
    return client


async def unfit(client: Client) -> str | None:
    """What is wrong with the connection, or with what the server does with what is published on it: a check of readiness."""
    return storing.defect(client) if client.is_connected else "NATS is not connected"


async def leave(client: Client) -> None:
    """Send what is buffered and close; a server that is gone keeps nobody."""
    with suppress(nats.errors.Error, OSError, TimeoutError):
        async with asyncio.timeout(_LEAVE_SECONDS):
            await client.drain()
