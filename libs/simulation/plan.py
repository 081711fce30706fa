"""How a run is cut into parts: by blocks alone, never by who computes them, so that any number of runners give the same result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

import msgspec

__all__ = ["Part", "Parts", "plan", "top_up"]

_FIRST_ROUNDS = 1 << 18  # a few hundredths of a second: progress and an early stop come soon
_STEADY_ROUNDS = 1 << 24  # a second or two: the log is a small share of the cost
_DOUBLE_EVERY = 8
_PARTS_MAX = 4096
_MARGIN = 0.005  # what is left to the top-up, since the rounds of a block are an estimate, good to about a thousandth
_MARGIN_BLOCKS = 64


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Blocks that one worker plays, about `rounds` rounds; with `rounds_min` it ends after the block in which the first table has that many."""

    first_block: int
    blocks: int
    rounds: int
    rounds_min: int | None = None


class Parts(Sequence[Part]):
    """Parts that cover `blocks` blocks from 0 without a gap: small ones first, then steadily larger ones, `_PARTS_MAX` at most or a few more."""

    def __init__(self, blocks: int, rounds_per_block: float) -> None:
        """`rounds_per_block` only decides how large the parts are; it is at least 1."""
        self.blocks = blocks
        rounds = blocks * rounds_per_block
        steady = max(_STEADY_ROUNDS, rounds / _PARTS_MAX)
        sizes: list[
            tuple[int, int, int]
        ] = []  # (number of the run's first part, its first block, blocks in each of its parts)
        number = first = 0
        size = float(_FIRST_ROUNDS)
        while size < steady and first < blocks:
            each = max(1, math.ceil(size / rounds_per_block))
            sizes.append((number, first, each))
            number, first = number + _DOUBLE_EVERY, first + _DOUBLE_EVERY * each
            size *= 2
        sizes.append((number, first, max(1, math.ceil(steady / rounds_per_block))))
        self._sizes = sizes
        self._rounds_per_block = rounds_per_block
        number, first, each = next(size for size in reversed(sizes) if size[1] < blocks or size[1] == 0)
        self._count = number + math.ceil((blocks - first) / each)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Part: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Part]: ...

    def __getitem__(self, index: int | slice) -> Part | Sequence[Part]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        index %= self._count
        number, first, each = next(size for size in reversed(self._sizes) if size[0] <= index)
        start = first + (index - number) * each
        blocks = min(each, self.blocks - start)
        return Part(first_block=start, blocks=blocks, rounds=round(blocks * self._rounds_per_block))


def plan(*, rounds_max: int | None, blocks: int | None, rounds_per_block: float) -> Parts:
    """The parts of a run of exactly `blocks` blocks; or of a little less than `rounds_max` rounds, which `top_up` completes."""
    if blocks is not None:
        return Parts(blocks, rounds_per_block)
    if rounds_max is None:
        raise ValueError("a run needs an end: rounds_max or blocks")
    if rounds_per_block == 1.0:  # a block is a round
        return Parts(rounds_max, 1.0)
    expected = rounds_max / rounds_per_block
    return Parts(max(0, math.floor(expected * (1 - _MARGIN)) - _MARGIN_BLOCKS), rounds_per_block)


def top_up(*, blocks: int, rounds: int, rounds_max: int) -> Part | None:
    """What follows `blocks` blocks with `rounds` rounds, so that at least `rounds_max` are played and less than a block more; None: nothing."""
    missing = rounds_max - rounds
    return Part(first_block=blocks, blocks=missing, rounds=missing, rounds_min=missing) if missing > 0 else None
