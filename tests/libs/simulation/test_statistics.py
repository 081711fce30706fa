"""The statistics themselves, against numpy, against simulation and against published tables."""

from __future__ import annotations

import math
import random
import statistics as standard
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.blackjack.tally import PlayerTally, TableTally, Tally
from libs.simulation.statistics import (
    BlockMoments,
    correlation,
    desirability_index,
    histogram_quantile,
    interval_95,
    n_zero,
    quotient,
    ratio_form,
    risk_of_ruin,
    score,
    share_interval_95,
    standard_error,
    two_sided_95,
)

WHOLE = st.integers(-(10**9), 10**9)


def _tally(vectors: list[list[int]], players: tuple[int, ...]) -> Tally:
    """A tally of which only the moments count."""
    size = len(vectors[0])
    player = PlayerTally(
        rows=(), outcomes=(), insurance_won=0, insurance_lost=0, initial=0, wagered=0, net=0, net_squares=0
    )
    return Tally(
        first_block=0,
        blocks=len(vectors),
        tables=tuple(TableTally(rounds=0, dealer=(0,) * 8, players=(player,) * n) for n in players),
        moments=tuple(sum(v[i] * v[j] for v in vectors) for i in range(size) for j in range(i, size)),
    )


@given(st.lists(st.lists(WHOLE, min_size=8, max_size=8), min_size=1, max_size=6))
def test_every_product_is_found_in_the_triangle(vectors: list[list[int]]) -> None:
    moments = BlockMoments(_tally(vectors, (2, 1)))
    for i in range(8):
        for j in range(8):
            assert moments.product(i, j) == sum(v[i] * v[j] for v in vectors)
    assert [moments.rounds(0), moments.net(0, 0), moments.initial(0, 1), moments.rounds(1), moments.net(1, 0)] == [
        0,
        1,
        4,
        5,
        6,
    ]


def test_moments_of_another_size_are_refused() -> None:
    tally = _tally([[1, 2, 3]], (1,))
    with pytest.raises(ValueError, match="do not fit"):
        BlockMoments(Tally(first_block=0, blocks=1, tables=tally.tables, moments=(1, 2)))


@given(st.lists(st.tuples(WHOLE, st.integers(1, 10**9)), min_size=2, max_size=30))
def test_the_ratios_error_is_that_of_the_residuals(blocks: list[tuple[int, int]]) -> None:
    nets, initials = [n for n, _ in blocks], [i for _, i in blocks]
    moments = BlockMoments(_tally([[1, n, i] for n, i in blocks], (1,)))
    form = ratio_form(1, 2, sum(nets), sum(initials))
    ratio = Fraction(sum(nets), sum(initials))
    residuals = [n - ratio * i for n, i in blocks]
    expected = sum(r * r for r in residuals) * Fraction(len(blocks), len(blocks) - 1) / sum(initials) ** 2
    assert moments.covariance(form, form) == expected


def test_the_error_of_fixed_stakes_is_that_of_the_mean() -> None:
    nets = [random.Random(1).randrange(-60, 61) for _ in range(500)]
    moments = BlockMoments(_tally([[1, n, 20] for n in nets], (1,)))
    form = ratio_form(1, 2, sum(nets), 20 * len(nets))
    error = standard_error(moments.covariance(form, form))
    assert error == pytest.approx(standard.stdev(nets) / 20 / math.sqrt(len(nets)), rel=1e-12)


def test_the_ratios_error_is_what_repetition_shows() -> None:
    dice = np.random.default_rng(5)
    estimates, errors = [], []
    for _ in range(400):
        lengths = dice.integers(30, 50, 200)
        initials = 20 * lengths + 20 * dice.poisson(8, 200)
        nets = np.round(0.01 * initials + dice.normal(0, 20 * 1.15, 200) * np.sqrt(lengths)).astype(int)
        vectors = [[int(r), int(n), int(i)] for r, n, i in zip(lengths, nets, initials, strict=True)]
        moments = BlockMoments(_tally(vectors, (1,)))
        form = ratio_form(1, 2, int(nets.sum()), int(initials.sum()))
        estimates.append(nets.sum() / initials.sum())
        errors.append(standard_error(moments.covariance(form, form)))
    assert np.std(estimates) == pytest.approx(np.mean(errors), rel=0.12)


def test_one_block_has_no_error() -> None:
    moments = BlockMoments(_tally([[1, 5, 20]], (1,)))
    form = ratio_form(1, 2, 5, 20)
    assert moments.covariance(form, form) is None
    assert standard_error(None) is None
    assert interval_95(0.25, None, 1) is None


def test_sums_far_beyond_floats_stay_exact() -> None:
    big = 10**200
    assert quotient(3 * big, 4 * big) == 0.75
    moments = BlockMoments(_tally([[1, big, 2 * big], [1, 3 * big, 2 * big]], (1,)))
    form = ratio_form(1, 2, 4 * big, 4 * big)
    assert standard_error(moments.covariance(form, form)) == pytest.approx(0.5)


