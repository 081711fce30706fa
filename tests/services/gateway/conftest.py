from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.gateway.desk import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk().open() as opened:
        yield opened
