"""Every number of a player, worked out a second time from the rounds themselves."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.blackjack.configuration import BettingStrategy, RampStep
from libs.blackjack.money import bet_at
from libs.blackjack.tally import SessionTally, Tally
from libs.simulation import measures
from tests.libs.simulation import synthetic as made

TWO_HANDS = BettingStrategy(
    name="two",
    min_bet=7.5,
    num_hands=2,
    bet_ramp=(RampStep(from_count=None, bet=0.0), RampStep(from_count=0, bet=12.5)),
)


def _money(betting: BettingStrategy, blocks: made.Blocks, player: int = 0) -> list[float]:
    return [bet_at(betting, r.count) * r.result / 20 for block in blocks for r in block[player]]


def _block_sums(
    betting: BettingStrategy, blocks: made.Blocks, player: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nets = np.array([sum(bet_at(betting, r.count) * r.result / 20 for r in block[player]) for block in blocks])
    initial = np.array([sum(bet_at(betting, r.count) * betting.num_hands for r in block[player]) for block in blocks])
    return nets, initial, np.array([len(block[player]) for block in blocks])


def _ratio(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    ratio = above.sum() / below.sum()
    residuals = above - ratio * below
    return ratio, math.sqrt((residuals**2).sum() * len(above) / (len(above) - 1)) / below.sum()


@pytest.mark.parametrize("betting", [made.FLAT, made.SPREAD, TWO_HANDS], ids=lambda betting: betting.name)
def test_a_players_numbers_are_those_of_the_rounds(betting: BettingStrategy) -> None:
    configuration = made.configuration(betting)
    blocks = made.deal(11, 80, hands=(betting.num_hands,), tilt=0.02)
    player = measures.player_result(configuration, made.tally(configuration, blocks), 0, 0)
    nets, initial, rounds = _block_sums(betting, blocks)
    money = np.array(_money(betting, blocks))
    ev, error = _ratio(nets, initial)
    rate, rate_error = _ratio(nets, rounds)
    assert player.ev == pytest.approx(ev, rel=1e-12)
    assert player.standard_error == pytest.approx(error, rel=1e-9)
    assert player.rounds == rounds.sum()
    assert player.win_rate_per_100 == pytest.approx(100 * rate, rel=1e-12)
    assert player.win_rate_standard_error == pytest.approx(100 * rate_error, rel=1e-9)
    assert player.sd_per_round == pytest.approx(money.std(ddof=1), rel=1e-10)
    assert player.sd_per_100 == pytest.approx(10 * money.std(ddof=1), rel=1e-10)
    assert player.sd_per_100_blocks == pytest.approx(10 * rate_error * math.sqrt(rounds.sum()), rel=1e-9)
    assert player.average_bet == pytest.approx(initial.sum() / rounds.sum(), rel=1e-12)
    assert player.net_gain_loss == pytest.approx(nets.sum(), rel=1e-12)
    assert player.initial_bets == pytest.approx(initial.sum(), rel=1e-12)
    wagered = sum(bet_at(betting, r.count) * r.wagered / 20 for block in blocks for r in block[0])
    assert player.total_wagered == pytest.approx(wagered, rel=1e-12)
    assert player.player_edge == pytest.approx(nets.sum() / wagered, rel=1e-12)
    assert player.final_bankroll == pytest.approx(10_000 + nets.sum())
    index = 1000 * money.mean() / money.std(ddof=1)
    assert player.di == pytest.approx(index, rel=1e-9)
    assert player.score == pytest.approx(max(index, 0) ** 2, rel=1e-9)
    ruin = math.exp(-2 * money.mean() * 10_000 / money.var(ddof=1)) if money.mean() > 0 else 1.0
    assert player.risk_of_ruin == pytest.approx(ruin, rel=1e-8)


def test_the_rows_by_count_are_those_of_the_rounds() -> None:
    configuration = made.configuration(TWO_HANDS)
    blocks = made.deal(12, 60, hands=(2,))
    player = measures.player_result(configuration, made.tally(configuration, blocks), 0, 0)
    rounds = [r for block in blocks for r in block[0]]
    assert [row.count for row in player.by_count] == sorted({r.count for r in rounds})
    for row in player.by_count:
        here = np.array([r.result for r in rounds if r.count == row.count])
        assert row.rounds == len(here)
        assert row.share == pytest.approx(len(here) / len(rounds))
        assert row.bet == bet_at(TWO_HANDS, row.count)
        assert row.ev == pytest.approx(here.mean() / 40)
        assert (row.units_net, row.units_squares) == (here.sum(), (here**2).sum())
        if len(here) > 1:
            assert row.standard_error == pytest.approx(here.std(ddof=1) / math.sqrt(len(here)) / 40)
            assert row.sd == pytest.approx(here.std(ddof=1) / 20)
        else:
            assert row.standard_error is None
            assert row.sd is None


def test_the_kelly_bet_of_a_count_makes_bankrolls_grow_fastest() -> None:
    configuration = made.configuration(made.FLAT)
    blocks = made.deal(13, 60, tilt=0.05)
    player = measures.player_result(configuration, made.tally(configuration, blocks), 0, 0)
    row = max(player.by_count, key=lambda row: row.rounds)
    results = np.array([r.result / 20 for block in blocks for r in block[0] if r.count == row.count])
    growth = {f: np.log1p(f * results).mean() for f in np.linspace(0, 0.2, 201)}
    assert row.kelly_fraction == pytest.approx(max(growth, key=growth.__getitem__), abs=0.004)
    assert all(each.kelly_fraction == 0 for each in player.by_count if each.ev is not None and each.ev <= 0 and each.sd)


def test_the_histogram_holds_every_round_once() -> None:
    configuration = made.configuration(made.SPREAD)
    blocks = made.deal(14, 30)
    player = measures.player_result(configuration, made.tally(configuration, blocks), 0, 0)
    assert sum(each.rounds for each in player.histogram) == player.rounds
    assert sum(each.share for each in player.histogram) == pytest.approx(1)
    assert [each.result for each in player.histogram] == sorted({r.result / 20 for block in blocks for r in block[0]})


def test_players_of_one_table_do_not_mix() -> None:
    both = made.configuration(made.FLAT, TWO_HANDS)
    blocks = made.deal(15, 40, hands=(1, 2))
    alone = made.configuration(TWO_HANDS)
    tally = made.tally(both, blocks)
    second = measures.player_result(both, tally, 0, 1)
    single = measures.player_result(alone, made.tally(alone, [[block[1]] for block in blocks]), 0, 0)
    assert msgspec.structs.replace(second, name="") == msgspec.structs.replace(single, name="")


def test_one_block_gives_a_value_without_an_error() -> None:
    configuration = made.configuration()
    player = measures.player_result(configuration, made.tally(configuration, made.deal(16, 1)), 0, 0)
    assert player.ev is not None
    assert (player.standard_error, player.interval, player.win_rate_standard_error) == (None, None, None)
    assert player.sd_per_round is not None


def test_one_round_has_no_deviation() -> None:
    configuration = made.configuration()
    player = measures.player_result(configuration, made.tally(configuration, [[[made.Round(0, 20, 20)]]]), 0, 0)
    assert player.ev == 1.0
    assert (player.sd_per_round, player.score, player.n0, player.risk_of_ruin) == (None, None, None, None)


def test_nothing_bet_is_nothing_divided() -> None:
    betting = BettingStrategy(name="none", min_bet=5.0, bet_ramp=(RampStep(from_count=None, bet=0.0),))
    configuration = made.configuration(betting)
    player = measures.player_result(configuration, made.tally(configuration, made.deal(17, 5)), 0, 0)
    assert (player.ev, player.standard_error, player.player_edge) == (None, None, None)
    assert player.average_bet == 0
    assert player.win_rate_per_100 == 0


def _no_rounds(configuration: object) -> Tally:
    return made.tally(configuration, [])  # type: ignore[arg-type]


def test_no_rounds_have_no_numbers() -> None:
    configuration = made.configuration()
    player = measures.player_result(configuration, _no_rounds(configuration), 0, 0)
    assert (player.ev, player.average_bet, player.sd_per_round, player.by_count, player.histogram) == (
        None,
        None,
        None,
        (),
        (),
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 5), st.booleans())
def test_json_never_holds_what_is_no_number(seed: int, blocks: int, rounds: int, spread: bool) -> None:
    configuration = made.configuration(made.SPREAD if spread else made.FLAT)
    tally = made.tally(configuration, made.deal(seed, blocks, rounds=rounds))
    player = measures.player_result(configuration, tally, 0, 0)
    text = msgspec.json.encode(player)
    assert msgspec.json.decode(text, type=type(player)) == player

    def check(value: object) -> None:
        if isinstance(value, float):
            assert math.isfinite(value)
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
            check(each)

    check(msgspec.to_builtins(player))


def test_the_difference_on_common_cards_is_that_of_the_residuals() -> None:
    a, b = made.configuration(made.SPREAD), made.configuration(TWO_HANDS)
    dealt = made.deal(18, 120, hands=(1, 2), tilt=0.01)
    one, other = [[block[0]] for block in dealt], [[block[1]] for block in dealt]
    found = measures.difference(made.tally((a, b), (one, other)), (a, b), 0)
    parts = []
    for betting, blocks in ((made.SPREAD, one), (TWO_HANDS, other)):
        nets, initial, rounds = _block_sums(betting, blocks)
        ratio, rate = nets.sum() / initial.sum(), nets.sum() / rounds.sum()
        parts.append((ratio, (nets - ratio * initial) / initial.sum(), rate, (nets - rate * rounds) / rounds.sum()))
    n = len(dealt)

    def error(residuals: np.ndarray) -> float:
        return math.sqrt((residuals**2).sum() * n / (n - 1))

    assert found.ev_difference == pytest.approx(parts[1][0] - parts[0][0], rel=1e-12)
    assert found.standard_error == pytest.approx(error(parts[1][1] - parts[0][1]), rel=1e-9)
    assert found.correlation == pytest.approx(
        (parts[0][1] * parts[1][1]).sum() / math.sqrt((parts[0][1] ** 2).sum() * (parts[1][1] ** 2).sum()), rel=1e-9
    )
    assert found.win_rate_difference == pytest.approx(100 * (parts[1][2] - parts[0][2]), rel=1e-9)
    assert found.win_rate_standard_error == pytest.approx(100 * error(parts[1][3] - parts[0][3]), rel=1e-9)
    apart = error(parts[0][1]) ** 2 + error(parts[1][1]) ** 2
    assert found.variance_ratio == pytest.approx(apart / error(parts[1][1] - parts[0][1]) ** 2, rel=1e-9)


def test_a_table_does_not_differ_from_itself() -> None:
    one = made.configuration(made.SPREAD)
    blocks = made.deal(19, 30)
    found = measures.difference(made.tally((one, one), (blocks, blocks)), (one, one), 0)
    assert (found.ev_difference, found.standard_error, found.interval) == (0.0, 0.0, (0.0, 0.0))
    assert found.correlation == pytest.approx(1)
    assert found.variance_ratio is None


def test_common_cards_make_the_difference_surer() -> None:
    a, b = made.configuration(made.SPREAD), made.configuration(made.FLAT)
    blocks = made.deal(20, 200)
    found = measures.difference(made.tally((a, b), (blocks, blocks)), (a, b), 0)
    assert found.variance_ratio is not None
    assert found.variance_ratio > 1.5


def _sessions(values: list[list[int]], *, ruined: int = 0, goals: int = 0, low: int = 0) -> SessionTally:
    """`values`: for each checkpoint the bankrolls, in twentieths of the unit; bins of 2,000 (100 units)."""
    paths = []
    for at in values:
        bins = [0] * 201
        for value in at:
            bins[min(200, max(0, (value - low) // 2000))] += 1
        paths.append(tuple(bins))
    last = values[-1]
    return SessionTally(
        sessions=len(last),
        ruined=ruined,
        goals=goals,
        rounds_to_ruin=300 * ruined,
        checkpoints=tuple(range(100, 100 * len(values) + 1, 100)),
        bankroll_low=low,
        bankroll_span=201 * 2000,
        paths=tuple(paths),
        final=sum(last),
        final_squares=sum(value * value for value in last),
    )


def test_sessions_are_told_by_what_they_came_to() -> None:
    configuration = made.configuration(made.FLAT, sessions=True)  # the unit is 10: a twentieth is 0.50
    dice = np.random.default_rng(2)
    values = [[int(v) for v in dice.normal(20_000, spread, 400).clip(0)] for spread in (2000, 4000, 8000)]
    tally = made.tally(configuration, made.deal(21, 4), _sessions(values, ruined=12, goals=30))
    player = measures.player_result(configuration, tally, 0, 0)
    sessions = player.sessions
    assert sessions is not None
    finals = np.array(values[-1]) * 0.5
    assert player.final_bankroll == sessions.final_mean == pytest.approx(finals.mean())
    assert sessions.final_sd == pytest.approx(finals.std(ddof=1))
    assert sessions.final_standard_error == pytest.approx(finals.std(ddof=1) / 20)
    assert player.ruin_share == sessions.ruin_share == pytest.approx(0.03)
    assert sessions.ruin_interval is not None
    assert sessions.ruin_interval[0] < 0.03 < sessions.ruin_interval[1]
    assert sessions.goal_share == pytest.approx(0.075)
    assert sessions.mean_rounds_to_ruin == 300
    assert [point.rounds for point in sessions.fan] == [0, 100, 200, 300]
    assert sessions.fan[0].q05 == sessions.fan[0].q95 == 10_000
    last = sessions.fan[-1]
    for value, share in ((last.q05, 0.05), (last.q25, 0.25), (last.q50, 0.5), (last.q75, 0.75), (last.q95, 0.95)):
        assert value == pytest.approx(np.quantile(finals, share), abs=1000)  # a bin is 1,000 wide


def test_nobody_ruined_has_no_mean_time_to_ruin() -> None:
    configuration = made.configuration(made.FLAT, sessions=True)
    tally = made.tally(configuration, made.deal(22, 2), _sessions([[20_000, 21_000]]))
    sessions = measures.player_result(configuration, tally, 0, 0).sessions
    assert sessions is not None
    assert sessions.mean_rounds_to_ruin is None
    assert sessions.ruin_share == 0


def test_a_quantile_above_the_span_is_marked_open() -> None:
    configuration = made.configuration(made.FLAT, sessions=True)
    tally = made.tally(configuration, made.deal(23, 2), _sessions([[20_000] * 9 + [10**9] * 3]))
    sessions = measures.player_result(configuration, tally, 0, 0).sessions
    assert sessions is not None
    assert sessions.fan[-1].open == ("q95",)
    assert sessions.fan[-1].q95 == 200 * 2000 * 0.5


def test_the_dealers_ends_are_named_in_order() -> None:
    configuration = made.configuration()
    table = made.tally(configuration, made.deal(24, 30)).tables[0]
    dealer = measures.dealer_outcomes(table)
    assert (dealer.seventeen, dealer.bust, dealer.blackjack, dealer.not_played) == (table.dealer[0], *table.dealer[5:])
