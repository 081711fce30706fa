"""The projector at work, on a real log and a real database."""

from __future__ import annotations

import asyncio
import copy
from contextlib import AsyncExitStack

import asyncpg
import pytest

from libs.events.objects import Objects
from libs.jobs.commands import CancelJob, CreateJob
from libs.jobs.events import EVENTS
from libs.jobs.testing import Life, build_history
from services.projector.entry import Entry
from services.projector.leading import Leader
from services.projector.projection import Projection
from services.projector.tables import PositionMoved, Tables
from services.projector.tables import connect as connect_database
from tests.services.projector.conftest import World, a_stream, until


async def test_a_job_in_the_log_is_in_the_tables(world: World) -> None:
    life = build_history(a_stream())
    async with world.projecting():
        await world.append(life)
        await world.caught_up()
    row = await world.fetch("SELECT status, version FROM read.jobs WHERE id = $1", life.stream.id)
    assert [tuple(each) for each in row] == [("done", len(life.history))]


async def test_history_is_kept_byte_for_byte(world: World) -> None:
    life = build_history(a_stream(), idea='Quotes "\\n", tabs\t, lines\n, zero \u0000, 花, and a \\ at the end\\')
    async with world.projecting():
        await world.append(life)
        await world.caught_up()
    rows = await world.fetch(
        "SELECT type, schema, data FROM read.job_events WHERE job_id = $1 ORDER BY version", life.stream.id
    )
    assert [EVENTS.decode(row["type"], row["schema"], row["data"].encode()) for row in rows] == [
        each.event for each in life.history
    ]


async def test_a_payload_in_the_object_store_is_fetched(world: World) -> None:
    life = build_history(a_stream(), idea="long " * 20_000)
    async with world.projecting():
        await world.append(life)
        await world.caught_up()
    assert await world.value("SELECT prompt FROM read.jobs") == "long " * 20_000


async def test_a_projector_that_starts_later_goes_on_where_the_last_one_stopped(world: World) -> None:
    life = build_history(a_stream())
    await world.append(life)
    async with world.projecting():
        await world.caught_up()
    other = build_history(a_stream())
    await world.append(other)
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.job_events") == len(life.history) + len(other.history)


async def test_what_came_in_many_small_batches_equals_one_large(world: World) -> None:
    lives = [build_history(a_stream(), steps=4) for _ in range(10)]
    async with world.projecting():
        for life in lives:
            await world.append(life)
        await world.caught_up()
    small = await world.dump()
    await world.tables.execute("DROP SCHEMA read CASCADE")
    async with world.projecting():
        await world.caught_up()
    assert await world.dump() == small


async def test_an_ended_jobs_row_with_its_result_does_not_stay_in_memory(world: World) -> None:
    ended, open_ = build_history(a_stream(), first_sequence=1), Life(a_stream(), first_sequence=100)
    open_.do(CreateJob(kind="other", prompt="x", talks=False))
    connection = await connect_database(world.database.url("projector"), name="test")
    tables = Tables(connection, "read")
    projection = Projection(tables, await tables.create("some log"), Objects(world.client).get)
    await projection.apply([Entry.of(each) for each in (*ended.history, *open_.history)])
    assert list(projection._rows) == [f"{open_.stream.owner}.{open_.stream.id}"]
    ended.do(CancelJob())  # refused: there is one more event after the end
    late = [Entry.of(each) for each in ended.history[-1:]]
    late[0].sequence = 101
    await projection.apply(late)
    await connection.close()
    assert projection.parked == {}
    version = await world.value("SELECT version FROM read.jobs WHERE id = $1", ended.stream.id)
    assert version == len(ended.history)


async def test_of_two_projectors_that_apply_the_same_batch_one_is_told_that_the_position_moved(world: World) -> None:
    life = build_history(a_stream(), first_sequence=1)
    entries = [Entry.of(recorded) for recorded in life.history]
    connections = [await connect_database(world.database.url("projector"), name="race") for _ in range(2)]
    place = await Tables(connections[0], "read").create("some log")
    rivals = [Projection(Tables(each, "read"), place, Objects(world.client).get) for each in connections]
    for entry in entries:
        outcomes = await asyncio.gather(*(rival.apply([entry]) for rival in rivals), return_exceptions=True)
        assert {type(each) for each in outcomes} == {type(None), PositionMoved}
        winner = rivals[outcomes.index(None)]
        loser = rivals[1 - outcomes.index(None)]
        loser.place = winner.place
        loser._rows = {stream: copy.copy(row) for stream, row in winner._rows.items()}
    for connection in connections:
        await connection.close()
    assert await world.value("SELECT count(*) FROM read.job_events") == len(entries)
    assert await world.value("SELECT count(*) FROM read.parked") == 0


async def test_two_projectors_that_both_believe_to_lead_apply_each_event_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(self: Leader, connection: object) -> None:
        return

    monkeypatch.setattr(Leader, "await_turn", at_once)
    lives = [build_history(a_stream(), steps=3) for _ in range(30)]
    async with world.projecting(), world.projecting():
        for life in lives:
            await world.append(life)
        await world.caught_up()
        assert await world.value("SELECT count(*) FROM read.job_events") == sum(len(life.history) for life in lives)
        assert await world.value("SELECT count(*) FROM read.parked") == 0


async def test_a_second_projector_takes_over_when_the_first_is_gone(world: World) -> None:
    first, second = AsyncExitStack(), AsyncExitStack()
    async with second:
        async with first:
            await first.enter_async_context(world.projecting())
            await until(lambda: world.leads(0))
            await second.enter_async_context(world.projecting())
            await world.append(build_history(a_stream()))
            await world.caught_up()
            assert not await world.leads(1)
        await world.append(build_history(a_stream()))
        await world.caught_up()
        assert await world.leads(1)


async def test_a_projector_whose_leader_stands_still_goes_on_without_it(world: World) -> None:
    await world.append(build_history(a_stream()))
    holder = await asyncpg.connect(world.database.url("projector"))
    await holder.fetchval("SELECT pg_advisory_lock(hashtextextended('jobstream.projector.read', 0))")
    async with world.projecting():
        await world.caught_up()
    await holder.close()


async def test_the_gateways_role_may_read_and_not_write(world: World) -> None:
    async with world.projecting():
        await world.append(build_history(a_stream()))
        await world.caught_up()
    gateway = await asyncpg.connect(world.database.url("gateway"))
    try:
        assert await gateway.fetchval("SELECT count(*) FROM read.jobs") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gateway.execute("DELETE FROM read.jobs")
    finally:
        await gateway.close()
