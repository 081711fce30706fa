"""What the projector wrote and the gateway reads says the same as the fold of the job."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from libs.events.event import Recorded
from libs.events.objects import Objects
from libs.events.subjects import StreamId
from libs.jobs.commands import CancelJob, CreateJob, PostMessage
from libs.jobs.events import JobEvent
from libs.jobs.evolve import fold
from libs.jobs.testing import Life, build_history
from libs.process.clock import new_id
from libs.process.settings import Secret
from services.gateway.paging import decode_cursor, encode_cursor
from services.gateway.ports import DatabaseUnavailable, JobFilter
from services.gateway.postgres import Database, open_database
from services.gateway.postgres_models import PostgresModels
from services.gateway.views import app_view, job_view
from services.projector.rebuild import rebuild
from tests.services.projector.conftest import World, world

__all__ = ["world"]

ALL = JobFilter()


@pytest.fixture
async def opened(database: Any) -> AsyncIterator[Database]:
    async with open_database(Secret(database.url("gateway")), connections_max=4) as opened:
        yield opened


@pytest.fixture
def models(opened: Database) -> PostgresModels:
    return PostgresModels(opened, read_timeout_seconds=5, list_timeout_seconds=5)


def a_life(owner: Any, idea: str, *, kind: str = "build", cancelled: bool = False) -> Life:
    life = Life(StreamId(owner, new_id()))
    life.do(CreateJob(kind=kind, prompt=idea, talks=kind == "build"))
    life.do(PostMessage(content="it's 100% _mine_ \\o/ \u2603"))
    if cancelled:
        life.do(CancelJob(reason="no"))
    return life


async def written(world: World, lives: list[Life]) -> None:
    for life in lives:
        await world.append(life)
    async with world.projecting():
        await world.caught_up()


async def test_the_row_of_a_job_is_the_view_of_its_fold(world: World, models: PostgresModels) -> None:
    owner = new_id()
    lives = [
        build_history(StreamId(owner, new_id()), idea="An app for bakers"),
        a_life(owner, "Talk", cancelled=True),
        a_life(owner, "Count", kind="count"),
    ]
    await written(world, lives)
    for life in lives:
        assert life.job is not None
        assert await models.job(*life.stream) == job_view(life.job)
        assert await models.app(*life.stream) == app_view(life.job)
        assert await models.job(new_id(), life.stream.id) is None
        assert await models.app(new_id(), life.stream.id) is None
        assert await models.events(new_id(), life.stream.id, first=1, limit=99) == []


async def test_the_rows_of_events_are_the_events(world: World, models: PostgresModels) -> None:
    life = build_history(StreamId(new_id(), new_id()))
    await written(world, [life])
    found = await models.events(*life.stream, first=1, limit=1000)

    def known(each: Recorded[JobEvent]) -> Any:
        cause = (each.cause.causation_id, each.cause.correlation_id)
        return each.version, each.id, each.type, each.schema, each.time, each.event, cause

    assert [known(each) for each in found] == [known(each) for each in life.history]
    assert [each.sequence for each in found] == sorted(each.sequence for each in found)
    job = fold(found)
    assert job is not None
    assert life.job is not None
    assert job_view(job) == job_view(life.job)
    page = await models.events(*life.stream, first=5, limit=3)
    assert [each.version for each in page] == [5, 6, 7]


async def test_lists_are_filtered_and_paged(world: World, models: PostgresModels) -> None:
    owner, other = new_id(), new_id()
    lives = [a_life(owner, f"Idea {number}: 50% off_") for number in range(5)]
    lives += [a_life(owner, "Count", kind="count"), a_life(owner, "Over", cancelled=True), a_life(other, "Idea 9")]
    built = build_history(StreamId(owner, new_id()), idea="An app")
    await written(world, [*lives, built])

    async def prompts(**where: str) -> set[str]:
        return {job.prompt for job in await models.jobs(owner, JobFilter(**where), after=None, limit=50)}

    everything = await models.jobs(owner, ALL, after=None, limit=50)
    assert len(everything) == 8
    order = [(job.created_at, job.id) for job in everything]
    assert order == sorted(order, reverse=True)
    assert await prompts(kind="count") == {"Count"}
    assert await prompts(status="cancelled") == {"Over"}
    assert await prompts(text="IDEA 3") == {"Idea 3: 50% off_"}
    assert len(await prompts(text="50% off_")) == 5
    assert await prompts(text="5_%") == set()
    assert await prompts(text="\\") == set()
    assert await prompts(status="done", kind="build", text="app") == {"An app"}

    paged, after = [], None
    while page := await models.jobs(owner, ALL, after=after, limit=3):
        paged += page
        after = decode_cursor(encode_cursor(page[-1]))
    assert paged == everything

    [app] = await models.apps(owner, after=None, limit=10)
    assert built.job is not None
    assert app == app_view(built.job)
    assert await models.app_by_id(owner, app.id) == app
    assert await models.app_by_id(other, app.id) is None
    assert await models.apps(owner, after=decode_cursor(encode_cursor(app)), limit=10) == []
    assert await models.apps(other, after=None, limit=10) == []


async def test_reading_goes_on_while_the_tables_are_rebuilt_and_swapped(world: World, models: PostgresModels) -> None:
    life = build_history(StreamId(new_id(), new_id()))
    await world.append(life)
    assert life.job is not None
    async with world.projecting():
        await world.caught_up()
        before = await models.job(*life.stream)
        url = world.settings.database_url.reveal()
        rebuilding = asyncio.create_task(
            rebuild(world.client, url, "read", Objects(world.client).get, show=lambda _: None)
        )
        while not rebuilding.done():
            assert await models.job(*life.stream) == before
            assert len(await models.jobs(life.stream.owner, ALL, after=None, limit=9)) == 1
            await asyncio.sleep(0)
        await rebuilding
    assert await models.job(*life.stream) == before == job_view(life.job)


async def unavailable(ask: Callable[[], Awaitable[Any]]) -> None:
    with pytest.raises(DatabaseUnavailable):
        await ask()


async def test_before_the_projector_made_its_tables_they_are_unavailable(models: PostgresModels) -> None:
    await unavailable(lambda: models.job(new_id(), new_id()))
    await unavailable(lambda: models.jobs(new_id(), ALL, after=None, limit=1))


async def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    async with open_database(Secret("postgresql://nobody:x@127.0.0.1:1/none"), connections_max=1) as database:
        async with asyncio.timeout(2):
            await unavailable(database.ping)
        assert database.resting


async def test_a_server_that_hangs_is_given_up_in_time_and_found_again(database: Any, postgres_server: Any) -> None:
    async with open_database(Secret(database.url("gateway")), connections_max=2) as opened:
        await opened.ping()

        async def ask(connection: Any) -> None:
            await connection.fetchval("SELECT 1")

        workers = await _backends(opened)
        for pid in workers:
            _signal(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(3):
                await unavailable(lambda: opened.run(ask, timeout_seconds=0.1))
            assert opened.resting
        finally:
            for pid in workers:
                _signal(pid, signal.SIGCONT)
        await opened.run(ask, timeout_seconds=2)
        assert not opened.resting


async def _backends(opened: Database) -> list[int]:
    async def pids(connection: Any) -> list[int]:
        found = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return [row["pid"] for row in found]

    return await opened.run(pids, timeout_seconds=2)


def _signal(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)


async def test_connections_that_the_server_cut_are_replaced(database: Any, opened: Database) -> None:
    pids = await _backends(opened)
    admin = await asyncpg.connect(database.server.superuser_url())
    for pid in pids:
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.close()
    failures = 0
    for _ in range(20):
        try:
            await opened.ping()
        except DatabaseUnavailable:
            failures += 1
    assert failures <= 1
    assert not opened.resting
