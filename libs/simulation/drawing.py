"""Which plots a report shows, with their captions; the drawing itself is `libs.simulation.plots`.

What cannot be drawn (no rounds, one count only, one block) is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from libs.simulation import plots, wording
from libs.simulation.documents import (
    ComparisonResult,
    Convergence,
    FanPoint,
    PlayerResult,
    SimulationResult,
    SweepResult,
)

__all__ = ["Plot", "comparison_plots", "player_plots", "sweep_plots"]

_FAN_ROUNDS = 10_000
_FAN_ROUNDS_MAX = 1_000_000
_FAN_POINTS = 60
_NORMAL = (-1.6448536269514722, -0.6744897501960817, 0.6744897501960817, 1.6448536269514722)


class Plot(NamedTuple):
    title: str
    caption: str
    svg: Markup
    wide: bool = False


def player_plots(result: SimulationResult, number: int) -> list[Plot]:
    """EV by count, results, bankroll and convergence of one player."""
    player = result.players[number]
    drawn = []
    if len(player.by_count) > 1:
        drawn.append(_by_count([player]))
    if player.histogram:
        drawn.append(_results(player))
    fan = _sessions_fan(player, result.configuration.win_goal) or _computed_fan(player)
    if fan is not None:
        drawn.append(fan)
    if _drawable(result.convergence, number):
        caption = "The band holds the true value in 95 of 100 cases; the dashes mark the final estimate."
        drawn.append(Plot("Convergence of EV", caption, _drawn(plots.convergence(result.convergence, number))))
    return _fill(drawn)


def comparison_plots(result: ComparisonResult, number: int) -> list[Plot]:
    """EV by count of both, and the convergence of the difference."""
    drawn = []
    pair = [result.a[number], result.b[number]]
    if all(player.by_count for player in pair) and max(len(player.by_count) for player in pair) > 1:
        drawn.append(_by_count(pair))
    if _drawable(result.convergence, number):
        svg = plots.convergence(result.convergence, number, difference=True)
        caption = "B less A. The band holds the true difference in 95 of 100 cases."
        drawn.append(Plot("Convergence of the difference", caption, _drawn(svg)))
    return _fill(drawn)


def sweep_plots(result: SweepResult) -> list[Plot]:
    """EV of the first player's cells with its interval, for a sweep over one axis; two axes have a heat map."""
    if len(result.axes) != 1:
        return []
    values: list[tuple[float, float, float] | None] = []
    for cell in result.cells:
        first = cell.players[0] if cell.players else None
        if first is None or first.ev is None:
            values.append(None)
        else:
            low, high = first.interval or (first.ev, first.ev)
            values.append((100 * first.ev, 100 * low, 100 * high))
    if not any(values):
        return []
    svg = plots.line_of_cells(values, "EV, % of a bet")
    return _fill(
        [
            Plot(
                "EV by cell",
                "Of the first player, with its 95 % interval; cells in the order of the table.",
                _drawn(svg),
            )
        ]
    )


def _drawn(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - drawn from numbers alone, by `plots`


def _fill(drawn: list[Plot]) -> list[Plot]:
    """An odd last plot takes the whole width."""
    if len(drawn) % 2:
        drawn[-1] = drawn[-1]._replace(wide=True)
    return drawn


def _by_count(players: Sequence[PlayerResult]) -> Plot:
    caption = "With its 95 % interval, and below how often each count is met."
    if len(players) > 1:
        caption = "A in the first colour, B in the second; 95 % intervals. Below: how often each count is met."
    svg = plots.ev_by_count([player.by_count for player in players])
    return Plot("EV by count", caption, _drawn(svg))


def _results(player: PlayerResult) -> Plot:
    caption = (
        "Net result of a round over all its hands, doubles, splits and insurance included. The scale is logarithmic."
    )
    return Plot("Results of rounds", caption, _drawn(plots.histogram(player.histogram)))


def _sessions_fan(player: PlayerResult, goal: float | None) -> Plot | None:
    if player.sessions is None or len(player.sessions.fan) < 2:
        return None
    caption = f"Of {wording.integer(player.sessions.sessions)} sessions: the median, and bands that hold the middle 50 % and 90 %."
    svg = plots.bankroll_fan(player.sessions.fan, player.initial_bankroll, goal)
    return Plot("Bankroll in sessions", caption, _drawn(svg))


def _computed_fan(player: PlayerResult) -> Plot | None:
    if player.sessions is not None or player.win_rate_per_100 is None or player.sd_per_round is None:
        return None
    rounds = _FAN_ROUNDS if player.n0 is None else min(_FAN_ROUNDS_MAX, max(_FAN_ROUNDS, _tidy(2 * player.n0)))
    mean, sd, start = player.win_rate_per_100 / 100, player.sd_per_round, player.initial_bankroll
    points = []
    for step in range(_FAN_POINTS + 1):
        n = rounds * (step / _FAN_POINTS) ** 2  # dense where the bands bend
        middle = start + mean * n
        q05, q25, q75, q95 = (middle + z * sd * math.sqrt(n) for z in _NORMAL)
        points.append(FanPoint(rounds=round(n), q05=q05, q25=q25, q50=middle, q75=q75, q95=q95))
    caption = (
        "Computed from the mean and the standard deviation of a round, with an endless bankroll; not played out. "
        "The median, and bands that hold the middle 50 % and 90 %."
    )
    return Plot("Bankroll to expect", caption, _drawn(plots.bankroll_fan(points, start)))


def _tidy(value: float) -> int:
    """Up to the next of 1, 2, 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(value)) if value < 1e9 else 10**9
    return next(int(step * power) for step in (1, 2, 5, 10) if step * power >= value or step == 10)


def _drawable(convergence: Sequence[Convergence], player: int) -> bool:
    known = [point for point in convergence if len(point.players) > player and point.players[player].ev is not None]
    return len(known) > 1
