"""Playing ranges of blocks: their tally, or the history of their rounds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, count

import msgspec

from libs.blackjack.configuration import Configuration, Rank
from libs.blackjack.outcomes import Ending
from libs.blackjack.reference.advice import rank
from libs.blackjack.reference.blocks import Played, play_block, take_seats
from libs.blackjack.reference.hands import Hand
from libs.blackjack.reference.round import DealerEnd, Round
from libs.blackjack.reference.seat import Seat
from libs.blackjack.reference.tallying import TableAccount, ending
from libs.blackjack.tally import Tally

__all__ = ["HandRecord", "RoundRecord", "SeatRecord", "history", "play", "record"]


class HandRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One hand at its end; a split makes two of one. Amounts are money."""

    cards: tuple[Rank, ...]
    decisions: tuple[str, ...]
    """H, S, D, P or R, in order; a hand that was split begins with what was done before."""
    bet: float
    """What lies on the hand, a double included."""
    insurance: float
    outcome: Ending
    net: float
    """Won or lost, insurance included."""


class SeatRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One player's round."""

    player: str
    count: int
    """At the time of the bet."""
    bet: float
    """On each hand, at first."""
    hands: tuple[HandRecord, ...]
    net: float
    bankroll: float | None
    """After the round, in mode `sessions`."""


class RoundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One round: whose cards were which, what was decided, what came of it."""

    block: int
    shoe: int
    """In its block."""
    round: int
    """In its block, from 1."""
    dealer: tuple[Rank, ...]
    """The first card is the one that players see."""
    dealer_end: DealerEnd
    seats: tuple[SeatRecord, ...]


def play(
    tables: Sequence[Configuration], seed: int, first_block: int, blocks: int, *, rounds_min: int | None = None
) -> Tally:
    """The same tally as the engine's `simulate` gives for the same arguments."""
    seated = [take_seats(table) for table in tables]
    accounts = [TableAccount(table, seats) for table, seats in zip(tables, seated, strict=True)]
    moments: list[int] | None = None
    played_blocks = 0
    for block in range(first_block, first_block + blocks):
        vector: list[int] = []
        for table, seats, account in zip(tables, seated, accounts, strict=True):
            account.begin_block()
            for played in play_block(table, seats, seed, block):
                account.add(played)
            vector += account.end_block()
        products = [one * other for one, other in combinations_with_replacement(vector, 2)]
        moments = products if moments is None else [a + b for a, b in zip(moments, products, strict=True)]
        played_blocks += 1
        if rounds_min is not None and accounts[0].rounds >= rounds_min:
            break
    return Tally(
        first_block=first_block,
        blocks=played_blocks,
        tables=tuple(account.tally() for account in accounts),
        moments=tuple(moments or []),
    )


def history(configuration: Configuration, seed: int, first_block: int, rounds: int) -> list[RoundRecord]:
    """The first so many rounds from a block on, card by card; none where nobody can cover a bet."""
    seats = take_seats(configuration)
    records: list[RoundRecord] = []
    for block in count(first_block):
        before = len(records)
        for number, played in enumerate(play_block(configuration, seats, seed, block), 1):
            if len(records) == rounds:
                return records
            records.append(record(played, block=block, number=number))
        if len(records) == before:
            return records  # every session begins alike, so that no other will have a round either
    raise AssertionError("blocks have no end")


def record(played: Played, *, block: int = 0, number: int = 1) -> RoundRecord:
    """A round that is just over, kept: the seats themselves go on to the next one."""
    return RoundRecord(
        block=block,
        shoe=played.shoe,
        round=number,
        dealer=_names(played.round.dealer),
        dealer_end=played.round.dealer_end,
        seats=tuple(_seat(seat, played.round) for seat in played.seats),
    )


def _seat(seat: Seat, round_: Round) -> SeatRecord:
    return SeatRecord(
        player=seat.player.name,
        count=seat.bet_count,
        bet=seat.bet / 100,
        hands=tuple(_hand(hand, seat, round_) for hand in seat.hands),
        net=seat.result * seat.bet / 2000,
        bankroll=None if seat.bankroll is None else seat.bankroll / 2000,
    )


def _hand(hand: Hand, seat: Seat, round_: Round) -> HandRecord:
    return HandRecord(
        cards=_names(hand.cards),
        decisions=tuple(hand.decisions),
        bet=hand.stake * seat.bet / 100,
        insurance=seat.bet / 200 if hand.insured else 0.0,
        outcome=ending(hand, round_),
        net=(hand.result + round_.insurance_result(hand)) * seat.bet / 2000,
    )


def _names(cards: Sequence[int]) -> tuple[Rank, ...]:
    return tuple(rank(card) for card in cards)
