"""The service put together: its connections, its consumers, and their end in the order of the nesting read backwards."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from libs.events.commands import CommandLog
from libs.events.connection import connect, leave, unfit
from libs.events.handling import CommandHandler
from libs.events.subscription import Handler, Subscription, leases_of
from libs.jobs.handling import JobDecider
from libs.jobs.liveness import Holder, worker_name
from libs.jobs.repository import job_repository
from libs.llm.factory import create_model
from libs.process.clock import SystemClock
from libs.process.health import Health, serve
from libs.process.lifecycle import announce
from libs.process.settings import SettingsError
from libs.profiles.handling import ProfileDecider
from libs.profiles.repository import profile_repository
from libs.workflow.errors import UnknownWorkflow
from libs.workflow.family import Family
from libs.workflow.ports import Limits
from libs.workflow.registry import Workflows
from libs.workflow.retry import Retry
from services.runner import simulation
from services.runner.build import Build
from services.runner.endings import Endings
from services.runner.host import NatsHost
from services.runner.running import Running
from services.runner.shards import Shards
from services.runner.timers import Timers
from services.runner.wakeups import WakeUps

if TYPE_CHECKING:
    from libs.events.connection import NatsSettings
    from libs.llm.port import ChatModel
    from libs.llm.settings import ModelSettings
    from libs.process.lifecycle import Stopping
    from services.runner.settings import RunnerSettings

__all__ = ["SERVICE", "run", "workflows"]

T = TypeVar("T")

log = structlog.get_logger(__name__)

SERVICE = "runner"
_STREAMS = ("EVENTS", "COMMANDS", "TIMERS", "TASKS", "WAKEUPS")
_COMMANDS = 100  # handled at once, as are due timers: each is a short decision
_HINTS = 16  # hints handled at once: they are rare
_DELIVERIES_MAX = 1_000  # of a command that crashes its handler: hours of trying
_DRAIN_SECONDS = 10.0


async def run(
    settings: RunnerSettings,
    nats_settings: NatsSettings,
    model_settings: ModelSettings,
    stopping: Stopping,
    *,
    model: ChatModel | None = None,
) -> None:
    """Serve until told to stop. With a `model` of the caller's own, that one speaks, and is closed by the caller."""
    health = Health(SERVICE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve(health, settings.health_host, settings.health_port))
        worker = worker_name(SERVICE)
        announce(worker=worker)
        running = Running()
        subscriptions: list[Subscription] = []

        async def reconnected() -> None:
            for subscription in subscriptions:
                subscription.reconnected()
            running.notify_all()  # a live event may have been lost meanwhile

        if model is None:
            model = create_model(model_settings)
            stack.push_async_callback(model.aclose)
        known = workflows(settings, model, timeout_seconds=model_settings.openai_timeout_seconds)
        nats = await stopping.unless(connect(nats_settings, worker, on_reconnect=reconnected))
        if nats is None:
            return
        stack.push_async_callback(leave, nats)

        health.check("nats", partial(unfit, nats))
        leases = await stopping.unless(leases_of(nats, _STREAMS, SERVICE))
        if leases is None:
            return
        threads = ThreadPoolExecutor(settings.shard_slots, thread_name_prefix="shard")
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        holder = await stack.enter_async_context(Holder(nats, worker))
        clock = SystemClock()
        jobs = job_repository(nats, clock)
        limits = Limits(durable_delay_seconds=settings.durable_delay_seconds, cleanup_seconds=settings.cleanup_seconds)
        family = Family(jobs)
        wakeups = WakeUps(
            nats,
            jobs,
            known,
            NatsHost(nats, clock, limits),
            holder,
            running,
            family,
            slots=settings.slots,
            stalls_max=settings.attempt_stalls_max,
            lease_seconds=leases["EVENTS"],
        )
        shards = Shards(nats, jobs, worker, threads)
        await running.listen(nats)
        await shards.listen(nats)

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

        profiles = ProfileDecider(SERVICE, profile_repository(nats, clock))
        commands = CommandHandler(CommandLog(nats), JobDecider(SERVICE, jobs), profiles)
        listen("COMMANDS", Endings(commands, jobs, family), _COMMANDS, _DELIVERIES_MAX)
        listen("EVENTS", wakeups, settings.slots)
        listen("WAKEUPS", wakeups, _HINTS)
        listen("TIMERS", Timers(jobs, clock), _COMMANDS)
        listen("TASKS", shards, settings.shard_slots)
        async with asyncio.TaskGroup() as group:
            for subscription in subscriptions:
                group.create_task(subscription.run(stopping, drain_seconds=_DRAIN_SECONDS))
            checking = group.create_task(running.check(settings.check_seconds))
            health.started()
            log.info("runner.started", worker=worker, kinds=known.kinds, slots=settings.slots)
            await stopping.wait()
            health.draining()
            checking.cancel()
            running.drain()


def workflows(settings: RunnerSettings, model: ChatModel, *, timeout_seconds: float) -> Workflows:
    """What does which kind of job: `build` is the executive discussion unless the settings name another. Raises `SettingsError`."""
    retry = Retry(
        attempts=settings.model_tries_max,
        initial_seconds=settings.model_retry_delay_seconds,
        max_seconds=settings.model_retry_delay_seconds_max,
    )
    build = Build(model, rounds_max=settings.build_rounds_max, retry=retry, timeout_seconds=timeout_seconds)
    try:
        return Workflows(settings.orchestrators, {"build": build, **simulation.WORKFLOWS})
    except UnknownWorkflow as error:
        raise SettingsError([str(error)]) from error
