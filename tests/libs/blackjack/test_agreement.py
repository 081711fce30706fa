"""Values that are known from elsewhere, at a precision for every day; `python -m benchmarks.blackjack_agreement` goes as far as one likes."""

from __future__ import annotations

import pytest

from benchmarks.blackjack_agreement import LOSS, PUBLISHED, Known
from benchmarks.blackjack_rules import ENDLESS, UNSPLIT, basic, flat_table
from libs.blackjack.configuration import Casino
from libs.blackjack.engine import simulate
from libs.blackjack.exact import expected_value
from libs.blackjack.exact_shoe import value_by_composition, value_by_total
from libs.simulation.result import estimate

ROUNDS = 1_000_000


def measured(casino: Casino, seed: int) -> tuple[float, float]:
    """Expected value and standard error in percent of a bet."""
    (found,) = estimate(simulate([flat_table(casino)], seed, 0, ROUNDS, rounds_min=ROUNDS))
    assert found.ev is not None
    assert found.standard_error is not None
    return 100 * found.ev, 100 * found.standard_error


@pytest.mark.parametrize("name", ENDLESS)
def test_the_engine_comes_to_the_exact_value_of_endless_decks(name: str) -> None:
    casino = ENDLESS[name]
    ev, standard_error = measured(casino, seed=list(ENDLESS).index(name) + 1)
    assert abs(ev - 100 * float(expected_value(casino, basic(casino)))) < 3 * standard_error


@pytest.mark.parametrize("name", UNSPLIT)
def test_the_engine_comes_to_the_exact_value_of_whole_decks(name: str) -> None:
    casino = UNSPLIT[name]
    ev, standard_error = measured(casino, seed=list(UNSPLIT).index(name) + 1)
    assert abs(ev - 100 * value_by_total(casino, basic(casino))) < 3 * standard_error


@pytest.mark.parametrize("decks", LOSS)
def test_what_play_by_totals_loses_is_known(decks: int) -> None:
    casino = Casino(deck_count=decks, hit_on_soft_17=True, allow_resplit_to_hands=1)
    loss = value_by_composition(casino) - value_by_total(casino, basic(casino))
    assert 100 * loss == pytest.approx(LOSS[decks], abs=0.00001)


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name.startswith("endless")])
def test_the_exact_value_is_the_published_one(name: str) -> None:
    casino, percent, *_ = PUBLISHED[name]
    assert 100 * float(expected_value(casino, basic(casino))) == pytest.approx(percent, abs=0.000006)


@pytest.mark.parametrize("name", [name for name in PUBLISHED if not name.startswith("endless")])
def test_the_engine_comes_to_the_published_value(name: str) -> None:
    known: Known = PUBLISHED[name]
    ev, standard_error = measured(known.casino, seed=list(PUBLISHED).index(name) + 1)
    slack = 3 * standard_error
    assert -known.below - slack <= ev - known.percent <= known.above + slack
