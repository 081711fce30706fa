"""Exact sums of products over blocks, for integers whose products do not fit a machine's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import stored

__all__ = ["COLUMNS_MAX", "LIMBS", "SMALL", "add_products", "upper_triangle", "values"]

LIMBS = 3
_BITS = 24
_LOW = (1 << _BITS) - 1
COLUMNS_MAX = 1 << 14
"""Columns to be added at once: entries are below 2**45, so halves of them below 2**24, products of halves below 2**48, two of these below
2**49, and the sum over so many columns below 2**63."""
SMALL = 1 << 24
"""Products of entries below this are below 2**48, and their sum over so many columns below 2**62."""

Ints = npt.NDArray[np.int64]


def upper_triangle(size: int) -> Ints:
    """Every two of so many rows, row by row of the triangle."""
    return np.array([(first, second) for first in range(size) for second in range(first, size)], dtype=np.int64)


@stored
def add_products(vectors: Ints, count: int, pairs: Ints, small: bool, sums: Ints) -> None:
    """Add the products of every pair of rows, over the first `count` columns, to `sums`: one row a pair, `LIMBS` numbers each as a high
    and a low part. Every entry is below 2**45, either way; with `small` below `SMALL`."""
    for number in range(pairs.shape[0]):
        first, second = vectors[pairs[number, 0]], vectors[pairs[number, 1]]
        low = middle = high = 0
        if small:
            for column in range(count):
                low += first[column] * second[column]
        else:
            for column in range(count):
                x, y = first[column], second[column]
                x_high, y_high = x >> _BITS, y >> _BITS
                x_low, y_low = x & _LOW, y & _LOW
                low += x_low * y_low
                middle += x_low * y_high + x_high * y_low
                high += x_high * y_high
        for limb, total in enumerate((low, middle, high)):
            sums[number, limb, 0] += total >> 32
            sums[number, limb, 1] += total & 0xFFFFFFFF


def values(sums: npt.NDArray[Any]) -> tuple[int, ...]:
    """The sums as they are."""
    return tuple(
        sum(((high << 32) + low) << (_BITS * limb) for limb, (high, low) in enumerate(limbs)) for limbs in sums.tolist()
    )
