"""What a player does where the table says something that is not allowed."""

from __future__ import annotations

from typing import Any

import pytest

from libs.blackjack.configuration import Casino, IndexPlay, PlayingStrategy
from libs.blackjack.decisions import COUNTS, Choice, Situation, choices, rows_per_situation
from libs.blackjack.hand_states import STATES, STRIDE, drawn, hand_of, state_of
from tests.libs.blackjack.table import BASIC, strategy

CARD = {"A": 0, **{str(rank): rank - 1 for rank in range(2, 11)}}
FIRST, LAST, AGAIN = Situation.FIRST, Situation.SPLIT_LAST, Situation.SPLIT_AGAIN
ACES_AGAIN, ACES_LAST = Situation.ACES_AGAIN, Situation.ACES_LAST


def choice(
    cards: str,
    dealer: str,
    situation: Situation = FIRST,
    *,
    count: int = 0,
    plan: PlayingStrategy = BASIC,
    **rules: Any,
) -> str:
    first, *rest = cards.split()
    hand = hand_of(CARD[first] * STRIDE)
    for card in rest:
        hand = drawn(hand, CARD[card])
    table = choices(plan, Casino(**rules))
    row = situation * rows_per_situation(plan)
    found = Choice(table[row * STATES + state_of(hand) + CARD[dealer]])
    if found == Choice.BY_COUNT:
        found = Choice(table[(row + 1 + COUNTS.index(count)) * STATES + state_of(hand) + CARD[dealer]])
    return found.name


@pytest.mark.parametrize(
    ("cards", "dealer", "said"),
    [
        ("10 6", "10", "HIT"),  # R, not allowed
        ("10 6", "6", "STAND"),
        ("6 5", "6", "DOUBLE"),
        ("A 7", "3", "DOUBLE"),
        ("8 8", "10", "SPLIT"),
        ("5 5", "9", "DOUBLE"),
        ("2 3", "6", "HIT"),
        ("5 3 3", "6", "HIT"),  # three cards are not doubled
        ("A 4 3", "3", "STAND"),  # soft 18 stands instead
        ("A 3 3", "3", "HIT"),  # soft 17 hits instead
        ("4 4 8", "10", "HIT"),
    ],
)
def test_basic_strategy_is_followed(cards: str, dealer: str, said: str) -> None:
    assert choice(cards, dealer) == said


def test_surrender_where_it_is_allowed() -> None:
    assert choice("10 6", "10", allow_late_surrender=True) == "SURRENDER"
    assert choice("10 6", "10", LAST, allow_late_surrender=True) == "HIT"
    assert choice("10 3 3", "10", allow_late_surrender=True) == "HIT"


def test_early_surrender_is_only_asked_for_before_the_dealer_looks() -> None:
    assert choice("10 6", "10", Situation.EARLY, allow_early_surrender=True) == "SURRENDER"
    assert choice("10 6", "10", allow_early_surrender=True, allow_late_surrender=True) == "HIT"
    assert choice("10 6", "10", Situation.EARLY, allow_late_surrender=True) == "HIT"


def test_the_other_surrender_stands_instead() -> None:
    assert choice("10 7", "A", plan=strategy({("hard", "17", "A"): "u"})) == "STAND"


@pytest.mark.parametrize("letter", ["R", "u"])
def test_a_pair_that_cannot_surrender_is_split_and_else_played_by_its_total(letter: Any) -> None:
    plan = strategy({("pairs", "8,8", "10"): letter})
    assert choice("8 8", "10", plan=plan) == "SPLIT"
    assert choice("8 8", "10", plan=plan, allow_late_surrender=True) == "SURRENDER"
    assert choice("8 8", "10", plan=plan, allow_resplit_to_hands=1) == "HIT"


@pytest.mark.parametrize(("cards", "dealer", "said"), [("A A", "6", "HIT"), ("2 2", "6", "HIT"), ("9 9", "6", "STAND")])
def test_a_pair_that_cannot_split_is_played_by_its_total(cards: str, dealer: str, said: str) -> None:
    assert choice(cards, dealer, Situation.FIRST_NO_MONEY) == said
    assert choice(cards, dealer, LAST) == said
    assert choice(cards, dealer, AGAIN) == "SPLIT"


def test_doubling_after_a_split_is_a_rule() -> None:
    assert choice("6 5", "6", LAST) == "DOUBLE"
    assert choice("6 5", "6", LAST, DAS=False) == "HIT"


@pytest.mark.parametrize(
    ("restriction", "eight", "nine", "ten", "soft"),
    [
        ("any_two_cards", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"),
        ("hard_8_to_11", "DOUBLE", "DOUBLE", "DOUBLE", "STAND"),
        ("hard_9_to_11", "HIT", "DOUBLE", "DOUBLE", "STAND"),
        ("hard_10_to_11", "HIT", "HIT", "DOUBLE", "STAND"),
        ("none", "HIT", "HIT", "HIT", "STAND"),
    ],
)
def test_doubling_is_restricted_to_totals(restriction: str, eight: str, nine: str, ten: str, soft: str) -> None:
    plan = strategy({("hard", "8", "6"): "D"})
    said = [
        choice(cards, "6", plan=plan, double_down_restrictions=restriction) for cards in ("5 3", "5 4", "5 5", "A 7")
    ]
    assert said == [eight, nine, ten, soft]


def test_split_aces_get_one_card_unless_they_may_be_hit() -> None:
    assert choice("A 5", "10", ACES_LAST) == "STAND"
    assert choice("A 5", "10", ACES_LAST, hit_split_aces=True) == "HIT"
    assert choice("A 7", "3", ACES_LAST, hit_split_aces=True) == "DOUBLE"
    assert choice("A 7", "3", ACES_LAST, hit_split_aces=True, DAS=False) == "STAND"
    assert choice("A A", "10", ACES_LAST) == "STAND"
    assert choice("A A", "10", ACES_AGAIN) == "SPLIT"


def test_index_plays_replace_cells_from_their_counts_on_and_the_last_one_counts() -> None:
    plan = strategy(
        index_plays=(
            IndexPlay(table="hard", row="16", dealer="10", index=0, action="S"),
            IndexPlay(table="hard", row="16", dealer="10", index=5, action="H"),
            IndexPlay(table="hard", row="13", dealer="2", index=-1, action="H", below=True),
        )
    )
    assert [choice("10 6", "10", plan=plan, count=count) for count in (-12, -1, 0, 4, 5, 12)] == [
        "HIT",
        "HIT",
        "STAND",
        "STAND",
        "HIT",
        "HIT",
    ]
    assert [choice("10 3", "2", plan=plan, count=count) for count in (-2, -1)] == ["HIT", "STAND"]


def test_an_action_that_no_table_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="P is no action"):
        choices(strategy({("hard", "12", "2"): "P"}), Casino())
