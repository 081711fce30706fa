"""Plots of results as SVG, to be set into a page that names the colours: `--ink`, `--muted`, `--line`, `--first`, `--second`, `--good`, `--bad`.

No plot holds a word that a user wrote. Safe to call from several threads; the same numbers give the same bytes. The only module that
imports matplotlib, and so imported late.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from libs.simulation.documents import Convergence, CountResult, FanPoint, HistogramBin
from libs.simulation.wording import MINUS, percent, power, short

__all__ = ["bankroll_fan", "convergence", "ev_by_count", "histogram", "line_of_cells"]

_INK, _MUTED, _LINE, _FIRST, _SECOND, _GOOD, _BAD = (f"#0{n}0{n}0{n}" for n in range(1, 8))
_VARIABLES = {
    _INK: "--ink",
    _MUTED: "--muted",
    _LINE: "--line",
    _FIRST: "--first",
    _SECOND: "--second",
    _GOOD: "--good",
    _BAD: "--bad",
}
_SERIES = (_FIRST, _SECOND)
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small, selectable, in the page's font
    "svg.hashsalt": "jobstream",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 9.5,
    "text.color": _INK,
    "axes.labelcolor": _MUTED,
    "axes.edgecolor": _LINE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "ytick.major.size": 0,
    "path.simplify": True,
}
_DRAWING = threading.Lock()  # matplotlib's settings and font cache belong to the process
_HISTOGRAM_BARS_MAX = 41
_CERTAIN_ROUNDS = 30
_HEIGHT = 3.3
_WIDTH, _WIDE = 6.6, 13.6


def ev_by_count(series: Sequence[Sequence[CountResult]], *, wide: bool = False) -> str:
    """EV with its 95 % interval, and how often rounds are met, over the count; one or two series."""
    with _Sheet(wide, rows=(2.4, 1.0)) as sheet:
        upper, lower = sheet.axes
        known = [count.count for rows in series for count in rows]
        for number, (rows, colour) in enumerate(zip(series, _SERIES, strict=False)):
            shift = (number - (len(series) - 1) / 2) * 0.22
            certain = _certain(rows)
            evs = [ev for _, ev, _ in certain]
            reach = [each for _, _, each in certain]
            upper.errorbar(
                [count + shift for count, _, _ in certain],
                evs,
                yerr=reach,
                color=colour,
                fmt="o",
                markersize=3.8,
                linewidth=0.9,
                elinewidth=1.3,
                capsize=2.2,
                linestyle="-",
            )
            width = 0.72 / len(series)
            lower.bar(
                [row.count + (number - (len(series) - 1) / 2) * width for row in rows],
                [100 * row.share for row in rows],
                width=width,
                color=colour,
                alpha=0.75,
            )
        upper.axhline(0, color=_INK, linewidth=0.9)
        upper.set_ylabel("EV, % of a bet")
        lower.set_ylabel("rounds, %")
        lower.set_xlabel("count at the time of the bet")
        upper.tick_params(labelbottom=False)
        for axes in (upper, lower):
            axes.set_xlim(min(known) - 0.7, max(known) + 0.7)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=13))
            axes.grid(visible=False, axis="x")
        return sheet.svg("count")


def histogram(bins: Sequence[HistogramBin], *, wide: bool = False) -> str:
    """Shares of rounds by result in bets, on a logarithmic scale: what is lost, pushed and won."""
    bars = _bars(bins)
    with _Sheet(wide) as sheet:
        (axes,) = sheet.axes
        colours = [_BAD if result < 0 else _GOOD if result > 0 else _MUTED for result, _ in bars]
        places = range(len(bars))
        lowest = min(share for _, share in bars)
        floor = max(1e-9, lowest / 3)
        axes.bar(places, [max(share - floor, floor) for _, share in bars], bottom=floor, width=0.82, color=colours)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
        axes.yaxis.set_minor_locator(NullLocator())
        if len(bars) <= 15:
            for place, (_, share) in zip(places, bars, strict=True):
                text = percent(share, 2, plus=False, significant=2)
                axes.annotate(
                    text, (place, share), (0, 3), textcoords="offset points", ha="center", fontsize=7.5, color=_MUTED
                )
        every = max(1, -(-len(bars) // 21))
        zero = min(places, key=lambda place: abs(bars[place][0]))
        ticks = [place for place in places if (place - zero) % every == 0]
        axes.set_xticks(
            ticks, [f"{bars[place][0]:+g}".replace("-", MINUS) if bars[place][0] else "0" for place in ticks]
        )
        axes.grid(visible=False, axis="x")
        axes.set_ylim(floor, 2.2)
        axes.set_xlabel("result of the round, in bets of one hand")
        axes.set_ylabel("share of rounds")
        return sheet.svg("results")


def bankroll_fan(points: Sequence[FanPoint], initial: float, goal: float | None = None, *, wide: bool = False) -> str:
    """Bands that hold the middle 50 % and 90 % of bankrolls, and the median, over rounds."""
    with _Sheet(wide, beside=True) as sheet:
        (axes,) = sheet.axes
        rounds = [point.rounds for point in points]
        axes.fill_between(
            rounds, [p.q05 for p in points], [p.q95 for p in points], color=_FIRST, alpha=0.16, linewidth=0
        )
        axes.fill_between(
            rounds, [p.q25 for p in points], [p.q75 for p in points], color=_FIRST, alpha=0.28, linewidth=0
        )
        axes.plot(rounds, [p.q50 for p in points], color=_FIRST, linewidth=1.8)
        axes.axhline(initial, color=_MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        if goal is not None and goal < 4 * max(point.q95 for point in points):
            axes.axhline(goal, color=_GOOD, linewidth=0.9, linestyle=(0, (2, 2)))
        if min(point.q05 for point in points) <= 0:
            axes.axhline(0, color=_BAD, linewidth=0.9)
        axes.set_xlim(0, max(rounds[-1], 1))
        last = points[-1]
        for value, name, weight in (
            (last.q95, "95 %", "normal"),
            (last.q75, "75 %", "normal"),
            (last.q50, "median", "bold"),
            (last.q25, "25 %", "normal"),
            (last.q05, "5 %", "normal"),
        ):
            sheet.beside(axes, rounds[-1], value, name, weight)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        axes.set_xlabel("rounds")
        axes.set_ylabel("bankroll")
        return sheet.svg("fan")


def convergence(points: Sequence[Convergence], player: int, *, difference: bool = False, wide: bool = False) -> str:
    """The estimate with its 95 % interval as rounds were added."""
    known = [(point.rounds, point.players[player]) for point in points if len(point.players) > player]
    drawn = [(rounds, each.ev, each.interval) for rounds, each in known if each.ev is not None]
    with _Sheet(wide) as sheet:
        (axes,) = sheet.axes
        banded = [(rounds, interval) for rounds, _, interval in drawn if interval is not None]
        axes.fill_between(
            [rounds for rounds, _ in banded],
            [100 * interval[0] for _, interval in banded],
            [100 * interval[1] for _, interval in banded],
            color=_FIRST,
            alpha=0.2,
            linewidth=0,
        )
        axes.plot([rounds for rounds, _, _ in drawn], [100 * ev for _, ev, _ in drawn], color=_FIRST, linewidth=1.5)
        last = 100 * drawn[-1][1]
        axes.axhline(last, color=_MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        reaches = [max(abs(100 * low - last), abs(100 * high - last)) for _, (low, high) in banded]
        if reaches:  # the first, widest intervals would flatten all that follows
            reach = sorted(reaches)[min(len(reaches) - 1, int(0.85 * len(reaches)))] * 1.15 or 1.0
            axes.set_ylim(last - reach, last + reach)
        if drawn[-1][0] > 20 * max(drawn[0][0], 1):
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(drawn[0][0], drawn[-1][0])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        axes.set_xlabel("rounds")
        axes.set_ylabel("difference in EV, % of a bet" if difference else "EV, % of a bet")
        return sheet.svg("convergence")


def line_of_cells(values: Sequence[tuple[float, float, float] | None], ylabel: str, *, wide: bool = False) -> str:
    """A sweep over one axis: value, low and high of each cell, numbered from 1; gaps where there is none."""
    with _Sheet(wide) as sheet:
        (axes,) = sheet.axes
        known = [(number, value) for number, value in enumerate(values, 1) if value is not None]
        axes.errorbar(
            [number for number, _ in known],
            [value[0] for _, value in known],
            yerr=[[v[0] - v[1] for _, v in known], [v[2] - v[0] for _, v in known]],
            color=_FIRST,
            fmt="o",
            markersize=4.5,
            linestyle="-",
            linewidth=1.0,
            elinewidth=1.4,
            capsize=2.5,
        )
        low, high = axes.get_ylim()
        if low < 0 < high:
            axes.axhline(0, color=_INK, linewidth=0.9)
        axes.set_xlim(0.5, len(values) + 0.5)
        axes.xaxis.set_major_locator(FixedLocator(range(1, len(values) + 1, max(1, -(-len(values) // 25)))))
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("cell, by the number in the table")
        axes.set_ylabel(ylabel)
        return sheet.svg("cells")


def _bars(bins: Sequence[HistogramBin]) -> list[tuple[float, float]]:
    """Results with shares; put together to whole bets, and to more, where there would be too many."""
    bars = [(each.result, each.share) for each in bins if each.share > 0]
    width = 0.5
    while len(bars) > _HISTOGRAM_BARS_MAX:
        together: dict[float, float] = {}
        for each in bins:
            place = round(each.result / width) * width
            together[place] = together.get(place, 0.0) + each.share
        bars, width = sorted((place, share) for place, share in together.items() if share > 0), width * 2
    return bars


def _certain(rows: Sequence[CountResult]) -> list[tuple[int, float, float]]:
    """Count, EV and reach of its interval, in percent, of the counts that are known well enough: one that was met five times would
    flatten all others."""
    points = [
        (row.count, 100 * row.ev, 100 * (row.interval[1] - row.interval[0]) / 2)
        for row in rows
        if row.ev is not None and row.interval is not None and row.rounds >= _CERTAIN_ROUNDS
    ]
    if not points:
        return []
    best = min(reach for _, _, reach in points)
    limit = max(3.0, 6 * best)
    return [point for point in points if point[2] <= limit]


class _Sheet:
    """A figure with one column of axes, drawn by one thread at a time."""

    def __init__(self, wide: bool, *, rows: Sequence[float] = (1.0,), beside: bool = False) -> None:
        """`beside` leaves room for labels to the right."""
        self._width, self._rows, self._beside = _WIDE if wide else _WIDTH, rows, beside

    def __enter__(self) -> _Sheet:
        _DRAWING.acquire()
        self._settings = mpl.rc_context(_STYLE)
        self._settings.__enter__()
        self.figure = Figure(figsize=(self._width, _HEIGHT))
        FigureCanvasSVG(self.figure)
        grid = self.figure.add_gridspec(
            len(self._rows),
            1,
            height_ratios=list(self._rows),
            hspace=0.12,
            left=0.70 / self._width,
            right=1 - (0.55 if self._beside else 0.12) / self._width,
            top=0.96,
            bottom=0.46 / _HEIGHT,
        )
        self.axes = [self.figure.add_subplot(grid[row, 0]) for row in range(len(self._rows))]
        self._labels: list[tuple[float, Any]] = []
        return self

    def __exit__(self, *failure: object) -> None:
        try:
            self._settings.__exit__(None, None, None)
        finally:
            _DRAWING.release()

    def beside(self, axes: Axes, x: float, y: float, text: str, weight: str) -> None:
        """Write to the right of the axes at a height, moved up or down where another label stands."""
        low, high = axes.get_ylim()
        apart = 0.062 * (high - low)
        taken = [height for height, _ in self._labels]
        height = y
        if taken and taken[-1] - height < apart:
            height = taken[-1] - apart
        label = axes.annotate(
            text,
            (x, height),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_MUTED,
            fontweight=weight,
            annotation_clip=False,
        )
        self._labels.append((height, label))

    def svg(self, name: str) -> str:
        """The drawing without what only a file of its own needs; ids start with `name` and stand only where something refers to them."""
        buffer = io.StringIO()
        self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = buffer.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
        text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
        text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
        text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
        text = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
        text = re.sub(r'(url\(#|href="#)', rf"\1{name}-", text)
        text = text.replace("xlink:href", "href")
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, f"var({variable})")
        text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d+\.\d{2})\d+", r"\1", tag[0]), text)
        return re.sub(r">\s+<", "><", text).strip()
