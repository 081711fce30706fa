"""Who is alive: a worker's own word counts, and silence is a no."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from libs.events import subjects
from libs.events.errors import LogUnavailable
from libs.events.subjects import StreamId
from libs.jobs.liveness import Holder, still_held, worker_name
from libs.process.clock import new_id


@pytest.fixture
def stream() -> StreamId:
    return StreamId(new_id(), new_id())


@pytest.fixture
def worker() -> str:
    return worker_name("runner")


def test_two_processes_never_share_a_name() -> None:
    assert worker_name("runner") != worker_name("runner")


async def test_what_a_worker_holds_is_held(client: Any, stream: StreamId, worker: str) -> None:
    async with Holder(client, worker) as holder:
        with holder.hold(stream, 3):
            assert await still_held(client, worker, stream, 3)


async def test_another_attempt_is_not_held(client: Any, stream: StreamId, worker: str) -> None:
    async with Holder(client, worker) as holder:
        with holder.hold(stream, 3):
            assert not await still_held(client, worker, stream, 2)


async def test_another_job_is_not_held(client: Any, stream: StreamId, worker: str) -> None:
    async with Holder(client, worker) as holder:
        with holder.hold(stream, 3):
            assert not await still_held(client, worker, StreamId(stream.owner, UUID(int=1)), 3)


async def test_what_was_let_go_is_not_held(client: Any, stream: StreamId, worker: str) -> None:
    async with Holder(client, worker) as holder:
        with holder.hold(stream, 3):
            pass
        assert not await still_held(client, worker, stream, 3)


async def test_what_is_held_twice_is_held_until_both_let_go(client: Any, stream: StreamId, worker: str) -> None:
    async with Holder(client, worker) as holder:
        with holder.hold(stream, 3):
            with holder.hold(stream, 3):
                pass
            assert holder.holds(stream, 3)


async def test_a_worker_that_is_gone_holds_nothing_and_is_known_at_once(client: Any, stream: StreamId) -> None:
    async with asyncio.timeout(1):
        assert not await still_held(client, worker_name("runner"), stream, 1)


async def test_a_worker_that_is_silent_holds_nothing(client: Any, stream: StreamId, worker: str) -> None:
    await client.subscribe(subjects.worker(worker))
    assert not await still_held(client, worker, stream, 1, timeout_seconds=0.1)


async def test_a_worker_that_talks_nonsense_holds_nothing(client: Any, stream: StreamId, worker: str) -> None:
    async def nonsense(message: Any) -> None:
        await message.respond(b"maybe")

    await client.subscribe(subjects.worker(worker), cb=nonsense)
    assert not await still_held(client, worker, stream, 1)


async def test_nonsense_asked_of_a_worker_is_not_answered(client: Any, worker: str) -> None:
    async with Holder(client, worker):
        with pytest.raises(TimeoutError):
            await client.request(subjects.worker(worker), b"?", timeout=0.1)


async def test_who_has_lost_nats_knows_nothing(nats_server: Any, stream: StreamId, worker: str) -> None:
    from libs.events.connection import connect

    client = await connect(nats_server.settings("admin"), "lost")
    await client.close()
    with pytest.raises(LogUnavailable):
        await still_held(client, worker, stream, 1)


@pytest.mark.parametrize("service", ["agents", "runner"])
async def test_the_services_may_ask_and_answer(nats_server: Any, stream: StreamId, service: str, worker: str) -> None:
    from libs.events.connection import connect

    answering = await connect(nats_server.settings("runner"), "answering")
    asking = await connect(nats_server.settings(service), "asking")
    async with Holder(answering, worker) as holder:
        with holder.hold(stream, 1):
            assert await still_held(asking, worker, stream, 1)
    await answering.close()
    await asking.close()
