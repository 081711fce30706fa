"""One round, compiled, in the order in which it happens at a table.

These are parts of `kernel.play`, cut where a reader needs it: all of them are copied into it, so that cutting costs nothing.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from libs.blackjack.compiled import inlined
from libs.blackjack.decisions import Choice, Situation
from libs.blackjack.hand_states import ACE, BUST, PAIRS, STATES, STRIDE, TEN
from libs.blackjack.layout import Method, Seat, Table
from libs.blackjack.money import COUNT_MAX
from libs.blackjack.outcomes import Ending, code
from libs.blackjack.shoe import Shoe, Stream, at_least

__all__ = [
    "BET",
    "DEALER_BLACKJACK",
    "DEALER_NOT_PLAYED",
    "HALF",
    "Fate",
    "Felt",
    "Ints",
    "awaited",
    "before_the_dealer_looks",
    "lose_standing",
    "lose_unplayed",
    "play_dealer",
    "play_hand",
    "settle_the_rest",
    "whole_count",
]

BET, HALF = 20, 10
DEALER_BUST, DEALER_BLACKJACK, DEALER_NOT_PLAYED = 5, 6, 7
"""The last columns of `Sums.dealer`; 0 to 4 are 17 to 21."""
_EPSILON = 1e-6

Ints = npt.NDArray[np.int64]


class Fate(IntEnum):
    """What has become of the two cards that a hand was dealt."""

    OPEN = 0
    NATURAL = 1
    SETTLED = 2
    WAITS = 3
    """Surrendered to a dealer who may still draw a blackjack."""


class Felt(NamedTuple):
    """What lies on the table in a round. Results and extra wagers are in twentieths of a hand's bet."""

    owner: Ints
    """By hand: whose it is."""
    states: Ints
    fates: Ints
    """By hand as dealt."""
    standing_owner: Ints
    standing_total: Ints
    standing_kind: Ints
    """By hand that waits for the dealer's total: also how it was made, a sum of `DOUBLED` and `FROM_SPLIT`."""
    bet: Ints
    """By player, in betting units, on each hand."""
    row: Ints
    """By player: the count at the bet, as a place in tables."""
    result: Ints
    extra: Ints
    insured: Ints
    """By player: hands with insurance."""
    purse: Ints
    """By player: what they may still put down, in twentieths of the betting unit; counts in sessions."""


def _base(ending: Ending) -> int:
    return code(ending)


_NATURAL, _NATURAL_PUSH, _BUST = _base("natural"), _base("natural_push"), _base("bust")
_LOST_TO_BLACKJACK, _SURRENDER = _base("dealer_blackjack"), _base("surrender")
FROM_SPLIT = code("win", split=True) - code("win")
DOUBLED = code("win", doubled=True) - code("win")


def _settled() -> tuple[Ints, Ints]:
    """What a hand wins of its bet and the code of its ending, by its total * STRIDE + the dealer's end."""
    signs, endings = np.zeros(22 * STRIDE, np.int64), np.zeros(22 * STRIDE, np.int64)
    for own in range(22):
        for end, total in enumerate(range(17, 22)):
            signs[own * STRIDE + end] = (own > total) - (own < total)
            endings[own * STRIDE + end] = _base("win" if own > total else "loss" if own < total else "push")
        signs[own * STRIDE + DEALER_BUST] = 1
        endings[own * STRIDE + DEALER_BUST] = _base("dealer_bust")
    return signs, endings


# looked up rather than compared: who wins is what no machine can guess
_SIGNS, _ENDINGS = _settled()


@inlined
def whole_count(table: Table, shoe: Shoe, player: int, position: int, hole: int) -> int:
    """A player's count after so many cards, but for a hole card that is not seen (-1: there is none), as a place in tables: 0 to 24 for
    -12 to 12."""
    system = table.seats[player, Seat.SYSTEM]
    running = shoe.running[system, position]
    if hole >= 0:
        running -= shoe.values[system, hole]
    count = running * table.divisors[player, position]
    method = table.seats[player, Seat.METHOD]
    if method == Method.TRUNCATE:
        whole = int(count + _EPSILON) if count >= 0 else -int(_EPSILON - count)
    elif method == Method.ROUND:
        whole = math.floor(count + 0.5 + _EPSILON) if count >= 0 else -math.floor(0.5 + _EPSILON - count)
    else:
        whole = math.floor(count + _EPSILON)
    place: int = min(max(whole, -COUNT_MAX), COUNT_MAX) + COUNT_MAX
    return place


