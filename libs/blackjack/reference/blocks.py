"""Round after round: a shoe from shuffle to shuffle, a single round from a fresh one, or a session with a bankroll."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import NamedTuple

from libs.blackjack.configuration import Casino, Configuration
from libs.blackjack.reference.cards import Cards, EndlessShoe, FiniteShoe, Words
from libs.blackjack.reference.round import Round
from libs.blackjack.reference.seat import Seat

__all__ = ["Played", "play_block", "take_seats"]


class Played(NamedTuple):
    """A round that is over. `seats` are those who were dealt to."""

    shoe: int
    round: Round
    seats: Sequence[Seat]


def take_seats(configuration: Configuration) -> list[Seat]:
    return [Seat(player, configuration.casino) for player in configuration.players]


def play_block(configuration: Configuration, seats: Sequence[Seat], seed: int, block: int) -> Iterator[Played]:
    """The rounds of a block, as they end. Whoever sits down for a session has the bankroll they came with."""
    if configuration.mode == "sessions":
        return _session(configuration, seats, seed, block)
    return _shoe(configuration.casino, list(seats), Words(seed, block, 0), 0)


def _shoe(casino: Casino, seats: list[Seat], words: Words, number: int) -> Iterator[Played]:
    """The rounds from one shuffle to the next. A seat whose player leaves is taken out of `seats`."""
    cards, cut = _shuffled(casino, words)
    for seat in seats:
        seat.count.shuffle()
    while True:
        _seat_those_who_bet(seats, cards)
        if not seats:
            return
        round_ = Round(casino, seats, cards)
        round_.play()
        for seat in seats:
            seat.settle(round_)
        yield Played(number, round_, tuple(seats))
        if cards.dealt >= cut:
            return


def _session(configuration: Configuration, seats: Sequence[Seat], seed: int, block: int) -> Iterator[Played]:
    for seat in seats:
        seat.sit_down(configuration.win_goal)
    sitting = list(seats)
    shoe = rounds = 0
    while sitting:
        for played in _shoe(configuration.casino, sitting, Words(seed, block, shoe), shoe):
            yield played
            rounds += 1
            if rounds == configuration.session_rounds:
                return
        shoe += 1


def _seat_those_who_bet(seats: list[Seat], cards: Cards) -> None:
    unseen = cards.unseen()
    seats[:] = [seat for seat in seats if seat.place_bets(unseen)]


def _shuffled(casino: Casino, words: Words) -> tuple[Cards, int]:
    """A shoe, and how many cards are dealt before the round that is its last."""
    if casino.deck_count == "infinite":
        return EndlessShoe(words), 0
    shoe = FiniteShoe(casino.deck_count, words)
    if casino.shuffle != "cut_card":
        return shoe, 0
    return shoe, floor(casino.reshuffle_penetration * 52 * casino.deck_count + 0.5)
