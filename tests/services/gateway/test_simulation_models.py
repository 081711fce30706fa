"""What the projector wrote of simulations and profiles and the gateway reads says the same as the fold of their histories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest

from libs.events.subjects import StreamId
from libs.jobs.commands import CompleteJob, CreateJob, StartAttempt
from libs.jobs.testing import Life
from libs.process.clock import new_id
from libs.process.settings import Secret
from libs.profiles.commands import DeleteProfile, UpdateProfile
from libs.profiles.testing import ProfileLife
from libs.simulation.request import Profiles, describe, prepare
from services.gateway.paging import decode_cursor, encode_cursor
from services.gateway.ports import SimulationFilter
from services.gateway.postgres import open_database
from services.gateway.postgres_profiles import PostgresProfiles
from services.gateway.postgres_simulations import PostgresSimulations
from services.gateway.resources import SimulationView
from services.gateway.simulation_views import simulation_of_job
from tests.services.projector.conftest import World, world

__all__ = ["world"]

ALL = SimulationFilter()
REQUESTS: dict[str, Any] = {
    "simulation": {"casino": {"deck_count": 8}, "num_rounds": 10},
    "comparison": {"a": {}, "b": {"casino": "six_deck_h17"}, "num_rounds": 10},
    "sweep": {"base": {}, "axes": [{"path": "/casino/deck_count", "values": [1, 2]}], "num_rounds": 10},
}
RESULT = b'{"kind":"simulation","name":"\\u0000 is nothing \\u2603","sum":123456789012345678901234567890,"ev":-0.00404}'


@pytest.fixture
async def models(database: Any) -> AsyncIterator[tuple[PostgresSimulations, PostgresProfiles]]:
    async with open_database(Secret(database.url("gateway")), connections_max=4) as opened:
        yield PostgresSimulations(opened, timeout_seconds=5), PostgresProfiles(opened, timeout_seconds=5)


def a_simulation(owner: UUID, kind: str = "simulation", *, result: bytes | None = None) -> Life:
    life = Life(StreamId(owner, new_id()))
    order = prepare(kind, REQUESTS[kind], Profiles(), 7)
    life.do(CreateJob(kind=kind, prompt=describe(order), talks=False, request=msgspec.to_builtins(order)))
    if result is not None:
        life.do(StartAttempt(worker="runner-1"))
        life.do(CompleteJob(attempt=1, result=msgspec.Raw(result)))
    return life


async def written(world: World, lives: list[Life]) -> None:
    for life in lives:
        await world.append(life)
    async with world.projecting():
        await world.caught_up()


def as_json(view: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(view))


async def test_a_row_is_the_view_of_the_fold(world: World, models: Any) -> None:
    owner = new_id()
    lives = [a_simulation(owner, kind) for kind in REQUESTS] + [a_simulation(owner, result=RESULT)]
    await written(world, lives)
    for life in lives:
        assert life.job is not None
        found = await models[0].simulation(*life.stream)
        assert as_json(found) == as_json(simulation_of_job(life.job))
        assert await models[0].simulation(new_id(), life.stream.id) is None
    assert bytes(found.result_data) == RESULT


async def test_other_jobs_are_no_simulations(world: World, models: Any) -> None:
    life = Life(StreamId(new_id(), new_id()))
    life.do(CreateJob(kind="build", prompt="x", talks=True))
    await written(world, [life])
    assert await models[0].simulation(*life.stream) is None
    assert await models[0].simulations(life.stream.owner, ALL, results=True, after=None, limit=9) == []


async def test_a_request_that_is_no_order_is_read_as_it_is(world: World, models: Any) -> None:
    life = Life(StreamId(new_id(), new_id()))
    life.do(CreateJob(kind="simulation", prompt="x", talks=False, request=[1, {"a": "b"}]))
    await written(world, [life])
    found: SimulationView = await models[0].simulation(*life.stream)
    assert as_json(found.request_data) == [1, {"a": "b"}]


async def test_lists_are_filtered_and_paged(world: World, models: Any) -> None:
    owner = new_id()
    lives = [a_simulation(owner, kind) for kind in REQUESTS] + [a_simulation(owner, result=RESULT)]
    await written(world, [*lives, a_simulation(new_id())])

    async def ids(**where: Any) -> set[UUID]:
        found = await models[0].simulations(owner, SimulationFilter(**where), results=False, after=None, limit=9)
        assert all(each.result_data is None for each in found)
        return {each.job_id for each in found}

    assert await ids() == {life.stream.id for life in lives}
    assert await ids(kind="sweep") == {lives[2].stream.id}
    assert await ids(status="done") == {lives[3].stream.id}
    assert await ids(parent=new_id()) == set()
    everything = await models[0].simulations(owner, ALL, results=True, after=None, limit=9)
    [done] = [each for each in everything if each.result_data is not None]
    assert as_json(done.result_data) == msgspec.json.decode(RESULT)
    assert as_json(done.request_data) == REQUESTS["simulation"]
    paged, after = [], None
    while page := await models[0].simulations(owner, ALL, results=True, after=after, limit=3):
        paged += page
        after = decode_cursor(encode_cursor(page[-1]))
    assert as_json(paged) == as_json(everything)


async def test_megabytes_of_result_do_not_hold_up_other_readers(world: World, models: Any) -> None:
    padding = msgspec.json.encode({"padding": ["x" * 1000] * 6000})
    life = a_simulation(new_id(), result=padding)
    await written(world, [life])
    reading = asyncio.gather(*(models[0].simulation(*life.stream) for _ in range(3)))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.001)
        turns += 1
    for found in await reading:
        assert bytes(found.result_data) == padding
    assert turns > 1


async def test_profiles_are_listed_counted_and_named(world: World, models: Any) -> None:
    owner = new_id()
    lives = [ProfileLife(owner, "casino", name) for name in ("a", "b", "gone")]
    lives += [ProfileLife(owner, "player", "a"), ProfileLife(new_id(), "casino", "a")]
    for life in lives:
        life.create({"of": life.name})
    lives[0].do(UpdateProfile(data={"of": "changed"}))
    lives[2].do(DeleteProfile())
    for life in lives:
        await world.append_profile(life)
    async with world.projecting():
        await world.caught_up()
    found = await models[1].profiles(owner, None, after=None, limit=9)
    assert [(each.created_at, each.id) for each in found] == sorted(
        ((each.created_at, each.id) for each in found), reverse=True
    )
    shown = {(each.profile_type, each.name): each for each in found}
    assert set(shown) == {("casino", "a"), ("casino", "b"), ("player", "a")}
    changed, profile = shown["casino", "a"], lives[0].profile
    assert profile is not None
    assert as_json(changed.data) == {"of": "changed"}
    assert (changed.id, changed.version, changed.updated_at) == (
        lives[0].stream.id,
        profile.version,
        profile.changed_at,
    )
    assert len(await models[1].profiles(owner, "casino", after=None, limit=9)) == 2
    assert len(await models[1].profiles(owner, None, after=None, limit=1)) == 1
    rest = await models[1].profiles(owner, None, after=decode_cursor(encode_cursor(found[0])), limit=9)
    assert as_json(rest) == as_json(found[1:])
    assert sorted(await models[1].names(owner)) == sorted(shown)
    assert await models[1].count(owner) == 3
