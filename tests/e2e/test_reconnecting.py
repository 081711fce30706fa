"""Whoever comes back misses nothing and sees nothing twice."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.person import Person, idea

pytestmark = pytest.mark.xdist_group("e2e")


async def finished(person: Person) -> tuple[str, int]:
    job_id = (await person.create(idea("detailed")))["id"]
    return job_id, (await person.until(job_id, "done"))["version"]


async def test_a_cursor_brings_exactly_what_came_later(person: Person) -> None:
    job_id, head = await finished(person)
    for after in (0, 1, head // 2, head - 1):
        async with person.socket(job_id, after=after) as socket:
            await socket.until(lambda frame: frame["kind"] == "live")
        assert socket.seqs == list(range(after + 1, head + 1))


async def test_without_a_cursor_the_stream_starts_live(person: Person) -> None:
    job_id, head = await finished(person)
    async with person.socket(job_id) as socket:
        hello = await socket.until(lambda frame: frame["kind"] == "hello")
        await socket.until(lambda frame: frame["kind"] == "live")
    assert (hello["head"], socket.seqs) == (head, [])


async def test_a_reader_of_http_goes_on_by_socket_from_that_version(person: Person) -> None:
    job_id = (await person.create(idea()))["id"]
    job = await person.job(job_id)
    async with person.socket(job_id, after=job["version"]) as socket:
        await socket.say("My neighbours.")
        await socket.until_status("done")
    assert socket.seqs == list(range(job["version"] + 1, socket.seqs[-1] + 1))


async def test_a_job_watched_through_many_short_connections_is_seen_whole(person: Person) -> None:
    job_id = (await person.create(idea()))["id"]
    seen: list[int] = []
    frames = []
    told = False
    async with asyncio.timeout(40):
        while not any(frame["kind"] == "status" and frame["status"] == "done" for frame in frames):
            async with person.socket(job_id, after=seen[-1] if seen else 0) as socket:
                await socket.until(lambda frame: "seq" in frame and frame["kind"] != "ack")
                if not told and any(frame.get("role") == "agent" for frame in socket.durable):
                    await socket.say("My neighbours.", key="once")
                    await socket.until(lambda frame: frame["kind"] == "ack")
                    told = True
                socket.connection.transport.abort()  # gone, without a word
            seen += socket.seqs
            frames += socket.durable
    assert seen == list(range(1, len(seen) + 1))


async def test_a_repeated_frame_with_the_same_key_is_said_once(person: Person) -> None:
    job_id = (await person.create(idea()))["id"]
    for _ in range(2):
        async with person.socket(job_id, after=0) as socket:
            await socket.until_said()
            await socket.say("My neighbours.", key="k1", ref="r1")
            await socket.until(lambda frame: frame["kind"] == "ack" and frame["ref"] == "r1")
    job = await person.until(job_id, "done")
    assert len([message for message in job["messages"] if message["role"] == "user"]) == 2


async def test_ten_watchers_see_the_same(person: Person) -> None:
    job_id = (await person.create(idea()))["id"]

    async def watch(number: int) -> list[tuple[int, str]]:
        async with person.socket(job_id, after=0) as socket:
            await socket.until_said()
            await socket.say("My neighbours.", key="the same person in another tab")
            await socket.until_status("done")
        return [(frame["seq"], frame["kind"]) for frame in socket.durable]

    first, *others = await asyncio.gather(*(watch(number) for number in range(10)))
    assert all(each == first for each in others)


async def test_a_cursor_beyond_the_head_is_told_so(person: Person) -> None:
    job_id, head = await finished(person)
    async with person.socket(job_id, after=head + 100) as socket:
        try:
            await socket.until(lambda frame: frame["kind"] == "reset")
        except ConnectionClosed:
            pytest.fail(f"closed without a reset: {socket.frames}")
        assert await socket.closed() == 4409
