"""A socket, from its handshake to its end."""

from __future__ import annotations

from tests.services.gateway.live.world import World


async def test_the_first_frame_tells_where_the_job_stands(world: World) -> None:
    job = await world.job(messages=2)
    async with world.socket(job) as client:
        hello = await client.next()
    assert (hello["kind"], hello["head"], hello["after"]) == ("hello", 3, 3)


async def test_a_cursor_replays_everything_later_and_then_goes_live(world: World) -> None:
    job = await world.job(messages=3)
    async with world.socket(job, after=1) as client:
        frames = await client.live()
        await world.talk(job, 2)
        later = await client.upto(6)
    assert [frame["kind"] for frame in frames] == ["hello", "chat", "chat", "chat", "live"]
    assert [frame["seq"] for frame in [*frames[1:-1], *later]] == [2, 3, 4, 5, 6]
