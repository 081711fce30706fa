"""A result as CSV (RFC 4180) that spreadsheets open well.

A simulation or comparison is one value a line, for pivot tables: `section, table, player, name, item, measure, value`. A sweep is one
player of one cell a line. Text that a spreadsheet would take for a formula begins with an apostrophe; numbers are never quoted, and
what is not defined is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from libs.simulation.documents import (
    ComparisonResult,
    Convergence,
    Difference,
    PlayerNumbers,
    PlayerResult,
    SimulationResult,
    SweepResult,
)
from libs.simulation.result import read

__all__ = ["LONG_COLUMNS", "to_csv"]

LONG_COLUMNS = ("section", "table", "player", "name", "item", "measure", "value")
_RUN = (
    "kind",
    "engine_version",
    "digest",
    "configuration_hash",
    "seed",
    "first_block",
    "blocks",
    "rounds",
    "rounds_b",
    "stopped",
    "seconds",
    "rounds_per_second",
    "casino",
    "casino_a",
    "casino_b",
)
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBERS = tuple(name for name in PlayerResult.__struct_fields__ if name != "name")

Cell = str | int | float | bool | None
Line = tuple[Cell, ...]


def to_csv(result: Mapping[str, Any] | SimulationResult | ComparisonResult | SweepResult) -> str:
    """A result as it was stored, of any of the three kinds."""
    match read(result):
        case SweepResult() as sweep:
            header, lines = _sweep_columns(sweep), _sweep(sweep)
        case SimulationResult() as simulation:
            header, lines = LONG_COLUMNS, _simulation(simulation)
        case ComparisonResult() as comparison:
            header, lines = LONG_COLUMNS, _comparison(comparison)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in line] for line in lines)
    return out.getvalue()


def _cell(value: Cell) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            text = value.replace("\0", "")
            return f"'{text}" if text.strip(" ")[:1] in _FORMULA and text.strip(" ") else text
        case _:
            return value


def _simulation(result: SimulationResult) -> Iterator[Line]:
    yield from _run(result)
    yield from _players("", result.players)
    yield from _fields(("dealer", "", "", "", ""), result.dealer)
    yield from _convergence(result.convergence, [player.name for player in result.players])


def _comparison(result: ComparisonResult) -> Iterator[Line]:
    yield from _run(result)
    for each in result.difference:
        yield from _difference(each)
    for table, players, dealer in (("A", result.a, result.dealer_a), ("B", result.b, result.dealer_b)):
        yield from _players(table, players)
        yield from _fields(("dealer", table, "", "", ""), dealer)
    yield from _convergence(result.convergence, [each.name for each in result.difference], "B-A")


def _run(result: SimulationResult | ComparisonResult) -> Iterator[Line]:
    for name in _RUN:
        if hasattr(result, name):
            yield ("run", "", "", "", "", name, getattr(result, name))
    for note in result.notes:
        yield ("note", "", "", "", note.pointer, "detail", note.detail)


def _difference(each: Difference) -> Iterator[Line]:
    yield from _fields(("difference", "B-A", each.player, each.name, ""), each, skip=("player", "name"))


def _players(table: str, players: Sequence[PlayerResult]) -> Iterator[Line]:
    for number, player in enumerate(players):
        who: Line = (table, number, player.name)
        for name in _NUMBERS:
            value = getattr(player, name)
            if name == "interval":
                yield from _bounds(("player", *who, ""), name, value)
            elif value is None or isinstance(value, int | float | str):
                yield ("player", *who, "", name, value)
        for part, strategy in player.strategies.items():
            yield ("player", *who, "", f"{part}_strategy", strategy)
        for outcome, hands in player.outcomes.items():
            yield ("outcome", *who, outcome, "hands", hands)
        for row in player.by_count:
            yield from _fields(("count", *who, row.count), row, skip=("count",))
        for each in player.histogram:
            yield from _fields(("histogram", *who, each.result), each, skip=("result",))
        if player.sessions is not None:
            yield from _fields(("sessions", *who, ""), player.sessions, skip=("fan",))
            for point in player.sessions.fan:
                yield from _fields(("bankroll", *who, point.rounds), point, skip=("rounds", "open"))


def _fields(where: Line, values: msgspec.Struct, skip: Iterable[str] = ()) -> Iterator[Line]:
    for field in values.__struct_fields__:
        value = getattr(values, field)
        if field in skip:
            continue
        if isinstance(value, tuple) or (value is None and field.endswith("interval")):
            yield from _bounds(where, field, value)
        else:
            yield (*where, field, value)


def _bounds(start: Line, name: str, interval: tuple[float, float] | None) -> Iterator[Line]:
    low, high = interval or (None, None)
    yield (*start, f"{name}_low", low)
    yield (*start, f"{name}_high", high)


def _convergence(points: Sequence[Convergence], names: Sequence[str], table: str = "") -> Iterator[Line]:
    for point in points:
        for number, (name, each) in enumerate(zip(names, point.players, strict=False)):
            yield from _fields(("convergence", table, number, name, point.rounds), each, skip=("rounds",))


def _sweep_columns(result: SweepResult) -> Line:
    numbers = [name for name in PlayerNumbers.__struct_fields__ if name not in ("name", "interval")]
    axes = [axis.label for axis in result.axes]
    return (
        "cell",
        *axes,
        "job_id",
        "status",
        "error",
        "player",
        "name",
        *numbers,
        "interval_low",
        "interval_high",
        "digest",
        "seed",
    )


def _sweep(result: SweepResult) -> Iterator[Line]:
    numbers = [name for name in PlayerNumbers.__struct_fields__ if name not in ("name", "interval")]
    for number, cell in enumerate(result.cells, 1):
        start: Line = (number, *cell.labels, cell.job_id, cell.status, cell.error)
        for place, player in enumerate(cell.players or ()):
            bounds = player.interval or (None, None)
            values = [getattr(player, name) for name in numbers]
            yield (*start, place, player.name, *values, *bounds, cell.digest, result.seed)
        if not cell.players:
            yield (*start, *(None,) * (len(numbers) + 4), cell.digest, result.seed)
