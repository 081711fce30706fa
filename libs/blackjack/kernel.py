"""Blocks of rounds, compiled: every rule in one function, so that the machine pays for the cards and not for the rules.

It plays what `libs.blackjack.reference` plays, card by card; what is not allowed was resolved beforehand (`decisions`), what a hand
is is a number (`hand_states`), and what happened is counted in integers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import compiled, stored
from libs.blackjack.decisions import Choice, Situation
from libs.blackjack.hand_states import ACE, BUST, NATURAL, PAIRS, STATES, STRIDE, TEN
from libs.blackjack.layout import Method, Seat, Table
from libs.blackjack.money import BINS, COUNT_MAX
from libs.blackjack.outcomes import code
from libs.blackjack.shoe import LANES, draw_ahead, more, take_ahead

__all__ = ["Money", "Session", "Sums", "play"]

# numba takes plain numbers from a module as constants, but not members of an enumeration used as such
_STAND, _HIT, _DOUBLE, _SPLIT = int(Choice.STAND), int(Choice.HIT), int(Choice.DOUBLE), int(Choice.SPLIT)
_SURRENDER, _BY_COUNT = int(Choice.SURRENDER), int(Choice.BY_COUNT)
_FIRST, _SPLIT_AGAIN, _ACES_AGAIN = int(Situation.FIRST), int(Situation.SPLIT_AGAIN), int(Situation.ACES_AGAIN)
_EARLY = int(Situation.EARLY)
_TRUNCATE, _ROUND = int(Method.TRUNCATE), int(Method.ROUND)
_HANDS, _SYSTEM, _METHOD, _ROWS = int(Seat.HANDS), int(Seat.SYSTEM), int(Seat.METHOD), int(Seat.ROWS)
_INSURANCE, _CHOICES, _SPAN, _RESULTS = int(Seat.INSURANCE), int(Seat.CHOICES), int(Seat.SPAN), int(Seat.RESULTS)
_LEAST, _BANKROLL, _GOAL, _LOW, _WIDTH = (
    int(Seat.LEAST),
    int(Seat.BANKROLL),
    int(Seat.GOAL),
    int(Seat.LOW),
    int(Seat.WIDTH),
)
_WIN, _DEALER_BUST, _NATURAL, _PUSH, _NATURAL_PUSH = (
    code("win"),
    code("dealer_bust"),
    code("natural"),
    code("push"),
    code("natural_push"),
)
_LOSS, _BUST, _DEALER_BLACKJACK, _SURRENDERED = (
    code("loss"),
    code("bust"),
    code("dealer_blackjack"),
    code("surrender"),
)
_DOUBLED = code("win", doubled=True) - code("win")
_FROM_SPLIT = code("win", split=True) - code("win")
_DEALER_ENDS_BUST, _DEALER_ENDS_BLACKJACK, _DEALER_NOT_PLAYED = 5, 6, 7
_BET, _HALF = 20, 10
_EPSILON = 1e-6
_LOW_32 = (1 << 32) - 1

# what becomes of one of the two cards' hands
_OPEN, _HAS_NATURAL, _GONE, _WAITS = 0, 1, 2, 3

Ints = npt.NDArray[np.int64]


def _settled() -> tuple[Ints, Ints]:
    """What a hand wins of its bet and the code of its ending, by its total * STRIDE + the dealer's end."""
    signs, endings = np.zeros(22 * STRIDE, np.int64), np.zeros(22 * STRIDE, np.int64)
    for own in range(22):
        for end, total in enumerate(range(17, 22)):
            signs[own * STRIDE + end] = (own > total) - (own < total)
            endings[own * STRIDE + end] = _WIN if own > total else _LOSS if own < total else _PUSH
        signs[own * STRIDE + _DEALER_ENDS_BUST] = 1
        endings[own * STRIDE + _DEALER_ENDS_BUST] = _DEALER_BUST
    return signs, endings


# looked up rather than compared: who wins is what no machine can guess
_SIGNS, _ENDINGS = _settled()


class Money:
    """The columns of `Sums.money`; the sum of squares is `SQUARES_HIGH` * 2**32 + `SQUARES_LOW`."""

    INITIAL, WAGERED, NET, SQUARES_HIGH, SQUARES_LOW, INSURANCE_WON, INSURANCE_LOST = range(7)
    COLUMNS = 7


