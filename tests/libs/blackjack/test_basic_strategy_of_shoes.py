"""Basic strategy against what it would gain to change a cell, computed over every hand that reaches it in a shoe of so many decks.

No hand comes to the same cell twice, so that the gain of changing one cell alone is exact: the chance of each hand there, times
what the other action is worth more. Splits are left out, as are pairs that are split.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from libs.blackjack.basic_strategy import basic_tables
from libs.blackjack.configuration import Casino, PlayingStrategy, Rank
from libs.blackjack.exact_shoe import _Dealt  # the values of a hand are no result of their own
from libs.blackjack.reference.advice import Advice
from libs.blackjack.reference.hands import total

CARDS = range(1, 11)
TEXTBOOK = ("hard", "16", "10", "R", "u")
"""Where two cards are surrendered, 16 is of three cards and more, and those would better stand; every textbook hits them."""
Hand = tuple[int, ...]


def fallback(table: str, row: str, action: str) -> str:
    """What doubling and surrender are to a hand of three cards."""
    if action == "D":
        return "S" if table == "soft" and int(row) >= 18 else "H"
    return {"R": "H", "u": "S"}.get(action, action)


class Cells:
    """What each action in each cell is worth against one of the dealer's cards, summed over the hands that get there."""

    def __init__(self, casino: Casino, up: int) -> None:
        self.casino = casino
        self.tables = basic_tables(casino)
        self.rank: Rank = "A" if up == 1 else str(up)  # type: ignore[assignment]
        shoe = [4 * casino.deck_count] * 9 + [16 * casino.deck_count]  # type: ignore[operator]
        self.left = list(shoe)
        self.left[up - 1] -= 1
        strategy = PlayingStrategy(
            hard=self.tables["hard"], soft=self.tables["soft"], pairs=self.tables["pairs"], index_plays=()
        )
        self.dealt: Any = _Dealt(casino, Advice(strategy), shoe, up)
        self.worth: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.look()

    def look(self) -> None:
        cards = sum(self.left)
        reach: dict[Hand, float] = {}
        for first in CARDS:
            for second in range(first, 11):
                chance = self.left[first - 1] * (self.left[second - 1] - (first == second)) / (cards * (cards - 1))
                if chance and total((first, second)) != (21, True):
                    reach[first, second] = chance * (1 if first == second else 2)
        while reach:
            deeper: dict[Hand, float] = defaultdict(float)
            for hand, chance in reach.items():
                if self.play(hand, chance) == "H":
                    cards = sum(self.left) - len(hand)
                    for card in CARDS:
                        after = tuple(sorted((*hand, card)))
                        left = self.left[card - 1] - hand.count(card)
                        if left > 0 and total(after)[0] <= 21:
                            deeper[after] += chance * left / cards
            reach = deeper

    def play(self, hand: Hand, chance: float) -> str:
        """The hand's action; what each would be worth is added to its cell."""
        points, soft = total(hand)
        if len(hand) == 2 and hand[0] == hand[1]:
            return self.tables["pairs"]["A,A" if hand[0] == 1 else f"{hand[0]},{hand[0]}"][self.rank]
        if points < 8 or (soft and points < 13):
            return "H"
        table, row = ("soft" if soft else "hard"), str(points)
        values = {"S": self.dealt._stand(hand), "H": self.dealt._hit(hand)}
        if len(hand) == 2:
            values["D"] = 2 * self.dealt._hit(hand, then_stand=True)
            values["R"] = values["u"] = self.surrendered(hand)
        for action in "SHDRu" if self.casino.allow_late_surrender or self.casino.allow_early_surrender else "SHD":
            done = action if len(hand) == 2 else fallback(table, row, action)
            self.worth[table, row][action] += chance * values[done]
        said = self.tables[table][row][self.rank]  # type: ignore[index]
        return said if len(hand) == 2 else fallback(table, row, said)

    def surrendered(self, hand: Hand) -> float:
        """As all values: with a peek, without what the dealer's blackjack takes before anything can be done."""
        blackjack, peek = self.dealt._blackjack(hand), self.casino.dealer_checks_for_blackjack
        if self.casino.allow_early_surrender:
            return -0.5 + (blackjack if peek else 0.0)
        return -0.5 * (1 - blackjack) - (0.0 if peek else blackjack)


def named(casino: Casino) -> str:
    return "-".join(
        name
        for name, holds in (
            (str(casino.deck_count), True),
            ("h17", casino.hit_on_soft_17),
            ("no-hole-card", not casino.dealer_checks_for_blackjack),
            ("late", casino.allow_late_surrender),
            ("early", casino.allow_early_surrender),
        )
        if holds
    )


@pytest.mark.parametrize(
    "casino",
    [
        Casino(deck_count=1),
        Casino(deck_count=1, allow_late_surrender=True, hit_on_soft_17=True),
        Casino(deck_count=1, allow_early_surrender=True),
        Casino(deck_count=2, allow_late_surrender=True),
        Casino(deck_count=2, allow_early_surrender=True, hit_on_soft_17=True),
        Casino(deck_count=3, allow_late_surrender=True),
        Casino(deck_count=4, allow_late_surrender=True, dealer_checks_for_blackjack=False),
        Casino(deck_count=6, allow_early_surrender=True),
        Casino(deck_count=8, allow_late_surrender=True, hit_on_soft_17=True),
    ],
    ids=named,
)
def test_no_other_action_in_a_cell_is_worth_more(casino: Casino) -> None:
    gains = {}
    for up in CARDS:
        cells = Cells(casino, up)
        for (table, row), worth in cells.worth.items():
            said = cells.tables[table][row][cells.rank]  # type: ignore[index]
            best = max(worth, key=worth.__getitem__)
            if worth[best] > worth[said] and (table, row, cells.rank, said, best) != TEXTBOOK:
                gains[table, row, cells.rank, said, best] = worth[best] - worth[said]
    assert gains == {}
