"""A connection to the session's NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.events.connection import connect


@pytest.fixture
async def client(nats_server: Any) -> AsyncIterator[Any]:
    client = await connect(nats_server.settings("admin"), "tests")
    yield client
    await client.close()
