"""The order of cards: a whole shuffle, however it is cut into parts."""

from __future__ import annotations

import numpy as np
import pytest

from libs.blackjack.compiled import compiled
from libs.blackjack.shoe import LANES, Shoe, Stream, draw_ahead, more, take_ahead

SIZE = 52
SHOE = [card for card in range(10) for _ in range(16 if card == 9 else 4)]
HI_LO = np.array([[-4, 4, 4, 4, 4, 4, 0, 0, 0, -4]], np.int32)
STREAM = Stream(np.uint64(0), np.uint64(3), np.uint64(11))


@compiled
def make_ready(shoe: Shoe, ready: int, wanted: int, cleared: int, stream: Stream) -> int:
    return more(shoe, ready, wanted, cleared, stream)


class Dealt:
    def __init__(self, *, infinite: bool = False, room: int = 172) -> None:
        cards = np.zeros(room, np.uint8)
        cards[:SIZE] = SHOE
        self.shoe = Shoe(
            cards=cards,
            running=np.zeros((1, room + 1), np.int32),
            values=HI_LO,
            words=np.zeros(room + 16, np.uint32),
            size=0 if infinite else SIZE,
            infinite=infinite,
        )
        self.ready = 0

    def more(self, wanted: int, cleared: int = 0) -> list[int]:
        self.ready = make_ready(self.shoe, self.ready, wanted, cleared, STREAM)
        return self.cards(self.ready)

    def cards(self, count: int) -> list[int]:
        return self.shoe.cards[:count].tolist()

    def running(self, count: int) -> list[int]:
        return self.shoe.running[0, : count + 1].tolist()


@compiled
def take_lane(drawn: np.ndarray, shoe: Shoe, stream: Stream, lane: int) -> int:
    draw_ahead(drawn, shoe, stream, 0, 1)
    return take_ahead(shoe, drawn, lane)


def test_a_whole_shoe_is_dealt_once() -> None:
    assert sorted(Dealt().more(SIZE)) == sorted(SHOE)


@pytest.mark.parametrize("infinite", [False, True])
def test_the_order_does_not_depend_on_how_many_are_made_ready_at_once(infinite: bool) -> None:
    at_once, bit_by_bit = Dealt(infinite=infinite), Dealt(infinite=infinite)
    at_once.more(48)
    for wanted in (3, 5, 6, 17, 18, 33, 48):
        bit_by_bit.more(wanted)
    assert bit_by_bit.cards(48) == at_once.cards(48)
    assert bit_by_bit.running(48) == at_once.running(48)


def test_the_running_count_counts_the_cards_dealt() -> None:
    dealt = Dealt()
    cards = dealt.more(SIZE)
    assert dealt.running(SIZE)[1:] == np.cumsum(HI_LO[0, cards]).tolist()
    assert dealt.running(SIZE)[SIZE] == 0


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
    drawn = np.zeros((12, LANES), np.uint32)
    one, other = Dealt(infinite=infinite), Dealt(infinite=infinite)
    one.ready = take_lane(drawn, one.shoe, STREAM._replace(block=np.uint64(0)), 3)
    assert one.ready == 12
    assert one.more(40)[:40] == other.more(40)[:40]


def test_infinite_decks_hold_every_rank_as_often_as_a_full_one() -> None:
    dealt = Dealt(infinite=True, room=130_000)
    found = np.bincount(dealt.more(129_992), minlength=10) / 129_992
    assert found.tolist() == pytest.approx([1 / 13] * 9 + [4 / 13], abs=0.005)
