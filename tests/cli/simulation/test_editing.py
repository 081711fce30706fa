from __future__ import annotations

from typing import Any

import click
import pytest

from cli.simulation.editing import assign, axis, pointer, rounds, share


@pytest.mark.parametrize(
    ("text", "number"),
    [("1000000", 10**6), ("1e9", 10**9), ("1_000", 1000), ("1,000", 1000), ("500M", 5 * 10**8), ("1.5G", 15 * 10**8)],
)
def test_a_number_of_rounds_is_read_in_the_forms_people_write(text: str, number: int) -> None:
    assert rounds(text) == number


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "many", "", "nan", "inf", "1e16", "M"])
def test_what_is_no_number_of_rounds_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no number of rounds"):
        rounds(text)


@pytest.mark.parametrize(("text", "number"), [("1e-4", 1e-4), ("0.01%", 1e-4), ("0.01 %", 1e-4)])
def test_a_share_may_be_a_percentage(text: str, number: float) -> None:
    assert share(text) == pytest.approx(number)


def assigned(document: dict[str, Any], *assignments: str) -> dict[str, Any]:
    for each in assignments:
        assign(document, each)
    return document


def test_a_named_casino_becomes_one_that_inherits_from_it() -> None:
    assert assigned({"casino": "six_deck_h17"}, "casino.DAS=false") == {
        "casino": {"parent": "six_deck_h17", "DAS": False}
    }


def test_a_casino_that_was_left_out_inherits_from_the_default_one() -> None:
    assert assigned({}, "casino.hit_on_soft_17=true")["casino"] == {"parent": "six_deck_s17", "hit_on_soft_17": True}


def test_values_that_are_no_json_are_words() -> None:
    assert assigned({}, "casino.blackjack_payout=6:5")["casino"]["blackjack_payout"] == "6:5"


def test_a_named_player_can_be_changed() -> None:
    assert assigned({"players": ["high_roller"]}, "players.0.bankroll=500") == {
        "players": [{"parent": "high_roller", "bankroll": 500}]
    }


def test_a_strategy_of_a_player_can_be_changed_once_it_is_named() -> None:
    found = assigned({}, "players.0.betting_strategy=spread_1_12", "players.0.betting_strategy.min_bet=10")
    assert found["players"] == [{"betting_strategy": {"parent": "spread_1_12", "min_bet": 10}}]


def test_a_part_of_a_strategy_nobody_named_is_refused_with_the_way_out() -> None:
    with pytest.raises(click.UsageError, match=r"set it first: --set players\.0\.betting_strategy=NAME"):
        assign({}, "players.0.betting_strategy.min_bet=10")


def test_a_pointer_serves_where_names_hold_dots_or_slashes() -> None:
    assert assigned({}, "/a~1b/c.d=1") == {"a/b": {"c.d": 1}}


@pytest.mark.parametrize("text", ["casino", "=5", "players.7.bankroll=1", "players.x.bankroll=1", "seed.deep=1"])
def test_an_assignment_that_leads_nowhere_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        assign({"seed": 5}, text)


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("casino.deck_count=1,2,infinite", "/casino/deck_count", [1, 2, "infinite"]),
        ("casino.reshuffle_penetration=0.5:0.8:0.1", "/casino/reshuffle_penetration", [0.5, 0.6, 0.7, 0.8]),
        ("casino.deck_count=2:8:2", "/casino/deck_count", [2, 4, 6, 8]),
        ("/casino=six_deck_s17,six_deck_h17", "/casino", ["six_deck_s17", "six_deck_h17"]),
        ('players.0.betting_strategy=["flat", {"bet_ramp": {"1": 2}}]', "/players/0/betting_strategy",
         ["flat", {"bet_ramp": {"1": 2}}]),
    ],
)  # fmt: skip
def test_an_axis_lists_its_values_or_steps(text: str, path: str, values: list[Any]) -> None:
    assert axis(text) == {"path": path, "values": values}


@pytest.mark.parametrize("text", ["", "casino", "casino=", "=1,2", "a=[1", "a=2:1:1", "a=0:1:0", "a=0:9999:0.1"])
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        axis(text)


def test_a_dotted_path_is_a_pointer() -> None:
    assert (pointer("casino.DAS"), pointer("/casino/DAS")) == ("/casino/DAS", "/casino/DAS")
