"""Event streams: the same feed, for clients without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from libs.jobs.events import JobCancelled
from libs.process.clock import new_id
from services.gateway.live import LiveSettings
from services.gateway.live import sse as sse_module
from services.gateway.problems import Code, Problem
from tests.services.gateway.live.world import World


class Reading:
    """What an EventSource makes of the body."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._events: list[dict[str, Any]] = []
        self.comments = 0

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while not self._events:
                for block in (await anext(self._body)).decode().split("\n\n"):
                    fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
                    self.comments += block.startswith(":")
                    if "data" in fields:
                        data = msgspec.json.decode(fields["data"])
                        assert fields["id"] == str(data["version"])
                        self._events.append(data)
            return self._events.pop(0)


async def test_events_come_with_their_versions_and_then_live(world: World) -> None:
    job = await world.job(messages=2)
    async with world.live.events(world.principal(), job.id, 1) as body:
        reading = Reading(body)
        versions = [(await reading.next())["version"] for _ in range(2)]
        await world.happen(job, JobCancelled(reason="enough"))
        last = await reading.next()
    assert (versions, last["version"], last["type"], last["data"]) == ([2, 3], 4, "job_cancelled", {"reason": "enough"})


async def test_silence_is_filled_with_comments(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_module, "HEARTBEAT_SECONDS", 0.01)
    job = await world.job()
    async with world.live.events(world.principal(), job.id, 1) as body:
        await anext(body)
        assert (await anext(body)).startswith(b":")


async def test_a_drain_ends_the_stream(world: World) -> None:
    job = await world.job()
    async with world.live.events(world.principal(), job.id, 1) as body:
        await anext(body)
        draining = asyncio.create_task(world.live.drain(0.5))
        assert [chunk async for chunk in body] == []
    await draining


async def test_an_expired_token_ends_the_stream(world: World) -> None:
    job = await world.job()
    async with world.live.events(world.principal(), job.id, 1) as body, asyncio.timeout(10):
        await anext(body)
        world.advance(3600)
        assert [chunk async for chunk in body] == []


async def _opening(world: World, job_id: Any, after: int) -> Code:
    with pytest.raises(Problem) as raised:
        async with world.live.events(world.principal(), job_id, after):
            pass
    return raised.value.code


async def test_an_unknown_job_is_a_problem_before_the_first_byte(world: World) -> None:
    assert await _opening(world, new_id(), 0) is Code.NO_SUCH_JOB


async def test_a_cursor_beyond_the_head_is_a_problem_before_the_first_byte(world: World) -> None:
    job = await world.job()
    assert await _opening(world, job.id, 2) is Code.CURSOR_BEYOND_HEAD


async def test_streams_count_as_connections() -> None:
    async with World(settings=LiveSettings(live_connections_per_user=0)).running() as world:
        job = await world.job()
        assert await _opening(world, job.id, 0) is Code.TOO_MANY_CONNECTIONS


async def test_a_draining_server_opens_no_stream(world: World) -> None:
    job = await world.job()
    await world.live.drain(0.1)
    assert await _opening(world, job.id, 0) is Code.DRAINING


async def test_a_stream_nobody_reads_is_cut_off_after_its_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_module, "_FAREWELL_SECONDS", 0.0)
    job = await world.job()

    async def send_to_a_client_that_does_not_read(body: AsyncIterator[bytes]) -> None:
        async for _ in body:
            await asyncio.Event().wait()

    async with world.live.events(world.principal(), job.id, 1) as body:
        sending = asyncio.create_task(send_to_a_client_that_does_not_read(body))
        await asyncio.sleep(0)
        await world.live.drain(0.1)
        await asyncio.wait({sending}, timeout=5)
    assert sending.cancelled()


async def test_a_stream_nobody_reads_is_cut_off_before_its_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_module, "_STALL_SECONDS", 0.0)
    monkeypatch.setattr(sse_module, "_FAREWELL_SECONDS", 0.0)
    job = await world.job()

    async def send_to_a_client_that_does_not_read(body: AsyncIterator[bytes]) -> None:
        async for _ in body:
            await asyncio.Event().wait()

    async with world.live.events(world.principal(), job.id, 0) as body:
        sending = asyncio.create_task(send_to_a_client_that_does_not_read(body))
        await asyncio.wait({sending}, timeout=5)
    assert sending.cancelled()
