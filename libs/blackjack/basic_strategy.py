"""Total-dependent basic strategy for the rules of a table.

One table is written out, for four to eight decks where the dealer stands on soft 17 and peeks and doubling after a split is allowed;
every other is that table with the changes whose conditions the rules meet. They were computed for one, two, three, four, six and eight
decks: totals over all hands that reach them, doubling and surrender over two-card hands, splits to three hands.

Three cells are as in textbooks, and not the very best. An endless shoe is played by the tables of four decks: soft 13 against 5 and soft
15 against 4 would be hit there, for less than 0.001 % in all. Where 16 against 10 is surrendered, three cards of 16 would better
stand: 0.003 % with eight decks, 0.05 % with one. Hard totals under 8 are never surrendered, not even early against an ace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from libs.blackjack.configuration import RANKS, Action, Casino, Rank, Row, TableName

__all__ = ["Tables", "Terms", "basic_tables", "doubling_possible"]

Tables = dict[TableName, dict[str, Row]]

HARD_DOUBLES = {"hard_8_to_11": range(8, 12), "hard_9_to_11": range(9, 12), "hard_10_to_11": range(10, 12)}


@dataclass(frozen=True)
class Terms:
    """What a basic strategy depends on; more than four decks are played as four, and so is an endless shoe."""

    decks: int
    h17: bool
    das: bool
    peek: bool
    late: bool
    early: bool

    @classmethod
    def of(cls, casino: Casino) -> Terms:
        return cls(
            decks=4 if casino.deck_count == "infinite" else min(casino.deck_count, 4),
            h17=casino.hit_on_soft_17,
            das=casino.DAS,
            peek=casino.dealer_checks_for_blackjack,
            late=casino.allow_late_surrender and not casino.allow_early_surrender,
            early=casino.allow_early_surrender,
        )


# Against 2 3 4 5 6 7 8 9 10 A
_STANDARD: dict[TableName, dict[str, str]] = {
    "hard": {
        "8": "HHHHHHHHHH",
        "9": "HDDDDHHHHH",
        "10": "DDDDDDDDHH",
        "11": "DDDDDDDDDH",
        "12": "HHSSSHHHHH",
        "13": "SSSSSHHHHH",
        "14": "SSSSSHHHHH",
        "15": "SSSSSHHHHH",
        "16": "SSSSSHHHHH",
        "17": "SSSSSSSSSS",
        "18": "SSSSSSSSSS",
        "19": "SSSSSSSSSS",
        "20": "SSSSSSSSSS",
        "21": "SSSSSSSSSS",
    },
    "soft": {
        "13": "HHHDDHHHHH",
        "14": "HHHDDHHHHH",
        "15": "HHDDDHHHHH",
        "16": "HHDDDHHHHH",
        "17": "HDDDDHHHHH",
        "18": "SDDDDSSHHH",
        "19": "SSSSSSSSSS",
        "20": "SSSSSSSSSS",
        "21": "SSSSSSSSSS",
    },
    "pairs": {
        "A,A": "PPPPPPPPPP",
        "10,10": "SSSSSSSSSS",
        "9,9": "PPPPPSPPSS",
        "8,8": "PPPPPPPPPP",
        "7,7": "PPPPPPHHHH",
        "6,6": "PPPPPHHHHH",
        "5,5": "DDDDDDDDHH",
        "4,4": "HHHPPHHHHH",
        "3,3": "PPPPPPHHHH",
        "2,2": "PPPPPPHHHH",
    },
}

_Condition = Callable[[Terms], bool]
_CHANGES: tuple[tuple[TableName, str, tuple[Rank, ...], Action, _Condition], ...] = (
    # Doubling
    ("hard", "8", ("5", "6"), "D", lambda t: t.decks == 1),
    ("hard", "9", ("2",), "D", lambda t: t.decks <= 2),
    ("hard", "11", ("A",), "D", lambda t: t.h17 or t.decks <= 2),
    ("hard", "11", ("10", "A"), "H", lambda t: not t.peek),
    ("soft", "13", ("4",), "D", lambda t: t.decks == 1),
    ("soft", "14", ("4",), "D", lambda t: t.decks == 1 or (t.decks == 2 and t.h17)),
    ("soft", "17", ("2",), "D", lambda t: t.decks == 1),
    ("soft", "18", ("2",), "D", lambda t: t.decks >= 2 and t.h17),
    ("soft", "18", ("A",), "S", lambda t: t.decks <= 2 and not t.h17),
    ("soft", "19", ("6",), "D", lambda t: t.decks == 1 or t.h17),
    # Splitting
    ("pairs", "2,2", ("2",), "H", lambda t: not t.das),
    ("pairs", "2,2", ("3",), "H", lambda t: not t.das and t.decks >= 2),
    ("pairs", "3,3", ("2", "3"), "H", lambda t: not t.das),
    ("pairs", "3,3", ("8",), "P", lambda t: t.das and t.decks == 1),
    ("pairs", "4,4", ("4",), "P", lambda t: t.das and t.decks == 1),
    ("pairs", "4,4", ("5", "6"), "H", lambda t: not t.das),
    ("pairs", "4,4", ("5", "6"), "D", lambda t: not t.das and t.decks == 1),
    ("pairs", "6,6", ("2",), "H", lambda t: not t.das and t.decks >= 3),
    ("pairs", "6,6", ("7",), "P", lambda t: t.das and t.decks <= 2),
    ("pairs", "7,7", ("8",), "P", lambda t: t.das and t.decks <= 2),
    ("pairs", "7,7", ("10",), "S", lambda t: t.decks == 1),
    ("pairs", "8,8", ("10", "A"), "H", lambda t: not t.peek),
    ("pairs", "A,A", ("A",), "H", lambda t: not t.peek),
    # Late surrender
    ("hard", "15", ("10",), "R", lambda t: t.late and t.decks >= 2),
    ("hard", "15", ("A",), "R", lambda t: t.late and t.h17),
    ("hard", "16", ("9",), "R", lambda t: t.late and t.decks >= 4),
    ("hard", "16", ("10", "A"), "R", lambda t: t.late),
    ("hard", "17", ("A",), "u", lambda t: t.late and t.h17),
    ("pairs", "7,7", ("10",), "R", lambda t: t.late and t.decks == 1),
    ("pairs", "7,7", ("A",), "R", lambda t: t.late and t.decks == 1 and t.h17),
    ("pairs", "8,8", ("A",), "R", lambda t: t.late and t.h17 and (t.decks >= 3 or (t.decks == 2 and not t.das))),
    ("pairs", "8,8", ("10",), "R", lambda t: t.late and not t.peek),
    ("pairs", "8,8", ("A",), "R", lambda t: t.late and not t.peek and (t.decks >= 2 or t.h17)),
    # Early surrender
    ("hard", "8", ("A",), "R", lambda t: t.early and t.decks <= 2 and t.h17),
    ("hard", "12", ("A",), "R", lambda t: t.early),
    ("hard", "13", ("A",), "R", lambda t: t.early),
    ("hard", "14", ("A",), "R", lambda t: t.early),
    ("hard", "14", ("10",), "R", lambda t: t.early and t.decks >= 2),
    ("hard", "15", ("10", "A"), "R", lambda t: t.early),
    ("hard", "16", ("10", "A"), "R", lambda t: t.early),
    ("hard", "16", ("9",), "R", lambda t: t.early and t.decks >= 4),
    ("hard", "17", ("A",), "u", lambda t: t.early),
    ("pairs", "2,2", ("A",), "R", lambda t: t.early and (t.h17 or t.decks == 1)),
    ("pairs", "3,3", ("A",), "R", lambda t: t.early),
    ("pairs", "4,4", ("A",), "R", lambda t: t.early and t.h17 and t.decks == 1),
    ("pairs", "6,6", ("A",), "R", lambda t: t.early),
    ("pairs", "7,7", ("10", "A"), "R", lambda t: t.early),
    ("pairs", "8,8", ("A",), "R", lambda t: t.early),
    ("pairs", "8,8", ("10",), "R", lambda t: t.early and (t.decks >= 2 or not t.peek or not t.das)),
)


def basic_tables(casino: Casino) -> Tables:
    """The tables for these rules, with every dealer card in every row. A double that the restrictions never allow is
    already what it would fall back to: a hit, or a stand on soft 18 and more."""
    tables = {
        table: {name: dict(row) for name, row in rows.items()} for table, rows in _tables(Terms.of(casino)).items()
    }
    for table, rows in tables.items():
        for name, row in rows.items():
            if not doubling_possible(casino, table, name):
                fallback: Action = "S" if table == "soft" and int(name) >= 18 else "H"
                rows[name] = {rank: fallback if action == "D" else action for rank, action in row.items()}
    return tables


def doubling_possible(casino: Casino, table: TableName, row: str) -> bool:
    """Whether the rules ever allow two such cards to be doubled."""
    restrictions = casino.double_down_restrictions
    if restrictions in {"any_two_cards", "none"}:
        return restrictions == "any_two_cards"
    if table == "soft" or row == "A,A":
        return False
    total = int(row) if table == "hard" else 2 * int(row.split(",")[0])
    return total in HARD_DOUBLES[restrictions]


@lru_cache(maxsize=256)
def _tables(terms: Terms) -> Tables:
    tables: Tables = {
        table: {name: dict(zip(RANKS, row, strict=True)) for name, row in rows.items()}  # type: ignore[arg-type]
        for table, rows in _STANDARD.items()
    }
    for table, row, dealers, action, condition in _CHANGES:
        if condition(terms):
            tables[table][row].update(dict.fromkeys(dealers, action))
    return tables
