"""A result as one HTML file that needs nothing else: no network, no scripts, in a light or dark page and on paper.

Everything that a user named is escaped. The same result gives the same bytes.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from libs.blackjack.configuration import RANKS, Configuration
from libs.simulation import wording
from libs.simulation.axis_wording import value_shown
from libs.simulation.documents import ComparisonResult, SimulationResult, SweepResult
from libs.simulation.heat import heat_maps
from libs.simulation.result import read
from libs.simulation.statistics import interval_95

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["to_html"]

_STOPPED = {
    "rounds": "",
    "blocks": ", exactly as many as were asked for",
    "target": ", until the standard error asked for was reached",
    "by_hand": ", stopped by hand",
}
_PLOTTED_PLAYERS_MAX = 3  # who is more is in the tables: a page is drawn in a second or so


def to_html(result: Mapping[str, Any] | SimulationResult | ComparisonResult | SweepResult) -> str:
    """The report of a result as it was stored, of any of the three kinds. Takes about a second of one core."""
    match read(result):
        case SimulationResult() as simulation:
            return _simulation(simulation)
        case ComparisonResult() as comparison:
            return _comparison(comparison)
        case SweepResult() as sweep:
            return _sweep(sweep)


def _simulation(result: SimulationResult) -> str:
    from libs.simulation.drawing import player_plots

    configuration = result.configuration
    return _page(
        "simulation.html",
        title=_title(configuration),
        result=result,
        blocks_are=_blocks(configuration),
        ended=_STOPPED[result.stopped],
        players=[
            (player, player_plots(result, number) if number < _PLOTTED_PLAYERS_MAX else [])
            for number, player in enumerate(result.players)
        ],
        parts=_parts([("", configuration)]),
        run=_run(result),
        raw=_raw(configuration),
    )


def _comparison(result: ComparisonResult) -> str:
    from libs.simulation.drawing import comparison_plots

    a, b = result.configuration_a, result.configuration_b
    titles = (_title(a), _title(b))
    return _page(
        "comparison.html",
        title=f"{titles[0]} and {titles[1]}" if titles[0] != titles[1] else titles[0],
        result=result,
        blocks_are=_blocks(a),
        ended=_STOPPED[result.stopped],
        players=[
            (
                *pair,
                result.difference[number],
                comparison_plots(result, number) if number < _PLOTTED_PLAYERS_MAX else [],
            )
            for number, pair in enumerate(zip(result.a, result.b, strict=True))
        ],
        changed=list(_changed(msgspec.to_builtins(a), msgspec.to_builtins(b))),
        parts=_parts([("A, ", a), ("B, ", b)]),
        run=_run(result),
        raw=f"A\n{_raw(a)}\n\nB\n{_raw(b)}",
    )


def _sweep(result: SweepResult) -> str:
    from libs.simulation.drawing import sweep_plots

    return _page(
        "sweep.html",
        title=f"{' by '.join(axis.label for axis in result.axes)}, base {_title(result.configuration)}",
        result=result,
        best=None if result.best is None else result.cells[result.best],
        sessions=result.configuration.mode == "sessions",
        ruin=operator.attrgetter("ruin_share" if result.configuration.mode == "sessions" else "risk_of_ruin"),
        failed=sum(cell.players is None for cell in result.cells),
        heats=heat_maps(result),
        plots=sweep_plots(result),
        parts=_parts([("", result.configuration)]),
        run=_run(result),
        raw=_raw(result.configuration),
    )


def _page(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(ranks=RANKS, **values)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: whoever only reads results needs none of it

    environment = Environment(
        loader=PackageLoader("libs.simulation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": wording.amount,
        "decimals": wording.decimals,
        "fields": _fields,
        "half_width": wording.half_width,
        "integer": wording.integer,
        "interval": interval_95,
        "number": _number,
        "percent": wording.percent,
        "plain": wording.plain,
        "rounds": wording.whole_rounds,
        "rows": _rows,
        "setting": _setting,
        "signed": wording.signed,
        "value": value_shown,
    }
    return environment


def _title(configuration: Configuration) -> str:
    names = ", ".join(dict.fromkeys(player.name for player in configuration.players))
    return f"{configuration.casino.name or 'a casino without a name'}: {names}"


def _blocks(configuration: Configuration) -> str:
    if configuration.mode == "sessions":
        return "sessions"
    casino = configuration.casino
    return "shoes" if casino.shuffle == "cut_card" and casino.deck_count != "infinite" else "freshly shuffled rounds"


def _fields(value: msgspec.Struct, spaces: bool = True) -> Iterator[tuple[str, Any]]:
    for name in value.__struct_fields__:
        yield name.replace("_", " ") if spaces else name, getattr(value, name)


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(value)
    return wording.DASH if value is None or value == "" else str(value)


def _number(value: float, plus: bool = False) -> str:
    return f"{value:{'+' if plus and value else ''}.10g}".replace("-", wording.MINUS)


def _rows(table: Mapping[str, Any]) -> list[str]:
    """Totals rising, pairs from aces down."""
    if all(row.isdigit() for row in table):
        return sorted(table, key=int)
    order = {f"{rank},{rank}": place for place, rank in enumerate(reversed(RANKS))}
    return sorted(table, key=lambda row: order.get(row, len(order)))


class Parts(NamedTuple):
    """Strategies with who uses them, each shown once."""

    playing: list[tuple[Any, str]]
    betting: list[tuple[Any, str]]
    counting: list[tuple[Any, str]]


def _parts(tables: Sequence[tuple[str, Configuration]]) -> Parts:
    found: list[list[tuple[Any, list[str]]]] = [[], [], []]
    for side, configuration in tables:
        for player in configuration.players:
            who = f"{side}{player.name}"
            for kind, part in zip(
                found, (player.playing_strategy, player.betting_strategy, player.counting_strategy), strict=True
            ):
                users = next((users for known, users in kind if known == part), None)
                if users is None:
                    kind.append((part, [who]))
                else:
                    users.append(who)
    return Parts(*([(part, "; ".join(dict.fromkeys(users))) for part, users in kind] for kind in found))


def _run(result: SimulationResult | ComparisonResult | SweepResult) -> list[tuple[str, str]]:
    run = [("seed", str(result.seed)), ("engine version", result.engine_version)]
    run.append(("configuration hash", result.configuration_hash))
    if not isinstance(result, SweepResult):
        run += [("digest of the tally", result.digest), ("blocks", f"{result.blocks} from {result.first_block}")]
    run += [("rounds", str(result.rounds)), ("seconds", f"{result.seconds:.1f}")]
    if result.rounds_per_second is not None:
        run.append(("rounds per second", wording.integer(result.rounds_per_second)))
    return run


def _raw(configuration: Configuration) -> str:
    return msgspec.json.format(msgspec.json.encode(configuration), indent=1).decode()


def _changed(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Every place in which two configurations differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            yield from _changed(one.get(key), other.get(key), f"{path}/{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _changed(left, right, f"{path}/{place}")
    elif one != other:
        yield path, _brief(one), _brief(other)


def _brief(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        text = msgspec.json.encode(value).decode()
        return text if len(text) <= 300 else f"{text[:300]}…"
    return _setting(value)
