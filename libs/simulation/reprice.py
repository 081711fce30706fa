"""What another ramp would have won, from a stored result's rounds by count, without running again.

**Assumption.** The result of a round depends on the count alone, not on what was bet before: rounds at a count are independent of
each other. The mean is exact for the rounds that were played; the error leaves out what the rounds of one shoe have in common.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import msgspec

from libs.blackjack.configuration import BettingStrategy
from libs.blackjack.money import bet_at
from libs.simulation import measures, statistics
from libs.simulation.documents import CountResult, PlayerResult, SimulationResult
from libs.simulation.statistics import interval_95, quotient

__all__ = ["ASSUMPTION", "CannotReprice", "PricedCount", "PricedRamp", "reprice"]

ASSUMPTION = "Rounds at a count are taken as independent of each other and of what was bet before."


class CannotReprice(ValueError):
    """The result does not hold what another price would need; run the simulation again."""


class PricedCount(msgspec.Struct, frozen=True, kw_only=True):
    """One count: how often it is met, what is bet on each hand there, and what that brings."""

    count: int
    rounds: int
    share: float
    bet: float
    ev: float | None
    standard_error: float | None
    win_per_100: float
    """Money that the count adds to 100 rounds of any count."""


class PricedRamp(msgspec.Struct, frozen=True, kw_only=True):
    """A ramp's numbers, as in a player's result; null where they are not defined."""

    player: int
    name: str
    betting_strategy: BettingStrategy
    rounds: int
    ev: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    average_bet: float
    initial_bets: float
    net_gain_loss: float
    total_wagered: float
    player_edge: float | None
    win_rate_per_100: float
    win_rate_standard_error: float | None
    sd_per_round: float | None
    sd_per_100: float | None
    score: float | None
    di: float | None
    n0: float | None
    bankroll: float
    risk_of_ruin: float | None
    by_count: tuple[PricedCount, ...]
    assumption: str = ASSUMPTION


def reprice(
    result: Mapping[str, Any] | SimulationResult,
    player: int,
    betting: BettingStrategy,
    *,
    bankroll: float | None = None,
) -> PricedRamp:
    """The numbers of `betting` for one player of a stored result; `bankroll` (for the risk of ruin) is the player's unless given.
    Raises `CannotReprice` for another kind of result, no such player, no rounds, or another number of hands."""
    mine = _player(result, player)
    if betting.num_hands != mine.hands_per_round:
        raise CannotReprice(
            f"the rounds were played with {mine.hands_per_round} hands at once; "
            f"how {betting.num_hands} hands would have done is not in the result"
        )
    rounds = sum(row.rounds for row in mine.by_count)
    if rounds == 0:
        raise CannotReprice("no rounds were played")
    bets = {row.count: _exact(bet_at(betting, row.count)) for row in mine.by_count}
    net = sum((bets[row.count] * row.units_net for row in mine.by_count), Fraction(0)) / measures.TWENTIETHS
    squares = sum((bets[row.count] ** 2 * row.units_squares for row in mine.by_count), Fraction(0))
    squares /= measures.TWENTIETHS**2
    wagered = sum((bets[row.count] * row.units_wagered for row in mine.by_count), Fraction(0)) / measures.TWENTIETHS
    initial = sum((bets[row.count] * row.rounds for row in mine.by_count), Fraction(0)) * betting.num_hands
    mean = net / rounds
    variance = (squares - net * mean) / (rounds - 1) if rounds > 1 else None
    sd = None if variance is None else math.sqrt(max(variance, Fraction(0)))
    error = _ratio_error(mine.by_count, bets, betting.num_hands, net, initial, rounds)
    ev = quotient(net, initial)
    rate_error = None if sd is None else 100 * sd / math.sqrt(rounds)
    own = mine.initial_bankroll if bankroll is None else bankroll
    return PricedRamp(
        player=player,
        name=mine.name,
        betting_strategy=betting,
        rounds=rounds,
        ev=ev,
        standard_error=error,
        interval=interval_95(ev, error, rounds),
        average_bet=float(initial / rounds),
        initial_bets=float(initial),
        net_gain_loss=float(net),
        total_wagered=float(wagered),
        player_edge=quotient(net, wagered),
        win_rate_per_100=float(100 * mean),
        win_rate_standard_error=rate_error,
        sd_per_round=sd,
        sd_per_100=None if sd is None else 10 * sd,
        score=statistics.score(float(mean), sd),
        di=statistics.desirability_index(float(mean), sd),
        n0=statistics.n_zero(float(mean), sd),
        bankroll=own,
        risk_of_ruin=statistics.risk_of_ruin(float(mean), sd, own),
        by_count=tuple(
            PricedCount(
                count=row.count,
                rounds=row.rounds,
                share=row.share,
                bet=float(bets[row.count]),
                ev=row.ev,
                standard_error=row.standard_error,
                win_per_100=float(100 * bets[row.count] * row.units_net / measures.TWENTIETHS / rounds),
            )
            for row in mine.by_count
        ),
    )


def _player(result: Mapping[str, Any] | SimulationResult, player: int) -> PlayerResult:
    if isinstance(result, SimulationResult):
        players: tuple[PlayerResult, ...] = result.players
    elif result.get("kind") == "simulation":
        players = msgspec.convert(result.get("players"), tuple[PlayerResult, ...])
    else:
        raise CannotReprice("only the result of a simulation holds rounds by count")
    if not 0 <= player < len(players):
        raise CannotReprice(f"there is no player {player}: players are numbered from 0 to {len(players) - 1}")
    return players[player]


def _exact(bet: float) -> Fraction:
    return Fraction(round(bet * 100), 100)


def _ratio_error(
    rows: tuple[CountResult, ...],
    bets: Mapping[int, Fraction],
    hands: int,
    net: Fraction,
    initial: Fraction,
    rounds: int,
) -> float | None:
    """The ratio estimator's error with every round as a block of its own."""
    if rounds < 2 or initial == 0:
        return None
    ev, total = net / initial, Fraction(0)
    for row in rows:
        expected = ev * hands * measures.TWENTIETHS  # what a round brings on average, in twentieths of one hand's bet
        spread = row.units_squares - 2 * expected * row.units_net + expected * expected * row.rounds
        total += bets[row.count] ** 2 * spread
    return math.sqrt(total * Fraction(rounds, rounds - 1)) / float(measures.TWENTIETHS * initial)
