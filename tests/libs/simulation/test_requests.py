"""What a request for a simulation or a comparison comes to."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from libs.simulation.request import (
    InvalidRequest,
    Order,
    Profiles,
    configuration_hash,
    defaults,
    describe,
    prepare,
    request_of,
)
from tests.libs.simulation.asking import NOBODY, SEED, comparison, notes, problems, simulation, sweep


def test_the_simplest_request_is_a_number_of_rounds() -> None:
    order = simulation()
    assert order.configuration.casino.name == "six_deck_s17"
    assert [player.name for player in order.configuration.players] == ["default"]
    assert (order.run.rounds_max, order.run.seed) == (1000, SEED)


def test_too_many_players_are_counted() -> None:
    assert problems(players=[{}] * 8)["/players"] == "An array of 1 to 7 players is expected, not an array of 8."


def test_what_was_sent_is_kept() -> None:
    request = {"num_rounds": 5, "casino": {"num_decks": 2}}
    assert prepare("simulation", request, NOBODY, SEED).given == request


def test_a_seed_of_the_request_goes_before_a_drawn_one() -> None:
    assert simulation(seed=0).run.seed == 0


def test_a_target_has_a_limit_of_rounds_and_says_so() -> None:
    order = simulation(num_rounds=None, target_standard_error=0.0001)
    assert order.run.rounds_max == 10**10
    assert [note.pointer for note in order.notes] == ["/target_standard_error"]


def test_blocks_are_exact() -> None:
    assert simulation(num_rounds=None, blocks=12).run.blocks == 12


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert simulation(num_rounds=1e9).run.rounds_max == 10**9


@pytest.mark.parametrize("text", ["5M", "5e6", "5000000", "5,000,000", "5_000_000", "0.005bn", "5000 k"])
def test_a_number_of_rounds_may_be_written_as_people_do(text: str) -> None:
    order = simulation(num_rounds=text)
    assert order.run.rounds_max == 5_000_000
    assert [note.detail for note in order.notes] == [f'"{text}" was read as 5,000,000.']


@pytest.mark.parametrize(
    "text", ["", "5 M M", "5,00", "0x10", "1e400", "-5M", "5%", "١٢", "nan", "inf", "1.5", "9" * 30]
)
def test_text_that_is_no_number_of_rounds_is_a_problem(text: str) -> None:
    assert problems(num_rounds=text).keys() == {"/num_rounds"}


def test_a_target_may_be_a_percentage() -> None:
    assert simulation(num_rounds=None, target_standard_error="0.01%").run.target_standard_error == 0.0001


LENGTHS: list[tuple[dict[str, Any], set[str]]] = [
    ({"num_rounds": None}, {""}),
    ({"num_rounds": 0}, {"/num_rounds"}),
    ({"num_rounds": 10**15}, {"/num_rounds"}),
    ({"num_rounds": 10**400}, {"/num_rounds"}),
    ({"num_rounds": 1.5}, {"/num_rounds"}),
    ({"num_rounds": "many"}, {"/num_rounds"}),
    ({"blocks": 5}, {"/blocks"}),
    ({"blocks": 0}, {"/blocks"}),
    ({"num_rounds": None, "mode": "sessions", "session_rounds": 100_000, "blocks": 10**12}, {"/blocks"}),
    ({"target_standard_error": 0}, {"/target_standard_error"}),
    ({"target_standard_error": 1e-9}, {"/target_standard_error"}),
    ({"rounds": 5}, {"/rounds"}),
    ({"seed": -1}, {"/seed"}),
    ({"seed": 2**53}, {"/seed"}),
    ({"mode": "fast"}, {"/mode"}),
    ({"session_rounds": 0, "mode": "sessions"}, {"/session_rounds"}),
    ({"win_goal": -5, "mode": "sessions"}, {"/win_goal"}),
    ({"win_goal": 900, "mode": "sessions"}, {"/win_goal"}),
    ({"include_hand_history": 1}, {"/include_hand_history"}),
    ({"wait": True}, {"/wait"}),
    ({"players": []}, {"/players"}),
    ({"players": ["default"] * 8}, {"/players"}),
    ({"players": {"name": "x"}}, {"/players"}),
    ({"players": [5]}, {"/players/0"}),
    ({"players": [{"bankroll": -1}]}, {"/players/0/bankroll"}),
    ({"players": [{"bankroll": 0}]}, {"/players/0/bankroll"}),
    ({"players": [{"bankroll": 1e300}]}, {"/players/0/bankroll"}),
    ({"players": [{"profile": "nobody"}]}, {"/players/0/profile"}),
    ({"players": [{"playing_strategy": 5}]}, {"/players/0/playing_strategy"}),
    ({"casino": "single_deck_s17", "players": ["default"] * 3}, {"/players"}),
    ({"casino": {"deck_count": 2}, "players": ["default"] * 5}, {"/players"}),
    ({"mode": "sessions", "players": [{"bankroll": 5, "betting_strategy": {"min_bet": 10}}]}, {"/players/0/bankroll"}),
]


@pytest.mark.parametrize(("request_", "places"), LENGTHS)
def test_a_wrong_request_is_a_problem_where_it_is_wrong(request_: dict[str, Any], places: set[str]) -> None:
    assert problems(**request_).keys() == places


@pytest.mark.parametrize("request_", [None, 5, "x", [], [{}], True])
def test_a_request_is_an_object(request_: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepare("simulation", request_, NOBODY, SEED)
    assert [problem.pointer for problem in caught.value.problems] == [""]


def test_an_unknown_kind_is_a_problem() -> None:
    with pytest.raises(InvalidRequest):
        prepare("raffle", {"num_rounds": 1}, NOBODY, SEED)


def test_a_kind_in_the_request_is_the_jobs() -> None:
    with pytest.raises(InvalidRequest, match="/kind"):
        prepare("simulation", {"kind": "sweep", "num_rounds": 1}, NOBODY, SEED)
    assert prepare("simulation", {"kind": "simulation", "num_rounds": 1}, NOBODY, SEED)


def test_problems_of_all_parts_are_found_at_once() -> None:
    found = problems(
        num_rounds=0,
        casino={"penetration": 0, "num_decks": 9},
        players=[
            {"bankroll": -1, "betting_strategy": {"bet_ramp": {"1": 1}}, "counting_strategy": {}},
            {"playing_strategy": {"hard": {}}},
        ],
        seed="x",
    )
    assert found.keys() == {
        "/num_rounds",
        "/seed",
        "/casino/penetration",
        "/casino/num_decks",
        "/players/0/bankroll",
        "/players/0/betting_strategy/bet_ramp",
        "/players/0/counting_strategy",
        "/players/1/playing_strategy",
        "/players/1/playing_strategy/hard",
    }


def test_a_place_is_written_as_json_pointers_are() -> None:
    assert problems(casino={"a/b~c": 1}).keys() == {"/casino/a~1b~0c"}


def test_a_request_nested_too_deep_is_refused() -> None:
    deep: Any = {}
    for _ in range(5000):
        deep = {"parent": deep}
    assert len(problems(casino=deep)) == 1


def test_a_request_of_very_many_mistakes_is_answered_with_the_first() -> None:
    found = problems(casino={f"x{number}": 1 for number in range(5000)})
    assert len(found) == 501


def test_text_that_is_no_text_is_refused() -> None:
    assert problems(casino={"name": "\ud800"}).keys() == {"/casino/name"}


def test_a_normalised_configuration_is_a_request_for_itself() -> None:
    order = simulation(
        casino={"num_decks": 2, "h17": True, "double_down_restrictions": "9-11"}, players=["default", {}]
    )
    again = prepare("simulation", request_of(order), NOBODY, 0)
    assert again.configuration == order.configuration
    assert again.run == order.run
    assert again.notes == ()


def test_a_comparison_is_a_request_for_itself() -> None:
    order = comparison(
        a={"casino": "double_deck_h17"}, b={"casino": {"DAS": False}}, mode="sessions", session_rounds=50
    )
    again = prepare("comparison", request_of(order), NOBODY, 0)
    assert (again.a, again.b, again.run) == (order.a, order.b, order.run)


@pytest.mark.parametrize("kind", ["simulation", "comparison", "sweep"])
def test_an_order_survives_being_stored(kind: str) -> None:
    parts = {"comparison": {"a": {}, "b": {}}, "sweep": {"axes": [{"path": "/casino/DAS", "values": [True, False]}]}}
    order = prepare(kind, {"num_rounds": 9} | parts.get(kind, {}), NOBODY, SEED)
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order


def test_equal_configurations_have_equal_hashes() -> None:
    one, other = simulation(casino={"num_decks": 6, "penetration": 75}), simulation(casino={"deck_count": 6})
    assert configuration_hash(one.configuration) == configuration_hash(other.configuration)
    assert configuration_hash(one.configuration) != configuration_hash(simulation(casino="six_deck_h17").configuration)


def test_what_counts_only_in_sessions_is_left_out_of_others() -> None:
    assert simulation(session_rounds=50).configuration == simulation().configuration
    assert notes(session_rounds=50).keys() == {"/session_rounds"}


def test_bets_by_a_count_that_nobody_keeps_are_noted() -> None:
    found = notes(players=[{"betting_strategy": "spread_1_12", "counting_strategy": "none"}])
    assert found == {"/players/0/counting_strategy": "`none` counts nothing: every bet is the ramp's at a count of 0."}


def test_surrender_that_is_never_allowed_is_noted() -> None:
    found = notes(players=[{"playing_strategy": {"parent": "basic", "hard": {"16": {"10": "R"}}}}])
    assert found.keys() == {"/players/0/playing_strategy"}


# Comparisons


def test_what_b_does_not_say_is_as_in_a() -> None:
    order = comparison(
        a={"casino": {"num_decks": 2, "h17": True}, "players": [{"name": "ann", "bankroll": 5}]},
        b={"casino": {"h17": False}, "players": [{"betting_strategy": "spread_1_12"}]},
    )
    assert (order.b.casino.deck_count, order.b.casino.hit_on_soft_17) == (2, False)
    assert (order.b.players[0].name, order.b.players[0].bankroll) == ("ann", 5)
    assert order.b.players[0].betting_strategy.name == "spread_1_12"


def test_b_may_be_as_a_in_all() -> None:
    order = comparison(a={"casino": "infinite_s17"}, b={})
    assert order.a == order.b


def test_both_sides_have_as_many_players() -> None:
    assert problems("comparison", a={}, b={"players": ["default", "default"]}).keys() == {"/b"}


def test_both_sides_are_needed() -> None:
    assert problems("comparison", a={}).keys() == {""}


def test_problems_of_both_sides_are_found() -> None:
    found = problems("comparison", a={"casino": {"num_decks": 0}}, b={"players": [{"bankroll": -1}]})
    assert found.keys() == {"/a/casino/num_decks", "/b/players/0/bankroll"}


# Descriptions and defaults


def test_an_order_is_described_in_a_line() -> None:
    assert describe(simulation()) == (
        "Simulation: six_deck_s17 (6 decks, S17, DAS), default (basic, flat, hi_lo); 1,000 rounds"
    )
    assert describe(comparison(a={}, b={"casino": "infinite_s17"})).startswith("Comparison: six_deck_s17")
    assert describe(sweep(axes=[{"path": "/casino/DAS", "values": [True, False]}])).startswith("Sweep: DAS (2) on")


def test_every_default_is_shown_whole() -> None:
    shown = defaults()["profiles"]
    named = {(profile["profile_type"], profile["name"]) for profile in shown}
    assert {
        ("casino", "six_deck_s17"),
        ("casino", "six_deck_h17"),
        ("casino", "double_deck_h17"),
        ("casino", "single_deck_s17"),
        ("casino", "infinite_s17"),
        ("player", "default"),
        ("playing_strategy", "basic"),
        ("betting_strategy", "flat"),
        ("betting_strategy", "spread_1_12"),
        ("counting_system", "hi_lo"),
        ("counting_system", "none"),
    } <= named
    assert all(profile["normalised"] for profile in shown)


def test_every_rule_is_described() -> None:
    rules = defaults()["rules"]
    assert all(rule["description"] and rule["type"] for rule in rules)
    (decks,) = [rule for rule in rules if rule["name"] == "deck_count"]
    assert (decks["default"], decks["minimum"], decks["maximum"]) == (6, 1, 8)
    assert "num_decks" in decks["synonyms"]


def test_defaults_are_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(defaults())) == defaults()


def test_reading_requests_needs_no_numerical_libraries() -> None:
    program = (
        "import sys, libs.simulation.request; "
        "print(sorted({'numba', 'numpy', 'matplotlib'} & {name.split('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_profiles_are_only_looked_at() -> None:
    known = Profiles()
    simulation(known, profiles=[{"profile_type": "casino", "name": "x", "data": {}}], casino="x")
    assert problems(known=known, casino="x").keys() == {"/casino"}
