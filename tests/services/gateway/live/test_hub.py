"""The hub: feeds come and go with their watchers, and their health is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from libs.events.errors import LogUnavailable
from libs.process.health import Health
from services.gateway.live.hub import Hub
from tests.services.gateway.live.test_feed import Seen
from tests.services.gateway.live.world import World


async def becomes(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


def hub_of(world: World, health: Health | None = None, check_seconds: float = 0.1) -> Hub:
    return Hub(world.source, world.jobs, health=health, check_seconds=check_seconds, linger_seconds=0)


async def test_watchers_of_one_job_share_a_feed() -> None:
    world = World()
    job, hub = await world.job(), hub_of(world)
    async with hub.running(), hub.feed(job) as one, hub.feed(job) as two:
        assert (one is two, len(world.source.sinks[job])) == (True, 1)


async def test_a_feed_nobody_watches_is_given_up() -> None:
    world = World()
    job, hub = await world.job(), hub_of(world)
    async with hub.running():
        async with hub.feed(job):
            pass
        await becomes(lambda: not world.source.sinks[job])


async def test_a_feed_that_could_not_start_is_tried_anew() -> None:
    world = World()
    job, hub = await world.job(), hub_of(world)
    async with hub.running():
        world.source.unreachable = True
        with pytest.raises(LogUnavailable):
            async with hub.feed(job):
                pass
        world.source.unreachable = False
        async with hub.feed(job) as feed:
            assert feed.head == 1


async def test_a_lost_last_event_arrives_within_a_round_of_checks() -> None:
    world = World()
    job, hub = await world.job(), hub_of(world)
    async with hub.running(), hub.feed(job) as feed:
        seen = Seen()
        await seen.follow(feed, 1)
        world.source.deliver = lambda sink, recorded: None
        await world.talk(job, 1)
        await seen.reaches(2)


async def test_a_recheck_does_not_wait_for_its_turn() -> None:
    world = World()
    job, hub = await world.job(), hub_of(world, check_seconds=3600)
    async with hub.running(), hub.feed(job) as feed:
        seen = Seen()
        await seen.follow(feed, 1)
        world.source.deliver = lambda sink, recorded: None
        await world.talk(job, 1)
        hub.recheck()
        await seen.reaches(2)


async def test_a_parked_job_degrades_the_process_until_it_can_be_read() -> None:
    world, health = World(), Health("gateway")
    health.started()
    job, hub = await world.job(), hub_of(world, health)
    async with hub.running(), hub.feed(job) as feed:
        await Seen().follow(feed, 1)
        world.source.unknown_versions = {2}
        await world.talk(job, 1)
        await becomes(lambda: "gateway.parked_jobs" in health._defects)
        world.source.unknown_versions = set()
        await becomes(lambda: not health._defects)


async def test_who_joins_a_parked_job_is_told() -> None:
    world = World()
    job, hub = await world.job(), hub_of(world)
    async with hub.running(), hub.feed(job) as feed:
        first, second = Seen(), Seen()
        await first.follow(feed, 1)
        world.source.unknown_versions = {2}
        await world.talk(job, 1)
        await first.noticed()
        await second.follow(feed, 1)
    assert second.notices
