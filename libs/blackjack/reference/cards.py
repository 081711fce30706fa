"""Cards: random words by Philox, a shoe that is shuffled while it is dealt, an endless shoe, and one that is stacked by hand.

A card is its value: 1 is an ace, 10 is any ten, jack, queen or king.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Protocol

__all__ = ["Cards", "EndlessShoe", "FiniteShoe", "StackedShoe", "Words", "philox"]

_LOW_32 = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

Block = tuple[int, int, int, int]
"""Four words of 32 bits."""


def philox(counter: Block, key: tuple[int, int]) -> Block:
    """Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011)."""
    first, second = _MULTIPLIERS
    c0, c1, c2, c3 = counter
    for k0, k1 in _round_keys(*key):
        left, right = first * c0, second * c2
        c0, c1, c2, c3 = (right >> 32) ^ c1 ^ k0, right & _LOW_32, (left >> 32) ^ c3 ^ k1, left & _LOW_32
    return c0, c1, c2, c3


@lru_cache(maxsize=16)
def _round_keys(k0: int, k1: int) -> list[tuple[int, int]]:
    first_step, second_step = _KEY_STEPS
    return [((k0 + number * first_step) & _LOW_32, (k1 + number * second_step) & _LOW_32) for number in range(_ROUNDS)]


class Words:
    """The random words of one shoe of one block, in order."""

    def __init__(self, seed: int, block: int, shoe: int) -> None:
        self._key = (seed & _LOW_32, seed >> 32)
        self._stream = (shoe, block & _LOW_32, block >> 32)
        self._drawn: list[int] = []

    def __getitem__(self, number: int) -> int:
        while number >= len(self._drawn):
            self._drawn += philox((len(self._drawn) // 4, *self._stream), self._key)
        return self._drawn[number]


class Cards(Protocol):
    """What cards are dealt from."""

    dealt: int
    """Cards dealt since the shuffle."""

    def deal(self) -> int: ...

    def unseen(self) -> int:
        """Cards not yet dealt, as one can tell from the tray: at least 1."""

    def begin_round(self) -> None:
        """The cards on the table are cleared away."""


class FiniteShoe:
    """Some decks. Each card is drawn from those left when it is dealt; where none is left, the cards of earlier rounds are shuffled in again."""

    def __init__(self, decks: int, words: Words) -> None:
        self.dealt = 0
        self._words = words
        self._deck = list(_sorted_decks(decks))
        self._size = len(self._deck)
        self._discards = 0

    def deal(self) -> int:
        if self.dealt >= self._size:
            return self._deal_discard()
        card = _draw(self._deck, self.dealt, self._size, self._words[self.dealt])
        self.dealt += 1
        return card

    def unseen(self) -> int:
        return max(1, self._size - self.dealt)

    def begin_round(self) -> None:
        self._discards = self.dealt

    def _deal_discard(self) -> int:
        number = self.dealt - self._size
        if number >= self._discards:
            raise IndexError("every card is on the table: so many hands need more decks")
        card = _draw(self._deck, number, self._discards, self._words[self.dealt])
        self.dealt += 1
        return card


class EndlessShoe:
    """Every card is drawn from a full deck."""

    def __init__(self, words: Words) -> None:
        self.dealt = 0
        self._words = words

    def deal(self) -> int:
        kind = self._words[self.dealt] * 13 >> 32
        self.dealt += 1
        return min(kind + 1, 10)

    def unseen(self) -> int:
        return 52

    def begin_round(self) -> None:
        pass


class StackedShoe:
    """Cards in an order made by hand, as if from so many decks: so that a rule can be shown."""

    def __init__(self, cards: Iterable[int], decks: int = 6) -> None:
        self.dealt = 0
        self._cards = list(cards)
        self._size = 52 * decks

    def deal(self) -> int:
        card = self._cards[self.dealt]
        self.dealt += 1
        return card

    def unseen(self) -> int:
        return max(1, self._size - self.dealt)

    def begin_round(self) -> None:
        pass


@cache
def _sorted_decks(decks: int) -> tuple[int, ...]:
    """All aces, then all twos, and so on to all cards that count ten."""
    return tuple(value for value in range(1, 10) for _ in range(4 * decks)) + (10,) * (16 * decks)


def _draw(cards: list[int], place: int, size: int, word: int) -> int:
    """One step of Fisher and Yates: put a random one of the cards from `place` on at `place`."""
    other = place + (word * (size - place) >> 32)
    cards[place], cards[other] = cards[other], cards[place]
    return cards[place]
