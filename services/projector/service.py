"""The service put together: its connections, the turn-taking, the housekeeping beside it, and their end."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import structlog

from libs.events.connection import NatsSettings, connect, leave
from libs.events.errors import LogUnavailable
from libs.events.objects import Objects
from libs.process.cancellation import heed
from libs.process.clock import SystemClock
from libs.process.health import Health, serve
from services.projector.leading import Leader, NewerTables
from services.projector.log import LogClient, PositionBeyondEnd
from services.projector.rebuild import RebuildError
from services.projector.reconciler import Reconciler
from services.projector.tables import PositionMoved
from services.projector.tables import connect as connect_database
from services.projector.trimming import trim_commands

if TYPE_CHECKING:
    from libs.process.lifecycle import Stopping
    from services.projector.settings import ProjectorSettings

__all__ = ["SERVICE", "run"]

log = structlog.get_logger(__name__)

SERVICE = "projector"
_HALTED_PAUSE_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_PAUSE_SECONDS_MAX = 2.0
_TRIM_INTERVAL_SECONDS = 600.0

_UNREACHABLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    LogUnavailable,
    RebuildError,
    TimeoutError,
    OSError,
)


async def run(settings: ProjectorSettings, nats_settings: NatsSettings, stopping: Stopping) -> None:
    """Serve until told to stop."""
    health = Health(SERVICE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve(health, settings.health_host, settings.health_port))
        work = asyncio.create_task(_work(settings, nats_settings, health))
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
            health.draining()
        finally:
            stop.cancel()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work


async def _work(settings: ProjectorSettings, nats_settings: NatsSettings, health: Health) -> None:
    leader: Leader | None = None

    async def reconnected() -> None:
        if leader is not None and leader.reader is not None:
            leader.reader.restart("reconnected")

    client = LogClient()
    await connect(nats_settings, SERVICE, on_reconnect=reconnected, using=client)
    try:

        async def connected() -> str | None:
            return None if client.is_connected else "NATS is not connected"

        health.check("nats", connected)
        clock = SystemClock()
        leader = Leader(client, Objects(client).get, settings, health, clock)
        trimmed_at = -_TRIM_INTERVAL_SECONDS

        async def trim() -> None:
            nonlocal trimmed_at
            if time.monotonic() - trimmed_at >= _TRIM_INTERVAL_SECONDS:
                trimmed_at = time.monotonic()
                await trim_commands(client, keep=timedelta(days=settings.commands_keep_days), now=clock.now())

        reconciler = Reconciler(client, settings, leading=lambda: leader.reader is not None, also=trim)
        health.started()
        async with asyncio.TaskGroup() as group:
            group.create_task(_take_turns(leader, settings, health))
            group.create_task(reconciler.run())
    finally:
        await leave(client)


async def _take_turns(leader: Leader, settings: ProjectorSettings, health: Health) -> None:
    """Stand by, lead, and after whatever ends that, begin again from what the database says."""
    pause = _PAUSE_SECONDS
    while True:
        heed()
        began = time.monotonic()
        try:
            connection = await connect_database(settings.database_url.reveal(), name="jobstream-projector")
            try:
                await leader.await_turn(connection)
                await leader.lead(connection)
            finally:
                connection.terminate()
        except PositionMoved as error:
            log.info("projector.position_moved", reason=str(error))
        except (PositionBeyondEnd, NewerTables) as error:
            log.error("projector.halted", reason=str(error))  # the next try is the way out, once somebody has acted
            health.degrade("halted", str(error), ready=False)
            await asyncio.sleep(_HALTED_PAUSE_SECONDS)
        except _UNREACHABLE as error:
            if time.monotonic() - began > _PAUSE_SECONDS_MAX:
                pause = _PAUSE_SECONDS
            log.warning("projector.interrupted", error=str(error), kind=type(error).__name__)
            health.degrade("database", f"{type(error).__name__}: {error}")
            await asyncio.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311
            pause = min(_PAUSE_SECONDS_MAX, pause * 2)
