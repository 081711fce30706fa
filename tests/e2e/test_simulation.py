"""Simulation jobs over the client contracts: from the request to the report, with runners that die."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.e2e.installation import Installation
from tests.e2e.person import Person

SEED = 20_251_121
REQUEST: dict[str, Any] = {"casino": "six_deck_s17", "players": [{"profile": "default"}], "seed": SEED}


async def create(person: Person, **fields: Any) -> str:
    created = await person.post("/api/simulations/", REQUEST | fields, status=201)
    job_id: str = created["job_id"]
    return job_id


async def finished(person: Person, job_id: str) -> dict[str, Any]:
    await person.until(job_id, "done", "failed", "cancelled", seconds=90)
    found: dict[str, Any] = await person.get(f"/api/simulations/{job_id}/")
    assert found["status"] == "done", found
    return found


async def test_a_simulation_is_watched_to_its_result(person: Person) -> None:
    job_id = await create(person, num_rounds=5_000_000)
    async with person.socket(job_id, after=0) as socket:
        await socket.until_status("done")
    progress = [frame for frame in socket.of("progress") if frame["name"] == "rounds"]
    assert progress[-1]["done"] == progress[-1]["total"]
    assert {"rounds", "rounds_per_second", "seconds_left", "players"} <= progress[0]["data"].keys()
    found = await finished(person, job_id)
    assert found["request_data"] == REQUEST | {"num_rounds": 5_000_000}
    player = found["result_data"]["players"][0]
    assert abs(player["ev"] + 0.0043) < 4 * player["standard_error"]


async def test_the_report_and_the_table_can_be_fetched(person: Person) -> None:
    job_id = await create(person, num_rounds=100_000)
    await finished(person, job_id)
    report = await person.http.get(f"/api/simulations/{job_id}/report.html")
    assert report.status_code == 200
    assert "<svg" in report.text
    assert "default-src 'none'" in report.headers["content-security-policy"]
    table = await person.http.get(f"/api/simulations/{job_id}/result.csv")
    assert table.status_code == 200
    assert table.headers["content-type"].startswith("text/csv")


async def test_a_stop_gives_the_result_so_far_and_a_rerun_the_same_digest(person: Person) -> None:
    job_id = await create(person, num_rounds=100_000_000_000)
    async with person.socket(job_id, after=0) as socket:
        await socket.until(lambda frame: frame["kind"] == "progress")
        await person.post(f"/api/simulations/{job_id}/stop/")
        await socket.until_status("done")
    stopped = (await finished(person, job_id))["result_data"]
    assert stopped["stopped"] == "by_hand"
    again = await person.post(f"/api/simulations/{job_id}/rerun/", status=201)
    assert (await finished(person, again["job_id"]))["result_data"]["digest"] == stopped["digest"]


async def test_a_comparison_and_a_repricing_need_no_second_run(person: Person) -> None:
    compared = await person.post(
        "/api/simulations/",
        {
            "kind": "comparison",
            "a": {"casino": "six_deck_s17"},
            "b": {"casino": "six_deck_h17"},
            "num_rounds": 1_000_000,
        },
        status=201,
    )
    difference = (await finished(person, compared["job_id"]))["result_data"]["difference"][0]
    assert difference["interval"][0] < -0.0021 < difference["interval"][1]
    job_id = await create(person, num_rounds=1_000_000, players=[{"counting_strategy": "hi_lo"}])
    await finished(person, job_id)
    priced = await person.post(f"/api/simulations/{job_id}/reprice/", {"betting_strategy": "spread_1_12"}, status=200)
    assert priced["average_bet"] > 1


async def test_a_sweep_is_a_table_of_child_jobs(person: Person) -> None:
    body = {
        "kind": "sweep",
        "base": {"casino": "six_deck_s17"},
        "axes": [
            {"path": "/casino/reshuffle_penetration", "values": [0.5, 0.8]},
            {"path": "/casino/DAS", "values": [True, False]},
        ],
        "num_rounds": 100_000,
        "seed": SEED,
    }
    created = await person.post("/api/simulations/", body, status=201)
    cells = (await finished(person, created["job_id"]))["result_data"]["cells"]
    assert len(cells) == 4
    for cell in cells:
        child = await finished(person, cell["job_id"])
        assert child["result_data"]["digest"] == cell["digest"]


async def test_mistakes_are_named_with_their_places_before_any_job_exists(person: Person) -> None:
    body = {"casino": "no_such_casino", "num_rounds": 0, "players": [{"bankroll": -5}]}
    answer = await person.post("/api/simulations/", body, status=400)
    assert {error["pointer"] for error in answer["errors"]} == {"/casino", "/num_rounds", "/players/0/bankroll"}
    answer = await person.post("/api/jobs/", {"prompt": "x", "kind": "simulation", "request": body}, status=400)
    assert "/request/casino" in {error["pointer"] for error in answer["errors"]}
    assert await person.get("/api/simulations/") == []


async def test_simulations_of_others_do_not_exist(person: Person, somebody: Callable[[], Awaitable[Person]]) -> None:
    job_id = await create(person, num_rounds=1_000)
    other = await somebody()
    for path in ("", "result.csv", "report.html"):
        assert (await other.http.get(f"/api/simulations/{job_id}/{path}")).status_code == 404
    for action in ("stop", "rerun", "reprice"):
        body = {"betting_strategy": "flat"} if action == "reprice" else {}
        assert (await other.http.post(f"/api/simulations/{job_id}/{action}/", json=body)).status_code == 404


@pytest.mark.faults
async def test_killed_runners_change_no_digit(installation: Installation, person: Person) -> None:
    rounds = 150_000_000
    quiet = await finished(person, await create(person, num_rounds=rounds))
    job_id = await create(person, num_rounds=rounds)
    async with person.socket(job_id, after=0) as socket:
        for replica in ("runner-1", "runner-2", "runner-1"):
            await socket.until(lambda frame: frame["kind"] == "progress")
            installation.kill(replica)
        await socket.until_status("done")
    assert socket.seqs == list(range(1, len(socket.seqs) + 1))
    crashed = await finished(person, job_id)
    assert crashed["result_data"]["digest"] == quiet["result_data"]["digest"]
