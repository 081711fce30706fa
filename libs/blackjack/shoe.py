"""Shuffling, as far as cards are needed: the same order as if the whole shoe had been shuffled, at the price of the cards dealt."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import inlined
from libs.blackjack.hand_states import TEN
from libs.blackjack.philox import fill, fill_lanes

__all__ = ["LANES", "Shoe", "Stream", "at_least", "draw_ahead", "more", "take_ahead"]

LANES = 16
"""Shoes that are drawn ahead at a time."""

_32 = np.uint64(32)
_RANKS = np.uint64(13)

Counts = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]


class Shoe(NamedTuple):
    """What is dealt from, and what the cards dealt are counted as."""

    cards: npt.NDArray[np.uint8]
    """Those dealt and ready to be dealt, in order; behind them the rest in any, and room for discards that are dealt again."""
    running: Counts
    """What a system counts after so many cards, in quarters."""
    values: Counts
    """What a system counts a card, in quarters."""
    words: Words
    """Room to work in."""
    size: int
    """Cards in the shoe; counts where it is not endless."""
    infinite: bool


class Stream(NamedTuple):
    """Where a shoe's random words come from: its number in its block, the block and the seed, all unsigned."""

    number: Any
    block: Any
    seed: Any


@inlined
def at_least(shoe: Shoe, ready: int, wanted: int, cleared: int, stream: Stream) -> int:
    """As `more`, at once where there are enough."""
    return more(shoe, ready, wanted, cleared, stream) if wanted > ready else ready


@inlined
def more(shoe: Shoe, ready: int, wanted: int, cleared: int, stream: Stream) -> int:
    """Make cards ready to be dealt beyond the `ready` ones, at least up to `wanted`; return how many are ready now.

    Of a shoe that runs dry, the first `cleared` cards are shuffled and follow.
    """
    cards, words, size = shoe.cards, shoe.words, shoe.size
    start = ready
    while ready < wanted:
        end = (wanted + 7) // 8 * 8
        if shoe.infinite:
            fill(words, ready // 4, (end - ready) // 4, stream.number, stream.block, stream.seed)
            for place in range(ready, end):
                rank = (np.uint64(words[place - ready]) * _RANKS) >> _32
                cards[place] = min(rank, np.uint64(TEN))
        elif ready < size:
            end = min(end, size)
            fill(words, ready // 4, (end - ready + 3) // 4, stream.number, stream.block, stream.seed)
            _shuffle(cards, words, ready, end, size)
        else:
            if ready == size:
                for place in range(cleared):
                    cards[size + place] = cards[place]
            end = min(end, size + cleared)
            if ready < end:
                fill(words, ready // 4, (end - ready + 3) // 4, stream.number, stream.block, stream.seed)
                _shuffle(cards, words, ready, end, size + cleared)
            else:
                # every card is on the table: so many hands need more decks, and are refused where configurations are checked
                end = wanted
                for place in range(ready, end):
                    cards[place] = TEN
        ready = end
    _count_up(shoe, start, ready)
    return ready


@inlined
def _shuffle(cards: npt.NDArray[np.uint8], words: Words, first: int, end: int, size: int) -> None:
    """Fisher and Yates from `first` to `end`, of cards that end at `size`."""
    for place in range(end - first):  # in vectors
        left = np.uint64(size - first - place)
        words[place] = np.uint64(first + place) + ((np.uint64(words[place]) * left) >> _32)
    for place in range(first, end):
        other = words[place - first]
        card = cards[other]
        cards[other] = cards[place]
        cards[place] = card


@inlined
def draw_ahead(drawn: Words, shoe: Shoe, stream: Stream, numbers: int, blocks: int) -> None:
    """Draw the first cards of `LANES` shoes, whose numbers and blocks follow each other by the steps given: what is drawn, card by card and
    lane by lane, are places to swap with or, of an endless shoe, the cards. `drawn` has room for a multiple of four cards."""
    count = drawn.shape[0]
    for chunk in range(count // 4):
        fill_lanes(drawn, LANES, chunk, stream.number, numbers, stream.block, blocks, stream.seed)
    for place in range(count):
        left = _RANKS if shoe.infinite else np.uint64(shoe.size - place)
        for lane in range(LANES):
            word = (np.uint64(drawn[place, lane]) * left) >> _32
            drawn[place, lane] = min(word, np.uint64(TEN)) if shoe.infinite else np.uint64(place) + word


@inlined
def take_ahead(shoe: Shoe, drawn: Words, lane: int) -> int:
    """Make the cards of a lane ready, and return how many; `more` goes on from there."""
    cards = shoe.cards
    count: int = drawn.shape[0]
    for place in range(count):
        other = drawn[place, lane]
        if shoe.infinite:
            cards[place] = other
        else:
            card = cards[other]
            cards[other] = cards[place]
            cards[place] = card
    _count_up(shoe, 0, count)
    return count


@inlined
def _count_up(shoe: Shoe, first: int, end: int) -> None:
    cards, running, values = shoe.cards, shoe.running, shoe.values
    for system in range(running.shape[0]):
        count = running[system, first]
        for place in range(first, end):
            count += values[system, cards[place]]
            running[system, place + 1] = count
