"""Servers that die under the projector, and logs that are not what they were."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from libs.jobs.testing import build_history
from libs.process import faults
from tests.services.projector.conftest import World, a_stream, until

pytestmark = pytest.mark.faults


async def test_a_killed_nats_loses_and_repeats_nothing(world: World) -> None:
    lives = [build_history(a_stream(), steps=5) for _ in range(8)]
    async with world.projecting():
        for life in lives[:4]:
            await world.append(life)
        world.server.kill()
        world.server.start()
        for life in lives[4:]:
            await world.append(life)
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.job_events") == sum(len(life.history) for life in lives)
    assert await world.value("SELECT count(*) FROM read.parked") == 0


async def test_a_killed_connection_to_postgres_loses_and_repeats_nothing(world: World) -> None:
    lives = [build_history(a_stream(), steps=5) for _ in range(12)]
    async with world.projecting():
        for number, life in enumerate(lives):
            await world.append(life)
            if number % 3 == 0:
                await world.fetch(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'jobstream-projector' AND datname = current_database()"
                )
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.job_events") == sum(len(life.history) for life in lives)


@pytest.mark.parametrize("point", ["projector.before_commit", "projector.after_commit"])
async def test_a_projector_that_dies_around_a_commit_is_followed_without_a_gap(world: World, point: str) -> None:
    lives = [build_history(a_stream(), steps=5) for _ in range(6)]
    died = asyncio.Event()

    async def die() -> None:
        died.set()
        await asyncio.Event().wait()

    faults.arm(point, die, at=2)
    try:
        async with world.projecting():
            await world.append(lives[0])
            await world.caught_up()
            for life in lives[1:]:
                await world.append(life)
            async with asyncio.timeout(30):
                await died.wait()
    finally:
        faults.disarm_all()
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.job_events") == sum(len(life.history) for life in lives)


async def test_a_log_that_lost_its_end_halts_the_projector_and_says_so(world: World) -> None:
    await world.append(build_history(a_stream()))
    async with world.projecting():
        await world.caught_up()
    await world.tables.execute("UPDATE read.position SET sequence = sequence + 100")
    async with world.projecting() as health:
        detail = await until(lambda: halted(health))
    assert "lost events" in detail


async def test_another_log_halts_the_projector_and_says_so(world: World) -> None:
    await world.append(build_history(a_stream()))
    async with world.projecting():
        await world.caught_up()
    await world.tables.execute("UPDATE read.position SET incarnation = '2020-01-01T00:00:00Z'")
    async with world.projecting() as health:
        detail = await until(lambda: halted(health))
    assert "rebuild" in detail


async def test_tables_of_a_newer_release_are_left_alone(world: World) -> None:
    async with world.projecting():
        await world.append(build_history(a_stream()))
        await world.caught_up()
    await world.tables.execute("UPDATE read.position SET model_version = model_version + 1")
    async with world.projecting() as health:
        detail = await until(lambda: halted(health))
    assert "upgrade" in detail


async def halted(health: Any) -> str | None:
    ready, report = await health.report()
    if "halted" not in report["checks"]:
        return None
    assert not ready
    found: str = report["checks"]["halted"]["detail"]
    return found
