"""Where the gateway is put together: the only place that knows which adapter stands behind which port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from nats.errors import Error as NatsError

from libs.events.commands import CommandLog
from libs.events.connection import connect, unfit
from libs.events.objects import Objects
from libs.jobs.events import EVENTS as JOB_EVENTS
from libs.process.clock import Clock, SystemClock
from libs.process.health import Health
from libs.profiles.repository import read_profiles
from services.gateway.application import application
from services.gateway.computing import Computing
from services.gateway.jetstream import JetStreamCommands, JetStreamIdempotencyKeys, folded_jobs, listening
from services.gateway.jobs import JobReader
from services.gateway.live import Live, LiveSettings, create_live
from services.gateway.origins import Origins
from services.gateway.passwords import Passwords
from services.gateway.ports import DatabaseUnavailable
from services.gateway.postgres import Database, open_database
from services.gateway.postgres_accounts import PostgresAccounts
from services.gateway.postgres_models import PostgresModels
from services.gateway.postgres_profiles import PostgresProfiles
from services.gateway.postgres_simulations import PostgresSimulations
from services.gateway.preparation import Preparation
from services.gateway.profiles import ProfileDesk
from services.gateway.settings import GatewaySettings
from services.gateway.simulations import SimulationReader
from services.gateway.tokens import AccessTokens

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["Gateway", "open_gateway"]

_NATS_TIMEOUT_SECONDS = 4.0


class Gateway(NamedTuple):
    """A gateway that works while the block that opened it runs."""

    app: Any  # ASGI
    live: Live
    health: Health


@asynccontextmanager
async def open_gateway(
    settings: GatewaySettings, live_settings: LiveSettings | None = None, *, clock: Clock | None = None
) -> AsyncIterator[Gateway]:
    """Connect everything; on leaving, close it in reverse."""
    clock = clock or SystemClock()
    health = Health("gateway")
    name = f"gateway-{uuid4().hex[:8]}"
    async with AsyncExitStack() as stack:
        lives: list[Live] = []

        async def recheck() -> None:
            for each in lives:
                await each.recheck()

        nats = await connect(settings, name, on_reconnect=recheck, on_slow_consumer=recheck)
        stack.push_async_callback(_close, nats)
        database = await stack.enter_async_context(
            open_database(settings.database_url, connections_max=settings.database_connections_max)
        )
        models = PostgresModels(
            database,
            read_timeout_seconds=settings.read_timeout_seconds,
            list_timeout_seconds=settings.list_timeout_seconds,
        )
        command_log = CommandLog(nats, timeout_seconds=_NATS_TIMEOUT_SECONDS)
        store, folded = folded_jobs(nats, clock)
        jobs = JobReader(models, store, folded, command_log, resting=lambda: database.resting)
        simulation_models = PostgresSimulations(database, timeout_seconds=settings.list_timeout_seconds)
        profile_lists = PostgresProfiles(database, timeout_seconds=settings.list_timeout_seconds)
        own_profiles = read_profiles(nats, others=(JOB_EVENTS,))
        computing = Computing(settings.computing_threads)
        stack.callback(computing.close)
        preparation = Preparation(own_profiles, profile_lists.names, computing)
        commands = JetStreamCommands(command_log, clock, name)
        await stack.enter_async_context(listening(nats, commands, name))
        tokens = AccessTokens(settings.jwt_secret, clock, settings.access_token_seconds)
        passwords = Passwords(settings.password_threads)
        stack.callback(passwords.close)
        accounts = PostgresAccounts(
            database,
            settings.jwt_secret,
            clock,
            lifetime=timedelta(days=settings.refresh_token_days),
            grace=timedelta(seconds=settings.refresh_grace_seconds),
        )
        origins = Origins(settings.cors_allowed_origins, loopback=settings.on_loopback)
        live = create_live(
            nats,
            jobs=jobs,
            commands=commands,
            tokens=tokens,
            secret=settings.jwt_secret,
            origin_allowed=origins.allows,
            token_query_allowed=settings.ws_token_query,
            clock=clock,
            health=health,
            settings=live_settings,
        )
        await stack.enter_async_context(live.running())
        lives.append(live)
        health.check("nats", partial(unfit, nats))
        app = application(
            settings,
            accounts=accounts,
            passwords=passwords,
            tokens=tokens,
            jobs=jobs,
            lists=models,
            simulations=SimulationReader(jobs, simulation_models, resting=lambda: database.resting),
            simulation_lists=simulation_models,
            preparation=preparation,
            profiles=ProfileDesk(
                own_profiles,
                profile_lists,
                commands,
                command_log,
                preparation,
                clock,
                wait_seconds=settings.outcome_wait_seconds,
                count_max=settings.profiles_per_user,
            ),
            computing=computing,
            objects=Objects(nats),
            commands=commands,
            keys=JetStreamIdempotencyKeys(nats, timeout_seconds=_NATS_TIMEOUT_SECONDS),
            live=live,
            origins=origins,
            health=health,
            check_database=lambda: _check_database(database, health),
            clock=clock,
        )
        health.started()
        yield Gateway(app, live, health)


async def _close(client: Client) -> None:
    with contextlib.suppress(OSError, NatsError):  # the server may be gone before us
        await client.close()


async def _check_database(database: Database, health: Health) -> None:
    """Without Postgres jobs still work, so it is a defect and not the end of service."""
    try:
        await database.ping()
    except DatabaseUnavailable:
        health.degrade("postgres", "Postgres does not answer: no sign-in, no lists; jobs are read from the log")
    else:
        health.restore("postgres")
