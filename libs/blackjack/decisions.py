"""What a player does, worked out beforehand for every hand, dealer's card, count and situation, all that is not allowed replaced.

The situations are those that change what is allowed: whether the hand comes from a split, may be split again, and can be paid for.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from libs.blackjack.configuration import RANKS, Action, Casino, PlayingStrategy, Rank, TableName
from libs.blackjack.hand_states import ACE, STATES, STRIDE, Hand, hand_of
from libs.blackjack.money import COUNT_MAX

__all__ = ["COUNTS", "Choice", "Situation", "choices", "rows_per_situation"]

COUNTS = range(-COUNT_MAX, COUNT_MAX + 1)

_RANK_OF_CARD: tuple[Rank, ...] = ("A", *(rank for rank in RANKS if rank != "A"))
_DOUBLING: dict[str, range | None] = {
    "any_two_cards": None,
    "hard_8_to_11": range(8, 12),
    "hard_9_to_11": range(9, 12),
    "hard_10_to_11": range(10, 12),
    "none": range(0),
}


class Choice(IntEnum):
    STAND = 0
    HIT = 1
    DOUBLE = 2
    SPLIT = 3
    SURRENDER = 4
    BY_COUNT = 5
    """Another one at different counts; which, is told by the row of the count."""


class Situation(IntEnum):
    """Money: whether one bet more can be paid. A hand that may split can be paid for."""

    FIRST = 0
    FIRST_NO_MONEY = 1
    SPLIT_AGAIN = 2
    SPLIT_LAST = 3
    SPLIT_NO_MONEY = 4
    ACES_AGAIN = 5
    ACES_LAST = 6
    ACES_NO_MONEY = 7
    EARLY = 8
    """Before the dealer looks: only whether the hand is surrendered matters."""
    EARLY_NO_MONEY = 9


class _Allowed(NamedTuple):
    double: bool
    split: bool
    surrender: bool
    one_card: bool = False
    """A split ace that gets no further card."""


def _allowed(situation: Situation, casino: Casino) -> _Allowed:
    first_split = casino.allow_resplit_to_hands > 1
    early, late = casino.allow_early_surrender, casino.allow_late_surrender
    stuck = not casino.hit_split_aces
    match situation:
        case Situation.FIRST:
            return _Allowed(double=True, split=first_split, surrender=late and not early)
        case Situation.FIRST_NO_MONEY:
            return _Allowed(double=False, split=False, surrender=late and not early)
        case Situation.EARLY:
            return _Allowed(double=True, split=first_split, surrender=early)
        case Situation.EARLY_NO_MONEY:
            return _Allowed(double=False, split=False, surrender=early)
        case Situation.SPLIT_AGAIN | Situation.SPLIT_LAST:
            return _Allowed(double=casino.DAS, split=situation == Situation.SPLIT_AGAIN, surrender=False)
        case Situation.ACES_AGAIN | Situation.ACES_LAST:
            return _Allowed(casino.DAS, situation == Situation.ACES_AGAIN, surrender=False, one_card=stuck)
        case Situation.SPLIT_NO_MONEY:
            return _Allowed(double=False, split=False, surrender=False)
        case Situation.ACES_NO_MONEY:
            return _Allowed(double=False, split=False, surrender=False, one_card=stuck)


class _Cells:
    """A strategy's cells at one count."""

    def __init__(self, strategy: PlayingStrategy, count: int) -> None:
        self._tables = {"hard": strategy.hard, "soft": strategy.soft, "pairs": strategy.pairs}
        self._departures: dict[tuple[str, str, str], Action] = {
            (play.table, play.row, play.dealer): play.action
            for play in strategy.index_plays
            if (count >= play.index) != play.below
        }

    def at(self, table: TableName, row: str, dealer: Rank) -> Action:
        departure = self._departures.get((table, row, dealer))
        return self._tables[table][row][dealer] if departure is None else departure


def _choice(cells: _Cells, hand: Hand, dealer: Rank, allowed: _Allowed, doubling: range | None) -> Choice:
    may_double = allowed.double and hand.cards == 2 and (doubling is None or (not hand.soft and hand.total in doubling))
    instead = Choice.STAND if hand.soft and hand.total >= 18 else Choice.HIT

    def follow(action: Action) -> Choice:
        match action:
            case "H":
                return Choice.HIT
            case "S":
                return Choice.STAND
            case "D":
                return Choice.DOUBLE if may_double else instead
            case "R" | "u" if allowed.surrender and hand.cards == 2:
                return Choice.SURRENDER
            case "R":
                return Choice.HIT
            case "u":
                return Choice.STAND
        raise ValueError(f"{action} is no action for a hand of {hand.total}")

    if hand.pair >= 0:
        rank = _RANK_OF_CARD[hand.pair]
        action = cells.at("pairs", f"{rank},{rank}", dealer)
        if action in ("R", "u") and allowed.surrender:
            return Choice.SURRENDER
        if action in ("P", "R", "u"):
            if allowed.split:
                return Choice.SPLIT
            action = "H" if hand.pair == ACE or hand.total < 8 else cells.at("hard", str(hand.total), dealer)
        return Choice.STAND if allowed.one_card else follow(action)
    if allowed.one_card and hand.cards == 2:
        return Choice.STAND
    if hand.total < 8 and not hand.soft:
        return Choice.HIT
    return follow(cells.at("soft" if hand.soft else "hard", str(hand.total), dealer))


def rows_per_situation(strategy: PlayingStrategy) -> int:
    """One, or where there are index plays another one for each of `COUNTS`."""
    return 1 + len(COUNTS) if strategy.index_plays else 1


def choices(strategy: PlayingStrategy, casino: Casino) -> bytes:
    """A `Choice` for each place `row * STATES + state + dealer's card`; what is never asked is 0.

    Each situation in turn has `rows_per_situation` rows: the first says what is done whatever the count is, or `BY_COUNT`; then `COUNTS`.
    """
    cells = [_Cells(strategy, count) for count in (COUNTS if strategy.index_plays else range(1))]
    departures = {(play.table, play.row, play.dealer) for play in strategy.index_plays}
    doubling = _DOUBLING[casino.double_down_restrictions]
    table = bytearray()
    for situation in Situation:
        allowed = _allowed(situation, casino)
        rows = [bytearray(STATES) for _ in range(rows_per_situation(strategy))]
        for state in range(0, STATES, STRIDE):
            hand = hand_of(state)
            if hand.cards == 1 or hand.total > 21:
                continue
            for card, dealer in enumerate(_RANK_OF_CARD):
                place = state + card
                always = rows[0][place] = _choice(cells[0], hand, dealer, allowed, doubling)
                if departures.isdisjoint((*key, dealer) for key in _cells_of(hand)):
                    for row in rows[1:]:
                        row[place] = always
                else:
                    for row, each in zip(rows[1:], cells, strict=True):
                        row[place] = _choice(each, hand, dealer, allowed, doubling)
                    if any(row[place] != always for row in rows[1:]):
                        rows[0][place] = Choice.BY_COUNT
        table += b"".join(rows)
    return bytes(table)


def _cells_of(hand: Hand) -> list[tuple[TableName, str]]:
    """The rows of the strategy's tables that a hand may be played by."""
    total: tuple[TableName, str] = ("soft" if hand.soft else "hard", str(hand.total))
    if hand.pair < 0:
        return [total]
    rank = _RANK_OF_CARD[hand.pair]
    return [("pairs", f"{rank},{rank}"), total]
