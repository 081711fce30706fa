"""How hands end, as numbers."""

from __future__ import annotations

import pytest

from libs.blackjack.outcomes import CODES, ENDINGS, code, describe, named_counts


@pytest.mark.parametrize("number", range(CODES))
def test_every_code_describes_one_outcome(number: int) -> None:
    outcome = describe(number)
    assert code(outcome.ending, doubled=outcome.doubled, split=outcome.split) == number


@pytest.mark.parametrize("number", [-1, CODES])
def test_what_is_no_code_is_refused(number: int) -> None:
    with pytest.raises(IndexError):
        describe(number)


def test_every_hand_is_won_pushed_lost_or_surrendered() -> None:
    counts = named_counts([2**number for number in range(CODES)])
    assert counts["wins"] + counts["pushes"] + counts["losses"] + counts["surrenders"] == counts["hands"]
    assert counts["hands"] == 2**CODES - 1


def test_doubles_and_split_hands_are_counted_by_how_they_ended() -> None:
    outcomes = [0] * CODES
    outcomes[code("dealer_bust", doubled=True, split=True)] = 3
    outcomes[code("bust", doubled=True)] = 5
    outcomes[code("push", split=True)] = 7
    counts = named_counts(outcomes)
    assert (counts["doubles_won"], counts["doubles_pushed"], counts["doubles_lost"]) == (3, 0, 5)
    assert (counts["split_hands_won"], counts["split_hands_pushed"], counts["split_hands_lost"]) == (3, 7, 0)


def test_a_code_is_never_given_another_meaning() -> None:
    assert ENDINGS == (
        "win",
        "dealer_bust",
        "natural",
        "push",
        "natural_push",
        "loss",
        "bust",
        "dealer_blackjack",
        "surrender",
    )
