"""Philox4x32-10: random words as a pure function of a counter and a key (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
easy as 1, 2, 3", SC 2011), so that any block of any run can be dealt by anybody, in any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import inlined

__all__ = ["LOW_32", "fill", "fill_lanes"]

LOW_32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_STEP_0, _STEP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)

Words = npt.NDArray[np.uint32]


@inlined
def fill(words: Words, first: int, chunks: int, stream: Any, block: Any, seed: Any) -> None:
    """Put the words of `chunks` counters from `first` on into `words`, four each; `stream` is the counter's second word, `block` gives
    the third and fourth, `seed` the key. All are unsigned."""
    for chunk in range(chunks):  # independent of each other: done several at a time, in vectors
        c0, c1, c2, c3 = _ten_rounds(np.uint64(first + chunk), stream, block & LOW_32, block >> _32, seed)
        words[4 * chunk] = c0
        words[4 * chunk + 1] = c1
        words[4 * chunk + 2] = c2
        words[4 * chunk + 3] = c3


@inlined
def fill_lanes(
    words: npt.NDArray[np.uint32], lanes: int, chunk: int, stream: Any, streams: int, block: Any, blocks: int, seed: Any
) -> None:
    """Put the four words of counter `chunk` into rows 4 * `chunk` and following, for `lanes` streams and blocks that follow each other in
    steps of `streams` and `blocks`."""
    row = 4 * chunk
    for lane in range(lanes):
        own_block = block + np.uint64(lane * blocks)
        c0, c1, c2, c3 = _ten_rounds(
            np.uint64(chunk), stream + np.uint64(lane * streams), own_block & LOW_32, own_block >> _32, seed
        )
        words[row, lane] = c0
        words[row + 1, lane] = c1
        words[row + 2, lane] = c2
        words[row + 3, lane] = c3


@inlined
def _ten_rounds(c0: Any, c1: Any, c2: Any, c3: Any, seed: Any) -> Any:
    k0, k1 = seed & LOW_32, seed >> _32
    for _ in range(10):
        left = _MULTIPLIER_0 * c0
        right = _MULTIPLIER_1 * c2
        c0 = (right >> _32) ^ c1 ^ k0
        c1 = right & LOW_32
        c2 = (left >> _32) ^ c3 ^ k1
        c3 = left & LOW_32
        k0 = (k0 + _STEP_0) & LOW_32
        k1 = (k1 + _STEP_1) & LOW_32
    return c0, c1, c2, c3