class Session:
    """The columns of `Sums.sessions`."""

    RUINED, GOALS, ROUNDS_TO_RUIN = range(3)
    COLUMNS = 3


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


_INITIAL_MONEY, _WAGERED, _NET = Money.INITIAL, Money.WAGERED, Money.NET
_SQUARES_HIGH, _SQUARES_LOW = Money.SQUARES_HIGH, Money.SQUARES_LOW
_INSURANCE_WON, _INSURANCE_LOST = Money.INSURANCE_WON, Money.INSURANCE_LOST
_RUINED, _GOALS, _ROUNDS_TO_RUIN = Session.RUINED, Session.GOALS, Session.ROUNDS_TO_RUIN


@compiled
def _whole(count: float, method: int) -> int:
    """A count as a place in tables, 0 to 24 for -12 to 12."""
    if method == _TRUNCATE:
        whole = int(count + _EPSILON) if count >= 0 else -int(_EPSILON - count)
    elif method == _ROUND:
        whole = math.floor(count + 0.5 + _EPSILON) if count >= 0 else -math.floor(0.5 + _EPSILON - count)
    else:
        whole = math.floor(count + _EPSILON)
    return min(max(whole, -COUNT_MAX), COUNT_MAX) + COUNT_MAX


@stored
def play(
    table: Table,
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
    # numba counts references to the arrays of a tuple wherever it takes one out
    seats = table.seats
    values = table.values
    next_states = table.next_states
    totals = table.totals
    dealer_draws = table.dealer_draws
    choices = table.choices
    bets = table.bets
    divisors = table.divisors
    cut = table.cut
    sessions = table.sessions
    session_rounds = table.session_rounds
    resplit_to = table.resplit_to
    resplit_aces = table.resplit_aces
    peek = table.peek
    insurance = table.insurance
    early_surrender = table.early_surrender
    natural = table.natural
    checkpoints = table.checkpoints
    initial_counts = table.initial
    shoe = table.shoe
    size = table.cards
    infinite = table.infinite
    dealt_first = table.dealt_first
    hands_of_table = table.hands
    results = sums.results
    extra_sums = sums.extra
    outcomes = sums.outcomes
    dealer_ends = sums.dealer
    money = sums.money
    session_sums = sums.sessions
    paths = sums.paths
    players = seats.shape[0]
    systems = values.shape[0]
    cards = np.empty(shoe.shape[0], np.uint8)
    running = np.zeros((systems, shoe.shape[0] + 1), np.int32)
    words = np.empty(shoe.shape[0] + 16, np.uint32)
    hands_max = hands_of_table * resplit_to
    owner = np.zeros(hands_of_table, np.int64)
    states = np.zeros(hands_of_table, np.int64)
    fates = np.zeros(hands_of_table, np.int64)
    standing_total = np.zeros(hands_max, np.int64)
    standing_kind = np.zeros(hands_max, np.int64)
    standing_owner = np.zeros(hands_max, np.int64)
    bet = np.zeros(players, np.int64)
    row = np.zeros(players, np.int64)
    result = np.zeros(players, np.int64)
    extra = np.zeros(players, np.int64)
    insured = np.zeros(players, np.int64)
    purse = np.zeros(players, np.int64)
    bankroll = np.zeros(players, np.int64)
    seated = np.ones(players, np.bool_)
    net = np.zeros(players, np.int64)
    initial = np.zeros(players, np.int64)

    fresh = cut == 1
    drawn = np.empty((dealt_first if fresh else 0, LANES), np.uint32)
    lane = LANES

    rounds_played = 0
    for number in range(blocks):
        block = np.uint64(first_block + number)
        rounds = 0
        shoes = 0
        checkpoint = 0
        for p in range(players):
            net[p] = 0
            initial[p] = 0
            bankroll[p] = seats[p, _BANKROLL]
            seated[p] = True
        position = cut  # a new shoe
        if sessions:
            lane = LANES
        ready = 0
        while True:
            if position >= cut:
                if rounds and not sessions:
                    break
                if sessions and rounds == session_rounds:
                    break
                position = 0
                for place in range(size):
                    cards[place] = shoe[place]
                for system in range(systems):
                    running[system, 0] = initial_counts[system]
                if fresh:
                    if lane == LANES:
                        lane = 0
                        draw_ahead(
                            drawn,
                            dealt_first,
                            size,
                            infinite,
                            np.uint64(shoes),
                            int(sessions),
                            block,
                            int(not sessions),
                            seed,
                        )
                    take_ahead(cards, running, values, drawn, dealt_first, lane, infinite)
                    ready = dealt_first
                    lane += 1
                else:
                    ready = more(
                        cards,
                        running,
                        words,
                        values,
                        size,
                        infinite,
                        0,
                        dealt_first,
                        0,
                        np.uint64(shoes),
                        block,
                        seed,
                    )
                shoes += 1
            elif sessions and rounds == session_rounds:
                break
            stream = np.uint64(shoes - 1)
            cleared = position

            # Who sits, and what they bet
            hands = 0
            for p in range(players):
                if not seated[p]:
                    continue
                own_hands = seats[p, _HANDS]
                at = _whole(running[seats[p, _SYSTEM], position] * divisors[p, position], seats[p, _METHOD])
                stake = bets[p, at]
                if sessions:
                    if bankroll[p] >= seats[p, _GOAL]:
                        seated[p] = False
                        session_sums[p, _GOALS] += 1
                        continue
                    if bankroll[p] < stake * _BET * own_hands:
                        stake = bankroll[p] // (_BET * own_hands)
                        if stake < seats[p, _LEAST]:
                            seated[p] = False
                            session_sums[p, _RUINED] += 1
                            session_sums[p, _ROUNDS_TO_RUIN] += rounds
                            continue
                    purse[p] = bankroll[p] - stake * _BET * own_hands
                bet[p] = stake
                row[p] = at
                result[p] = 0
                extra[p] = 0
                insured[p] = 0
                for _ in range(own_hands):
                    owner[hands] = p
                    hands += 1
            if hands == 0:
                break

            # The deal
            dealt = 2 * hands + 1 + peek
            if position + dealt > ready:
                ready = more(
                    cards, running, words, values, size, infinite, ready, position + dealt, cleared, stream, block, seed
                )
            up = int(cards[position + hands])
            for hand in range(hands):
                state = int(next_states[cards[position + hand] * STRIDE + int(cards[position + hands + 1 + hand])])
                states[hand] = state
                fates[hand] = _HAS_NATURAL if state == NATURAL else _OPEN
            position += 2 * hands + 1
            hole = -1
            if peek:
                hole = int(cards[position])
                position += 1

            # Before the dealer looks
            if up == ACE and insurance:
                for hand in range(hands):
                    p = owner[hand]
                    if seats[p, _INSURANCE] <= COUNT_MAX:
                        system = seats[p, _SYSTEM]
                        seen = running[system, position]
                        if hole >= 0:
                            seen -= values[system, hole]
                        at = _whole(seen * divisors[p, position], seats[p, _METHOD])
                        if at - COUNT_MAX >= seats[p, _INSURANCE] and (not sessions or purse[p] >= bet[p] * _HALF):
                            insured[p] += 1
                            extra[p] += _HALF
                            purse[p] -= bet[p] * _HALF
            if early_surrender:
                for hand in range(hands):
                    if fates[hand] == _OPEN:
                        p = owner[hand]
                        place = _EARLY
                        if sessions and purse[p] < bet[p] * _BET:
                            place += 1
                        place = seats[p, _CHOICES] + place * seats[p, _ROWS] * STATES + states[hand] + up
                        choice = choices[place]
                        if choice == _BY_COUNT:
                            system = seats[p, _SYSTEM]
                            seen = running[system, position]
                            if hole >= 0:
                                seen -= values[system, hole]
                            at = _whole(seen * divisors[p, position], seats[p, _METHOD])
                            choice = choices[place + (1 + at) * STATES]
                        if choice == _SURRENDER:
                            fates[hand] = _GONE
                            result[p] -= _HALF
                            outcomes[p, _SURRENDERED] += 1

            blackjack = hole >= 0 and next_states[up * STRIDE + hole] == NATURAL
            dealer_end = _DEALER_NOT_PLAYED
            standing = 0
            if blackjack:
                dealer_end = _DEALER_ENDS_BLACKJACK
                for hand in range(hands):
                    if fates[hand] == _OPEN:
                        p = owner[hand]
                        result[p] -= _BET
                        outcomes[p, _DEALER_BLACKJACK] += 1
            else:
                # The players
                waits = False
                for hand in range(hands):
                    if fates[hand] != _OPEN:
                        waits = waits or fates[hand] == _HAS_NATURAL
                        continue
                    p = owner[hand]
                    rows = seats[p, _ROWS]
                    own_choices = seats[p, _CHOICES]
                    state = states[hand]
                    pair = 0
                    family = 1
                    pending = 0
                    situation = _FIRST
                    kind = 0
                    while True:
                        if sessions and purse[p] < bet[p] * _BET:
                            place = _FIRST + 1 if situation == _FIRST else situation + 2
                        elif situation == _FIRST:
                            place = _FIRST
                        elif family < resplit_to and (pair != ACE or resplit_aces):
                            place = situation
                        else:
                            place = situation + 1
                        place = own_choices + place * rows * STATES + state + up
                        choice = choices[place]
                        if choice == _BY_COUNT:
                            system = seats[p, _SYSTEM]
                            seen = running[system, position]
                            if hole >= 0:
                                seen -= values[system, hole]
                            at = _whole(seen * divisors[p, position], seats[p, _METHOD])
                            choice = choices[place + (1 + at) * STATES]
                        if choice == _SPLIT:
                            pair = (state - PAIRS) // STRIDE
                            situation = _ACES_AGAIN if pair == ACE else _SPLIT_AGAIN
                            kind = _FROM_SPLIT
                            family += 1
                            pending += 1
                            extra[p] += _BET
                            purse[p] -= bet[p] * _BET
                        else:
                            doubled = 0
                            while choice == _HIT:
                                if position == ready:
                                    ready = more(
                                        cards,
                                        running,
                                        words,
                                        values,
                                        size,
                                        infinite,
                                        ready,
                                        position + 1,
                                        cleared,
                                        stream,
                                        block,
                                        seed,
                                    )
                                state = int(next_states[state + int(cards[position])])
                                position += 1
                                if state == BUST:
                                    break
                                place = own_choices + state + up
                                choice = choices[place]
                                if choice == _BY_COUNT:
                                    system = seats[p, _SYSTEM]
                                    seen = running[system, position]
                                    if hole >= 0:
                                        seen -= values[system, hole]
                                    at = _whole(seen * divisors[p, position], seats[p, _METHOD])
                                    choice = choices[place + (1 + at) * STATES]
                            if choice == _DOUBLE:
                                if position == ready:
                                    ready = more(
                                        cards,
                                        running,
                                        words,
                                        values,
                                        size,
                                        infinite,
                                        ready,
                                        position + 1,
                                        cleared,
                                        stream,
                                        block,
                                        seed,
                                    )
                                state = int(next_states[state + int(cards[position])])
                                position += 1
                                doubled = 1
                                extra[p] += _BET
                                purse[p] -= bet[p] * _BET
                            if state == BUST:
                                result[p] -= _BET + doubled * _BET
                                outcomes[p, _BUST + kind + doubled * _DOUBLED] += 1
                            elif choice == _SURRENDER:
                                if hole < 0 and (up in (ACE, TEN)):
                                    fates[hand] = _WAITS
                                    waits = True
                                else:
                                    result[p] -= _HALF
                                    outcomes[p, _SURRENDERED] += 1
                            else:
                                standing_total[standing] = totals[state]
                                standing_kind[standing] = kind + doubled * _DOUBLED
                                standing_owner[standing] = p
                                standing += 1
                            if pending == 0:
                                break
                            pending -= 1
                        # the next card of a hand that was split
                        if position == ready:
                            ready = more(
                                cards,
                                running,
                                words,
                                values,
                                size,
                                infinite,
                                ready,
                                position + 1,
                                cleared,
                                stream,
                                block,
                                seed,
                            )
                        state = int(next_states[pair * STRIDE + int(cards[position])])
                        position += 1

                # The dealer
                dealer = up * STRIDE
                if hole >= 0:
                    dealer = int(next_states[dealer + hole])
                else:
                    if up == ACE:
                        for p in range(players):
                            waits = waits or (seated[p] and insured[p] > 0)
                    if standing > 0 or (waits and (up in (ACE, TEN))):
                        if position == ready:
                            ready = more(
                                cards,
                                running,
                                words,
                                values,
                                size,
                                infinite,
                                ready,
                                position + 1,
                                cleared,
                                stream,
                                block,
                                seed,
                            )
                        dealer = int(next_states[dealer + int(cards[position])])
                        position += 1
                        blackjack = dealer == NATURAL
                if blackjack:
                    dealer_end = _DEALER_ENDS_BLACKJACK
                    for hand in range(standing):
                        p = standing_owner[hand]
                        kind = standing_kind[hand]
                        result[p] -= 2 * _BET if kind & _DOUBLED else _BET
                        outcomes[p, _DEALER_BLACKJACK + kind] += 1
                elif standing > 0:
                    while dealer_draws[dealer]:
                        if position == ready:
                            ready = more(
                                cards,
                                running,
                                words,
                                values,
                                size,
                                infinite,
                                ready,
                                position + 1,
                                cleared,
                                stream,
                                block,
                                seed,
                            )
                        dealer = int(next_states[dealer + int(cards[position])])
                        position += 1
                    dealer_end = int(totals[dealer]) - 17
                    for hand in range(standing):
                        p = standing_owner[hand]
                        kind = standing_kind[hand]
                        place = standing_total[hand] * STRIDE + dealer_end
                        result[p] += _SIGNS[place] * (_BET + kind // _DOUBLED * _BET)
                        outcomes[p, _ENDINGS[place] + kind] += 1

            # What does not depend on the dealer's total
            for hand in range(hands):
                fate = fates[hand]
                if fate == _HAS_NATURAL:
                    p = owner[hand]
                    if blackjack:
                        outcomes[p, _NATURAL_PUSH] += 1
                    else:
                        result[p] += natural
                        outcomes[p, _NATURAL] += 1
                elif fate == _WAITS:
                    p = owner[hand]
                    if blackjack:
                        result[p] -= _BET
                        outcomes[p, _DEALER_BLACKJACK] += 1
                    else:
                        result[p] -= _HALF
                        outcomes[p, _SURRENDERED] += 1

            rounds += 1
            dealer_ends[dealer_end] += 1
            for p in range(players):
                if not seated[p]:
                    continue
                if insured[p] > 0:
                    if blackjack:
                        result[p] += 2 * _HALF * insured[p]
                        money[p, _INSURANCE_WON] += insured[p]
                    else:
                        result[p] -= _HALF * insured[p]
                        money[p, _INSURANCE_LOST] += insured[p]
                span = seats[p, _SPAN]
                results[seats[p, _RESULTS] + row[p] * (2 * span + 1) + span + result[p]] += 1
                extra_sums[p, row[p]] += extra[p]
                won = result[p] * bet[p]
                placed = bet[p] * _BET * seats[p, _HANDS]
                net[p] += won
                initial[p] += placed
                if sessions:
                    bankroll[p] += won
                    money[p, _INITIAL_MONEY] += placed
                    money[p, _WAGERED] += placed + extra[p] * bet[p]
                    money[p, _NET] += won
                    squares = money[p, _SQUARES_LOW] + won * won
                    money[p, _SQUARES_HIGH] += squares >> 32
                    money[p, _SQUARES_LOW] = squares & _LOW_32
            if sessions and rounds == checkpoints[checkpoint]:
                for p in range(players):
                    _look(seats, paths, bankroll, p, checkpoint)
                checkpoint += 1

        vectors[entry, number] = rounds
        for p in range(players):
            vectors[entry + 1 + 2 * p, number] = net[p]
            vectors[entry + 2 + 2 * p, number] = initial[p]
            finals[p, number] = bankroll[p]
        if sessions:
            while checkpoint < checkpoints.shape[0]:
                for p in range(players):
                    _look(seats, paths, bankroll, p, checkpoint)
                checkpoint += 1
        rounds_played += rounds
        if rounds_played >= rounds_wanted:
            return number + 1
    return blocks


@compiled
def _look(seats: Ints, paths: Ints, bankroll: Ints, player: int, checkpoint: int) -> None:
    """Count a bankroll at a checkpoint."""
    place = (bankroll[player] - seats[player, _LOW]) // seats[player, _WIDTH]
    paths[player, checkpoint, min(max(place, 0), BINS - 1)] += 1
