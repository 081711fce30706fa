"""A table to try rules at: cards laid out by hand, a plain basic strategy, and rounds told as records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from libs.blackjack.configuration import (
    RANKS,
    Action,
    BettingStrategy,
    Casino,
    Configuration,
    CountingSystem,
    Player,
    PlayingStrategy,
    RampStep,
    Row,
)
from libs.blackjack.reference.blocks import Played
from libs.blackjack.reference.cards import StackedShoe
from libs.blackjack.reference.play import RoundRecord, SeatRecord, record
from libs.blackjack.reference.round import Round
from libs.blackjack.reference.seat import Seat

__all__ = ["BASIC", "FLAT", "HI_LO", "NO_COUNT", "configuration", "deal", "player", "row", "seat_of", "strategy"]


def row(actions: str) -> Row:
    """Ten letters, against 2 to 10 and the ace."""
    return dict(zip(RANKS, actions, strict=True))  # type: ignore[arg-type]


BASIC = PlayingStrategy(
    name="basic for six decks, dealer stands on soft 17",
    hard={
        "8": row("HHHHHHHHHH"),
        "9": row("HDDDDHHHHH"),
        "10": row("DDDDDDDDHH"),
        "11": row("DDDDDDDDDH"),
        "12": row("HHSSSHHHHH"),
        "13": row("SSSSSHHHHH"),
        "14": row("SSSSSHHHHH"),
        "15": row("SSSSSHHHRH"),
        "16": row("SSSSSHHRRR"),
        **{str(points): row("SSSSSSSSSS") for points in range(17, 22)},
    },
    soft={
        "13": row("HHHDDHHHHH"),
        "14": row("HHHDDHHHHH"),
        "15": row("HHDDDHHHHH"),
        "16": row("HHDDDHHHHH"),
        "17": row("HDDDDHHHHH"),
        "18": row("SDDDDSSHHH"),
        **{str(points): row("SSSSSSSSSS") for points in range(19, 22)},
    },
    pairs={
        "A,A": row("PPPPPPPPPP"),
        "10,10": row("SSSSSSSSSS"),
        "9,9": row("PPPPPSPPSS"),
        "8,8": row("PPPPPPPPPP"),
        "7,7": row("PPPPPPHHHH"),
        "6,6": row("PPPPPHHHHH"),
        "5,5": row("DDDDDDDDHH"),
        "4,4": row("HHHPPHHHHH"),
        "3,3": row("PPPPPPHHHH"),
        "2,2": row("PPPPPPHHHH"),
    },
)
FLAT = BettingStrategy(name="flat", bet_ramp=(RampStep(from_count=None, bet=1.0),))
NO_COUNT = CountingSystem(name="none", count_values=dict.fromkeys(RANKS, 0.0))
HI_LO = CountingSystem(name="hi_lo", count_values=dict(zip(RANKS, (1, 1, 1, 1, 1, 0, 0, 0, -1, -1), strict=True)))


def strategy(changes: dict[tuple[str, str, str], Action] | None = None, **fields: Any) -> PlayingStrategy:
    """Basic strategy, but for some cells `(table, row, dealer's card)` and fields."""
    tables: dict[str, dict[str, dict[str, Any]]] = msgspec.to_builtins(BASIC)
    for (table, line, dealer), action in (changes or {}).items():
        tables[table][line][dealer] = action
    return msgspec.structs.replace(msgspec.convert(tables, PlayingStrategy), **fields)


def player(**fields: Any) -> Player:
    given: dict[str, Any] = {
        "name": "somebody",
        "playing_strategy": BASIC,
        "betting_strategy": FLAT,
        "counting_strategy": NO_COUNT,
    }
    return Player(**(given | fields))


def configuration(casino: Casino | None = None, *players: Player, **fields: Any) -> Configuration:
    return Configuration(casino=casino or Casino(), players=players or (player(),), **fields)


def deal(
    *hands: str,
    dealer: str,
    then: str = "",
    casino: Casino | None = None,
    players: Sequence[Player] = (),
    bankroll: float | None = None,
) -> RoundRecord:
    """Play a round with these cards: two for each hand, the dealer's up card and hole card if there is one, then what is drawn, in order.

    Every card has to be used up. With a bankroll, the (only) player cannot put down more.
    """
    rules = casino or Casino()
    seats = [Seat(each, rules) for each in players or [player()]]
    if bankroll is not None:
        seats[0].player = msgspec.structs.replace(seats[0].player, bankroll=bankroll)
        seats[0].sit_down(None)
    pairs = [_cards(hand) for hand in hands]
    up, *hole = _cards(dealer)
    stack = [*(first for first, _ in pairs), up, *(second for _, second in pairs), *hole, *_cards(then)]
    shoe = StackedShoe(stack)
    for seat in seats:
        assert seat.place_bets(shoe.unseen())
    round_ = Round(rules, seats, shoe)
    round_.play()
    for seat in seats:
        seat.settle(round_)
    assert shoe.dealt == len(stack), f"{len(stack) - shoe.dealt} cards were not used"
    return record(Played(0, round_, seats))


def seat_of(played: RoundRecord) -> SeatRecord:
    """The only player's seat."""
    (seat,) = played.seats
    return seat


def _cards(text: str) -> list[int]:
    return [1 if name == "A" else int(name) for name in text.split()]
