"""Betting units, bankrolls, and how their paths are looked at."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.blackjack import money
from libs.blackjack.configuration import BettingStrategy, Configuration, RampStep
from tests.libs.blackjack.table import configuration, player


def ramp(*bets: float, least: float = 5.0, hands: int = 1) -> BettingStrategy:
    steps = [RampStep(from_count=None if place == 0 else place, bet=bet) for place, bet in enumerate(bets)]
    return BettingStrategy(min_bet=least, bet_ramp=tuple(steps), num_hands=hands)


@pytest.mark.parametrize(
    ("least", "bets", "unit"),
    [(5, (5, 10, 60), "5"), (5, (0, 10), "5"), (10, (15, 25), "5"), (1, (1.5,), "0.5"), (0.01, (10,), "0.01")],
)
def test_the_betting_unit_divides_every_bet(least: float, bets: tuple[float, ...], unit: str) -> None:
    assert money.betting_unit(ramp(*bets, least=least)) == Fraction(unit)


def test_the_bet_is_that_of_the_highest_step_reached() -> None:
    betting = ramp(5, 10, 25)
    assert [money.bet_at(betting, count) for count in (-12, 0, 1, 2, 12)] == [5, 5, 10, 25, 25]


def test_steps_may_be_in_any_order() -> None:
    betting = ramp(5, 10, 25)
    turned = msgspec.structs.replace(betting, bet_ramp=betting.bet_ramp[::-1])
    assert [money.bet_at(turned, count) for count in range(-3, 4)] == [
        money.bet_at(betting, count) for count in range(-3, 4)
    ]


@given(bankroll=st.integers(0, 10**7), gain=st.integers(-(10**6), 10**6), goal=st.integers(1, 10**7))
def test_the_goal_is_reached_exactly_when_the_money_is(bankroll: int, gain: int, goal: int) -> None:
    """Amounts in cents; a gain is a number of twentieths of the unit."""
    someone = player(betting_strategy=ramp(7.5, 22.5, least=7.5), bankroll=bankroll / 100)
    reached = money.bankroll(someone) + gain >= money.goal(someone, goal / 100)
    assert reached == (Fraction(bankroll, 100) + gain * Fraction("7.5") / 20 >= Fraction(goal, 100))


@given(rounds=st.integers(1, 10**6))
def test_checkpoints_rise_to_the_end_of_the_session(rounds: int) -> None:
    found = money.checkpoints(rounds)
    assert list(found) == sorted(set(found))
    assert found[0] >= 1
    assert found[-1] == rounds


def sessions(bankroll: float, rounds: int) -> Configuration:
    someone = player(betting_strategy=ramp(5, 60), bankroll=bankroll)
    return configuration(None, someone, mode="sessions", session_rounds=rounds)


@given(bankroll=st.floats(1, 10**6), rounds=st.integers(1, 10**5), amount=st.integers(-(10**12), 10**12))
def test_every_amount_has_a_bin(bankroll: float, rounds: int, amount: int) -> None:
    table = sessions(round(bankroll, 2), rounds)
    bins = money.path_bins(table, table.players[0])
    place = bins.bin(amount)
    assert 0 <= place < money.BINS
    if bins.low <= amount < bins.low + bins.width * money.BINS:
        assert bins.low + place * bins.width <= amount < bins.low + (place + 1) * bins.width


def test_bins_are_around_the_start_where_the_bankroll_is_large() -> None:
    table = sessions(1_000_000, 100)
    bins = money.path_bins(table, table.players[0])
    start = money.bankroll(table.players[0])
    assert bins.low > start * 0.9
    assert bins.bin(start) == pytest.approx(money.BINS / 2, abs=1)
