"""Work in threads: bounded for everybody, and for each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable

import pytest

from libs.process.clock import new_id
from services.gateway.computing import _AT_ONCE_PER_USER, _WAITING_PER_THREAD, Computing
from services.gateway.problems import Code, Problem


async def begun(work: Awaitable[bool]) -> asyncio.Task[bool]:
    task: asyncio.Task[bool] = asyncio.ensure_future(work)  # type: ignore[assignment]
    await asyncio.sleep(0)
    return task


async def test_what_a_function_returns_or_raises_is_passed_on() -> None:
    computing = Computing(1)
    assert await computing.run(new_id(), divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await computing.run(new_id(), divmod, 7, 0)
    assert not computing._users
    computing.close()


async def test_one_user_cannot_take_all_the_room() -> None:
    computing, user, gate = Computing(1), new_id(), threading.Event()
    tasks = [await begun(computing.run(user, gate.wait)) for _ in range(_AT_ONCE_PER_USER)]
    with pytest.raises(Problem) as caught:
        await computing.run(user, gate.wait)
    assert caught.value.code is Code.RATE_LIMITED
    tasks.append(await begun(computing.run(new_id(), gate.wait)))
    gate.set()
    assert all(await asyncio.gather(*tasks))
    assert await computing.run(user, gate.wait)
    computing.close()


async def test_more_than_can_be_done_soon_is_turned_away() -> None:
    computing, gate = Computing(1), threading.Event()
    tasks = [await begun(computing.run(new_id(), gate.wait)) for _ in range(_WAITING_PER_THREAD)]
    with pytest.raises(Problem) as caught:
        await computing.run(new_id(), gate.wait)
    assert caught.value.code is Code.OVERLOADED
    gate.set()
    assert all(await asyncio.gather(*tasks))
    computing.close()