@inlined
def _choice(table: Table, shoe: Shoe, player: int, row: int, at: int, position: int, hole: int) -> int:
    """What a player does: `row` is that of the situation, `at` the state and the dealer's card."""
    place = table.seats[player, Seat.CHOICES] + row * STATES + at
    choice: int = table.choices[place]
    if choice == Choice.BY_COUNT:
        choice = table.choices[place + (1 + whole_count(table, shoe, player, position, hole)) * STATES]
    return choice


@inlined
def before_the_dealer_looks(
    table: Table, shoe: Shoe, felt: Felt, outcomes: Ints, hands: int, up: int, hole: int, position: int
) -> None:
    """Insurance, then early surrender."""
    if up == ACE and table.insurance:
        for hand in range(hands):
            player = felt.owner[hand]
            at = whole_count(table, shoe, player, position, hole) - COUNT_MAX
            price = felt.bet[player] * HALF
            if at >= table.seats[player, Seat.INSURANCE] and (not table.sessions or felt.purse[player] >= price):
                felt.insured[player] += 1
                felt.extra[player] += HALF
                felt.purse[player] -= price
    if table.early_surrender:
        for hand in range(hands):
            if felt.fates[hand] == Fate.OPEN:
                player = felt.owner[hand]
                short = int(table.sessions and felt.purse[player] < felt.bet[player] * BET)
                row = (Situation.EARLY + short) * table.seats[player, Seat.ROWS]
                choice = _choice(table, shoe, player, row, felt.states[hand] + up, position, hole)
                if choice == Choice.SURRENDER:
                    felt.fates[hand] = Fate.SETTLED
                    felt.result[player] -= HALF
                    outcomes[player, _SURRENDER] += 1


@inlined
def play_hand(
    table: Table,
    shoe: Shoe,
    felt: Felt,
    outcomes: Ints,
    hand: int,
    standing: int,
    up: int,
    hole: int,
    position: int,
    ready: int,
    cleared: int,
    stream: Stream,
) -> tuple[int, int, int]:
    """Play a hand and all that splitting makes of it; return how many hands stand now, the next card's place and how many are ready."""
    player = felt.owner[hand]
    rows = table.seats[player, Seat.ROWS]
    state = felt.states[hand]
    price = felt.bet[player] * BET
    first = True
    pair = ACE
    family = 1
    pending = 0
    kind = 0
    while True:
        short = int(table.sessions and felt.purse[player] < price)
        last = int(family >= table.resplit_to or (pair == ACE and not table.resplit_aces))
        if first:
            situation = Situation.FIRST + short
        elif pair == ACE:
            situation = Situation.ACES_AGAIN + max(2 * short, last)
        else:
            situation = Situation.SPLIT_AGAIN + max(2 * short, last)
        choice = _choice(table, shoe, player, situation * rows, state + up, position, hole)
        if choice == Choice.SPLIT:
            pair = (state - PAIRS) // STRIDE
            first = False
            kind = FROM_SPLIT
            family += 1
            pending += 1
            felt.extra[player] += BET
            felt.purse[player] -= price
        else:
            doubled = 0
            while choice == Choice.HIT:
                ready = at_least(shoe, ready, position + 1, cleared, stream)
                state = int(table.next_states[state + int(shoe.cards[position])])
                position += 1
                if state == BUST:
                    break
                # with three cards and more the situation does not matter
                choice = _choice(table, shoe, player, 0, state + up, position, hole)
            if choice == Choice.DOUBLE:
                ready = at_least(shoe, ready, position + 1, cleared, stream)
                state = int(table.next_states[state + int(shoe.cards[position])])
                position += 1
                doubled = 1
                felt.extra[player] += BET
                felt.purse[player] -= price
            if state == BUST:
                felt.result[player] -= BET + doubled * BET
                outcomes[player, _BUST + kind + doubled * DOUBLED] += 1
            elif choice == Choice.SURRENDER:
                if hole < 0 and up in (ACE, TEN):
                    felt.fates[hand] = Fate.WAITS
                else:
                    felt.result[player] -= HALF
                    outcomes[player, _SURRENDER] += 1
            else:
                felt.standing_total[standing] = table.totals[state]
                felt.standing_kind[standing] = kind + doubled * DOUBLED
                felt.standing_owner[standing] = player
                standing += 1
            if pending == 0:
                return standing, position, ready
            pending -= 1
        # the next card of a hand that was split
        ready = at_least(shoe, ready, position + 1, cleared, stream)
        state = int(table.next_states[pair * STRIDE + int(shoe.cards[position])])
        position += 1


