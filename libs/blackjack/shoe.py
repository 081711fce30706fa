"""Shuffling, as far as cards are needed: the same order as if the whole shoe had been shuffled, at the price of the cards dealt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import compiled
from libs.blackjack.hand_states import TEN
from libs.blackjack.philox import fill, fill_lanes

__all__ = ["LANES", "draw_ahead", "more", "take_ahead"]

LANES = 16
"""Shoes that are drawn ahead at a time."""

_32 = np.uint64(32)
_RANKS = np.uint64(13)

Cards = npt.NDArray[np.uint8]
Running = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]


@compiled
def more(
    cards: Cards,
    running: Running,
    words: Words,
    values: Running,
    size: int,
    infinite: bool,
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
    start = ready
    while ready < wanted:
        end = (wanted + 7) // 8 * 8
        if infinite:
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
                for place in range(cleared):
                    cards[size + place] = cards[place]
            end = min(end, size + cleared)
            if ready < end:
                fill(words, ready // 4, (end - ready + 3) // 4, stream, block, seed)
                _shuffle(cards, words, ready, end, size + cleared)
            else:
                # every card is on the table: so many hands need more decks, and are refused where configurations are checked
                for place in range(ready, wanted):
                    cards[place] = TEN
                end = wanted
        ready = end
    _count_up(cards, running, values, start, ready)
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


@compiled
def draw_ahead(
    drawn: Words, count: int, size: int, infinite: bool, stream: Any, streams: int, block: Any, blocks: int, seed: Any
) -> None:
    """Draw the first `count` cards of `LANES` shoes, whose streams and blocks follow each other by the steps given: what is drawn, card by
    card and lane by lane, are places to swap with or, of an endless shoe, the cards. `count` is a multiple of four."""
    for chunk in range(count // 4):
        fill_lanes(drawn, LANES, chunk, stream, streams, block, blocks, seed)
    for place in range(count):
        left = _RANKS if infinite else np.uint64(size - place)
        for lane in range(LANES):
            word = (np.uint64(drawn[place, lane]) * left) >> _32
            drawn[place, lane] = min(word, np.uint64(TEN)) if infinite else np.uint64(place) + word


@compiled
def take_ahead(
    cards: Cards, running: Running, values: Running, drawn: Words, count: int, lane: int, infinite: bool
) -> None:
    """Make the first `count` cards of a lane's shoe ready; `more` goes on from there."""
    for place in range(count):
        other = drawn[place, lane]
        if infinite:
            cards[place] = other
        else:
            card = cards[other]
            cards[other] = cards[place]
            cards[place] = card
    _count_up(cards, running, values, 0, count)


@compiled
def _count_up(cards: Cards, running: Running, values: Running, first: int, end: int) -> None:
    for system in range(running.shape[0]):
        count = running[system, first]
        for place in range(first, end):
            count += values[system, cards[place]]
            running[system, place + 1] = count
