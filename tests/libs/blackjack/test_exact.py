"""The exact expected value of play with endless decks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from libs.blackjack.configuration import Action, Casino, PlayingStrategy
from libs.blackjack.exact import BLACKJACK, BUST, dealer_ends, expected_value
from tests.libs.blackjack.table import BASIC, row, strategy

# The textbook's changes to basic strategy where the dealer hits soft 17, and where hands are not doubled after a split.
H17: dict[tuple[str, str, str], Action] = {
    ("hard", "11", "A"): "D",
    ("soft", "18", "2"): "D",
    ("soft", "19", "6"): "D",
}
NO_DAS: dict[tuple[str, str, str], Action] = {
    **{("pairs", pair, dealer): "H" for pair in ("2,2", "3,3") for dealer in ("2", "3")},  # type: ignore[dict-item]
    **{("pairs", "4,4", dealer): "H" for dealer in ("5", "6")},  # type: ignore[dict-item]
    ("pairs", "6,6", "2"): "H",
}


def percent(casino: Casino, playing: PlayingStrategy) -> float:
    return float(100 * expected_value(casino, playing))


@pytest.mark.parametrize(
    ("rules", "changes", "published"),
    [
        ({}, {}, -0.51255),
        ({"hit_on_soft_17": True}, H17, -0.73173),
        ({"DAS": False}, NO_DAS, -0.65329),
    ],
)
def test_the_published_values_come_out_to_the_last_digit(
    rules: dict[str, Any], changes: dict[tuple[str, str, str], Action], published: float
) -> None:
    assert percent(Casino(**rules), strategy(changes)) == pytest.approx(published, abs=0.000006)


@pytest.mark.parametrize("hits_soft_17", [False, True])
@pytest.mark.parametrize("up", range(1, 11))
def test_the_dealer_always_ends_somehow(up: int, hits_soft_17: bool) -> None:
    ends = dealer_ends(up, hits_soft_17=hits_soft_17)
    assert sum(ends.values()) == 1
    assert set(ends) <= {17, 18, 19, 20, 21, BUST, BLACKJACK}


def test_the_dealer_with_an_ace_has_blackjack_four_times_in_thirteen() -> None:
    assert dealer_ends(1, hits_soft_17=False)[BLACKJACK] == Fraction(4, 13)
    assert dealer_ends(10, hits_soft_17=False)[BLACKJACK] == Fraction(1, 13)


def test_insurance_costs_a_thirteenth_of_a_half_bet_against_each_ace() -> None:
    # half a bet at 2:1 with 4 tens in 13: 1/2 * (2 * 4/13 - 9/13) = -1/26, against one card in 13
    cost = expected_value(Casino(), strategy(insurance_index=0)) - expected_value(Casino(), BASIC)
    assert cost == Fraction(-1, 26) / 13


def test_insurance_with_an_index_above_zero_is_never_taken() -> None:
    assert expected_value(Casino(), strategy(insurance_index=1)) == expected_value(Casino(), BASIC)


def test_a_natural_at_six_to_five_costs_what_naturals_are_worth() -> None:
    # a natural comes 2 * 1/13 * 4/13 of the time, and is paid unless the dealer has one, too
    natural = Fraction(8, 169)
    cost = expected_value(Casino(blackjack_payout=1.2), BASIC) - expected_value(Casino(), BASIC)
    assert cost == -Fraction(3, 10) * natural * (1 - natural)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"allow_late_surrender": True}, {}),
        ({"allow_early_surrender": True}, {"allow_late_surrender": True}),
        ({"allow_resplit_aces": True}, {}),
        ({"hit_split_aces": True}, {}),
        ({}, {"allow_resplit_to_hands": 2}),
        ({}, {"DAS": False}),
        ({}, {"hit_on_soft_17": True}),
        ({}, {"dealer_checks_for_blackjack": False}),
        ({}, {"double_down_restrictions": "hard_9_to_11"}),
        ({"double_down_restrictions": "hard_9_to_11"}, {"double_down_restrictions": "hard_10_to_11"}),
        ({"double_down_restrictions": "hard_10_to_11"}, {"double_down_restrictions": "none"}),
    ],
)
def test_rules_are_good_or_bad_for_the_player_as_everybody_knows(better: dict[str, Any], worse: dict[str, Any]) -> None:
    assert expected_value(Casino(**better), BASIC) > expected_value(Casino(**worse), BASIC)


def mimic(*, hits_soft_17: bool) -> PlayingStrategy:
    """Play as the dealer has to."""
    return PlayingStrategy(
        hard={str(points): row("HHHHHHHHHH" if points < 17 else "SSSSSSSSSS") for points in range(8, 22)},
        soft={
            str(points): row("HHHHHHHHHH" if points < 17 + hits_soft_17 else "SSSSSSSSSS") for points in range(13, 22)
        },
        pairs={pair: row("PPPPPPPPPP") for pair in BASIC.pairs},
    )


@pytest.mark.parametrize("hits_soft_17", [False, True])
def test_who_plays_like_the_dealer_loses_only_what_both_bust_and_wins_only_the_bonus(hits_soft_17: bool) -> None:
    # All else is symmetric, so that nothing but a few fractions is left: an identity that owes nothing to the recursion over hands.
    casino = Casino(hit_on_soft_17=hits_soft_17, allow_resplit_to_hands=1)
    natural = Fraction(8, 169)
    chances = [Fraction(1, 13)] * 9 + [Fraction(4, 13)]
    bust = sum(
        chance * dealer_ends(up, hits_soft_17=hits_soft_17).get(BUST, Fraction(0))
        for up, chance in enumerate(chances, 1)
    )
    value = expected_value(casino, mimic(hits_soft_17=hits_soft_17))
    assert value == -(bust**2) + natural * (1 - natural) / 2
