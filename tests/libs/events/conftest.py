"""Two stores under one suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from libs.events.connection import NatsSettings, connect
from libs.events.jetstream import JetStreamStore
from libs.events.memory import MemoryStore
from libs.events.store import EventStore
from libs.events.subjects import StreamId
from libs.process import faults
from libs.process.clock import new_id
from libs.process.settings import Secret
from tests.libs.events.coins import REGISTRY, Coins


@pytest.fixture
def stream() -> StreamId:
    return StreamId(new_id(), new_id())


@pytest.fixture
async def client(nats_server: Any) -> AsyncIterator[Any]:
    user, password = nats_server.user("admin")
    settings = NatsSettings(nats_url=[nats_server.url], nats_user=user, nats_password=Secret(password))
    client = await connect(settings, "tests")
    yield client
    await client.close()


@pytest.fixture(params=["memory", "jetstream"])
def store(request: pytest.FixtureRequest) -> EventStore[Coins]:
    if request.param == "memory":
        return MemoryStore(REGISTRY)
    return JetStreamStore(request.getfixturevalue("client"), REGISTRY)


@pytest.fixture(autouse=True)
def no_faults_left() -> Iterator[None]:
    yield
    faults.disarm_all()
