"""An outbox: bounded, with deltas dropped first."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from libs.jobs.events import UserMessagePosted
from services.gateway.live.frames import Delta, Frame, control
from services.gateway.live.outbox import Outbox
from services.gateway.live.translation import durable
from tests.services.gateway.live.histories import recorded


def message(version: int) -> Frame:
    return durable(recorded(UserMessagePosted(message_id=uuid4(), content="x"), version))


DELTA = control(Delta(stream="s", attempt=1, offset=0, text="x"))


class Overflows:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def test_what_was_offered_is_taken_in_one_burst_in_order() -> None:
    outbox = Outbox(Overflows())
    frames = [message(1), DELTA, message(2)]
    for frame in frames:
        outbox.offer(frame)
    assert await outbox.take() == frames


async def test_take_waits_for_the_first_frame() -> None:
    outbox = Outbox(Overflows())
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    outbox.offer(DELTA)
    assert await taking == [DELTA]


async def test_past_the_bound_deltas_go_first() -> None:
    overflows = Overflows()
    outbox = Outbox(overflows, frames_max=4)
    frames = [message(version) for version in (1, 2, 3)]
    for frame in (frames[0], DELTA, frames[1], DELTA, frames[2]):
        outbox.offer(frame)
    assert (await outbox.take(), overflows.count) == (frames, 0)


async def test_a_reader_that_is_behind_gets_no_deltas_until_it_has_caught_up() -> None:
    outbox = Outbox(Overflows(), frames_max=3)
    for frame in (message(1), DELTA, DELTA, message(2), DELTA):
        outbox.offer(frame)
    behind = [frame.kind for frame in await outbox.take()]
    outbox.offer(DELTA)
    assert (behind, await outbox.take()) == (["chat", "chat"], [DELTA])


async def test_too_many_durable_frames_overflow_once() -> None:
    overflows = Overflows()
    outbox = Outbox(overflows, frames_max=2)
    for version in range(1, 6):
        outbox.offer(message(version))
    assert (overflows.count, len(outbox)) == (1, 0)


async def test_too_many_bytes_overflow() -> None:
    overflows = Overflows()
    outbox = Outbox(overflows, bytes_max=100)
    outbox.offer(message(1))
    outbox.offer(message(2))
    assert overflows.count == 1


async def test_one_frame_of_any_size_fits() -> None:
    overflows = Overflows()
    outbox = Outbox(overflows, bytes_max=1)
    outbox.offer(message(1))
    assert (overflows.count, len(await outbox.take())) == (0, 1)
