"""Blocks of rounds, compiled: every rule in one function, so that the machine pays for the cards and not for the rules.

It plays what `libs.blackjack.reference` plays, card by card; what is not allowed was resolved beforehand (`decisions`), what a hand
is is a number (`hand_states`), and what happened is counted in integers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from libs.blackjack.compiled import inlined, stored
from libs.blackjack.hand_states import NATURAL, STRIDE
from libs.blackjack.layout import Seat, Table
from libs.blackjack.money import BINS
from libs.blackjack.rounds import (
    BET,
    DEALER_BLACKJACK,
    DEALER_NOT_PLAYED,
    HALF,
    Fate,
    Felt,
    Ints,
    awaited,
    before_the_dealer_looks,
    lose_standing,
    lose_unplayed,
    play_dealer,
    play_hand,
    settle_the_rest,
    whole_count,
)
from libs.blackjack.shoe import LANES, Shoe, Stream, Words, at_least, draw_ahead, more, take_ahead

__all__ = ["Money", "Session", "Sums", "play", "room_for"]

_LOW_32 = (1 << 32) - 1


class Money(IntEnum):
    """The columns of `Sums.money`; the sum of squares is `SQUARES_HIGH` * 2**32 + `SQUARES_LOW`."""

    INITIAL = 0
    WAGERED = 1
    NET = 2
    SQUARES_HIGH = 3
    SQUARES_LOW = 4
    INSURANCE_WON = 5
    INSURANCE_LOST = 6


class Session(IntEnum):
    """The columns of `Sums.sessions`."""

    RUINED = 0
    GOALS = 1
    ROUNDS_TO_RUIN = 2


class Sums(NamedTuple):
    """What is added to, for each player; see `libs.blackjack.tally`."""

    results: Ints
    """Rounds by player, count at the bet and result; see `Seat.RESULTS`."""
    extra: Ints
    """By player and count: wagered on doubles, splits and insurance."""
    outcomes: Ints
    dealer: Ints
    money: Ints
    """By player; in endless play only what is about insurance, the rest follows from the results."""
    sessions: Ints
    paths: Ints
    """By player, checkpoint and bin."""


class Account(NamedTuple):
    """By player: how the block goes."""

    seated: Any
    bankroll: Ints
    net: Ints
    initial: Ints


class Room(NamedTuple):
    """Everything that is written to while playing, and means nothing afterwards."""

    shoe: Shoe
    felt: Felt
    account: Account
    drawn: Words


def room_for(table: Table) -> Room:
    """Everything that is written to while playing."""
    players, systems, room = table.seats.shape[0], table.values.shape[0], table.shoe.shape[0]
    hands_max = table.hands * table.resplit_to
    shoe = Shoe(
        np.zeros(room, np.uint8),
        np.zeros((systems, room + 1), np.int32),
        table.values,
        np.zeros(room + 16, np.uint32),
        table.cards,
        table.infinite,
    )
    felt = Felt(
        np.zeros(table.hands, np.int64),
        np.zeros(table.hands, np.int64),
        np.zeros(table.hands, np.int64),
        np.zeros(hands_max, np.int64),
        np.zeros(hands_max, np.int64),
        np.zeros(hands_max, np.int64),
        np.zeros(players, np.int64),
        np.zeros(players, np.int64),
        np.zeros(players, np.int64),
        np.zeros(players, np.int64),
        np.zeros(players, np.int64),
        np.zeros(players, np.int64),
    )
    account = Account(
        np.ones(players, np.bool_),
        np.zeros(players, np.int64),
        np.zeros(players, np.int64),
        np.zeros(players, np.int64),
    )
    drawn = np.empty((table.dealt_first if table.cut == 1 else 0, LANES), np.uint32)
    return Room(shoe, felt, account, drawn)


@stored
def play(
    table: Table,
    room: Room,
    sums: Sums,
    vectors: Ints,
    entry: int,
    finals: Ints,
    seed: Any,
    first_block: int,
    blocks: int,
    rounds_wanted: int,
) -> int:
    """Play `blocks` blocks, or fewer: none after the one that brings the rounds to `rounds_wanted`. Return how many.

    Adds to `sums`; writes each block's vector into a column of `vectors` from row `entry` on: rounds, then net and initial money of each
    player; and the players' last bankrolls into a column of `finals`.
    """
    players = table.seats.shape[0]
    shoe, felt, account, drawn = room
    fresh = table.cut == 1
    lane = LANES
    rounds_played = 0
    for number in range(blocks):
        block = np.uint64(first_block + number)
        rounds = shoes = checkpoint = ready = 0
        _sit_down(table, account)
        if table.sessions:
            lane = LANES
        position = table.cut
        stream = Stream(np.uint64(0), block, seed)
        while not table.sessions or rounds < table.session_rounds:
            if position >= table.cut:
                if shoes and not table.sessions:
                    break
                stream = Stream(np.uint64(shoes), block, seed)
                shoes += 1
                position = 0
                _put_in_order(table, shoe)
                if fresh:
                    if lane == LANES:
                        lane = 0
                        draw_ahead(drawn, shoe, stream, int(table.sessions), int(not table.sessions))
                    ready = take_ahead(shoe, drawn, lane)
                    lane += 1
                else:
                    ready = more(shoe, 0, table.dealt_first, 0, stream)
            cleared = position

            hands = _place_bets(table, shoe, felt, account, sums.sessions, position, rounds)
            if hands == 0:
                break

            # The deal
            ready = at_least(shoe, ready, position + 2 * hands + 1 + table.peek, cleared, stream)
            up = int(shoe.cards[position + hands])
            for hand in range(hands):
                first, second = shoe.cards[position + hand], shoe.cards[position + hands + 1 + hand]
                state = int(table.next_states[first * STRIDE + int(second)])
                felt.states[hand] = state
                felt.fates[hand] = Fate.NATURAL if state == NATURAL else Fate.OPEN
            position += 2 * hands + 1
            dealer, hole = up * STRIDE, -1
            if table.peek:
                hole = int(shoe.cards[position])
                dealer = int(table.next_states[dealer + hole])
                position += 1

            before_the_dealer_looks(table, shoe, felt, sums.outcomes, hands, up, hole, position)

            # The players, and the dealer
            end = DEALER_NOT_PLAYED
            standing = 0
            blackjack = dealer == NATURAL
            if blackjack:
                lose_unplayed(felt, sums.outcomes, hands)
            else:
                for hand in range(hands):
                    if felt.fates[hand] == Fate.OPEN:
                        standing, position, ready = play_hand(
                            table, shoe, felt, sums.outcomes, hand, standing, up, hole, position, ready, cleared, stream
                        )
                if not table.peek and (standing or awaited(felt, hands, up)):
                    ready = at_least(shoe, ready, position + 1, cleared, stream)
                    dealer = int(table.next_states[dealer + int(shoe.cards[position])])
                    position += 1
                    blackjack = dealer == NATURAL
                if blackjack:
                    lose_standing(felt, sums.outcomes, standing)
                elif standing:
                    end, position, ready = play_dealer(
                        table, shoe, felt, sums.outcomes, dealer, standing, position, ready, cleared, stream
                    )
            if blackjack:
                end = DEALER_BLACKJACK
            settle_the_rest(table, felt, sums.outcomes, hands, blackjack)

            rounds += 1
            sums.dealer[end] += 1
            for player in range(players):
                if account.seated[player]:
                    _book(table, felt, account, sums, player, blackjack)
            if table.sessions and rounds == table.checkpoints[checkpoint]:
                _look(table, account, sums.paths, checkpoint)
                checkpoint += 1

        vectors[entry, number] = rounds
        for player in range(players):
            vectors[entry + 1 + 2 * player, number] = account.net[player]
            vectors[entry + 2 + 2 * player, number] = account.initial[player]
            finals[player, number] = account.bankroll[player]
        if table.sessions:
            for left in range(checkpoint, table.checkpoints.shape[0]):
                _look(table, account, sums.paths, left)
        rounds_played += rounds
        if rounds_played >= rounds_wanted:
            return number + 1
    return blocks


@inlined
def _sit_down(table: Table, account: Account) -> None:
    for player in range(table.seats.shape[0]):
        account.seated[player] = True
        account.bankroll[player] = table.seats[player, Seat.BANKROLL]
        account.net[player] = 0
        account.initial[player] = 0


@inlined
def _put_in_order(table: Table, shoe: Shoe) -> None:
    for place in range(table.cards):
        shoe.cards[place] = table.shoe[place]
    for system in range(table.values.shape[0]):
        shoe.running[system, 0] = table.initial[system]


@inlined
def _place_bets(
    table: Table, shoe: Shoe, felt: Felt, account: Account, sessions: Ints, position: int, rounds: int
) -> int:
    """Let everybody bet, or leave a session; return how many hands are dealt."""
    hands = 0
    for player in range(table.seats.shape[0]):
        if not account.seated[player]:
            continue
        own_hands = table.seats[player, Seat.HANDS]
        row = whole_count(table, shoe, player, position, -1)
        bet = table.bets[player, row]
        if table.sessions:
            bankroll = account.bankroll[player]
            if bankroll >= table.seats[player, Seat.GOAL]:
                account.seated[player] = False
                sessions[player, Session.GOALS] += 1
                continue
            if bankroll < bet * BET * own_hands:
                bet = bankroll // (BET * own_hands)
                if bet < table.seats[player, Seat.LEAST]:
                    account.seated[player] = False
                    sessions[player, Session.RUINED] += 1
                    sessions[player, Session.ROUNDS_TO_RUIN] += rounds
                    continue
            felt.purse[player] = bankroll - bet * BET * own_hands
        felt.bet[player] = bet
        felt.row[player] = row
        felt.result[player] = 0
        felt.extra[player] = 0
        felt.insured[player] = 0
        for _ in range(own_hands):
            felt.owner[hands] = player
            hands += 1
    return hands


@inlined
def _book(table: Table, felt: Felt, account: Account, sums: Sums, player: int, blackjack: bool) -> None:
    """Add what the round came to for a player."""
    insured = felt.insured[player]
    if insured > 0:
        if blackjack:
            felt.result[player] += 2 * HALF * insured
            sums.money[player, Money.INSURANCE_WON] += insured
        else:
            felt.result[player] -= HALF * insured
            sums.money[player, Money.INSURANCE_LOST] += insured
    result, extra, row, bet = felt.result[player], felt.extra[player], felt.row[player], felt.bet[player]
    span = table.seats[player, Seat.SPAN]
    sums.results[table.seats[player, Seat.RESULTS] + row * (2 * span + 1) + span + result] += 1
    sums.extra[player, row] += extra
    net = result * bet
    initial = bet * BET * table.seats[player, Seat.HANDS]
    account.net[player] += net
    account.initial[player] += initial
    if table.sessions:
        account.bankroll[player] += net
        sums.money[player, Money.INITIAL] += initial
        sums.money[player, Money.WAGERED] += initial + extra * bet
        sums.money[player, Money.NET] += net
        squares = sums.money[player, Money.SQUARES_LOW] + net * net
        sums.money[player, Money.SQUARES_HIGH] += squares >> 32
        sums.money[player, Money.SQUARES_LOW] = squares & _LOW_32


@inlined
def _look(table: Table, account: Account, paths: Ints, checkpoint: int) -> None:
    """Count everybody's bankroll at a checkpoint."""
    for player in range(table.seats.shape[0]):
        place = (account.bankroll[player] - table.seats[player, Seat.LOW]) // table.seats[player, Seat.WIDTH]
        paths[player, checkpoint, min(max(place, 0), BINS - 1)] += 1
