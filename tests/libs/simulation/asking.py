"""Ask for an order, or for the problems of a request that is refused."""

from __future__ import annotations

from typing import Any

from libs.blackjack.configuration import BettingStrategy, Casino, CountingSystem, Player, PlayingStrategy
from libs.simulation.request import ComparisonOrder, InvalidRequest, Profiles, SimulationOrder, SweepOrder, prepare

NOBODY = Profiles()
SEED = 7


def simulation(known: Profiles = NOBODY, **request: Any) -> SimulationOrder:
    order = prepare("simulation", {"num_rounds": 1000} | request, known, SEED)
    assert isinstance(order, SimulationOrder)
    return order


def comparison(known: Profiles = NOBODY, **request: Any) -> ComparisonOrder:
    order = prepare("comparison", {"num_rounds": 1000} | request, known, SEED)
    assert isinstance(order, ComparisonOrder)
    return order


def sweep(known: Profiles = NOBODY, **request: Any) -> SweepOrder:
    order = prepare("sweep", {"num_rounds": 1000} | request, known, SEED)
    assert isinstance(order, SweepOrder)
    return order


def player(known: Profiles = NOBODY, casino: Any = "six_deck_s17", **said: Any) -> Player:
    return simulation(known, casino=casino, players=[said]).configuration.players[0]


def casino(**rules: Any) -> Casino:
    return simulation(casino=rules).configuration.casino


def playing(strategy: Any, **rules: Any) -> PlayingStrategy:
    return player(casino=rules, playing_strategy=strategy).playing_strategy


def betting(strategy: Any) -> BettingStrategy:
    return player(betting_strategy=strategy).betting_strategy


def counting(system: Any, **rules: Any) -> CountingSystem:
    return player(casino=rules, counting_strategy=system).counting_strategy


def problems(kind: str = "simulation", known: Profiles = NOBODY, **request: Any) -> dict[str, str]:
    """Details by pointer of a request that must be refused."""
    try:
        prepare(kind, {"num_rounds": 1000} | request, known, SEED)
    except InvalidRequest as refused:
        return {problem.pointer: problem.detail for problem in refused.problems}
    raise AssertionError("the request was accepted")


def notes(known: Profiles = NOBODY, **request: Any) -> dict[str, str]:
    return {note.pointer: note.detail for note in simulation(known, **request).notes}
