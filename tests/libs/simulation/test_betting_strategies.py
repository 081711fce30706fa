"""How betting strategies are read: no number's meaning is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from libs.blackjack.configuration import RampStep
from tests.libs.simulation.asking import betting, notes, problems

PLACE = "/players/0/betting_strategy"


def steps(strategy: Any) -> list[tuple[int | None, float]]:
    return [(step.from_count, step.bet) for step in betting(strategy).bet_ramp]


def refused(strategy: Any) -> dict[str, str]:
    found = problems(players=[{"betting_strategy": strategy}])
    return {pointer.removeprefix(PLACE): detail for pointer, detail in found.items()}


def noted(strategy: Any) -> dict[str, str]:
    found = notes(players=[{"betting_strategy": strategy}])
    return {pointer.removeprefix(PLACE): detail for pointer, detail in found.items()}


FORMS = [
    {"-Infinity": 1, "2": 4},
    {"2": 4, "-infinity": 1},
    {"+2": 4, "-Infinity": 1},
    [{"count_threshold": "-Infinity", "bet_multiplier": 1}, {"count_threshold": 2, "bet_multiplier": 4}],
    [{"from_count": 2, "units": 4}, {"from_count": None, "units": 1}],
]


@pytest.mark.parametrize("ramp", FORMS)
def test_every_form_of_a_ramp_comes_to_the_same(ramp: Any) -> None:
    assert steps({"min_bet": 10, "bet_unit": "units", "bet_ramp": ramp}) == [(None, 10), (2, 40)]


def test_money_is_taken_as_it_is() -> None:
    assert steps({"min_bet": 10, "bet_unit": "money", "bet_ramp": {"-Infinity": 10, "1": 25}}) == [(None, 10), (1, 25)]


def test_numbers_of_no_stated_meaning_are_units_and_that_is_noted() -> None:
    strategy = {"min_bet": 10, "bet_ramp": {"-Infinity": 1, "2": 4}}
    assert steps(strategy) == [(None, 10), (2, 40)]
    assert noted(strategy)["/bet_ramp"].startswith("The ramp's numbers were read as units of `min_bet`, 10")


def test_a_step_that_says_bet_means_money() -> None:
    assert steps({"bet_ramp": [{"from_count": None, "bet": 15}]}) == [(None, 15)]


def test_without_a_ramp_the_minimum_is_bet() -> None:
    assert steps({"min_bet": 25}) == [(None, 25)]
    assert "" in noted({"min_bet": 25})


def test_the_minimum_of_a_ramp_in_money_is_its_lowest_bet() -> None:
    strategy = {"bet_unit": "money", "bet_ramp": {"-Infinity": 0, "1": 15, "2": 30}}
    assert betting(strategy).min_bet == 15
    assert "/bet_ramp" in noted(strategy)


def test_a_child_may_change_the_unit_of_an_inherited_ramp() -> None:
    assert steps({"parent": "spread_1_12", "min_bet": 25})[-1] == (5, 300)


def test_a_childs_ramp_takes_the_place_of_the_whole_inherited_one() -> None:
    assert steps({"parent": "spread_1_12", "bet_ramp": {"-Infinity": 1, "4": 20}}) == [(None, 1), (4, 20)]


def test_a_bet_of_nothing_sits_out() -> None:
    assert steps({"bet_ramp": {"-Infinity": 0, "1": 1}})[0] == (None, 0)


def test_cents_are_exact() -> None:
    assert steps({"min_bet": 0.1, "bet_ramp": {"-Infinity": 1, "1": 3}})[1] == (1, 0.3)


REFUSED: list[tuple[Any, set[str]]] = [
    ({"bet_ramp": {"1": 10}}, {"/bet_ramp"}),
    ({"bet_ramp": {}}, {"/bet_ramp"}),
    ({"bet_ramp": []}, {"/bet_ramp"}),
    ({"bet_ramp": {"-20": 1, "1": 2}}, {"/bet_ramp/-20"}),
    ({"bet_ramp": {"-Infinity": 1, "x": 2}}, {"/bet_ramp/x"}),
    ({"bet_ramp": {"-Infinity": 1, "1.5": 2}}, {"/bet_ramp/1.5"}),
    ({"bet_ramp": {"-Infinity": 1, "1": 2, "+1": 3}}, {"/bet_ramp/+1"}),
    ({"bet_ramp": {"-Infinity": 1, "1": -2}}, {"/bet_ramp/1"}),
    ({"bet_ramp": {"-Infinity": 1, "1": "two"}}, {"/bet_ramp/1"}),
    ({"bet_ramp": {"-Infinity": 1, "1": float("nan")}}, {"/bet_ramp/1"}),
    ({"bet_ramp": {"-Infinity": 0}}, {"/bet_ramp"}),
    ({"bet_ramp": 5}, {"/bet_ramp"}),
    ({"bet_ramp": [{"count_threshold": 1}]}, {"/bet_ramp/0"}),
    ({"bet_ramp": [{"from_count": None, "bet": 1, "units": 1}]}, {"/bet_ramp/0"}),
    ({"bet_ramp": [7]}, {"/bet_ramp/0"}),
    ({"bet_ramp": [{"from_count": None, "bet": 5}, {"from_count": 1, "units": 2}]}, {"/bet_ramp"}),
    ({"bet_unit": "money", "bet_ramp": [{"from_count": None, "units": 5}]}, {"/bet_unit"}),
    ({"bet_unit": "chips"}, {"/bet_unit"}),
    ({"min_bet": 0}, {"/min_bet"}),
    ({"min_bet": 0.001}, {"/min_bet"}),
    ({"min_bet": -5}, {"/min_bet"}),
    ({"min_bet": 10, "bet_unit": "money", "bet_ramp": {"-Infinity": 5}}, {"/bet_ramp/-Infinity"}),
    ({"min_bet": 0.01, "bet_ramp": {"-Infinity": 1, "1": 1.5}}, {"/bet_ramp/1"}),
    ({"min_bet": 0.01, "bet_unit": "money", "bet_ramp": {"-Infinity": 0.01, "1": 200}}, {"/bet_ramp"}),
    ({"min_bet": 1000, "bet_ramp": {"-Infinity": 1, "1": 1001}}, {"/bet_ramp/1"}),
    ({"bet_spread": 4, "bet_ramp": {"-Infinity": 1, "1": 5}}, {"/bet_spread"}),
    ({"bet_spread": "wide"}, {"/bet_spread"}),
    ({"num_hands": 0}, {"/num_hands"}),
    ({"num_hands": 4}, {"/num_hands"}),
]


@pytest.mark.parametrize(("strategy", "places"), REFUSED)
def test_a_wrong_strategy_is_a_problem_where_it_is_wrong(strategy: Any, places: set[str]) -> None:
    assert refused(strategy).keys() == places


def test_a_ramp_that_ends_says_how_to_go_on() -> None:
    assert '"-Infinity"' in refused({"bet_ramp": {"1": 10}})["/bet_ramp"]


def test_a_spread_may_be_written_as_people_say_it() -> None:
    assert betting({"bet_spread": "1-12", "bet_ramp": {"-Infinity": 1, "5": 12}}).bet_ramp[1] == RampStep(
        from_count=5, bet=12
    )