def test_a_division_by_nothing_is_not_defined() -> None:
    assert quotient(5, 0) is None


@pytest.mark.parametrize(
    ("degrees", "factor"), [(1, 12.706), (2, 4.303), (10, 2.228), (11, 2.201), (20, 2.086), (60, 2.000), (10**9, 1.960)]
)
def test_intervals_widen_for_few_blocks_as_students_table_says(degrees: int, factor: float) -> None:
    assert two_sided_95(degrees) == pytest.approx(factor, abs=0.0006)


def test_an_interval_is_centred_on_the_value() -> None:
    assert interval_95(0.5, 0.1, 10**6) == pytest.approx((0.5 - 0.196, 0.5 + 0.196), abs=1e-4)


def test_correlation_is_bounded_and_undefined_without_variation() -> None:
    assert correlation(Fraction(3), Fraction(4), Fraction(9)) == pytest.approx(0.5)
    assert correlation(Fraction(7), Fraction(4), Fraction(9)) == 1.0
    assert correlation(Fraction(0), Fraction(0), Fraction(9)) is None
    assert correlation(None, Fraction(1), Fraction(1)) is None


# Wilson (1927), as in Newcombe's examples
@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, trials: int, low: float, high: float) -> None:
    assert share_interval_95(hits, trials) == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_is_not_defined() -> None:
    assert share_interval_95(0, 0) is None


def test_score_di_and_n0_belong_together() -> None:
    mean, sd = 0.12, 4.0
    assert desirability_index(mean, sd) == pytest.approx(30)
    assert score(mean, sd) == pytest.approx(900)
    assert n_zero(mean, sd) == pytest.approx(1e6 / 900)


def test_a_game_that_is_not_won_has_no_score_and_no_n0() -> None:
    assert score(-0.1, 2.0) == 0.0
    assert n_zero(-0.1, 2.0) is None
    assert n_zero(0.0, 2.0) is None
    assert desirability_index(-0.1, 2.0) == pytest.approx(-50)
    assert risk_of_ruin(-0.1, 2.0, 1000) == 1.0
    assert risk_of_ruin(0.0, 2.0, 1000) == 1.0


def test_optimal_bets_risk_the_bankroll_as_kelly_says() -> None:
    mean, sd = 0.01, 1.0
    bankroll = sd**2 / mean  # the bankroll for which a bet of 1 is the best
    assert risk_of_ruin(mean, sd, bankroll) == pytest.approx(math.exp(-2))


def test_risk_of_ruin_is_what_a_random_walk_shows() -> None:
    dice, p, start, ruined, walks = random.Random(3), 0.55, 8, 0, 4000
    for _ in range(walks):
        money = start
        while 0 < money < 80:
            money += 1 if dice.random() < p else -1
        ruined += money == 0
    exact = ((1 - p) / p) ** start
    assert ruined / walks == pytest.approx(exact, abs=0.02)
    assert risk_of_ruin(2 * p - 1, math.sqrt(1 - (2 * p - 1) ** 2), start) == pytest.approx(exact, abs=0.01)


def test_what_never_varies_is_no_risk_unless_it_always_loses() -> None:
    assert risk_of_ruin(0.1, 0.0, 100) == 0.0
    assert risk_of_ruin(-0.1, 0.0, 100) == 1.0
    assert score(0.1, 0.0) is None
    assert risk_of_ruin(None, None, 100) is None


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0, 1e9))
def test_the_numbers_of_risk_are_finite_or_none(mean: float, sd: float, bankroll: float) -> None:
    for value in (risk_of_ruin(mean, sd, bankroll), n_zero(mean, max(sd, 1e-3)), score(mean, max(sd, 1e-3))):
        assert value is None or math.isfinite(value)


@given(st.lists(st.integers(0, 1999), min_size=5, max_size=300), st.sampled_from([0.05, 0.25, 0.5, 0.75, 0.95]))
def test_a_histograms_quantile_is_within_a_bin_of_the_datas(values: list[int], share: float) -> None:
    bins = [0] * 21
    for value in values:
        bins[value // 100] += 1
    found = histogram_quantile(bins, 100.0, share)
    assert found is not None
    exact = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    assert found[0] == pytest.approx(exact, abs=100)
    assert not found[1]


def test_a_quantile_in_an_open_bin_says_so() -> None:
    assert histogram_quantile([1, 1, 8], 10.0, 0.5) == (20.0, True)
    assert histogram_quantile([8, 1, 1], 10.0, 0.5, low=50.0) == (60.0, True)
    assert histogram_quantile([8, 1, 1], 10.0, 0.5) == (6.25, False)
    assert histogram_quantile([0, 0], 10.0, 0.5) is None
