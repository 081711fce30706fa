from __future__ import annotations

import json

import pytest

from tests.cli.simulation.conftest import Run
from tests.cli.simulation.fake_gateway import FakeGateway
from tests.cli.simulation.results import JOB, comparison, simulation

OTHER = "0198a000-0000-7000-8000-000000000002"
LISTED = {
    "description": "Simulation: six_deck_s17",
    "created_at": "2026-11-21T05:24:13Z",
    "result_data": None,
    "parent_id": None,
}
DEFAULTS = {
    "profiles": [
        {"profile_type": "casino", "name": "six_deck_s17"},
        {"profile_type": "casino", "name": "six_deck_h17"},
    ],
    "rules": [
        {
            "name": "hit_on_soft_17",
            "type": "boolean",
            "default": False,
            "description": "The dealer draws to a soft 17.",
            "synonyms": ["h17"],
        },
        {"name": "deck_count", "type": "integer", "default": 6, "description": "Decks.", "minimum": 1, "maximum": 8},
    ],
}


def test_simulations_are_listed_with_what_was_ordered(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["GET", "/api/simulations/"] = (
        200,
        [
            LISTED | {"job_id": JOB, "status": "done"},
            LISTED | {"job_id": OTHER, "status": "running", "parent_id": JOB},
        ],
    )
    assert run("simulate", "list").stdout.splitlines() == [
        f"{JOB}  done       2026-11-21 05:24  Simulation: six_deck_s17",
        f"{OTHER}  running    2026-11-21 05:24  Simulation: six_deck_s17 (a cell of {JOB})",
    ]


def test_a_list_with_results_tells_what_was_played_and_what_it_came_to(gateway: FakeGateway, run: Run) -> None:
    done = LISTED | {"job_id": JOB, "status": "done", "result_data": simulation(stopped="by_hand")}
    compared = done | {"result_data": comparison()}
    gateway.answers["GET", "/api/simulations/"] = (200, [done, compared, LISTED | {"job_id": JOB, "status": "queued"}])
    lines = run("simulate", "list", "--results").stdout.splitlines()
    assert lines[0].endswith("1 M rounds played · stopped by hand · EV of default -0.4200 % ± 0.0200 %")
    assert lines[1].endswith("ended at the target · difference of EV -0.2000 % ± 0.0040 %")
    assert lines[2].endswith("Simulation: six_deck_s17")


def test_an_empty_list_says_so_beside_the_output(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["GET", "/api/simulations/"] = (200, [])
    result = run("simulate", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "none\n")


def test_a_finished_one_is_shown(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation())
    result = run("simulate", "show", JOB, "--hands")
    assert result.exit_code == 0
    assert "-0.4200 %" in result.stdout
    assert "8 7 9 [P H], insured, bet 1: bust" in result.stdout


def test_an_unfinished_one_says_how_to_watch_it(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, None, status="running")
    result = run("simulate", "show", JOB)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"jobstream watch {JOB}" in result.stderr


def test_a_failed_one_has_no_result(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, None, status="failed")
    result = run("simulate", "show", JOB)
    assert (result.exit_code, result.stderr) == (1, "the simulation is failed and has no result\n")


def test_stop_asks_the_gateway_and_says_where_the_result_will_be(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["POST", f"/api/simulations/{JOB}/stop/"] = (202, {"version": 5})
    result = run("simulate", "stop", JOB)
    assert result.exit_code == 0
    assert f"jobstream simulate show {JOB}" in result.stderr


def test_one_that_no_runner_has_yet_is_stopped_all_the_same(gateway: FakeGateway, run: Run) -> None:
    early = [(409, {"detail": "Nobody waits.", "code": "nobody_waits"})] * 2
    gateway.simulation(JOB, None, status="running")
    gateway.answers["POST", f"/api/simulations/{JOB}/stop/"] = lambda: early.pop() if early else (202, {"version": 5})
    assert run("simulate", "stop", JOB).exit_code == 0


def test_a_finished_one_cannot_be_stopped(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation())
    gateway.answers["POST", f"/api/simulations/{JOB}/stop/"] = (409, {"detail": "Nobody.", "code": "nobody_waits"})
    result = run("simulate", "stop", JOB)
    said = f"it has already ended: it is done. See it:  jobstream simulate show {JOB}\n"
    assert (result.exit_code, result.stderr) == (1, said)


def test_one_that_goes_on_although_it_was_stopped_is_left_alone(
    gateway: FakeGateway, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.simulation.managing.STOP_SECONDS", 0.0)
    gateway.simulation(JOB, None, status="running")
    gateway.answers["POST", f"/api/simulations/{JOB}/stop/"] = (409, {"detail": "Nobody.", "code": "nobody_waits"})
    result = run("simulate", "stop", JOB)
    assert result.exit_code == 1
    assert "it is being stopped already, or no runner has begun it yet" in result.stderr


def test_a_rerun_with_the_same_digest_is_a_success(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(OTHER, simulation())
    old = gateway.answers["GET", f"/api/simulations/{OTHER}/"]
    gateway.answers["GET", f"/api/simulations/{JOB}/"] = old
    gateway.answers["POST", f"/api/simulations/{JOB}/rerun/"] = (201, {"job_id": OTHER, "status": "queued"})
    result = run("simulate", "rerun", JOB)
    assert result.exit_code == 0
    assert "The digest is the same." in result.stderr


def test_a_rerun_with_another_digest_is_none(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(OTHER, simulation(digest="dead" * 16, engine_version="2"))
    gateway.answers["GET", f"/api/simulations/{JOB}/"] = (200, {"job_id": JOB, "result_data": simulation()})
    gateway.answers["POST", f"/api/simulations/{JOB}/rerun/"] = (201, {"job_id": OTHER, "status": "queued"})
    result = run("simulate", "rerun", JOB)
    assert result.exit_code == 1
    assert "The digest differs" in result.stderr
    assert "it was engine 1 then, and is 2 now" in result.stderr


@pytest.mark.parametrize(
    ("status", "way"),
    [
        ("running", f"wait for its end first:  jobstream watch {JOB}"),
        ("failed", f"try it once more:  jobstream retry {JOB}"),
        ("cancelled", f"go on with it:  jobstream retry {JOB}"),
    ],
)
def test_what_has_no_result_is_not_run_again(gateway: FakeGateway, run: Run, status: str, way: str) -> None:
    gateway.simulation(JOB, None, status=status)
    result = run("simulate", "rerun", JOB)
    said = f"the simulation is {status} and has no result to compare with; {way}\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)
    assert all(method == "GET" for method, _, _ in gateway.asked)


def test_other_bets_are_priced(gateway: FakeGateway, run: Run) -> None:
    path = f"/api/simulations/{JOB}/reprice/"
    count = {"count": 2, "rounds": 9, "share": 0.5, "bet": 4, "ev": 0.01, "standard_error": 0.001}
    priced = {"ev": 0.0123, "score": 31.5, "by_count": [count], "assumption": "As if.", "bankroll": 5000.0}
    gateway.answers["POST", path] = (200, priced | {"betting_strategy": {"name": "spread"}, "name": "counter"})
    result = run("simulate", "reprice", JOB, "--betting", "spread_1_12", "--set", "min_bet=5")
    assert gateway.body_of("POST", path) == {
        "player": 0,
        "betting_strategy": {"parent": "spread_1_12", "min_bet": 5},
    }
    assert "1.2300 %" in result.stdout
    assert "31.500" in result.stdout
    assert f"spread on the rounds of {JOB} · bankroll 5,000" in result.stdout
    assert "counter" in result.stdout
    assert "As if." in result.stdout


def test_what_is_priced_shows_its_counts_on_demand(gateway: FakeGateway, run: Run) -> None:
    count = {"count": 2, "rounds": 9, "share": 0.5, "bet": 4, "ev": 0.01, "standard_error": 0.001}
    gateway.answers["POST", f"/api/simulations/{JOB}/reprice/"] = (200, {"ev": 0.01, "by_count": [count]})
    priced = ("simulate", "reprice", JOB, "--betting", "flat")
    assert "+2" not in run(*priced).stdout
    assert "+2" in run(*priced, "--counts").stdout


def test_a_name_to_price_stays_a_name(gateway: FakeGateway, run: Run) -> None:
    path = f"/api/simulations/{JOB}/reprice/"
    gateway.answers["POST", path] = (200, {"ev": 0.01})
    assert json.loads(run("simulate", "reprice", JOB, "--betting", "flat", "--json").stdout) == {"ev": 0.01}
    assert gateway.body_of("POST", path)["betting_strategy"] == "flat"


def test_the_defaults_are_profiles_and_rules(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["GET", "/api/simulations/defaults/"] = (200, DEFAULTS)
    text = run("simulate", "defaults").stdout
    assert "six_deck_h17" in text
    assert "integer, 1 to 8" in text


def test_a_rule_is_found_by_a_synonym(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["GET", "/api/simulations/defaults/"] = (200, DEFAULTS)
    assert run("simulate", "defaults", "h17").stdout.splitlines() == [
        "hit_on_soft_17: boolean, default false",
        "The dealer draws to a soft 17.",
        "also written: h17",
    ]


def test_an_unknown_rule_is_answered_with_those_there_are(gateway: FakeGateway, run: Run) -> None:
    gateway.answers["GET", "/api/simulations/defaults/"] = (200, DEFAULTS)
    result = run("simulate", "defaults", "moon")
    assert (result.exit_code, result.stderr) == (1, "there is no rule 'moon'; there are hit_on_soft_17, deck_count\n")


def test_watching_a_simulation_ends_with_its_result(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, simulation(), {"kind": "progress", "name": "rounds", "done": 5, "total": 10})
    result = run("watch", JOB)
    assert result.exit_code == 0
    assert "[progress] 5 of 10 rounds (50 %)\n--- done: The job is done.\n" in result.stdout
    assert "-0.4200 %" in result.stdout


def test_watching_a_job_without_an_app_ends_with_what_it_returned(gateway: FakeGateway, run: Run) -> None:
    gateway.simulation(JOB, None)
    gateway.answers["GET", f"/api/jobs/{JOB}/"] = (200, {"id": JOB, "kind": "digest", "status": "done", "version": 3})
    gateway.answers["GET", f"/api/apps/by-job/{JOB}/"] = (404, {"detail": "none", "code": "no_such_app"})
    gateway.answers["GET", f"/api/jobs/{JOB}/events/"] = (
        200,
        [{"version": 3, "type": "job_completed", "data": {"result": {"pages": 3}}}],
    )
    assert '"pages": 3' in run("watch", JOB).stdout