@inlined
def awaited(felt: Felt, hands: int, up: int) -> bool:
    """Whether, without a hole card, a dealer's blackjack would matter to a hand that does not stand."""
    if up not in (ACE, TEN):
        return False
    for hand in range(hands):
        fate = felt.fates[hand]
        if fate in (Fate.NATURAL, Fate.WAITS) or felt.insured[felt.owner[hand]] > 0:
            return True
    return False


@inlined
def lose_unplayed(felt: Felt, outcomes: Ints, hands: int) -> None:
    """The dealer has shown a blackjack before anybody played."""
    for hand in range(hands):
        if felt.fates[hand] == Fate.OPEN:
            player = felt.owner[hand]
            felt.result[player] -= BET
            outcomes[player, _LOST_TO_BLACKJACK] += 1


@inlined
def lose_standing(felt: Felt, outcomes: Ints, standing: int) -> None:
    """The dealer has drawn a blackjack: hands that stand lose all that is on them."""
    for hand in range(standing):
        player, kind = felt.standing_owner[hand], felt.standing_kind[hand]
        felt.result[player] -= BET + kind // DOUBLED * BET
        outcomes[player, _LOST_TO_BLACKJACK + kind] += 1


@inlined
def play_dealer(
    table: Table,
    shoe: Shoe,
    felt: Felt,
    outcomes: Ints,
    dealer: int,
    standing: int,
    position: int,
    ready: int,
    cleared: int,
    stream: Stream,
) -> tuple[int, int, int]:
    """Draw the dealer's cards and settle the hands that stand; return the dealer's end, the next card's place and how many are ready."""
    while table.dealer_draws[dealer]:
        ready = at_least(shoe, ready, position + 1, cleared, stream)
        dealer = int(table.next_states[dealer + int(shoe.cards[position])])
        position += 1
    end = int(table.totals[dealer]) - 17
    for hand in range(standing):
        player, kind = felt.standing_owner[hand], felt.standing_kind[hand]
        place = felt.standing_total[hand] * STRIDE + end
        felt.result[player] += _SIGNS[place] * (BET + kind // DOUBLED * BET)
        outcomes[player, _ENDINGS[place] + kind] += 1
    return end, position, ready


@inlined
def settle_the_rest(table: Table, felt: Felt, outcomes: Ints, hands: int, blackjack: bool) -> None:
    """Naturals, and surrenders that waited for the dealer."""
    for hand in range(hands):
        fate = felt.fates[hand]
        if fate == Fate.NATURAL:
            player = felt.owner[hand]
            if blackjack:
                outcomes[player, _NATURAL_PUSH] += 1
            else:
                felt.result[player] += table.natural
                outcomes[player, _NATURAL] += 1
        elif fate == Fate.WAITS:
            player = felt.owner[hand]
            if blackjack:
                felt.result[player] -= BET
                outcomes[player, _LOST_TO_BLACKJACK] += 1
            else:
                felt.result[player] -= HALF
                outcomes[player, _SURRENDER] += 1
