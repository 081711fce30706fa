"""Basic strategy against what an endless shoe really calls for, computed here by recursion over totals."""

from __future__ import annotations

from functools import cache

import pytest

from libs.blackjack.basic_strategy import basic_tables, doubling_possible
from libs.blackjack.configuration import RANKS, Casino

CARDS = {card: (4 if card == 10 else 1) / 13 for card in range(1, 11)}
BLACKJACK = 0


def added(total: int, soft: bool, card: int) -> tuple[int, bool]:
    """A best total with one card more; `soft` counts an ace as 11."""
    total, soft = (total + 11, True) if card == 1 and total + 11 <= 21 else (total + card, soft)
    return (total - 10, False) if soft and total > 21 else (total, soft)


class Endless:
    """What each action is worth, in bets, where no card changes the odds of another."""

    def __init__(self, *, h17: bool, peek: bool, das: bool) -> None:
        self.h17, self.peek, self.das = h17, peek, das
        self.dealer = cache(self._dealer)
        self.draws = cache(self._draws)
        self.played = cache(self._played)

    def _draws(self, total: int, soft: bool) -> dict[int, float]:
        if total > 17 or (total == 17 and not (soft and self.h17)):
            return {min(total, 22): 1.0}
        ends: dict[int, float] = {}
        for card, chance in CARDS.items():
            for end, share in self.draws(*added(total, soft, card)).items():
                ends[end] = ends.get(end, 0.0) + chance * share
        return ends

    def _dealer(self, up: int) -> dict[int, float]:
        """The dealer's ends, after looking for blackjack where there is a hole card."""
        ends: dict[int, float] = {}
        start = added(0, False, up)
        for card, chance in CARDS.items():
            natural = {up, card} == {1, 10}
            if natural and self.peek:
                continue
            for end, share in ({BLACKJACK: 1.0} if natural else self.draws(*added(*start, card))).items():
                ends[end] = ends.get(end, 0.0) + chance * share
        whole = sum(ends.values())
        return {end: share / whole for end, share in ends.items()}

    def stand(self, total: int, up: int) -> float:
        if total > 21:
            return -1.0
        return sum(
            share * (-1 if end == BLACKJACK else (end == 22 or total > end) - (end != 22 and total < end))
            for end, share in self.dealer(up).items()
        )

    def _played(self, total: int, soft: bool, up: int) -> float:
        return -1.0 if total > 21 else max(self.stand(total, up), self.hit(total, soft, up))

    def hit(self, total: int, soft: bool, up: int) -> float:
        return sum(chance * self.played(*added(total, soft, card), up) for card, chance in CARDS.items())

    def double(self, total: int, soft: bool, up: int) -> float:
        return 2 * sum(chance * self.stand(added(total, soft, card)[0], up) for card, chance in CARDS.items())

    def whole(self, total: int, soft: bool, up: int, *, double: bool = True) -> dict[str, float]:
        worth = {"S": self.stand(total, up), "H": self.hit(total, soft, up)}
        return worth | ({"D": self.double(total, soft, up)} if double else {})

    def split(self, card: int, up: int, hands: int = 4) -> float:
        """Two hands, split again while there are fewer than `hands`; aces get one card each."""
        start = added(0, False, card)
        value = 0.0
        for drawn, chance in CARDS.items():
            total, soft = added(*start, drawn)
            if card == 1:
                worth = self.stand(total, up)
            else:
                worth = max(self.whole(total, soft, up, double=self.das).values())
                if drawn == card and hands > 2:
                    worth = max(worth, self.split(card, up, hands - 1))
            value += chance * worth
        return 2 * value

    def surrender(self, up: int, *, early: bool) -> float:
        natural = {1: 4 / 13, 10: 1 / 13}.get(up, 0.0)
        if early:  # as seen after the look, where there is one
            return (natural - 0.5) / (1 - natural) if self.peek else -0.5
        return -0.5 if self.peek else -0.5 * (1 - natural) - natural


def card_of(rank: str) -> int:
    return 1 if rank == "A" else int(rank)


TOO_CLOSE = {("soft", "13", "5"), ("soft", "15", "4")}
"""Doubled in textbooks, which mean shoes that end."""


