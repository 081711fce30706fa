"""Another ramp's numbers from stored rows, against playing the same rounds with that ramp."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.blackjack.configuration import BettingStrategy, RampStep
from libs.blackjack.money import bet_at
from libs.simulation import measures
from libs.simulation.reprice import ASSUMPTION, CannotReprice, PricedRamp, reprice
from tests.libs.simulation import synthetic as made
from tests.libs.simulation.orders import simulated

SIT_OUT = BettingStrategy(
    name="sit out", min_bet=5.0, bet_ramp=(RampStep(from_count=None, bet=0.0), RampStep(from_count=1, bet=17.5))
)
BLOCKS = made.deal(31, 120, tilt=0.05)


def _stored(betting: BettingStrategy) -> dict[str, object]:
    result: dict[str, object] = msgspec.json.decode(msgspec.json.encode(simulated(made.configuration(betting), BLOCKS)))
    return result


def test_the_ramp_that_was_played_gets_its_own_numbers() -> None:
    played = simulated(made.configuration(made.SPREAD), BLOCKS).players[0]
    priced = reprice(_stored(made.SPREAD), 0, made.SPREAD)
    for number in ("ev", "average_bet", "initial_bets", "net_gain_loss", "total_wagered", "player_edge", "win_rate_per_100",
                   "sd_per_round", "sd_per_100", "score", "di", "n0", "risk_of_ruin"):  # fmt: skip
        assert getattr(priced, number) == pytest.approx(getattr(played, number), rel=1e-11), number
    assert [row.bet for row in priced.by_count] == [row.bet for row in played.by_count]


@pytest.mark.parametrize("betting", [made.FLAT, made.SPREAD, SIT_OUT], ids=lambda betting: betting.name)
def test_any_ramp_is_priced_as_if_it_had_been_played(betting: BettingStrategy) -> None:
    configuration = made.configuration(betting)
    played = measures.player_result(configuration, made.tally(configuration, BLOCKS), 0, 0)
    priced = reprice(_stored(made.FLAT), 0, betting)
    assert priced.ev == pytest.approx(played.ev, rel=1e-11)
    assert priced.win_rate_per_100 == pytest.approx(played.win_rate_per_100, rel=1e-11)
    assert priced.sd_per_round == pytest.approx(played.sd_per_round, rel=1e-11)
    assert priced.score == pytest.approx(played.score, rel=1e-9)


def test_the_error_is_that_of_independent_rounds() -> None:
    priced = reprice(_stored(made.FLAT), 0, made.SPREAD)
    rounds = [r for block in BLOCKS for r in block[0]]
    bets = np.array([bet_at(made.SPREAD, r.count) for r in rounds])
    nets = bets * np.array([r.result for r in rounds]) / 20
    ratio, n = nets.sum() / bets.sum(), len(rounds)
    expected = math.sqrt(((nets - ratio * bets) ** 2).sum() * n / (n - 1)) / bets.sum()
    assert priced.standard_error == pytest.approx(expected, rel=1e-9)
    assert priced.win_rate_standard_error == pytest.approx(100 * nets.std(ddof=1) / math.sqrt(n), rel=1e-9)
    assert priced.assumption == ASSUMPTION


def test_the_counts_add_up_to_the_win_rate() -> None:
    priced = reprice(_stored(made.FLAT), 0, made.SPREAD)
    assert sum(row.win_per_100 for row in priced.by_count) == pytest.approx(priced.win_rate_per_100)


def test_a_larger_bankroll_is_ruined_less() -> None:
    small, large = (reprice(_stored(made.FLAT), 0, made.SPREAD, bankroll=money) for money in (5_000.0, 20_000.0))
    assert small.risk_of_ruin is not None
    assert large.risk_of_ruin is not None
    assert large.risk_of_ruin == pytest.approx(small.risk_of_ruin**4)


def test_betting_nothing_at_all_has_no_ev() -> None:
    nothing = BettingStrategy(name="", min_bet=1.0, bet_ramp=(RampStep(from_count=None, bet=0.0),))
    priced = reprice(_stored(made.FLAT), 0, nothing)
    assert (priced.ev, priced.standard_error, priced.player_edge, priced.score) == (None, None, None, None)
    assert priced.win_rate_per_100 == 0


def test_another_number_of_hands_is_refused() -> None:
    with pytest.raises(CannotReprice, match="1 hands at once"):
        reprice(_stored(made.FLAT), 0, msgspec.structs.replace(made.FLAT, num_hands=2))


@pytest.mark.parametrize("player", [-1, 1])
def test_a_player_that_is_not_there_is_refused(player: int) -> None:
    with pytest.raises(CannotReprice, match="no player"):
        reprice(_stored(made.FLAT), player, made.FLAT)


def test_only_simulations_are_priced() -> None:
    with pytest.raises(CannotReprice, match="only the result of a simulation"):
        reprice({"kind": "sweep"}, 0, made.FLAT)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=2, max_size=6))
def test_whatever_the_ramp_json_can_say_it(cents: list[int]) -> None:
    ramp = [RampStep(from_count=None, bet=cents[0] / 100)]
    ramp += [RampStep(from_count=count, bet=bet / 100) for count, bet in enumerate(cents[1:], -2)]
    priced = reprice(_stored(made.FLAT), 0, BettingStrategy(name="any", min_bet=1.0, bet_ramp=tuple(ramp)))
    assert msgspec.json.decode(msgspec.json.encode(priced), type=PricedRamp) == priced
