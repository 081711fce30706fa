"""Philox4x32-10: random words as a pure function of a counter and a key (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
easy as 1, 2, 3", SC 2011), so that any block of any run can be dealt by anybody, in any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import compiled

__all__ = ["LOW_32", "fill"]

LOW_32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_STEP_0, _STEP_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)

Words = npt.NDArray[np.uint32]


@compiled
def fill(words: Words, first: int, chunks: int, stream: Any, block: Any, seed: Any) -> None:
    """Put the words of `chunks` counters from `first` on into `words`, four each; `stream` is the counter's second word, `block` gives
    the third and fourth, `seed` the key. All are unsigned."""
    low, high = block & LOW_32, block >> _32
    for chunk in range(chunks):  # independent of each other: done several at a time, in vectors
        c0, c1, c2, c3 = np.uint64(first + chunk), stream, low, high
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
        words[4 * chunk] = c0
        words[4 * chunk + 1] = c1
        words[4 * chunk + 2] = c2
        words[4 * chunk + 3] = c3
