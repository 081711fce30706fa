"""How far a job has come: a bar that is kept up to date on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.figures import count, duration, interval, rate

__all__ = ["ProgressView", "described", "estimated_of"]

Json = dict[str, Any]

LINE_EVERY_SECONDS = 1.0
BAR_WIDTH = 32
_BAR_WIDTH_MIN = 8
_FRACTIONS_BELOW = 1000
WAITING = "waiting"  # holds the place until there is something to see


class ProgressView:
    """Shows `progress` frames as they come. `end` takes the bar off the terminal, or writes the line that a pipe is still owed."""

    def __init__(self, console: Console, *, estimated: str = "EV", now: Callable[[], float] = time.monotonic) -> None:
        """`estimated` is what simulations tell of each player."""
        self._console = console
        self._estimated = estimated
        self._now = now
        self._live: Live | None = None
        self._latest: dict[str, tuple[Json, float]] = {}
        self._last_line: float | None = None
        self._owed: Json | None = None
        self._spinner = Spinner("dots", style="cyan")

    def show(self, frame: Json) -> None:
        """Take over what a frame says; an older frame of the same name is forgotten."""
        self._latest.pop(WAITING, None)
        self._latest[str(frame.get("name") or "")] = (frame, self._now())
        if self._console.is_terminal:
            self._start()
            return
        if self._last_line is not None and self._now() - self._last_line < LINE_EVERY_SECONDS:
            self._owed = frame
        else:
            self._line(frame)

    def wait(self, sentence: str) -> None:
        """Show that there is nothing to see yet."""
        if self._console.is_terminal and not self._latest.keys() - {WAITING}:
            self._latest[WAITING] = ({"message": sentence}, self._now())
            self._start()

    def end(self) -> None:
        """Nothing more comes for now."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._owed is not None:
            self._line(self._owed)

    def _line(self, frame: Json) -> None:
        self._console.out(f"[progress] {described(frame, estimated=self._estimated)}", highlight=False)
        self._last_line, self._owed = self._now(), None

    def _start(self) -> None:
        if self._live is None:
            self._live = Live(console=self._console, transient=True, refresh_per_second=8, get_renderable=self._picture)
            self._live.start()

    def _picture(self) -> RenderableType:
        rows: list[RenderableType] = []
        for frame, at in self._latest.values():
            rows.append(self._bar(frame, self._now() - at))
            rows += [Text(f"  {line}", style="bold") for line in _estimates(frame, self._estimated)]
        return Group(*rows)

    def _bar(self, frame: Json, age: float) -> RenderableType:
        text = described(frame, age=age, estimated=None)
        row = Table.grid(padding=(0, 1))
        width = min(BAR_WIDTH, self._console.width - len(text) - 4)  # words matter more than the bar
        cells: list[RenderableType] = [self._spinner]
        if "done" in frame and width >= _BAR_WIDTH_MIN:
            done, total = _amounts(frame)
            cells.append(ProgressBar(total=total, completed=done, width=width, pulse=total is None))
        row.add_row(*cells, Text(text, overflow="ellipsis", no_wrap=True))
        return row


def described(frame: Json, *, age: float = 0.0, estimated: str | None = "EV") -> str:
    """A progress frame in one line: how much, how fast, how long still (as of `age` seconds ago), and the estimates so far,
    unless `estimated` is None."""
    name, message = str(frame.get("name") or ""), str(frame.get("message") or "")
    if "done" not in frame:
        return message or name
    done, total = _amounts(frame)
    data = frame.get("data") if isinstance(frame.get("data"), dict) else {}
    assert isinstance(data, dict)
    amount = (
        f"{count(done)} of {count(total)} {name}".rstrip() if total is not None else f"{count(done)} {name}".rstrip()
    )
    parts = [f"{amount} ({_percent(done, total)})" if total else amount]
    if isinstance(speed := data.get("rounds_per_second"), int | float) and speed > 0:
        parts.append(rate(speed))
    if isinstance(left := data.get("seconds_left"), int | float) and (total is None or done < total):
        parts.append(f"{duration(max(0.0, left - age))} left")
    found = _estimates(frame, estimated or "")
    if message and not found:
        parts.append(message)
    return " · ".join(parts + (found if estimated else []))


def estimated_of(kind: str) -> str:
    """What the progress of a job of this kind estimates, where it estimates anything."""
    return "difference of EV" if kind == "comparison" else "EV"


def _amounts(frame: Json) -> tuple[float, float | None]:
    done, total = frame.get("done"), frame.get("total")
    return _sensible(done or 0), _sensible(total) if isinstance(total, int | float) and total > 0 else None


def _sensible(amount: float) -> float:
    """Fractions only of what is small: a total may be an estimate."""
    return float(round(amount)) if amount >= _FRACTIONS_BELOW else float(amount)


def _percent(done: float, total: float) -> str:
    # Never 100 % before it is over.
    return "100 %" if done >= total else f"{min(99.9, 100 * done / total):.3g} %"


def _estimates(frame: Json, what: str = "EV") -> list[str]:
    """What simulations tell of each player: the estimate so far with its 95 % interval."""
    data = frame.get("data")
    players = data.get("players") if isinstance(data, dict) else None
    if not isinstance(players, list):
        return []
    found = []
    for number, each in enumerate(players, start=1):
        low, high = each.get("interval") or (each.get("low"), each.get("high"))
        who = f"{each.get('name') or f'player {number}'}: " if len(players) > 1 else ""
        found.append(f"{who}{what} {interval(each.get('ev'), low, high)}")
    return found
