"""Shuffling, as far as cards are needed: the same order as if the whole shoe had been shuffled, at the price of the cards dealt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import compiled
from libs.blackjack.hand_states import TEN
from libs.blackjack.philox import fill

if TYPE_CHECKING:
    from libs.blackjack.layout import Table

__all__ = ["more"]

_32 = np.uint64(32)
_RANKS = np.uint64(13)

Cards = npt.NDArray[np.uint8]
Running = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]


@compiled
def more(
    table: Table,
    cards: Cards,
    running: Running,
    words: Words,
    ready: int,
    wanted: int,
    cleared: int,
    stream: Any,
    block: Any,
    seed: Any,
) -> int:
    """Make cards ready to be dealt beyond the `ready` ones, at least up to `wanted`; return how many are ready now.

    `cards` holds the shoe's dealt and ready cards in order, and behind them the rest in any; `running[s, i]` is what system s counts
    after i cards. Of a shoe that runs dry, the first `cleared` cards are shuffled and follow.
    """
    size = table.cards
    start = ready
    while ready < wanted:
        end = (wanted + 7) // 8 * 8
        if table.infinite:
            fill(words, ready // 4, (end - ready) // 4, stream, block, seed)
            for place in range(ready, end):
                rank = (np.uint64(words[place - ready]) * _RANKS) >> _32
                cards[place] = min(rank, np.uint64(TEN))
        elif ready < size:
            end = min(end, size)
            fill(words, ready // 4, (end - ready + 3) // 4, stream, block, seed)
            _shuffle(cards, words, ready, end, size)
        else:
            if ready == size:
                cards[size : size + cleared] = cards[:cleared]
            end = min(end, size + cleared)
            if ready < end:
                fill(words, ready // 4, (end - ready + 3) // 4, stream, block, seed)
                _shuffle(cards, words, ready, end, size + cleared)
            else:
                # every card is on the table: so many hands need more decks, and are refused where configurations are checked
                cards[ready:wanted] = TEN
                end = wanted
        ready = end
    for system in range(running.shape[0]):
        count = running[system, start]
        for place in range(start, ready):
            count += table.values[system, cards[place]]
            running[system, place + 1] = count
    return ready


@compiled
def _shuffle(cards: Cards, words: Words, first: int, end: int, size: int) -> None:
    """Fisher and Yates from `first` to `end`, of cards that end at `size`."""
    for place in range(end - first):  # in vectors
        left = np.uint64(size - first - place)
        words[place] = np.uint64(first + place) + ((np.uint64(words[place]) * left) >> _32)
    for place in range(first, end):
        other = words[place - first]
        card = cards[other]
        cards[other] = cards[place]
        cards[place] = card
