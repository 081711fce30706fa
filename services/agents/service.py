"""The service put together: its connections, its consumers, and their end in the order of the nesting read backwards."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from libs.events.commands import CommandLog
from libs.events.connection import NatsSettings, connect, leave, unfit
from libs.events.handling import CommandHandler
from libs.events.subscription import Handler, Subscription, leases_of
from libs.jobs.handling import JobDecider
from libs.jobs.liveness import Holder, worker_name
from libs.jobs.repository import job_repository
from libs.llm.factory import create_model
from libs.process.clock import SystemClock
from libs.process.health import Health, serve
from libs.process.lifecycle import announce
from services.agents.replying import Replier
from services.agents.retries import RetryPolicy

if TYPE_CHECKING:
    from libs.llm.settings import ModelSettings
    from libs.process.lifecycle import Stopping
    from services.agents.settings import AgentsSettings

__all__ = ["SERVICE", "run"]

T = TypeVar("T")

log = structlog.get_logger(__name__)

SERVICE = "agents"
_STREAMS = ("COMMANDS", "EVENTS", "WAKEUPS")
_HINTS = 16  # hints handled at once: they are rare
_DELIVERIES_MAX = 1_000  # of a command that crashes its handler: hours of trying


async def run(
    settings: AgentsSettings, nats_settings: NatsSettings, model_settings: ModelSettings, stopping: Stopping
) -> None:
    """Serve until told to stop."""
    health = Health(SERVICE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve(health, settings.health_host, settings.health_port))
        worker = worker_name(SERVICE)
        announce(worker=worker)
        subscriptions: list[Subscription] = []

        async def reconnected() -> None:
            for subscription in subscriptions:
                subscription.reconnected()

        nats = await stopping.unless(connect(nats_settings, worker, on_reconnect=reconnected))
        if nats is None:
            return
        stack.push_async_callback(leave, nats)
        model = create_model(model_settings)
        stack.push_async_callback(model.aclose)

        health.check("nats", partial(unfit, nats))
        leases = await stopping.unless(leases_of(nats, _STREAMS, SERVICE))
        if leases is None:
            return
        holder = await stack.enter_async_context(Holder(nats, worker))
        jobs = job_repository(nats)
        commands = CommandHandler(CommandLog(nats), JobDecider(SERVICE, jobs))
        replier = Replier(
            nats,
            jobs,
            model,
            holder,
            SystemClock(),
            slots=settings.slots,
            rounds_max=settings.conversation_rounds_max,
            timeout_seconds=model_settings.openai_timeout_seconds,
            lease_seconds=leases["EVENTS"],
            retries=RetryPolicy(
                tries_max=settings.model_tries_max,
                delay_seconds=settings.model_retry_delay_seconds,
                delay_seconds_max=settings.model_retry_delay_seconds_max,
            ),
        )

        def listen(stream: str, handler: Handler, concurrency: int, deliveries_max: int | None = None) -> None:
            subscriptions.append(
                Subscription(
                    nats,
                    stream,
                    SERVICE,
                    handler,
                    service=SERVICE,
                    concurrency=concurrency,
                    lease_seconds=leases[stream],
                    deliveries_max=deliveries_max,
                )
            )

        listen("COMMANDS", commands, settings.slots, _DELIVERIES_MAX)
        listen("EVENTS", replier, 2 * settings.slots)  # a wake-up of a job that is being answered needs no slot
        listen("WAKEUPS", replier, _HINTS)
        async with asyncio.TaskGroup() as group:
            for subscription in subscriptions:
                group.create_task(subscription.run(stopping, drain_seconds=settings.drain_seconds))
            health.started()
            log.info("agents.started", worker=worker, slots=settings.slots, offline_model=model_settings.offline)
            await stopping.wait()
            health.draining()
