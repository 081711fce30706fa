"""The index plays that matter most, for counts like hi-lo: eighteen departures from basic strategy and four surrenders.

Indices are the widely published multiple-deck values, floored, per true count of hi-lo.
"""

from __future__ import annotations

from libs.blackjack.basic_strategy import Tables, doubling_possible
from libs.blackjack.configuration import Action, Casino, IndexPlay, Rank, TableName

__all__ = ["INDEX_SETS", "INSURANCE_INDEX", "index_plays"]

INDEX_SETS = ("illustrious_18",)
INSURANCE_INDEX = 3

# At the index and above the first action is right, below it the second.
_PLAYS: tuple[tuple[TableName, str, Rank, int, Action, Action], ...] = (
    ("hard", "16", "10", 0, "S", "H"),
    ("hard", "15", "10", 4, "S", "H"),
    ("pairs", "10,10", "5", 5, "P", "S"),
    ("pairs", "10,10", "6", 4, "P", "S"),
    ("hard", "10", "10", 4, "D", "H"),
    ("hard", "12", "3", 2, "S", "H"),
    ("hard", "12", "2", 3, "S", "H"),
    ("hard", "11", "A", 1, "D", "H"),
    ("hard", "9", "2", 1, "D", "H"),
    ("hard", "10", "A", 4, "D", "H"),
    ("hard", "9", "7", 3, "D", "H"),
    ("hard", "16", "9", 5, "S", "H"),
    ("hard", "13", "2", -1, "S", "H"),
    ("hard", "12", "4", 0, "S", "H"),
    ("hard", "12", "5", -2, "S", "H"),
    ("hard", "12", "6", -1, "S", "H"),
    ("hard", "13", "3", -2, "S", "H"),
)
_H17: dict[tuple[str, Rank], int] = {("11", "A"): -1, ("10", "A"): 3, ("12", "6"): -3}

_SURRENDERS: tuple[tuple[str, Rank, int, int], ...] = (
    ("14", "10", 3, 3),
    ("15", "10", 0, 0),
    ("15", "9", 2, 2),
    ("15", "A", 1, -1),
)
"""Row, dealer's card, index where the dealer stands on soft 17, index where the dealer hits it."""


def index_plays(casino: Casino, tables: Tables) -> tuple[IndexPlay, ...]:
    """The departures from `tables` under these rules. Where a hand is surrendered, standing is for hands that cannot be."""
    plays: list[IndexPlay] = []

    def depart(table: TableName, row: str, dealer: Rank, index: int, action: Action, *, below: bool = False) -> None:
        plays.append(IndexPlay(table=table, row=row, dealer=dealer, index=index, action=action, below=below))

    if casino.allow_late_surrender and not casino.allow_early_surrender:
        for row, dealer, stands, hits in _SURRENDERS:
            index = hits if casino.hit_on_soft_17 else stands
            if tables["hard"].get(row, {}).get(dealer) == "R":
                depart("hard", row, dealer, index, "H", below=True)
            else:
                depart("hard", row, dealer, index, "R")
    for table, row, dealer, standard, above, under in _PLAYS:
        index = _H17.get((row, dealer), standard) if casino.hit_on_soft_17 else standard
        usual = tables[table].get(row, {}).get(dealer)
        if above == "D" and not doubling_possible(casino, table, row):
            continue
        if usual == "R" and above == "S":
            depart(table, row, dealer, index, "u")
        elif usual == above and index <= 0:
            depart(table, row, dealer, index, under, below=True)
        elif usual == under and index >= 0:
            depart(table, row, dealer, index, above)
    return tuple(plays)
