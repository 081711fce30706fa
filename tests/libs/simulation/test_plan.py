from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.simulation.plan import Part, Parts, plan, top_up

BLOCKS = st.integers(0, 10**12)
ROUNDS_PER_BLOCK = st.floats(1, 10_000)


@given(st.integers(0, 10**10), ROUNDS_PER_BLOCK)
def test_parts_cover_all_blocks_without_a_gap(blocks: int, rounds_per_block: float) -> None:
    end = 0
    for part in Parts(blocks, rounds_per_block):
        assert part.first_block == end
        assert part.blocks >= 1
        end += part.blocks
    assert end == blocks


@given(BLOCKS, ROUNDS_PER_BLOCK)
def test_there_are_never_many_parts(blocks: int, rounds_per_block: float) -> None:
    assert len(Parts(blocks, rounds_per_block)) <= 4096 + 200


def test_the_first_part_is_small_and_later_ones_are_steady() -> None:
    parts = Parts(10**10, 1.0)
    assert parts[0].blocks == 2**18
    assert parts[-2].blocks == 2**24


def test_a_part_can_be_asked_for_from_the_end() -> None:
    parts = Parts(10**9, 43.2)
    assert parts[-1] == parts[len(parts) - 1]
    assert parts[0:2] == [parts[0], parts[1]]
    with pytest.raises(IndexError):
        parts[len(parts)]


def test_where_a_block_is_a_round_the_rounds_are_exact() -> None:
    assert plan(rounds_max=1_000_003, blocks=None, rounds_per_block=1.0).blocks == 1_000_003


@given(st.integers(1, 10**12), st.floats(1.5, 10_000))
def test_a_plan_by_rounds_leaves_the_rest_to_the_top_up(rounds: int, rounds_per_block: float) -> None:
    assert plan(rounds_max=rounds, blocks=None, rounds_per_block=rounds_per_block).blocks * rounds_per_block <= rounds


def test_blocks_that_are_asked_for_are_played() -> None:
    assert plan(rounds_max=None, blocks=777, rounds_per_block=43.2).blocks == 777


def test_the_top_up_ends_with_the_rounds_that_were_missing() -> None:
    assert top_up(blocks=100, rounds=990, rounds_max=1000) == Part(first_block=100, blocks=10, rounds=10, rounds_min=10)
    assert top_up(blocks=100, rounds=1000, rounds_max=1000) is None
