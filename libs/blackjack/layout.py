"""A configuration as the arrays that the compiled kernel plays from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from libs.blackjack import money
from libs.blackjack.configuration import RANKS, BettingStrategy, Casino, Configuration, CountingSystem
from libs.blackjack.decisions import COUNTS, choices, rows_per_situation
from libs.blackjack.hand_states import ACE, CARDS, STATES, STRIDE, Hand, drawn, hand_of, state_of

__all__ = ["Seat", "Table", "layout", "moment_bound"]

RESPLIT_MAX = 8
HANDS_MAX = 7
_CARDS_PER_HAND_MAX = 21
INITIAL_COUNT_MAX = 1_000_000
NEVER = 2**62
_BOUND = 2**45
"""What the entries of a block's vector stay below, so that sums of their products are exact; see `moments`."""
_ROUND_BOUND = 2**31
"""What the result of one round of a session stays below, so that its square is exact."""


class Seat(IntEnum):
    """The columns of `Table.seats`."""

    HANDS = 0
    SYSTEM = 1
    """Row of `Table.values` and `Table.initial`."""
    METHOD = 2
    ROWS = 3
    """Of choices for each situation."""
    INSURANCE = 4
    """Taken from this count on."""
    CHOICES = 5
    """Where the player's part of `Table.choices` begins."""
    SPAN = 6
    """No result of a round is further from 0."""
    RESULTS = 7
    """Where the player's part of `Sums.results` begins: for each count the results from -SPAN to SPAN."""
    LEAST = 8
    """The least bet, in betting units."""
    BANKROLL = 9
    GOAL = 10
    LOW = 11
    WIDTH = 12


class Method(IntEnum):
    FLOOR = 0
    TRUNCATE = 1
    ROUND = 2


_METHODS = {"floor": Method.FLOOR, "truncate": Method.TRUNCATE, "round": Method.ROUND}


class Table(NamedTuple):
    """Amounts are in twentieths of a hand's bet or, for money, of the player's betting unit."""

    cards: int
    """In the shoe; 0 for an endless one."""
    infinite: bool
    cut: int
    """The first round after which so many cards are dealt is the shoe's last: 1 where every round is dealt from a full one."""
    dealt_first: int
    """Cards to shuffle at once for a new shoe."""
    hands: int
    resplit_to: int
    resplit_aces: bool
    peek: bool
    early_surrender: bool
    insurance: bool
    """Whether it is offered and anybody might take it."""
    natural: int
    """What a natural is paid."""
    sessions: bool
    session_rounds: int
    shoe: npt.NDArray[np.uint8]
    """All cards in order, and room for those of a shoe that runs dry."""
    next_states: npt.NDArray[np.uint16]
    """By state + card."""
    totals: npt.NDArray[np.uint8]
    """By state; 22 for a bust."""
    dealer_draws: npt.NDArray[np.bool_]
    """By state."""
    choices: npt.NDArray[np.uint8]
    seats: npt.NDArray[np.int64]
    bets: npt.NDArray[np.int64]
    """By player and count, in betting units, on each hand."""
    values: npt.NDArray[np.int32]
    """By counting system and card, in quarters."""
    initial: npt.NDArray[np.int32]
    """By counting system, in quarters."""
    divisors: npt.NDArray[np.float64]
    """By player and cards dealt: what a running count in quarters is multiplied by."""
    checkpoints: npt.NDArray[np.int64]


def layout(configuration: Configuration) -> Table:
    """The configuration's arrays; laid out once for equal ones. Raises `ValueError` for what cannot be played exactly."""
    return _layout(msgspec.json.encode(configuration, order="sorted"))


def moment_bound(table: Table) -> int:
    """What no entry of a block's vector is above, either way."""
    rounds = table.session_rounds if table.sessions else table.cards if table.cut > 1 else 1
    highest = max(
        int(seat[Seat.SPAN]) * int(bets.max()) + (int(seat[Seat.BANKROLL]) if table.sessions else 0)
        for seat, bets in zip(table.seats, table.bets, strict=True)
    )
    return rounds * max(1, highest)


@lru_cache(maxsize=64)
def _layout(encoded: bytes) -> Table:
    configuration = msgspec.json.decode(encoded, type=Configuration)
    casino, players = configuration.casino, configuration.players
    hands = sum(player.betting_strategy.num_hands for player in players)
    if not 1 <= hands <= HANDS_MAX or not 1 <= casino.allow_resplit_to_hands <= RESPLIT_MAX:
        raise ValueError(f"a table has 1 to {HANDS_MAX} hands, each split into {RESPLIT_MAX} at the most")
    infinite = casino.deck_count == "infinite"
    cards = 0 if casino.deck_count == "infinite" else 52 * casino.deck_count
    fresh = infinite or casino.shuffle != "cut_card"
    cut = 1 if fresh else max(1, math.floor(casino.reshuffle_penetration * cards + 0.5))
    shoe = _shoe(cards, hands * casino.allow_resplit_to_hands)
    systems, system_of = _systems(configuration)
    seats, tables = _seats(configuration, system_of)
    table = Table(
        cards=cards,
        infinite=infinite,
        cut=cut,
        dealt_first=4 * hands + 8 if fresh else min(cards, cut + 16 + 8 * hands),
        hands=hands,
        resplit_to=casino.allow_resplit_to_hands,
        resplit_aces=casino.allow_resplit_aces,
        peek=casino.dealer_checks_for_blackjack,
        early_surrender=casino.allow_early_surrender,
        insurance=casino.offer_insurance
        and any(player.playing_strategy.insurance_index is not None for player in players),
        natural=round(20 * casino.blackjack_payout),
        sessions=configuration.mode == "sessions",
        session_rounds=configuration.session_rounds,
        shoe=shoe,
        next_states=_next_states(),
        totals=_by_state(lambda hand: hand.total, np.uint8),
        dealer_draws=_by_state(lambda hand: _draws(hand, casino), np.bool_),
        choices=np.frombuffer(tables, dtype=np.uint8).copy(),
        seats=seats,
        bets=np.array([_bets(player.betting_strategy) for player in players], dtype=np.int64),
        values=np.array([[_quarters(system, card) for card in range(CARDS)] for system in systems], dtype=np.int32),
        initial=np.array([round(4 * system.initial_running_count) for system in systems], dtype=np.int32),
        divisors=np.array([_divisors(player.counting_strategy, cards, len(shoe)) for player in players]),
        checkpoints=np.array(money.checkpoints(configuration.session_rounds), dtype=np.int64),
    )
    highest = int((seats[:, Seat.SPAN] * table.bets.max(axis=1)).max())
    if moment_bound(table) >= _BOUND or (table.sessions and highest >= _ROUND_BOUND):
        raise ValueError("bets, bankrolls or sessions are too large to be added up exactly")
    return table


