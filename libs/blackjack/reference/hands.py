"""A hand of cards, and what its cards come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

__all__ = ["Ending", "Hand", "is_pair", "total"]

Ending = Literal["stood", "bust", "natural", "surrendered early", "surrendered late"]


def total(cards: Sequence[int]) -> tuple[int, bool]:
    """The best total of some cards, and whether it is soft (an ace counts 11 in it)."""
    hard = sum(cards)
    if hard <= 11 and 1 in cards:
        return hard + 10, True
    return hard, False


def is_pair(cards: Sequence[int]) -> bool:
    """Whether these are two cards of one value; a king and a ten are."""
    return len(cards) == 2 and cards[0] == cards[1]


class Hand:
    """One hand on the table. `family` are all the hands that splitting has made of the same two cards."""

    __slots__ = ("cards", "decisions", "ending", "family", "insured", "result", "stake")

    def __init__(self, cards: list[int], family: list[Hand]) -> None:
        self.cards = cards
        self.family = family
        self.stake = 1
        """Bets on it: 2 when doubled."""
        self.insured = False
        self.ending: Ending = "stood"
        self.decisions: list[str] = []
        self.result = 0
        """In twentieths of its bet, without insurance; known at the end of the round."""
        family.append(self)

    @property
    def is_split(self) -> bool:
        return len(self.family) > 1

    @property
    def is_natural(self) -> bool:
        return len(self.cards) == 2 and not self.is_split and total(self.cards) == (21, True)
