"""A sweep as coloured tables: one axis across, one down, the warmest cell the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from libs.simulation import wording
from libs.simulation.axis_wording import heading
from libs.simulation.documents import CellResult, PlayerNumbers, SweepResult

__all__ = ["HeatCell", "HeatMap", "heat_maps"]


class HeatCell(NamedTuple):
    text: str
    small: str
    warmth: int | None
    """0 for the least of the map, 100 for the most; None for no value."""
    best: bool


class HeatMap(NamedTuple):
    title: str
    caption: str
    across: str
    down: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[HeatCell]]]


def heat_maps(result: SweepResult) -> list[HeatMap]:
    """EV for sweeps over two axes, and SCORE where any cell is won; of the first player. None for one axis: a line shows more."""
    if len(result.axes) != 2:
        return []
    maps = [
        _map(result, "EV", "Per initial bet, with its 95 % interval.", lambda player: player.ev, _ev, _error),
    ]
    if any((_first(cell, lambda player: player.score) or 0) > 0 for cell in result.cells):
        caption = "Won per 100 rounds with a bankroll of 10,000 and the best bets; 0 where the game is not won."
        maps.append(_map(result, "SCORE", caption, lambda player: player.score, _score, lambda _: ""))
    return maps


def _ev(player: PlayerNumbers) -> str:
    return wording.percent(player.ev, 3)


def _error(player: PlayerNumbers) -> str:
    half = wording.half_width(player.interval)
    return "" if half is None else f"±{wording.percent(half, 3, plus=False)}"


def _score(player: PlayerNumbers) -> str:
    return wording.plain(player.score, 2)


def _first(cell: CellResult, value: Callable[[PlayerNumbers], float | None]) -> float | None:
    return value(cell.players[0]) if cell.players else None


def _map(
    result: SweepResult,
    title: str,
    caption: str,
    value: Callable[[PlayerNumbers], float | None],
    text: Callable[[PlayerNumbers], str],
    small: Callable[[PlayerNumbers], str],
) -> HeatMap:
    down, across = result.axes
    values = [_first(cell, value) for cell in result.cells]
    known = [each for each in values if each is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    width = len(across.values)

    def shown(number: int) -> HeatCell:
        cell, here = result.cells[number], values[number]
        if here is None or not cell.players:
            return HeatCell(wording.DASH, cell.status if cell.players is None else "", None, False)
        warmth = round(100 * (here - low) / (high - low)) if high > low else 50
        return HeatCell(text(cell.players[0]), small(cell.players[0]), warmth, here == high and high > low)

    return HeatMap(
        title=title,
        caption=caption,
        across=across.label,
        down=down.label,
        columns=[heading(across, value) for value in across.values],
        rows=[
            (heading(down, value), [shown(row * width + column) for column in range(width)])
            for row, value in enumerate(down.values)
        ],
    )
