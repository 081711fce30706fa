"""Hands as numbers: every hand that play can tell apart is a state, and a card leads from one state to another.

A state's number is a multiple of 16, so that state + card (or + the dealer's card) is a place in a table. Cards are 0 for an ace,
1 to 8 for two to nine, 9 for ten, jack, queen and king.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ACE", "BUST", "CARDS", "NATURAL", "PAIRS", "STATES", "STRIDE", "TEN", "Hand", "hand_of", "state_of"]

CARDS = 10
ACE, TEN = 0, 9
STRIDE = 16


class Hand(NamedTuple):
    """What matters of a hand. `cards` is 1, 2, or 3 for three and more; `pair` the card of a pair, else -1; total 22 is any bust."""

    cards: int
    total: int
    soft: bool
    pair: int = -1


def _points(card: int) -> int:
    return card + 1


_HANDS = (
    *(Hand(1, 11 if card == ACE else _points(card), card == ACE) for card in range(CARDS)),
    *(Hand(2, 12 if card == ACE else 2 * _points(card), card == ACE, card) for card in range(CARDS)),
    *(Hand(2, total, soft=False) for total in range(5, 20)),
    *(Hand(2, total, soft=True) for total in range(13, 22)),
    *(Hand(3, total, soft=False) for total in range(6, 22)),
    *(Hand(3, total, soft=True) for total in range(13, 22)),
    Hand(3, 22, soft=False),
)
_NUMBERS = {hand: number * STRIDE for number, hand in enumerate(_HANDS)}

STATES = len(_HANDS) * STRIDE
"""Every state is below it."""
PAIRS = CARDS * STRIDE
"""The pair of card c is state `PAIRS + c * STRIDE`; one card c alone is state `c * STRIDE`."""
NATURAL = _NUMBERS[Hand(2, 21, soft=True)]
BUST = _NUMBERS[Hand(3, 22, soft=False)]


def hand_of(state: int) -> Hand:
    return _HANDS[state // STRIDE]


def state_of(hand: Hand) -> int:
    return _NUMBERS[hand]


def drawn(hand: Hand, card: int) -> Hand:
    """The hand with one card more; a bust hand stays one."""
    if hand.total > 21:
        return hand
    total, soft = hand.total + _points(card), hand.soft
    if card == ACE and not soft and total + 10 <= 21:
        total, soft = total + 10, True
    if total > 21 and soft:
        total, soft = total - 10, False
    if total > 21:
        return Hand(3, 22, soft=False)
    pair = card if hand.cards == 1 and hand == _HANDS[card] else -1
    return Hand(min(hand.cards + 1, 3), total, soft, pair)
