"""The order of cards: a whole shuffle, however it is cut into parts."""

from __future__ import annotations

import numpy as np
import pytest

from libs.blackjack.shoe import LANES, draw_ahead, more, take_ahead

SIZE = 52
SHOE = np.array([card for card in range(10) for _ in range(16 if card == 9 else 4)] + [0] * 120, np.uint8)
HI_LO = np.array([[-4, 4, 4, 4, 4, 4, 0, 0, 0, -4]], np.int32)
STREAM, BLOCK, SEED = np.uint64(0), np.uint64(3), np.uint64(11)


class Dealt:
    def __init__(self, *, infinite: bool = False) -> None:
        self.cards = SHOE.copy()
        self.running = np.zeros((1, len(SHOE) + 1), np.int32)
        self.words = np.zeros(len(SHOE) + 16, np.uint32)
        self.infinite = infinite
        self.ready = 0

    def more(self, wanted: int, cleared: int = 0) -> list[int]:
        size = 0 if self.infinite else SIZE
        self.ready = more(
            self.cards,
            self.running,
            self.words,
            HI_LO,
            size,
            self.infinite,
            self.ready,
            wanted,
            cleared,
            STREAM,
            BLOCK,
            SEED,
        )
        return self.cards[: self.ready].tolist()


def test_a_whole_shoe_is_dealt_once() -> None:
    assert sorted(Dealt().more(SIZE)) == sorted(SHOE[:SIZE].tolist())


@pytest.mark.parametrize("infinite", [False, True])
def test_the_order_does_not_depend_on_how_many_are_made_ready_at_once(infinite: bool) -> None:
    at_once, bit_by_bit = Dealt(infinite=infinite), Dealt(infinite=infinite)
    at_once.more(48)
    for wanted in (3, 5, 6, 17, 18, 33, 48):
        bit_by_bit.more(wanted)
    assert bit_by_bit.cards[:48].tolist() == at_once.cards[:48].tolist()
    assert bit_by_bit.running[0, :49].tolist() == at_once.running[0, :49].tolist()


def test_the_running_count_counts_the_cards_dealt() -> None:
    dealt = Dealt()
    cards = dealt.more(SIZE)
    assert dealt.running[0, 1 : SIZE + 1].tolist() == np.cumsum(HI_LO[0, cards]).tolist()
    assert dealt.running[0, SIZE] == 0


def test_a_shoe_that_runs_dry_goes_on_with_the_cards_of_earlier_rounds() -> None:
    dealt = Dealt()
    dealt.more(SIZE)
    cards = dealt.more(SIZE + 30, cleared=40)
    assert len(cards) >= SIZE + 30
    rest = dealt.more(SIZE + 40, cleared=40)[SIZE : SIZE + 40]
    assert sorted(rest) == sorted(cards[:40])


def test_where_every_card_is_on_the_table_tens_end_the_round() -> None:
    dealt = Dealt()
    dealt.more(SIZE)
    assert dealt.more(SIZE + 5, cleared=2)[SIZE + 2 :] == [9, 9, 9]


@pytest.mark.parametrize("infinite", [False, True])
def test_shoes_drawn_ahead_are_the_same_shoes(infinite: bool) -> None:
    count, size = 12, 0 if infinite else SIZE
    drawn = np.zeros((count, LANES), np.uint32)
    draw_ahead(drawn, count, size, infinite, STREAM, 0, np.uint64(int(BLOCK) - 3), 1, SEED)
    one = Dealt(infinite=infinite)
    take_ahead(one.cards, one.running, HI_LO, drawn, count, 3, infinite)
    one.ready = count
    other = Dealt(infinite=infinite)
    assert one.more(40)[:40] == other.more(40)[:40]


def test_infinite_decks_hold_every_rank_as_often_as_a_full_one() -> None:
    dealt = Dealt(infinite=True)
    dealt.cards = np.zeros(130_000, np.uint8)
    dealt.words = np.zeros(130_016, np.uint32)
    dealt.running = np.zeros((1, 130_001), np.int32)
    found = np.bincount(dealt.more(129_992), minlength=10) / 129_992
    assert found.tolist() == pytest.approx([1 / 13] * 9 + [4 / 13], abs=0.005)
