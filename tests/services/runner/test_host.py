"""What the runner leaves on NATS, against a real server and with the runner's own rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from infra.embedded.nats import EmbeddedNats
from libs.events.connection import connect
from libs.events.subjects import StreamId
from libs.process.clock import SystemClock, new_id
from libs.workflow.ports import Limits
from services.runner.host import NatsHost

STREAM = StreamId(new_id(), new_id())


@pytest.fixture
async def client(fresh_nats: EmbeddedNats) -> AsyncIterator[Any]:
    client = await connect(fresh_nats.settings("runner"), "runner")
    yield client
    await client.close()


async def fired(client: Any) -> Any:
    due = await client.jetstream().pull_subscribe_bind("runner", "TIMERS")
    (message,) = await due.fetch(1, timeout=10)
    await message.ack_sync()
    return message


async def test_a_timer_fires_when_it_is_due_and_the_message_goes_after_a_week(client: Any) -> None:
    host = NatsHost(client, SystemClock(), Limits())
    at = host.clock.now() + timedelta(seconds=1)
    await host.schedule(STREAM, "nap", at)
    message = await fired(client)
    assert host.clock.now() >= at
    assert message.subject == f"timer.due.{STREAM.owner}.{STREAM.id}.nap"
    assert msgspec.json.decode(message.data)["timer"] == "nap"
    assert message.headers["Nats-TTL"] == "168h"


async def test_a_timer_set_again_is_due_at_the_later_time_only(client: Any) -> None:
    host = NatsHost(client, SystemClock(), Limits())
    later = host.clock.now() + timedelta(seconds=2)
    await host.schedule(STREAM, "nap", later - timedelta(seconds=1))
    await host.schedule(STREAM, "nap", later)
    await fired(client)
    assert host.clock.now() >= later
