"""Orders: what a request came to, with everything that decides a result. Stored with the job and read back by whoever runs it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from libs.blackjack.configuration import Casino, Configuration
from libs.blackjack.profiles.findings import Note

__all__ = [
    "Axis",
    "AxisValue",
    "ComparisonOrder",
    "Order",
    "Run",
    "SimulationOrder",
    "SweepOrder",
    "configuration_hash",
    "describe",
    "request_of",
]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How long to go on: to `rounds_max`, or sooner where `target_standard_error` is reached; or exactly `blocks` blocks."""

    seed: int
    rounds_max: int | None
    blocks: int | None = None
    target_standard_error: float | None = None
    include_hand_history: bool = False


class AxisValue(msgspec.Struct, frozen=True):
    """One value of an axis, as a cell's request would have it, naming no profile of the user's."""

    label: str
    value: Any


class Axis(msgspec.Struct, frozen=True):
    """What is varied: a JSON pointer into the base."""

    path: str
    label: str
    values: tuple[AxisValue, ...]


class _Order(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    given: Any
    """The request as it was sent."""
    run: Run
    notes: tuple[Note, ...] = ()


class SimulationOrder(_Order, frozen=True, kw_only=True, tag="simulation"):
    configuration: Configuration


class ComparisonOrder(_Order, frozen=True, kw_only=True, tag="comparison"):
    """Two tables with as many players, compared by place under the same cards."""

    a: Configuration
    b: Configuration


class SweepOrder(_Order, frozen=True, kw_only=True, tag="sweep"):
    """A grid of simulations with one seed. `template` is the base as a request that names no profile of the user's."""

    base: Configuration
    axes: tuple[Axis, ...]
    template: dict[str, Any]

    def cells(self) -> list[tuple[tuple[str, ...], Configuration]]:
        """Every cell with the labels of its values, the last axis varying fastest. The same at any time."""
        from libs.simulation.sweep import cell_configurations

        return cell_configurations(self.template, self.axes)

    def orders(self) -> list[tuple[tuple[str, ...], SimulationOrder]]:
        """Every cell as an order of its own."""
        orders = []
        for labels, cell in self.cells():
            order = SimulationOrder(given=None, configuration=cell, run=self.run)
            orders.append((labels, msgspec.structs.replace(order, given=request_of(order))))
        return orders


Order = SimulationOrder | ComparisonOrder | SweepOrder


def request_of(order: SimulationOrder | ComparisonOrder) -> dict[str, Any]:
    """A request that comes to the same order whatever becomes of the profiles that the first one named."""
    tables: dict[str, Any] = {}
    match order:
        case SimulationOrder(configuration=configuration):
            tables = _table_request(configuration)
        case ComparisonOrder(a=configuration, b=other):
            tables = {"a": _table_request(configuration), "b": _table_request(other)}
    if configuration.mode == "sessions":
        tables |= {"mode": "sessions", "session_rounds": configuration.session_rounds}
        tables |= {} if configuration.win_goal is None else {"win_goal": configuration.win_goal}
    run = order.run
    lengths = {"num_rounds": run.rounds_max, "target_standard_error": run.target_standard_error, "blocks": run.blocks}
    length = {name: value for name, value in lengths.items() if value is not None}
    return tables | length | {"seed": run.seed, "include_hand_history": run.include_hand_history}


def _table_request(configuration: Configuration) -> dict[str, Any]:
    return {"casino": _as_json(configuration.casino), "players": _as_json(configuration.players)}


def _as_json(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def configuration_hash(*configurations: Configuration) -> str:
    """SHA-256 of the configurations as canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode(configurations, order="sorted")).hexdigest()


def describe(order: Order) -> str:
    """One line for lists of jobs."""
    match order:
        case SimulationOrder():
            what = f"Simulation: {_table(order.configuration)}"
        case ComparisonOrder():
            what = f"Comparison: {_table(order.a)} against {_table(order.b)}"
        case SweepOrder():
            axes = " by ".join(f"{axis.label} ({len(axis.values)})" for axis in order.axes)
            what = f"Sweep: {axes} on the base {_table(order.base)}"
    return f"{what}; {_length(order.run)}"[:1000]


def _table(configuration: Configuration) -> str:
    players = ", ".join(
        f"{player.name} ({player.playing_strategy.name}, {player.betting_strategy.name}, {player.counting_strategy.name})"
        for player in configuration.players
    )
    sessions = f", sessions of {configuration.session_rounds:,} rounds" if configuration.mode == "sessions" else ""
    return f"{configuration.casino.name} ({_rules(configuration.casino)}), {players}{sessions}"


def _rules(casino: Casino) -> str:
    decks = f"{casino.deck_count} deck{'' if casino.deck_count == 1 else 's'}"
    return ", ".join(
        rule
        for rule, holds in (
            (decks, True),
            ("H17" if casino.hit_on_soft_17 else "S17", True),
            ("DAS", casino.DAS),
            ("no hole card", not casino.dealer_checks_for_blackjack),
            ("early surrender", casino.allow_early_surrender),
            ("late surrender", casino.allow_late_surrender and not casino.allow_early_surrender),
            (f"blackjack pays {casino.blackjack_payout:g}", casino.blackjack_payout != 1.5),
        )
        if holds
    )


def _length(run: Run) -> str:
    if run.blocks is not None:
        return f"{run.blocks:,} blocks"
    rounds = f"{run.rounds_max:,} rounds"
    return (
        rounds
        if run.target_standard_error is None
        else f"to a standard error of {run.target_standard_error:g}, at most {rounds}"
    )
