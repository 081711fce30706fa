"""The reference's random words, shoes and counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from libs.blackjack.configuration import CountingSystem
from libs.blackjack.reference.cards import EndlessShoe, FiniteShoe, Words, philox
from libs.blackjack.reference.counting import Count
from tests.libs.blackjack.table import HI_LO

KNOWN_ANSWERS = [
    # published with Random123: counter, key, output
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN_ANSWERS)
def test_philox_gives_the_published_words(counter: Any, key: Any, output: Any) -> None:
    assert philox(counter, key) == output


def test_words_are_philox_outputs_one_after_another() -> None:
    words = Words(seed=(7 << 32) + 5, block=(3 << 32) + 9, shoe=2)
    assert tuple(words[number] for number in range(4, 8)) == philox((1, 2, 9, 3), (5, 7))


@pytest.mark.parametrize("decks", [1, 2, 8])
def test_a_shoe_holds_its_decks_whatever_the_order(decks: int) -> None:
    shoe = FiniteShoe(decks, Words(1, 1, 0))
    dealt = Counter(shoe.deal() for _ in range(52 * decks))
    assert dealt == {**dict.fromkeys(range(1, 10), 4 * decks), 10: 16 * decks}


def test_an_exhausted_shoe_deals_the_cards_of_earlier_rounds_again() -> None:
    shoe = FiniteShoe(1, Words(1, 1, 0))
    earlier = [shoe.deal() for _ in range(40)]
    shoe.begin_round()
    for _ in range(12):
        shoe.deal()
    assert Counter(shoe.deal() for _ in range(40)) == Counter(earlier)


def test_a_shoe_with_every_card_on_the_table_deals_no_more() -> None:
    shoe = FiniteShoe(1, Words(1, 1, 0))
    for _ in range(52):
        shoe.deal()
    with pytest.raises(IndexError, match="more decks"):
        shoe.deal()


def test_an_endless_shoe_deals_every_card_as_often_as_a_full_deck_has_it() -> None:
    shoe = EndlessShoe(Words(1, 1, 0))
    dealt = Counter(shoe.deal() for _ in range(13_000))
    assert all(abs(dealt[card] - 1000) < 150 for card in range(1, 10))
    assert abs(dealt[10] - 4000) < 300


def seen(cards: str, **changes: Any) -> Count:
    count = Count(msgspec.structs.replace(HI_LO, **changes), endless=False)
    for name in cards.split():
        count.see(int(name))
    return count


def test_the_true_count_divides_by_the_unseen_decks() -> None:
    assert seen("2 3 4 5 6 2").whole(unseen=104) == 3


@pytest.mark.parametrize(("method", "up", "down"), [("floor", 2, -3), ("truncate", 2, -2), ("round", 3, -3)])
def test_a_count_becomes_whole_by_the_systems_method(method: str, up: int, down: int) -> None:
    assert seen("2 3 4 5 6", true_count_method=method).whole(unseen=104) == up
    assert seen("1 1 10 10 10", true_count_method=method).whole(unseen=104) == down


@pytest.mark.parametrize(
    ("estimation", "unseen", "count"),
    [
        ("exact", 70, 4),
        ("half", 64, 6),
        ("half", 65, 4),
        ("full", 77, 6),
        ("full", 78, 3),
        ("half", 3, 12),
        ("full", 3, 6),
    ],
)
def test_unseen_decks_are_estimated_as_finely_as_the_system_says(estimation: str, unseen: int, count: int) -> None:
    assert seen("2 3 4 5 6 2", deck_estimation=estimation).whole(unseen) == count


def test_a_running_count_is_not_divided() -> None:
    assert seen("2 3 4", decision_count_type="running").whole(unseen=312) == 3


def test_values_of_half_a_point_are_counted_exactly() -> None:
    halves = {**HI_LO.count_values, "2": 0.5, "5": 1.5, "7": 0.5, "9": -0.5}
    assert seen("2 5 7", count_values=halves, decision_count_type="running").whole(52) == 2


def test_counts_beyond_twelve_are_taken_for_twelve() -> None:
    assert seen("2 2 2 2").whole(unseen=4) == 12
    assert seen("1 1 1 1").whole(unseen=4) == -12


def test_a_shuffle_brings_the_initial_count_back() -> None:
    count = seen("2 2 2", initial_running_count=-4.0, decision_count_type="running")
    assert count.whole(312) == -1
    count.shuffle()
    assert count.whole(312) == -4


def test_nothing_is_counted_with_endless_decks() -> None:
    count = Count(CountingSystem(count_values=HI_LO.count_values, initial_running_count=-4.0), endless=True)
    count.see(2)
    assert count.whole(52) == 0
