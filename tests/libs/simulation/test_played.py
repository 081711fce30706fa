"""Numbers of shoes that were really played, by the plain reference: what holds for any tally of the engine."""

from __future__ import annotations

import msgspec
import pytest

from libs.blackjack.reference import play
from libs.simulation import measures
from libs.simulation.orders import ComparisonOrder
from libs.simulation.reprice import reprice
from libs.simulation.result import compare, summarize
from tests.libs.simulation import synthetic as made
from tests.libs.simulation.orders import RUN, simulation_order

SHOES = 40


def test_another_ramp_is_priced_to_the_cent_as_the_same_shoes_pay_it() -> None:
    flat, spread = made.configuration(made.FLAT), made.configuration(made.SPREAD)
    stored = summarize(simulation_order(flat), play([flat], 7, 0, SHOES), stopped="rounds", seconds=1.0)
    priced = reprice(msgspec.json.decode(msgspec.json.encode(stored)), 0, made.SPREAD)
    played = measures.player_result(spread, play([spread], 7, 0, SHOES), 0, 0)
    assert priced.net_gain_loss == played.net_gain_loss
    assert priced.total_wagered == played.total_wagered
    assert priced.initial_bets == played.initial_bets
    assert priced.ev == pytest.approx(played.ev, rel=1e-13)
    assert priced.sd_per_round == pytest.approx(played.sd_per_round, rel=1e-12)


def test_money_by_count_is_the_players_money() -> None:
    spread = made.configuration(made.SPREAD)
    player = measures.player_result(spread, play([spread], 8, 0, SHOES), 0, 0)
    assert sum(row.bet * row.units_net for row in player.by_count) / 20 == pytest.approx(player.net_gain_loss)
    assert sum(row.bet * row.rounds for row in player.by_count) == pytest.approx(player.initial_bets)
    assert sum(row.bet * row.units_wagered for row in player.by_count) / 20 == pytest.approx(player.total_wagered)
    assert sum(row.rounds for row in player.by_count) == player.rounds


def test_hands_and_dealers_ends_add_up() -> None:
    configuration = made.configuration(made.FLAT, made.FLAT)
    tally = play([configuration], 9, 0, 10)
    dealer = measures.dealer_outcomes(tally.tables[0])
    assert sum(msgspec.structs.astuple(dealer)) == tally.tables[0].rounds
    for number in (0, 1):
        outcomes = measures.player_result(configuration, tally, 0, number).outcomes
        assert outcomes["hands"] == sum(outcomes[name] for name in ("wins", "pushes", "losses", "surrenders"))
        assert outcomes["hands"] >= tally.tables[0].rounds


def test_a_rule_that_costs_is_told_from_the_same_shoes() -> None:
    a, b = made.configuration(), made.configuration(blackjack_payout=1.0)
    order = ComparisonOrder(given={}, run=RUN, a=a, b=b)
    result = compare(order, play([a, b], 10, 0, SHOES), stopped="rounds", seconds=1.0)
    (difference,) = result.difference
    naturals = result.a[0].outcomes["naturals"] / result.rounds
    assert difference.ev_difference == pytest.approx(
        -0.5 * naturals, abs=0.004
    )  # half a bet less for each that is paid
    assert difference.correlation is not None
    assert difference.correlation > 0.95
    assert difference.interval is not None
    assert difference.interval[1] < 0


def test_sessions_end_where_their_money_says() -> None:
    configuration = msgspec.structs.replace(
        made.configuration(made.SPREAD, sessions=True), session_rounds=60, win_goal=10_060.0
    )
    tally = play([configuration], 11, 0, 60)
    player = measures.player_result(configuration, tally, 0, 0)
    assert player.sessions is not None
    assert player.final_bankroll == player.sessions.final_mean
    assert player.sessions.final_mean == pytest.approx(
        player.initial_bankroll + player.net_gain_loss / player.sessions.sessions
    )
    assert player.sessions.fan[-1].rounds == 60
    quantiles = [(point.q05, point.q25, point.q50, point.q75, point.q95) for point in player.sessions.fan]
    assert all(list(each) == sorted(each) for each in quantiles)
    assert player.sessions.goals > 0
