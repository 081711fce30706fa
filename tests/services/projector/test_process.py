"""The projector as a process: killed, started again, and told to rebuild."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from libs.jobs.testing import build_history
from tests.conftest import PostgresServer
from tests.services.projector.conftest import World, a_stream, until

pytestmark = pytest.mark.faults


@asynccontextmanager
async def process(world: World, *arguments: str, **environ: str) -> AsyncIterator[Process]:
    name, password = world.server.user("projector")
    found = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.projector",
        *arguments,
        env={
            **os.environ,
            "NATS_URL": world.server.url,
            "NATS_USER": name,
            "NATS_PASSWORD": password,
            "DATABASE_URL": world.database.url("projector"),
            **environ,
        },
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield found
    finally:
        if found.returncode is None:
            found.kill()
            await found.wait()


async def test_killed_again_and_again_it_applies_each_event_once(world: World) -> None:
    lives = [build_history(a_stream(), steps=4) for _ in range(30)]
    points = ("projector.before_commit=kill@3", "projector.after_commit=kill@4", "projector.before_commit=kill@2")
    for place, point in enumerate(points):
        async with process(world, FAULT_POINTS=point) as victim:
            for life in lives[place * 10 : place * 10 + 10]:
                await world.append(life)
                await asyncio.sleep(0)
            async with asyncio.timeout(30):
                # What is appended while it lives is one batch or many: keep it busy until it dies.
                while victim.returncode is None:
                    await world.append(build_history(a_stream(), rounds=1, steps=1))
                    await asyncio.wait([asyncio.create_task(victim.wait())], timeout=0.02)
    async with process(world):
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.job_events") == await world.head()
    assert await world.value("SELECT count(*) FROM read.parked") == 0


async def test_a_killed_postgres_loses_nothing(world: World, postgres_server: PostgresServer) -> None:
    lives = [build_history(a_stream(), steps=4) for _ in range(6)]
    async with process(world):
        for life in lives[:3]:
            await world.append(life)
        await until(lambda: world.value("SELECT to_regclass('read.position') IS NOT NULL"))
        postgres_server.kill()
        for life in lives[3:]:
            await world.append(life)
        postgres_server.start()
        await world.reconnect()
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.job_events") == sum(len(life.history) for life in lives)


async def test_told_to_rebuild_it_shows_progress_and_verifies(world: World) -> None:
    async with world.projecting():
        await world.append(build_history(a_stream()))
        await world.caught_up()
    async with process(world, "rebuild", "--verify") as rebuilding:
        out, err = await rebuilding.communicate()
    assert (rebuilding.returncode, b"row by row" in out, b"100.0 %" in err) == (0, True, True)


async def test_verifying_a_difference_ends_with_status_1_and_shows_it(world: World) -> None:
    async with world.projecting():
        await world.append(build_history(a_stream()))
        await world.caught_up()
    await world.tables.execute("UPDATE read.apps SET spec = '{}'")
    async with process(world, "rebuild", "--verify") as rebuilding:
        out, _ = await rebuilding.communicate()
    assert (rebuilding.returncode, b"apps: 2" in out) == (1, True)


async def test_it_stops_when_told_to(world: World) -> None:
    async with process(world) as serving:
        await until(lambda: world.value("SELECT to_regclass('read.position') IS NOT NULL"))
        serving.terminate()
        async with asyncio.timeout(10):
            assert await serving.wait() == 0
