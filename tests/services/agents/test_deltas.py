"""Pieces of a reply on their way to whoever watches."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from libs.events.subjects import StreamId
from libs.llm.port import ModelTruncated
from services.agents.deltas import DeltaStream
from tests.services.agents.fakes import FakeNats

STREAM = StreamId(UUID(int=1), UUID(int=2))


def opened(nats: FakeNats, *, silent: bool = False) -> DeltaStream:
    client: Any = nats
    return DeltaStream(client, STREAM, "reply-x", 3, silent=lambda: silent)


async def test_the_first_piece_goes_out_at_once() -> None:
    nats = FakeNats()
    await opened(nats).push("Hel")
    assert nats.deltas() == [{"stream": "reply-x", "attempt": 3, "offset": 0, "text": "Hel"}]


async def test_pieces_in_quick_succession_go_out_together() -> None:
    nats = FakeNats()
    deltas = opened(nats)
    for piece in ("a", "b", "c", "d"):
        await deltas.push(piece)
    await deltas.close()
    assert [(each["offset"], each["text"]) for each in nats.deltas()] == [(0, "a"), (1, "bcd")]


async def test_a_piece_goes_out_without_waiting_for_another() -> None:
    nats = FakeNats()
    deltas = opened(nats)
    await deltas.push("a")
    await deltas.push("b")
    async with asyncio.timeout(2):
        while len(nats.deltas()) < 2:
            await asyncio.sleep(0.001)
    assert nats.deltas()[1]["text"] == "b"


async def test_offsets_count_code_points() -> None:
    nats = FakeNats()
    deltas = opened(nats)
    await deltas.push("😀é")
    await deltas.push("x")
    await deltas.close()
    assert nats.deltas()[1]["offset"] == 2


async def test_a_surrogate_pair_cut_in_two_arrives_whole() -> None:
    nats = FakeNats()
    deltas = opened(nats)
    await deltas.push("a\ud83d")
    await deltas.push("\ude00b")
    await deltas.close()
    assert "".join(each["text"] for each in nats.deltas()) == "a😀b"


async def test_a_worker_without_its_lease_says_nothing() -> None:
    nats = FakeNats()
    deltas = opened(nats, silent=True)
    await deltas.push("a")
    await deltas.close()
    assert nats.deltas() == []


async def test_a_model_that_never_ends_is_stopped() -> None:
    deltas = opened(FakeNats())
    with pytest.raises(ModelTruncated):
        for _ in range(300):
            await deltas.push("x" * 1000)
    await deltas.close()
