"""How counting systems are read."""

from __future__ import annotations

from typing import Any

import pytest

from libs.blackjack.configuration import RANKS
from libs.blackjack.defaults import DEFAULTS
from tests.libs.simulation.asking import counting, problems

VALUES = {"2": 1, "3": 1, "4": 1, "5": 1, "6": 1, "7": 0, "8": 0, "9": 0, "10": -1, "A": -1}
PER_DECK = dict.fromkeys(RANKS, 4) | {"10": 16}


def refused(system: Any) -> set[str]:
    found = problems(players=[{"counting_strategy": system}])
    return {pointer.removeprefix("/players/0/counting_strategy") for pointer in found}


def sum_per_deck(name: str) -> float:
    return sum(PER_DECK[rank] * value for rank, value in counting(name).count_values.items())


@pytest.mark.parametrize("name", ["hi_lo", "hi_opt_1", "hi_opt_2", "omega_2", "zen", "halves", "none"])
def test_balanced_systems_come_to_nothing_in_a_deck(name: str) -> None:
    assert sum_per_deck(name) == 0


def test_ko_comes_to_four_in_a_deck() -> None:
    assert sum_per_deck("ko") == 4


def test_ko_ends_every_shoe_at_four() -> None:
    assert counting("ko", deck_count=6).initial_running_count == -20
    assert counting("ko", deck_count=1).initial_running_count == 0


def test_nothing_is_counted_towards_an_endless_shoe() -> None:
    assert counting("ko", deck_count="infinite").initial_running_count == 0


def test_the_default_system_is_hi_lo_as_everybody_knows_it() -> None:
    assert counting("hi_lo").count_values == VALUES


def test_names_of_cards_are_understood() -> None:
    written = {**{rank: value for rank, value in VALUES.items() if rank not in {"10", "A"}}, "T": -1, "11": -1}
    assert counting({"count_values": written}).count_values == VALUES


def test_pictures_that_count_like_tens_are_understood() -> None:
    assert counting({"count_values": VALUES | {"J": -1, "Q": -1, "k": -1}}).count_values == VALUES


def test_words_for_methods_are_understood() -> None:
    system = counting(
        {"count_values": VALUES, "true_count_method": "Truncated", "decision_count_type": "running count"}
    )
    assert (system.true_count_method, system.decision_count_type) == ("truncate", "running")


def test_a_child_changes_single_values() -> None:
    assert counting({"parent": "hi_lo", "count_values": {"7": 0.5}}).count_values == VALUES | {"7": 0.5}


REFUSED: list[tuple[Any, set[str]]] = [
    ({}, {""}),
    ({"count_values": {rank: 0 for rank in RANKS if rank != "7"}}, {"/count_values"}),
    ({"count_values": VALUES | {"J": 0}}, {"/count_values/J"}),
    ({"count_values": VALUES | {"7": 0.3}}, {"/count_values/7"}),
    ({"count_values": VALUES | {"7": 5}}, {"/count_values/7"}),
    ({"count_values": VALUES | {"7": None}}, {"/count_values/7"}),
    ({"count_values": VALUES | {"joker": 1}}, {"/count_values/joker"}),
    ({"count_values": [1, 2]}, {"/count_values"}),
    ({"count_values": VALUES, "true_count_method": "up"}, {"/true_count_method"}),
    ({"count_values": VALUES, "decision_count_type": 1}, {"/decision_count_type"}),
    ({"count_values": VALUES, "deck_estimation": "quarter"}, {"/deck_estimation"}),
    ({"count_values": VALUES, "initial_running_count": 0.1}, {"/initial_running_count"}),
]


@pytest.mark.parametrize(("system", "places"), REFUSED)
def test_a_wrong_system_is_a_problem_where_it_is_wrong(system: Any, places: set[str]) -> None:
    assert refused(system) == places


def test_every_default_is_known_by_its_name_in_any_case() -> None:
    assert all(counting(name.upper()).name == name for name in DEFAULTS["counting_system"])
