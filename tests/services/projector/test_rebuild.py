"""Filling the read models anew while the old ones serve."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from libs.events.objects import Objects
from libs.jobs.testing import build_history
from services.projector.model import MODEL_VERSION
from services.projector.projection import Projection
from services.projector.rebuild import Differences, Progress, RebuildError, rebuild
from tests.services.projector.conftest import World, a_stream, until


async def rebuilt(world: World, *, verify: bool = False, shown: list[Progress] | None = None) -> Differences | None:
    show = (lambda _: None) if shown is None else shown.append
    url = world.database.url("projector")
    return await rebuild(world.client, url, "read", Objects(world.client).get, show=show, verify=verify)


async def generation(world: World) -> object:
    return await world.value("SELECT generation FROM read.position")


async def filled(world: World, jobs: int = 4) -> None:
    async with world.projecting():
        for _ in range(jobs):
            await world.append(build_history(a_stream(), steps=3))
        await world.caught_up()


async def test_rebuilt_tables_equal_the_live_ones_and_take_their_place(world: World) -> None:
    await filled(world)
    before, rows = await generation(world), await world.dump()
    await rebuilt(world)
    assert await generation(world) != before
    assert await world.dump() == rows


async def test_under_load_nothing_is_lost_repeated_or_different(world: World) -> None:
    lives = [build_history(a_stream(), steps=3) for _ in range(60)]
    swapped = asyncio.Event()

    async def write() -> None:
        for number, life in enumerate(lives):
            await world.append(life)
            if number == 40:
                await swapped.wait()

    async with world.projecting(), asyncio.TaskGroup() as group:
        group.create_task(write())
        await until(lambda: world.value("SELECT to_regclass('read.position') IS NOT NULL"))
        first = await generation(world)
        assert await rebuilt(world, verify=True) == Differences({}, [])
        assert await generation(world) != first
        swapped.set()
        await until(lambda: world.value("SELECT count(*) = 60 FROM read.jobs WHERE status = 'done'"))
    live = await world.dump()
    await world.tables.execute("DROP SCHEMA read CASCADE")
    async with world.projecting():
        await world.caught_up()
    assert await world.dump() == live


async def test_the_live_projector_goes_on_with_the_new_tables(world: World) -> None:
    async with world.projecting():
        await world.append(build_history(a_stream()))
        await world.caught_up()
        await rebuilt(world)
        await world.append(build_history(a_stream()))
        await world.caught_up()
        assert await world.value("SELECT count(*) FROM read.jobs") == 2


async def test_prepared_statements_of_readers_survive_the_swap(world: World) -> None:
    await filled(world)
    gateway = await asyncpg.connect(world.database.url("gateway"))
    try:
        statement = await gateway.prepare("SELECT count(*), max(version) FROM read.jobs WHERE status = $1")
        before = await statement.fetchrow("done")
        await rebuilt(world)
        await world.tables.execute("UPDATE read.jobs SET version = 99")
        assert tuple(await statement.fetchrow("done")) == (before[0], 99)
    finally:
        await gateway.close()


async def test_a_reader_in_the_middle_of_the_old_tables_reads_them_to_the_end(world: World) -> None:
    await filled(world)
    async with world.tables.transaction():
        rows = await world.fetch("SELECT id FROM read.jobs")
        task = asyncio.create_task(rebuilt(world))
        other = await asyncpg.connect(world.database.url("gateway"))
        await until(lambda: other.fetchval("SELECT to_regnamespace('read_retired') IS NOT NULL"))
        assert await other.fetchval("SELECT count(*) FROM read.jobs") == len(rows)
        await other.close()
        assert not task.done()
    await task
    assert await world.value("SELECT to_regnamespace('read_retired')") is None


async def test_what_an_interrupted_rebuild_left_is_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(world)
    settle, gone = Projection.settle, asyncio.Event()

    async def held(self: Projection) -> None:
        await gone.wait()  # else it may be over before it is interrupted
        await settle(self)

    monkeypatch.setattr(Projection, "settle", held)
    task = asyncio.create_task(rebuilt(world))
    await until(lambda: world.value("SELECT to_regclass('read_building.position') IS NOT NULL"))
    await world.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'jobstream-rebuild' AND datname = current_database()"
    )
    gone.set()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)):
        await task
    rows = await world.dump()
    await rebuilt(world)
    assert await world.dump() == rows
    assert await world.value("SELECT to_regnamespace('read_building')") is None


async def test_two_rebuilds_at_once_are_refused(world: World) -> None:
    await filled(world)
    holder = await asyncpg.connect(world.database.url("projector"))
    await holder.execute("SELECT pg_advisory_lock(hashtextextended('jobstream.rebuild.read', 0))")
    with pytest.raises(RebuildError, match="another rebuild"):
        await rebuilt(world)
    await holder.close()


async def test_verifying_shows_a_row_that_differs_and_leaves_the_live_tables_alone(world: World) -> None:
    await filled(world)
    await world.tables.execute("UPDATE read.job_steps SET message = 'tampered' WHERE \"order\" = 2")
    before = await generation(world)
    found = await rebuilt(world, verify=True)
    assert found is not None
    assert {table: count for table, count in found.counts.items() if count} == {"job_steps": 8}
    assert any("tampered" in example for example in found.examples)
    assert await generation(world) == before


async def test_progress_is_shown_and_ends_at_the_whole(world: World) -> None:
    await filled(world)
    shown: list[Progress] = []
    await rebuilt(world, shown=shown)
    assert [each.phase for each in shown][-1] == "swapped"
    assert shown[-1].percent == 100


async def test_tables_of_an_older_release_are_rebuilt_by_themselves(world: World) -> None:
    await filled(world)
    rows = await world.dump()
    await world.tables.execute(
        "UPDATE read.position SET model_version = model_version - 1; UPDATE read.jobs SET prompt = ''"
    )
    async with world.projecting():
        await until(lambda: world.value("SELECT model_version = $1 FROM read.position", MODEL_VERSION))
        await world.append(build_history(a_stream()))
        await world.caught_up()
        assert await world.value("SELECT count(*) FROM read.jobs WHERE prompt = ''") == 0
    assert set(rows["job_events"]) < set((await world.dump())["job_events"])


async def test_a_rebuild_accepts_a_log_that_lost_its_end(world: World) -> None:
    await filled(world)
    rows = await world.dump()
    await world.tables.execute("UPDATE read.position SET sequence = sequence + 100")
    await rebuilt(world)
    assert await world.position() == await world.head()
    assert await world.dump() == rows


async def test_a_log_whose_last_events_were_erased_is_rebuilt_to_its_end(world: World) -> None:
    await filled(world, jobs=2)
    last = await world.value("SELECT id FROM read.jobs ORDER BY sequence DESC LIMIT 1")
    await world.admin.jetstream().purge_stream("EVENTS", subject=f"evt.*.{last}.>")
    await rebuilt(world)
    assert await world.position() == await world.head()
    assert await world.value("SELECT count(*) FROM read.jobs") == 1


async def test_tables_of_a_newer_release_are_not_replaced(world: World) -> None:
    await filled(world, jobs=1)
    await world.tables.execute("UPDATE read.position SET model_version = model_version + 1")
    with pytest.raises(RebuildError, match="version"):
        await rebuilt(world)
