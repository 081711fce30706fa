"""The statistics that results are made of: ratio estimators over blocks, intervals, risk, quantiles of histograms.

Sums stay exact (integers and fractions) until the last division. What is not defined (nothing was bet, one block only) is None, never
a NaN. Sources are named in `docs/explanation/simulation-numbers.md`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from libs.blackjack.tally import Tally

__all__ = [
    "BlockMoments",
    "Form",
    "Interval",
    "correlation",
    "desirability_index",
    "histogram_quantile",
    "interval_95",
    "n_zero",
    "quotient",
    "ratio_form",
    "risk_of_ruin",
    "score",
    "share_interval_95",
    "standard_error",
    "standardized",
    "two_sided_95",
]


Interval = tuple[float, float]
Form = Mapping[int, Fraction]
"""A linear form of a block's vector: what each entry is multiplied with."""

_Z95 = 1.959963984540054
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


class BlockMoments:
    """The second moments of a tally's block vectors, by position: `rounds(table)`, `net(table, player)`, `initial(table, player)`."""

    def __init__(self, tally: Tally) -> None:
        starts = [0]
        for table in tally.tables:
            starts.append(starts[-1] + 1 + 2 * len(table.players))
        self._starts, self._size, self._sums = starts, starts[-1], tally.moments
        if len(self._sums) != self._size * (self._size + 1) // 2:
            raise ValueError(f"{len(self._sums)} moments do not fit a block vector of {self._size} entries")
        self.blocks = tally.blocks

    def rounds(self, table: int) -> int:
        return self._starts[table]

    def net(self, table: int, player: int) -> int:
        return self._starts[table] + 1 + 2 * player

    def initial(self, table: int, player: int) -> int:
        return self._starts[table] + 2 + 2 * player

    def product(self, one: int, other: int) -> int:
        """The sum over blocks of the product of two entries."""
        low, high = min(one, other), max(one, other)
        return self._sums[low * self._size - low * (low - 1) // 2 + high - low]

    def covariance(self, one: Form, other: Form) -> Fraction | None:
        """The covariance of two estimates, given as forms that sum to nothing over all blocks; None with fewer than two blocks."""
        if self.blocks < 2:
            return None
        total = sum((x * y * self.product(i, j) for i, x in one.items() for j, y in other.items()), Fraction(0))
        return total * Fraction(self.blocks, self.blocks - 1)


def ratio_form(numerator: int, denominator: int, above: int, below: int) -> Form:
    """What a block adds to the error of the ratio `above / below` of two sums (Cochran's linearisation); `below` is not 0."""
    form = {numerator: Fraction(1, below)}
    form[denominator] = form.get(denominator, Fraction(0)) - Fraction(above, below * below)
    return form


def standard_error(variance: Fraction | float | None) -> float | None:
    return None if variance is None else math.sqrt(max(variance, 0))


def correlation(covariance: Fraction | None, one: Fraction | None, other: Fraction | None) -> float | None:
    """From -1 to 1; None where one of the two never varies."""
    if covariance is None or not one or not other or one < 0 or other < 0:
        return None
    return max(-1.0, min(1.0, float(covariance) / (math.sqrt(one) * math.sqrt(other))))


def quotient(above: int | Fraction, below: int | Fraction) -> float | None:
    """Correctly rounded from exact numbers of any size; None for a division by 0."""
    return float(Fraction(above) / below) if below else None


def two_sided_95(degrees: int) -> float:
    """Student's factor for a 95 % interval: 12.71 for one degree of freedom, towards 1.96 for many; within 0.001."""
    if degrees <= len(_T95):
        return _T95[degrees - 1]
    z, v = _Z95, float(degrees)
    second, third = 5 * z**5 + 16 * z**3 + 3 * z, 3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z
    return z + (z**3 + z) / (4 * v) + second / (96 * v**2) + third / (384 * v**3)


def interval_95(value: float | None, error: float | None, blocks: int) -> Interval | None:
    """Where the true value lies, in 95 of 100 cases."""
    if value is None or error is None or blocks < 2:
        return None
    reach = two_sided_95(blocks - 1) * error
    return (value - reach, value + reach)


def share_interval_95(hits: int, trials: int) -> Interval | None:
    """Wilson's interval for a share; it stays within 0 and 1 and is honest for 0 hits, too. None for no trials."""
    if trials <= 0:
        return None
    share, square = hits / trials, _Z95 * _Z95
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    reach = _Z95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials)) / (1 + square / trials)
    return (0.0 if hits == 0 else max(0.0, centre - reach), 1.0 if hits == trials else min(1.0, centre + reach))


def standardized(mean: float | None, deviation: float | None) -> float | None:
    """Mean over standard deviation; None where nothing varies."""
    return mean / deviation if mean is not None and deviation else None


def desirability_index(mean: float | None, deviation: float | None) -> float | None:
    """Schlesinger's DI, 1000 times mean over standard deviation of a round; negative for a losing game."""
    ratio = standardized(mean, deviation)
    return None if ratio is None else 1000 * ratio


def score(mean: float | None, deviation: float | None) -> float | None:
    """Schlesinger's SCORE, money won per 100 rounds with 10,000 and optimal bets: DI squared. 0 for a game that is not won: its best bet is none."""
    index = desirability_index(mean, deviation)
    return None if index is None else max(index, 0.0) ** 2


def n_zero(mean: float | None, deviation: float | None) -> float | None:
    """Rounds after which the expected win equals one standard deviation; None for a game that is not won."""
    ratio = standardized(mean, deviation)
    return 1 / ratio**2 if ratio is not None and ratio > 1e-150 else None


def risk_of_ruin(mean: float | None, deviation: float | None, bankroll: float) -> float | None:
    """The chance that a bankroll is ever lost, with the same bets for ever: `exp(-2 mean bankroll / deviation**2)`, 1 for a game that is not won."""
    if mean is None or deviation is None:
        return None
    if deviation == 0:
        return 1.0 if mean < 0 else 0.0
    return 1.0 if mean <= 0 else math.exp(-2 * (mean / deviation) * (bankroll / deviation))


def histogram_quantile(
    counts: Sequence[int], width: float, share: float, *, low: float = 0.0
) -> tuple[float, bool] | None:
    """The quantile of values counted in bins of one `width` from `low`, straight within a bin; None where nothing was counted. True
    where it lies in a bin that is open (the last; the first, where `low` is above 0): then the value is the edge that bounds it."""
    total = sum(counts)
    if total == 0:
        return None
    wanted, before, last = share * total, 0, len(counts) - 1
    for number, count in enumerate(counts):
        if count and (before + count >= wanted or number == last):
            if number == last:
                return low + number * width, True
            if number == 0 and low > 0:
                return low + width, True
            return low + (number + max(0.0, wanted - before) / count) * width, False
        before += count
    return low + last * width, True  # the total rounded up: `share` of all is never beyond all
