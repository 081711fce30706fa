"""Files in the object store, whole and in pieces."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.events.connection import connect
from libs.events.errors import LogUnavailable
from libs.events.objects import Objects
from libs.events.subjects import StreamId
from libs.process.clock import new_id

PIECE = 128 * 1024


@pytest.fixture
async def objects(nats_server: Any) -> AsyncIterator[tuple[Objects, Objects]]:
    """Who writes, and who may only read."""
    runner = await connect(nats_server.settings("runner"), "tests")
    gateway = await connect(nats_server.settings("gateway"), "tests")
    yield Objects(runner), Objects(gateway)
    for client in (runner, gateway):
        with contextlib.suppress(OSError):
            await client.close()


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 20 * PIECE + 7])
async def test_the_pieces_are_the_whole(objects: Any, size: int) -> None:
    writes, reads = objects
    data = os.urandom(size)
    name = await writes.put(StreamId(new_id(), new_id()), data)
    pieces = [piece async for piece in reads.chunks(name)]
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= PIECE for piece in pieces)


async def test_two_files_that_were_stored_at_once_are_not_mixed_up(objects: Any) -> None:
    writes, reads = objects
    files = [os.urandom(6 * PIECE) for _ in range(2)]

    names = await asyncio.gather(*(writes.put(StreamId(new_id(), new_id()), data) for data in files))
    for name, data in zip(names, files, strict=True):
        assert b"".join([piece async for piece in reads.chunks(name)]) == data


async def test_a_file_that_is_not_there_cannot_be_had(objects: Any) -> None:
    _, reads = objects
    with pytest.raises(LogUnavailable):
        async for _ in reads.chunks(f"{new_id()}/{new_id()}/nothing"):
            pass


async def test_a_file_that_lost_a_piece_never_seems_whole(objects: Any, nats_server: Any) -> None:
    writes, reads = objects
    data = os.urandom(6 * PIECE)
    name = await writes.put(StreamId(new_id(), new_id()), data)
    admin = await connect(nats_server.settings("admin"), "tests")
    bucket = await admin.jetstream().object_store("ARTIFACTS")
    info = await bucket.get_info(name)
    last = await admin.jetstream().get_last_msg("OBJ_ARTIFACTS", f"$O.ARTIFACTS.C.{info.nuid}")
    await admin.jetstream().delete_msg("OBJ_ARTIFACTS", last.seq - 3)
    await admin.close()
    received = b""
    with pytest.raises(LogUnavailable):
        async for piece in reads.chunks(name):
            received += piece
    assert len(received) < len(data)
