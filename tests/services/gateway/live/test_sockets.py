"""What a socket tells, through a real HTTP server and a real client."""

from __future__ import annotations

from uuid import uuid4

import pytest

from libs.events.event import Cause
from libs.events.subjects import StreamId
from libs.jobs.events import JobCancelled, UserMessagePosted
from libs.process.clock import new_id
from tests.services.gateway.live.world import World


async def test_the_first_frame_tells_where_the_job_stands(world: World) -> None:
    job = await world.job(messages=2)
    async with world.socket(job) as client:
        hello = await client.next()
    assert (hello["kind"], hello["head"], hello["after"], hello["ping_seconds"]) == ("hello", 3, 3, 20)


async def test_a_cursor_replays_everything_later_and_then_goes_live(world: World) -> None:
    job = await world.job(messages=3)
    async with world.socket(job, after=1) as client:
        frames = await client.live()
        await world.talk(job, 2)
        later = await client.upto(6)
    assert [frame["kind"] for frame in frames] == ["hello", "chat", "chat", "chat", "live"]
    assert [frame["seq"] for frame in [*frames[1:-1], *later]] == [2, 3, 4, 5, 6]


async def test_without_a_cursor_only_what_happens_from_now_on_is_told(world: World) -> None:
    job = await world.job(messages=3)
    async with world.socket(job) as client:
        frames = await client.live()
        await world.talk(job, 1)
        later = await client.upto(5)
    assert [frame["kind"] for frame in frames] == ["hello", "live"]
    assert [frame["seq"] for frame in later] == [5]


async def test_a_job_that_is_only_wanted_yet_can_be_watched(world: World) -> None:
    job = StreamId(world.user.id, new_id())
    world.source.wanted.add(job)
    async with world.socket(job, after=0) as client:
        frames = await client.live()
        await world.happen(job, JobCancelled())
        assert (await client.next())["seq"] == 1
    assert frames[0]["head"] == 0


async def test_a_cursor_beyond_the_head_is_reset_and_closed(world: World) -> None:
    job = await world.job()
    async with world.socket(job, after=9) as client:
        frames = await client.until("reset")
        assert (frames[-1]["head"], await client.closed()) == (1, 4409)


async def test_a_cursor_the_live_events_have_not_reached_yet_is_valid(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as first:
        await first.live()
        world.source.deliver = lambda sink, recorded: None  # lost
        await world.talk(job, 2)
        async with world.socket(job, after=3) as client:
            assert (await client.live())[-1]["kind"] == "live"


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "", "9" * 40, "%00"])
async def test_a_malformed_cursor_is_told_and_closed(world: World, cursor: str) -> None:
    job = await world.job()
    async with world.socket(job, query=f"after={cursor}") as client:
        error = await client.next()
        assert (error["code"], await client.closed()) == ("invalid_parameter", 4400)


async def test_deltas_are_passed_on_to_everybody_who_watches(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as one, world.socket(job) as two:
        await one.live()
        await two.live()
        for sink in world.source.sinks[job]:
            sink.on_delta(b'{"stream":"reply-1","attempt":1,"offset":0,"text":"Hel"}')
        told = [await one.next(), await two.next()]
    assert told == [{"kind": "delta", "stream": "reply-1", "attempt": 1, "offset": 0, "text": "Hel"}] * 2


async def test_a_malformed_delta_harms_nobody(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        for sink in world.source.sinks[job]:
            sink.on_delta(b"\xff{")
        await world.talk(job, 1)
        assert (await client.next())["seq"] == 2


async def test_the_socket_stays_open_after_the_job_has_ended(world: World) -> None:
    job = await world.job()
    async with world.socket(job) as client:
        await client.live()
        await world.happen(job, JobCancelled())
        await client.upto(2)
        await client.say(kind="retry", ref="again")
        assert {(await client.next())["kind"] for _ in range(2)} == {"ack", "status"}


async def test_an_unreadable_event_is_told_and_other_jobs_go_on(world: World) -> None:
    sick, well = await world.job(), await world.job()
    async with world.socket(sick) as client, world.socket(well) as other:
        await client.live()
        await other.live()
        world.source.unknown_versions = {2}
        await world.talk(sick, 1)
        error = await client.next()
        world.source.unknown_versions = set()
        await world.talk(well, 1)
        assert (error["kind"], error["code"], (await other.next())["seq"]) == ("error", "unreadable_event", 2)


def _message(content: str) -> UserMessagePosted:
    return UserMessagePosted(message_id=uuid4(), content=content)


async def test_the_cause_of_an_event_is_told(world: World) -> None:
    job = await world.job()
    command_id = uuid4()
    async with world.socket(job) as client:
        await client.live()
        await world.happen(job, JobCancelled(), cause=Cause(causation_id=command_id))
        assert (await client.next())["causation_id"] == str(command_id)
