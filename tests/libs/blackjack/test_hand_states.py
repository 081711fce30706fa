"""Hands as numbers."""

from __future__ import annotations

import pytest

from libs.blackjack.hand_states import (
    ACE,
    BUST,
    CARDS,
    NATURAL,
    PAIRS,
    STATES,
    STRIDE,
    TEN,
    Hand,
    drawn,
    hand_of,
    state_of,
)

ALONE = [hand_of(card * STRIDE) for card in range(CARDS)]


def after(*cards: int) -> Hand:
    hand = ALONE[cards[0]]
    for card in cards[1:]:
        hand = drawn(hand, card)
    return hand


def points(*cards: int) -> tuple[int, bool]:
    """By the rule itself: an ace is 11 where that is not over 21."""
    hard = sum(card + 1 for card in cards)
    soft = ACE in cards and hard <= 11
    return hard + 10 * soft, soft


@pytest.mark.parametrize("state", range(0, STATES, STRIDE))
def test_every_hand_has_its_own_state(state: int) -> None:
    assert state_of(hand_of(state)) == state


def test_every_card_leads_from_a_hand_to_a_hand() -> None:
    for state in range(0, STATES, STRIDE):
        for card in range(CARDS):
            state_of(drawn(hand_of(state), card))


def test_totals_are_those_of_the_cards() -> None:
    hands = [(first, second) for first in range(CARDS) for second in range(CARDS)]
    for _ in range(3):
        for cards in hands:
            total, soft = points(*cards)
            hand = after(*cards)
            assert (hand.total, hand.soft) == ((total, soft) if total <= 21 else (22, False))
        hands = [(*cards, card) for cards in hands for card in (0, 1, 4, 8, 9)][:4000]


def test_a_pair_is_two_cards_of_a_kind() -> None:
    for card in range(CARDS):
        assert state_of(after(card, card)) == PAIRS + card * STRIDE
    assert after(ACE, TEN).pair == -1


def test_ace_and_ten_are_a_natural_either_way_round() -> None:
    assert state_of(after(ACE, TEN)) == state_of(after(TEN, ACE)) == NATURAL


def test_a_bust_stays_one() -> None:
    assert state_of(after(TEN, 5, 9)) == BUST == state_of(after(TEN, 5, 9, ACE))
