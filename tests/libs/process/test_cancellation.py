from __future__ import annotations

import asyncio

import pytest

from libs.process.cancellation import heed


async def test_a_swallowed_cancellation_is_raised_again() -> None:
    async def deaf() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.Event().wait()
        heed()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,), timeout=5)
    assert task.cancelled()


async def test_a_task_that_nobody_cancels_goes_on() -> None:
    heed()
