"""Which plots a report shows, with their captions; the drawing itself is `libs.simulation.plots`.

What cannot be drawn (no rounds, one count only, one block) is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
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
    """A drawing with its words; a `wide` one stands alone in its line."""

    title: str
    caption: str
    svg: Markup
    wide: bool


class _Sketch(NamedTuple):
    """A plot that is not drawn yet, since its width depends on how many there are."""

    title: str
    caption: str
    draw: Callable[..., str]
    """Takes `wide`."""


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
        drawn.append(_Sketch("Convergence of EV", caption, partial(plots.convergence, result.convergence, number)))
    return _finish(drawn)


def comparison_plots(result: ComparisonResult, number: int) -> list[Plot]:
    """EV by count of both, and the convergence of the difference."""
    drawn = []
    pair = [result.a[number], result.b[number]]
    if all(player.by_count for player in pair) and max(len(player.by_count) for player in pair) > 1:
        drawn.append(_by_count(pair))
    if _drawable(result.convergence, number):
        caption = "B less A. The band holds the true difference in 95 of 100 cases."
        drawn.append(
            _Sketch(
                "Convergence of the difference",
                caption,
                partial(plots.convergence, result.convergence, number, difference=True),
            )
        )
    return _finish(drawn)


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
    return _finish(
        [
            _Sketch(
                "EV by cell",
                "Of the first player, with its 95 % interval; cells in the order of the table.",
                partial(plots.line_of_cells, values, "EV, % of a bet"),
            )
        ]
    )


def _finish(sketches: Sequence[_Sketch]) -> list[Plot]:
    """Draw them in lines of two; a last one that is left over takes the whole width."""
    odd = len(sketches) % 2
    return [
        Plot(sketch.title, sketch.caption, Markup(sketch.draw(wide=wide)), wide)  # noqa: S704 - drawn from numbers alone
        for number, sketch in enumerate(sketches)
        for wide in [bool(odd) and number == len(sketches) - 1]
    ]


def _by_count(players: Sequence[PlayerResult]) -> _Sketch:
    caption = "With its 95 % interval, and below how often each count is met."
    if len(players) > 1:
        caption = "A in the first colour, B in the second; 95 % intervals. Below: how often each count is met."
    return _Sketch("EV by count", caption, partial(plots.ev_by_count, [player.by_count for player in players]))


def _results(player: PlayerResult) -> _Sketch:
    caption = (
        "Net result of a round over all its hands, doubles, splits and insurance included. The scale is logarithmic."
    )
    return _Sketch("Results of rounds", caption, partial(plots.histogram, player.histogram))


def _sessions_fan(player: PlayerResult, goal: float | None) -> _Sketch | None:
    if player.sessions is None or len(player.sessions.fan) < 2:
        return None
    caption = f"Of {wording.integer(player.sessions.sessions)} sessions: the median, and bands that hold the middle 50 % and 90 %."
    return _Sketch(
        "Bankroll in sessions", caption, partial(plots.bankroll_fan, player.sessions.fan, player.initial_bankroll, goal)
    )


def _computed_fan(player: PlayerResult) -> _Sketch | None:
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
    return _Sketch("Bankroll to expect", caption, partial(plots.bankroll_fan, points, start))


def _tidy(value: float) -> int:
    """Up to the next of 1, 2, 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(value)) if value < 1e9 else 10**9
    return next(int(step * power) for step in (1, 2, 5, 10) if step * power >= value or step == 10)


def _drawable(convergence: Sequence[Convergence], player: int) -> bool:
    known = [point for point in convergence if len(point.players) > player and point.players[player].ev is not None]
    return len(known) > 1
