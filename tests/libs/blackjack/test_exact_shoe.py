"""The exact value of a round from a full shoe, without splits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from libs.blackjack.configuration import Casino
from libs.blackjack.exact import expected_value
from libs.blackjack.exact_shoe import value_by_composition, value_by_total
from tests.libs.blackjack.table import BASIC, row

UNSPLIT = Casino(deck_count=1, allow_resplit_to_hands=1)
STANDING = msgspec.structs.replace(
    BASIC,
    hard={str(points): row("SSSSSSSSSS" if points > 11 else "HHHHHHHHHH") for points in range(8, 22)},
    soft={str(points): row("SSSSSSSSSS") for points in range(13, 22)},
)


def rules(**changes: Any) -> Casino:
    return msgspec.structs.replace(UNSPLIT, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dealer_checks_for_blackjack": False, "allow_late_surrender": True},
        {"allow_early_surrender": True, "hit_on_soft_17": True, "double_down_restrictions": "hard_9_to_11"},
    ],
)
def test_with_ever_more_decks_it_becomes_the_value_of_endless_decks(changes: dict[str, Any]) -> None:
    # what is left of the difference falls like one over the number of decks
    endless = float(expected_value(rules(**changes), BASIC))
    at_200, at_400 = (value_by_total(rules(deck_count=decks, **changes), BASIC) for decks in (200, 400))
    assert 2 * at_400 - at_200 == pytest.approx(endless, abs=2e-7)


def test_nothing_beats_looking_at_every_card() -> None:
    assert value_by_composition(UNSPLIT) > value_by_total(UNSPLIT, BASIC) > value_by_total(UNSPLIT, STANDING)


def test_fewer_decks_are_better_for_the_player() -> None:
    values = [value_by_total(rules(deck_count=decks), STANDING) for decks in (1, 2, 8)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("changes", [{"allow_resplit_to_hands": 2}, {"deck_count": "infinite"}])
def test_what_cannot_be_computed_exactly_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="without splits"):
        value_by_total(rules(**changes), BASIC)
