"""Reading a playing strategy: what it says about a hand, and what is done instead where that is not allowed."""

from __future__ import annotations

from collections.abc import Sequence

from libs.blackjack.configuration import Action, PlayingStrategy, Rank, TableName
from libs.blackjack.reference.counting import COUNT_MAX
from libs.blackjack.reference.hands import is_pair, total

__all__ = ["Advice", "rank"]


def rank(card: int) -> Rank:
    """The name of a card: `A`, `2` to `10`."""
    return "A" if card == 1 else str(card)  # type: ignore[return-value]


class Advice:
    """One strategy, asked hand by hand."""

    def __init__(self, strategy: PlayingStrategy) -> None:
        self._strategy = strategy
        self._cells: dict[tuple[TableName, str, int], list[Action]] = {}

    def insures(self, count: int) -> bool:
        index = self._strategy.insurance_index
        return index is not None and count >= index

    def action(
        self, cards: Sequence[int], dealer: int, count: int, *, double: bool, split: bool, surrender: bool
    ) -> Action:
        """What to do with these cards against the dealer's card, of what is allowed: H, S, D, P or R."""
        if is_pair(cards):
            name = rank(cards[0])
            said = self._cell("pairs", f"{name},{name}", dealer, count)
            if said in ("R", "u"):
                said = "R" if surrender else "P"
            if said != "P":
                return self._double_or(said, cards, double)
            if split:
                return "P"
        return self._by_total(cards, dealer, count, double, surrender)

    def _by_total(self, cards: Sequence[int], dealer: int, count: int, double: bool, surrender: bool) -> Action:
        points, soft = total(cards)
        if points < 8 or (soft and points == 12):
            return "H"
        said = self._cell("soft" if soft else "hard", str(points), dealer, count)
        if said == "R":
            return "R" if surrender else "H"
        if said == "u":
            return "R" if surrender else "S"
        return self._double_or(said, cards, double)

    @staticmethod
    def _double_or(said: Action, cards: Sequence[int], double: bool) -> Action:
        if said != "D" or double:
            return said
        points, soft = total(cards)
        return "S" if soft and points >= 18 else "H"

    def _cell(self, table: TableName, row: str, dealer: int, count: int) -> Action:
        cell = self._cells.get((table, row, dealer))
        if cell is None:
            cell = self._cells[table, row, dealer] = [
                self._at(table, row, rank(dealer), count) for count in range(-COUNT_MAX, COUNT_MAX + 1)
            ]
        return cell[count + COUNT_MAX]

    def _at(self, table: TableName, row: str, dealer: Rank, count: int) -> Action:
        rows = {"hard": self._strategy.hard, "soft": self._strategy.soft, "pairs": self._strategy.pairs}[table]
        action = rows[row][dealer]
        for play in self._strategy.index_plays:
            if (play.table, play.row, play.dealer) == (table, row, dealer) and (count >= play.index) != play.below:
                action = play.action
        return action
