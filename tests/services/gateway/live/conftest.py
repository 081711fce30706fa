from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.services.gateway.live.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World().running() as running:
        yield running


@pytest.fixture(autouse=True)
def quiet_client() -> None:
    logging.getLogger("websockets.client").setLevel(logging.CRITICAL)
