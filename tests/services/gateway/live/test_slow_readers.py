"""Clients that read too slowly, or not at all."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from libs.jobs.events import UserMessagePosted
from services.gateway.live import session as session_module
from tests.services.gateway.live.world import World


def _message(content: str) -> UserMessagePosted:
    return UserMessagePosted(message_id=uuid4(), content=content)


async def test_a_client_that_never_reads_is_closed_with_4008_and_resumes_without_loss(world: World) -> None:
    job = await world.job()
    big = "x" * 4000
    async with world.socket(job, after=0, max_queue=1) as slow, world.socket(job) as quick:
        await slow.until("status")
        await quick.live()
        for _ in range(30):
            for _ in range(100):
                await world.happen(job, *[_message(big)])
            await asyncio.sleep(0)
            await quick.upto((await world.source.store.head(job)).version)
        seen = 1
        code = None
        try:
            while True:
                frame = await slow.next()
                if "seq" in frame:
                    assert frame["seq"] == seen + 1
                    seen = frame["seq"]
        except Exception:
            code = slow.socket.close_code
    head = (await world.source.store.head(job)).version
    assert code == 4008
    async with world.socket(job, after=seen) as again:
        assert [frame["seq"] for frame in await again.upto(head)] == list(range(seen + 1, head + 1))


async def test_a_client_that_does_not_read_its_history_is_closed_with_4008(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_STALL_SECONDS", 0.5)
    job = await world.job()
    for _ in range(100):
        await world.happen(job, *[_message("x" * 4000) for _ in range(50)])
    async with world.socket(job, after=0, max_queue=1) as client:
        await asyncio.sleep(2.5)  # what the client does: nothing
        assert await client.closed() == 4008