@pytest.mark.parametrize("surrender", ["none", "late", "early"])
@pytest.mark.parametrize("das", [True, False])
@pytest.mark.parametrize("peek", [True, False])
@pytest.mark.parametrize("h17", [True, False])
def test_tables_of_an_endless_shoe_are_the_best_there_are(h17: bool, peek: bool, das: bool, surrender: str) -> None:
    casino = Casino(
        deck_count="infinite",
        hit_on_soft_17=h17,
        dealer_checks_for_blackjack=peek,
        DAS=das,
        allow_late_surrender=surrender == "late",
        allow_early_surrender=surrender == "early",
    )
    game = Endless(h17=h17, peek=peek, das=das)
    for table, rows in basic_tables(casino).items():
        for row, cells in rows.items():
            if row == "21":
                continue
            for rank, action in cells.items():
                up = card_of(rank)
                if table == "pairs":
                    card = card_of(row.split(",")[0])
                    total, soft = added(*added(0, False, card), card)
                    worth = game.whole(total, soft, up) | {"P": game.split(card, up)}
                else:
                    total, soft = int(row), table == "soft"
                    worth = game.whole(total, soft, up)
                best = max(worth, key=worth.__getitem__)
                if surrender != "none" and not soft:
                    given_up = game.surrender(up, early=surrender == "early")
                    if given_up > worth[best]:
                        best = "u" if table == "hard" and worth["S"] > worth["H"] else "R"
                if (table, row, rank) not in TOO_CLOSE:
                    assert action == best, (table, row, rank, worth)


@pytest.mark.parametrize("restriction", ["hard_8_to_11", "hard_9_to_11", "hard_10_to_11", "none"])
def test_tables_never_say_a_double_that_is_never_allowed(restriction: str) -> None:
    casino = Casino(double_down_restrictions=restriction, deck_count=1)  # type: ignore[arg-type]
    for table, rows in basic_tables(casino).items():
        for row, cells in rows.items():
            assert doubling_possible(casino, table, row) or "D" not in cells.values()


def test_a_soft_18_that_cannot_be_doubled_stands() -> None:
    assert basic_tables(Casino(double_down_restrictions="none"))["soft"]["18"]["4"] == "S"


def test_a_soft_17_that_cannot_be_doubled_is_hit() -> None:
    assert basic_tables(Casino(double_down_restrictions="hard_9_to_11"))["soft"]["17"]["4"] == "H"


def test_every_cell_is_said() -> None:
    for rows in basic_tables(Casino()).values():
        assert all(tuple(cells) == RANKS for cells in rows.values())


# What is known for few decks, and no endless shoe shows
FEW_DECKS = [
    ({"deck_count": 1}, "hard", "8", "6", "D"),
    ({"deck_count": 2}, "hard", "8", "6", "H"),
    ({"deck_count": 2}, "hard", "9", "2", "D"),
    ({"deck_count": 6}, "hard", "9", "2", "H"),
    ({"deck_count": 2}, "hard", "11", "A", "D"),
    ({"deck_count": 6}, "hard", "11", "A", "H"),
    ({"deck_count": 6, "hit_on_soft_17": True}, "hard", "11", "A", "D"),
    ({"deck_count": 1}, "soft", "17", "2", "D"),
    ({"deck_count": 1}, "soft", "18", "A", "S"),
    ({"deck_count": 1}, "soft", "19", "6", "D"),
    ({"deck_count": 2, "hit_on_soft_17": True}, "soft", "14", "4", "D"),
    ({"deck_count": 1}, "pairs", "4,4", "4", "P"),
    ({"deck_count": 1, "DAS": False}, "pairs", "4,4", "5", "D"),
    ({"deck_count": 2}, "pairs", "6,6", "7", "P"),
    ({"deck_count": 2}, "pairs", "7,7", "8", "P"),
    ({"deck_count": 1}, "pairs", "7,7", "10", "S"),
    ({"deck_count": 2, "DAS": False}, "pairs", "6,6", "2", "P"),
    ({"deck_count": 6, "DAS": False}, "pairs", "6,6", "2", "H"),
    ({"deck_count": 6, "allow_late_surrender": True}, "hard", "16", "9", "R"),
    ({"deck_count": 2, "allow_late_surrender": True}, "hard", "16", "9", "H"),
    ({"deck_count": 1, "allow_late_surrender": True}, "hard", "15", "10", "H"),
    ({"deck_count": 6, "dealer_checks_for_blackjack": False}, "hard", "11", "10", "H"),
    ({"deck_count": 6, "dealer_checks_for_blackjack": False}, "pairs", "8,8", "10", "H"),
]


@pytest.mark.parametrize(("rules", "table", "row", "dealer", "action"), FEW_DECKS)
def test_a_cell_that_depends_on_the_decks(rules: dict, table: str, row: str, dealer: str, action: str) -> None:
    assert basic_tables(Casino(**rules))[table][row][dealer] == action  # type: ignore[index]
