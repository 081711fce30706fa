"""What `simulate`, `compare` and `sweep` send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.simulation.conftest import Run
from tests.cli.simulation.fake_gateway import FakeGateway
from tests.cli.simulation.results import JOB, simulation

CREATE = ("POST", "/api/simulations/")


@pytest.fixture(autouse=True)
def job(gateway: FakeGateway) -> None:
    gateway.simulation(JOB, simulation())


def sent(gateway: FakeGateway, run: Run, *arguments: str, typed: str | None = None) -> Any:
    result = run("simulate", *arguments, "--no-watch", typed=typed)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{JOB}\n"
    return gateway.body_of(*CREATE)


def test_names_and_numbers_make_a_request(gateway: FakeGateway, run: Run) -> None:
    arguments = ["--casino", "six_deck_h17", "--betting", "spread_1_12", "--rounds", "1e9", "--seed", "7"]
    assert sent(gateway, run, *arguments) == {
        "casino": "six_deck_h17",
        "players": [{"betting_strategy": "spread_1_12"}],
        "num_rounds": 10**9,
        "seed": 7,
    }


def test_nothing_at_all_is_a_hundred_million_rounds_of_the_defaults(gateway: FakeGateway, run: Run) -> None:
    assert sent(gateway, run, "run") == {"num_rounds": 10**8}


def test_a_target_is_enough_to_end_it(gateway: FakeGateway, run: Run) -> None:
    assert sent(gateway, run, "--target-se", "0.01%") == {"target_standard_error": 0.0001}


def test_options_add_to_a_file(gateway: FakeGateway, run: Run, tmp_path: Path) -> None:
    given = {"casino": {"deck_count": 2}, "num_rounds": 5000, "seed": 1}
    (tmp_path / "request.json").write_text(json.dumps(given))
    assert sent(gateway, run, "request.json", "--seed", "2", "--set", "casino.DAS=false") == {
        "casino": {"deck_count": 2, "DAS": False},
        "num_rounds": 5000,
        "seed": 2,
    }


@pytest.mark.parametrize(
    "length", [{"rounds": 5000}, {"Number of Rounds": 5000}, {"target_se": 0.01}, {"blocks": 7}, {"num-rounds": "5M"}]
)
def test_a_length_in_any_spelling_is_left_as_it_is(gateway: FakeGateway, run: Run, length: dict[str, object]) -> None:
    assert sent(gateway, run, "-", typed=json.dumps(length)) == length


def test_a_length_that_is_null_is_filled_in(gateway: FakeGateway, run: Run) -> None:
    assert sent(gateway, run, "-", typed='{"rounds": null, "seed": 1}') == {"num_rounds": 10**8, "seed": 1}


def test_an_option_takes_the_place_of_a_synonym_in_the_file(gateway: FakeGateway, run: Run) -> None:
    assert sent(gateway, run, "-", "--rounds", "9", typed='{"rounds": 5000}') == {"num_rounds": 9}


def test_a_request_comes_from_standard_input(gateway: FakeGateway, run: Run) -> None:
    assert sent(gateway, run, "-", typed='{"num_rounds": 5}') == {"num_rounds": 5}


def test_profiles_come_from_files_and_from_the_command_line_itself(
    gateway: FakeGateway, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "ramp.json").write_text('{"bet_ramp": {"1": 10}}')
    found = sent(gateway, run, "--betting", "ramp.json", "--casino", '{"deck_count": 1}', "--rounds", "9")
    assert found["players"] == [{"betting_strategy": {"bet_ramp": {"1": 10}}}]
    assert found["casino"] == {"deck_count": 1}


def test_several_players_sit_at_one_table_and_share_what_is_said_of_every_player(
    gateway: FakeGateway, run: Run
) -> None:
    found = sent(gateway, run, "--player", "ann", "--player", "bob", "--counting", "none", "--rounds", "9")
    assert found["players"] == [
        {"parent": "ann", "counting_strategy": "none"},
        {"parent": "bob", "counting_strategy": "none"},
    ]


def test_a_player_out_of_a_file_sits_down_as_they_are(gateway: FakeGateway, run: Run) -> None:
    found = sent(gateway, run, "--player", '{"name": "eve", "bankroll": 5}', "--bankroll", "7", "--rounds", "9")
    assert found["players"] == [{"name": "eve", "bankroll": 7}]


def test_a_file_of_another_kind_is_ordered_as_that(gateway: FakeGateway, run: Run, tmp_path: Path) -> None:
    given = {"a": {"casino": "six_deck_s17"}, "b": {"casino": "six_deck_h17"}, "num_rounds": 5}
    (tmp_path / "request.json").write_text(json.dumps(given))
    assert sent(gateway, run, "request.json") == given | {"kind": "comparison"}


def test_options_of_one_table_do_not_fit_a_comparison(run: Run, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"a": {}, "b": {}}')
    result = run("simulate", "request.json", "--casino", "six_deck_s17")
    assert result.exit_code == 2
    assert "use `simulate compare`" in result.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "request.json is not JSON"), ("[]", "request.json holds no JSON object"), (None, "cannot be read")],
)
def test_a_file_that_is_no_request_is_explained(run: Run, tmp_path: Path, content: str | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "request.json").write_text(content)
    result = run("simulate", "request.json")
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_files_are_not_promised_for_what_is_not_waited_for(gateway: FakeGateway, run: Run) -> None:
    result = run("simulate", "--rounds", "9", "--no-watch", "--html", "report.html")
    assert (result.exit_code, gateway.asked) == (2, [])


def test_two_casinos_are_compared_with_the_same_players(gateway: FakeGateway, run: Run) -> None:
    found = sent(gateway, run, "compare", "six_deck_s17", "six_deck_h17", "--betting", "flat", "--rounds", "9")
    player = [{"betting_strategy": "flat"}]
    assert found == {
        "kind": "comparison",
        "a": {"casino": "six_deck_s17", "players": player},
        "b": {"casino": "six_deck_h17", "players": player},
        "num_rounds": 9,
    }


def test_b_is_a_with_what_is_set_for_it_alone(gateway: FakeGateway, run: Run) -> None:
    found = sent(gateway, run, "compare", "six_deck_s17", "--set-b", "casino.DAS=false", "--rounds", "9")
    assert found["a"] == {"casino": "six_deck_s17"}
    assert found["b"] == {"casino": {"parent": "six_deck_s17", "DAS": False}}


def test_what_files_say_of_the_run_holds_for_both_sides(gateway: FakeGateway, run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"casino": "six_deck_s17", "seed": 3, "num_rounds": 7}')
    (tmp_path / "b.json").write_text('{"players": [{"counting_strategy": "none"}], "num_rounds": 7}')
    found = sent(gateway, run, "compare", "a.json", "b.json")
    assert found["b"] == {"casino": "six_deck_s17", "players": [{"counting_strategy": "none"}]}
    assert (found["seed"], found["num_rounds"]) == (3, 7)


def test_two_files_that_disagree_on_the_run_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"seed": 3}')
    (tmp_path / "b.json").write_text('{"seed": 4}')
    result = run("simulate", "compare", "a.json", "b.json")
    assert result.exit_code == 2
    assert "differ in seed" in result.stderr


def test_a_comparison_needs_two_sides(run: Run) -> None:
    result = run("simulate", "compare", "six_deck_s17")
    assert result.exit_code == 2
    assert "there is no B" in result.stderr


def test_a_sweep_varies_its_axes_over_a_base(gateway: FakeGateway, run: Run) -> None:
    axes = ["--axis", "casino.reshuffle_penetration=0.5,0.75", "--axis", "casino.deck_count=2:6:2"]
    found = sent(gateway, run, "sweep", "--casino", "six_deck_h17", *axes, "--rounds", "9", "--set", "mode=ev")
    assert found == {
        "kind": "sweep",
        "base": {"casino": "six_deck_h17"},
        "axes": [
            {"path": "/casino/reshuffle_penetration", "values": [0.5, 0.75]},
            {"path": "/casino/deck_count", "values": [2, 4, 6]},
        ],
        "num_rounds": 9,
        "mode": "ev",
    }


def test_a_sweep_of_nothing_is_refused(run: Run) -> None:
    result = run("simulate", "sweep", "--rounds", "9")
    assert result.exit_code == 2
    assert "nothing varies" in result.stderr


def test_every_mistake_in_a_request_is_told_with_its_place(gateway: FakeGateway, run: Run) -> None:
    problem = {
        "detail": "The request has two mistakes.",
        "code": "invalid_request",
        "errors": [
            {"pointer": "/casino/reshuffle_penetration", "detail": "A share is expected, not 101."},
            {"pointer": "/num_rounds", "detail": "1 to 10^12 rounds are expected, not 0."},
        ],
    }
    gateway.answers[CREATE] = (400, problem)
    result = run("simulate", "--rounds", "9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "The request has two mistakes.",
        "/casino/reshuffle_penetration: A share is expected, not 101.",
        "/num_rounds: 1 to 10^12 rounds are expected, not 0.",
    ]


def test_who_is_told_the_places_is_not_told_which_member_holds_them(gateway: FakeGateway, run: Run) -> None:
    errors = [{"pointer": "/seed", "detail": "No."}, {"pointer": "/mode", "detail": "Neither."}]
    detail = "2 things are wrong; `errors` names the place of each."
    gateway.answers[CREATE] = (400, {"detail": detail, "code": "invalid_request", "errors": errors})
    lines = run("simulate", "--rounds", "9").stderr.splitlines()
    assert lines == ["2 things are wrong:", "/seed: No.", "/mode: Neither."]


def test_what_was_understood_is_told_and_keeps_out_of_the_output(gateway: FakeGateway, run: Run) -> None:
    notes = [{"pointer": "/casino/penetration", "detail": "75 was read as 0.75."}]
    gateway.simulation(JOB, simulation(), notes=notes)
    result = run("simulate", "--rounds", "9", "--no-watch")
    assert (result.stdout, result.stderr) == (f"{JOB}\n", "/casino/penetration: 75 was read as 0.75.\n")


def test_who_is_not_signed_in_is_told_how(gateway: FakeGateway, run: Run) -> None:
    gateway.answers[CREATE] = (401, {"detail": "An access token is needed.", "code": "token_missing"})
    result = run("simulate", "--rounds", "9")
    assert (result.exit_code, result.stderr) == (1, "You are not signed in: use `jobstream login`.\n")
