"""The published answers of Philox4x32-10 (the known-answer vectors of Random123)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from libs.blackjack import philox
from libs.blackjack.compiled import compiled

KNOWN = [
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@compiled
def fill(words: np.ndarray, first: int, chunks: int, stream: Any, block: Any, seed: Any) -> None:
    philox.fill(words, first, chunks, stream, block, seed)


@compiled
def fill_lanes(
    words: np.ndarray, lanes: int, chunk: int, stream: Any, streams: int, block: Any, blocks: int, seed: Any
) -> None:
    philox.fill_lanes(words, lanes, chunk, stream, streams, block, blocks, seed)


def hexadecimal(words: np.ndarray) -> str:
    return " ".join(f"{word:08x}" for word in words.tolist())


def wide(low: int, high: int) -> np.uint64:
    return np.uint64(low | high << 32)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_words_are_the_published_ones(counter: tuple[int, ...], key: tuple[int, int], answer: str) -> None:
    words = np.zeros(4, np.uint32)
    fill(words, counter[0], 1, np.uint64(counter[1]), wide(*counter[2:]), wide(*key))
    assert hexadecimal(words) == answer


@pytest.mark.parametrize(("streams", "blocks"), [(1, 0), (0, 1), (3, 5)])
def test_lanes_are_streams_and_blocks_that_follow_each_other(streams: int, blocks: int) -> None:
    lanes, chunks = 16, 3
    stream, block, seed = 5, 2**32 - 7, 2**53 - 1
    words = np.zeros((4 * chunks, lanes), np.uint32)
    for chunk in range(chunks):
        fill_lanes(words, lanes, chunk, np.uint64(stream), streams, np.uint64(block), blocks, np.uint64(seed))
    for lane in range(lanes):
        alone = np.zeros(4 * chunks, np.uint32)
        fill(alone, 0, chunks, np.uint64(stream + lane * streams), np.uint64(block + lane * blocks), np.uint64(seed))
        assert words[:, lane].tolist() == alone.tolist()


def test_counters_can_be_filled_in_parts() -> None:
    whole, part = np.zeros(400, np.uint32), np.zeros(12, np.uint32)
    fill(whole, 0, 100, np.uint64(0), np.uint64(9), np.uint64(1))
    fill(part, 61, 3, np.uint64(0), np.uint64(9), np.uint64(1))
    assert part.tolist() == whole[244:256].tolist()
