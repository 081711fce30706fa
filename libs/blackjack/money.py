"""Money as the tally has it: twentieths of a player's betting unit; and how the paths of bankrolls are looked at in sessions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from libs.blackjack.configuration import BettingStrategy, Configuration, Player

__all__ = [
    "BINS",
    "COUNT_MAX",
    "PathBins",
    "bankroll",
    "bet_at",
    "betting_unit",
    "checkpoints",
    "goal",
    "path_bins",
    "units",
]

TWENTIETHS = 20
COUNT_MAX = 12
"""Counts beyond this, either way, are taken for it."""
BINS = 200
"""Equal parts in which bankrolls are counted."""
CHECKPOINTS = 25

# How often a count of -12 to 12 is met in shoes, roughly: only to choose a sensible span for the bins.
_FREQUENCIES = (1, 1, 2, 3, 5, 9, 17, 30, 55, 95, 160, 250, 340, 250, 160, 95, 55, 30, 17, 9, 5, 3, 2, 1, 1)


def _exact(amount: float) -> Fraction:
    """An amount of money with two decimals, as it was written."""
    return Fraction(round(amount * 100), 100)


def betting_unit(betting: BettingStrategy) -> Fraction:
    """The greatest amount that the least bet and all the ramp's bets are multiples of."""
    cents = [round(betting.min_bet * 100), *(round(step.bet * 100) for step in betting.bet_ramp)]
    return Fraction(math.gcd(*cents) or 100, 100)


def bet_at(betting: BettingStrategy, count: int) -> float:
    """The bet on each hand at a count."""
    steps = sorted(betting.bet_ramp, key=lambda step: -math.inf if step.from_count is None else step.from_count)
    bet = steps[0].bet
    for step in steps:
        if step.from_count is None or count >= step.from_count:
            bet = step.bet
    return bet


def units(betting: BettingStrategy, amount: float) -> int:
    """A bet in betting units; rounded up where it is no multiple of one."""
    return math.ceil(_exact(amount) / betting_unit(betting))


def bankroll(player: Player) -> int:
    """The bankroll a session starts with, in twentieths of the betting unit; what is less than one is left out."""
    return math.floor(_exact(player.bankroll) * TWENTIETHS / betting_unit(player.betting_strategy))


def goal(player: Player, win_goal: float) -> int:
    """The least bankroll, as `bankroll` gives it, with which a player has reached the goal."""
    unit = betting_unit(player.betting_strategy)
    left_out = _exact(player.bankroll) * TWENTIETHS / unit - bankroll(player)
    return math.ceil(_exact(win_goal) * TWENTIETHS / unit - left_out)


def checkpoints(session_rounds: int) -> tuple[int, ...]:
    """The rounds after which bankrolls are looked at: equal steps, the last of them the session's end."""
    steps = min(CHECKPOINTS, session_rounds)
    return tuple(session_rounds * step // steps for step in range(1, steps + 1))


class PathBins(NamedTuple):
    """`BINS` bins of `width` from `low` upwards; the first also holds what lies below, the last what lies above."""

    low: int
    width: int

    def bin(self, amount: int) -> int:
        return min(max((amount - self.low) // self.width, 0), BINS - 1)


def path_bins(configuration: Configuration, player: Player) -> PathBins:
    """Bins that hold what bankrolls come to in nearly all sessions: six standard deviations to both sides of the start."""
    betting = player.betting_strategy
    squares = sum(
        frequency * units(betting, bet_at(betting, count)) ** 2
        for count, frequency in zip(range(-COUNT_MAX, COUNT_MAX + 1), _FREQUENCIES, strict=True)
    )
    # a round has a standard deviation of about 1.2 bets; hands of one round go together, so that two make less than twice as much
    variance = Fraction(squares, sum(_FREQUENCIES)) * configuration.session_rounds * betting.num_hands**2
    reach = 6 * math.isqrt(math.ceil(variance * (TWENTIETHS * 6) ** 2 / 25)) + TWENTIETHS
    start = bankroll(player)
    low = max(0, start - reach)
    return PathBins(low, max(1, -(-(start + reach - low) // BINS)))
