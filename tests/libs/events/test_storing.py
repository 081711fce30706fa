"""A server that is connected and stores nothing is noticed, by those who publish."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.events import storing, wire
from libs.events.connection import connect, unfit
from libs.events.errors import LogUnavailable
from libs.process.clock import new_id


class Connection:
    """One that stands; nothing is asked of it but who it is."""

    is_connected = True


@pytest.fixture
def connection() -> Any:
    return Connection()


def fail(connection: Any, subject: str = "evt.a.b.c", times: int = 3) -> None:
    for _ in range(times):
        storing.failed(connection, subject, "no answer")


async def test_a_connection_that_nothing_was_published_on_is_fit(connection: Any) -> None:
    assert await unfit(connection) is None


async def test_two_failures_are_bad_luck_and_three_a_defect(connection: Any) -> None:
    fail(connection, times=2)
    assert await unfit(connection) is None
    fail(connection, times=1)
    assert "does not store evt.>: the last 3 publishes failed" in str(await unfit(connection))


async def test_a_success_ends_it(connection: Any) -> None:
    fail(connection)
    storing.succeeded(connection, "evt.d.e.f")
    assert await unfit(connection) is None
    fail(connection, times=2)
    assert await unfit(connection) is None


async def test_a_success_on_another_stream_does_not(connection: Any) -> None:
    fail(connection, "cmd.a.b.chat")
    storing.succeeded(connection, "evt.a.b.c")
    assert "cmd" in str(await unfit(connection))


async def test_it_is_believed_for_half_a_minute(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(storing.time, "monotonic", lambda: now)
    fail(connection)
    now += 29
    assert await unfit(connection) is not None
    now += 2
    assert await unfit(connection) is None


async def test_another_connection_is_not_blamed(connection: Any) -> None:
    fail(connection)
    assert await unfit(Connection()) is None  # type: ignore[arg-type]


@pytest.fixture
async def client(fresh_nats: Any) -> AsyncIterator[Any]:
    client = await connect(fresh_nats.settings("gateway"), "tests")
    yield client
    await client.close()


async def publish(client: Any) -> None:
    await wire.publish(client, f"cmd.{new_id()}.{new_id()}.chat", b"{}", {}, timeout=0.5)


@pytest.mark.skipif(
    sys.platform != "linux", reason="the disk of another process can be made to seem full on Linux only"
)
async def test_a_full_disk_is_told_until_the_server_that_met_it_is_started_again(client: Any, fresh_nats: Any) -> None:
    await publish(client)
    resource.prlimit(fresh_nats.child.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    for _ in range(3):
        with pytest.raises(LogUnavailable):
            await publish(client)
    assert client.is_connected
    assert "does not store cmd.>" in str(await unfit(client))
    fresh_nats.kill()
    fresh_nats.start()
    async with asyncio.timeout(15):
        while await unfit(client) is not None:
            await asyncio.sleep(0.05)
    await publish(client)