def _shoe(cards: int, hands: int) -> npt.NDArray[np.uint8]:
    """A round deals at most what is in the shoe and its discards, then tens, which end every hand within three cards."""
    decks = cards // 52
    order = [card for card in range(CARDS) for _ in range((16 if card == CARDS - 1 else 4) * decks)]
    room = cards + 4 * (hands + 1) if cards else _CARDS_PER_HAND_MAX * (hands + 1)
    return np.array(order + [0] * (room + 64), dtype=np.uint8)


def _draws(hand: Hand, casino: Casino) -> bool:
    return hand.total < 17 or (hand.total == 17 and hand.soft and casino.hit_on_soft_17)


def _next_states() -> npt.NDArray[np.uint16]:
    table = np.zeros(STATES, dtype=np.uint16)
    for state in range(0, STATES, STRIDE):
        for card in range(CARDS):
            table[state + card] = state_of(drawn(hand_of(state), card))
    return table


def _by_state(value: Callable[[Hand], int], kind: type) -> npt.NDArray[Any]:
    table: npt.NDArray[Any] = np.zeros(STATES, dtype=kind)
    for state in range(0, STATES, STRIDE):
        table[state] = value(hand_of(state))
    return table


def _bets(betting: BettingStrategy) -> list[int]:
    return [money.units(betting, money.bet_at(betting, count)) for count in COUNTS]


def _systems(configuration: Configuration) -> tuple[list[CountingSystem], list[int]]:
    """What is counted at the table, each way once, and which of them each player goes by."""
    ways: dict[tuple[object, ...], CountingSystem] = {}
    keys = []
    for player in configuration.players:
        system = player.counting_strategy
        key = (system.initial_running_count, *(system.count_values[rank] for rank in RANKS))
        ways.setdefault(key, system)
        keys.append(key)
    order = list(ways)
    return list(ways.values()), [order.index(key) for key in keys]


def _quarters(system: CountingSystem, card: int) -> int:
    rank = "A" if card == ACE else str(card + 1)
    return round(4 * system.count_values[rank])  # type: ignore[index]


def _divisors(system: CountingSystem, cards: int, room: int) -> list[float]:
    """Exactly enough: a count that is no whole number is at least 1/832 away from one and from a half, and floats err by far less."""
    if abs(system.initial_running_count) > INITIAL_COUNT_MAX:
        raise ValueError("the initial running count is too far from 0")
    if not cards:
        return [0.0] * (room + 1)
    if system.decision_count_type == "running":
        return [0.25] * (room + 1)
    divisors = []
    for dealt in range(room + 1):
        unseen = max(1, cards - dealt)
        match system.deck_estimation:
            case "exact":
                divisors.append(13 / unseen)
            case "half":
                divisors.append(1 / (2 * max(1, (2 * unseen + 26) // 52)))
            case "full":
                divisors.append(1 / (4 * max(1, (unseen + 26) // 52)))
    return divisors


def _seats(configuration: Configuration, systems: Sequence[int]) -> tuple[npt.NDArray[np.int64], bytes]:
    """A row of `Seat` for each player, and the table of choices that it points into."""
    casino = configuration.casino
    sessions = configuration.mode == "sessions"
    tables = b""
    rows = []
    results = 0
    for player, system in zip(configuration.players, systems, strict=True):
        betting, strategy = player.betting_strategy, player.playing_strategy
        span = betting.num_hands * (max(round(20 * casino.blackjack_payout), 40 * casino.allow_resplit_to_hands) + 20)
        index = strategy.insurance_index
        bins = money.path_bins(configuration, player) if sessions else money.PathBins(0, 1)
        row = dict.fromkeys(Seat, 0) | {
            Seat.HANDS: betting.num_hands,
            Seat.SYSTEM: system,
            Seat.METHOD: _METHODS[player.counting_strategy.true_count_method],
            Seat.ROWS: rows_per_situation(strategy),
            Seat.INSURANCE: NEVER if index is None or not casino.offer_insurance else index,
            Seat.CHOICES: len(tables),
            Seat.SPAN: span,
            Seat.RESULTS: results,
            Seat.LEAST: money.units(betting, betting.min_bet),
            Seat.BANKROLL: money.bankroll(player) if sessions else 0,
            Seat.GOAL: NEVER if configuration.win_goal is None else money.goal(player, configuration.win_goal),
            Seat.LOW: bins.low,
            Seat.WIDTH: bins.width,
        }
        rows.append([row[column] for column in Seat])
        tables += choices(strategy, casino)
        results += len(COUNTS) * (2 * span + 1)
    return np.array(rows, dtype=np.int64), tables
