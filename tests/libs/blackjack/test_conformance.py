"""The compiled engine and the plain reference agree to the last integer, whatever is played."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchmarks.blackjack_rules import RULE_SETS
from libs.blackjack.configuration import Configuration
from libs.blackjack.engine import simulate
from libs.blackjack.reference import play
from libs.blackjack.tally import Tally
from tests.libs.blackjack.configurations import configurations

ROUNDS = 3000
"""A rule set; `benchmarks.blackjack_agreement --hands` plays as many as one likes."""
SEEDS = st.integers(0, 2**53 - 1)
BLOCKS = st.integers(0, 2**53 - 1000)


def told(tally: Tally) -> object:
    """For messages: the first difference is found in plain data."""
    return msgspec.to_builtins(tally)


@pytest.mark.parametrize("name", RULE_SETS)
def test_engine_and_reference_agree_on_a_rule_set(name: str) -> None:
    expected = play([RULE_SETS[name]], 7, 1_000, ROUNDS, rounds_min=ROUNDS)
    assert told(simulate([RULE_SETS[name]], 7, 1_000, expected.blocks)) == told(expected)


@given(configuration=configurations(), seed=SEEDS, first_block=BLOCKS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_engine_and_reference_agree_on_any_rules(configuration: Configuration, seed: int, first_block: int) -> None:
    expected = play_if_cards_suffice([configuration], seed, first_block, 60, rounds_min=120)
    assert told(simulate([configuration], seed, first_block, expected.blocks)) == told(expected)


@given(one=configurations(), other=configurations(), seed=SEEDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_engine_and_reference_agree_on_any_two_tables(one: Configuration, other: Configuration, seed: int) -> None:
    other = msgspec.structs.replace(other, mode=one.mode)
    expected = play_if_cards_suffice([one, other], seed, 5, 40, rounds_min=80)
    assert told(simulate([one, other], seed, 5, 40, rounds_min=80)) == told(expected)


def play_if_cards_suffice(
    tables: list[Configuration], seed: int, first_block: int, blocks: int, *, rounds_min: int
) -> Tally:
    """Wild play of many hands may put every card of one deck on the table."""
    try:
        return play(tables, seed, first_block, blocks, rounds_min=rounds_min)
    except IndexError:
        assume(False)
        raise
