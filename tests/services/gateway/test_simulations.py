"""Simulations over HTTP: wanted, read, stopped, repeated and priced anew."""

from __future__ import annotations

import asyncio
import subprocess
from typing import Any
from uuid import UUID

import msgspec
import pytest

from libs.jobs.commands import SendSignal
from libs.jobs.events import JobCompleted, JobCreated, JobStarted, SignalAwaited
from libs.process.clock import new_id
from libs.simulation.csv_export import to_csv
from libs.simulation.request import configuration_hash
from services.gateway.rendering import as_html
from tests.services.gateway.desk import Desk, code_of
from tests.services.gateway.runs import ASKED, order_of, played, result_of, simulation

FIELDS = {"job_id", "user_id", "status", "request_data", "result_data", "created_at", "updated_at"}


# -- wanting one -------------------------------------------------------------------------------------------------------


async def test_a_simulation_is_a_job_with_the_whole_order(desk: Desk) -> None:
    answer = await desk.post("/api/simulations/", ASKED)
    assert answer.status_code == 201
    shown = answer.json()
    assert set(shown) >= FIELDS
    assert answer.headers["location"] == f"/api/simulations/{shown['job_id']}/"
    assert (shown["user_id"], shown["status"], shown["result_data"]) == (str(desk.ada.id), "queued", None)
    assert shown["request_data"] == ASKED
    assert shown["normalised"]["configuration"]["casino"]["deck_count"] == 6
    [(envelope, command)] = desk.commands.stored
    assert (str(envelope.stream.id), command.kind, command.talks) == (shown["job_id"], "simulation", False)
    assert command.request["given"] == ASKED
    assert shown["description"] == command.prompt != ""


async def test_it_can_be_read_at_once(desk: Desk) -> None:
    desk.commands.deciding = False
    created = (await desk.post("/api/simulations/", ASKED)).json()
    assert created["version"] == 0
    assert (await desk.get(f"/api/simulations/{created['job_id']}/")).json() == created


@pytest.mark.parametrize("models_up", [True, False])
async def test_it_is_shown_alike_before_and_after_its_first_event(desk: Desk, models_up: bool) -> None:
    created = (await desk.post("/api/simulations/", ASKED)).json()
    desk.models.up = models_up
    read = (await desk.get(f"/api/simulations/{created['job_id']}/")).json()
    assert read["version"] == 1
    assert read | {"version": 0} == created


async def test_what_was_understood_is_shown_back(desk: Desk) -> None:
    asked = {"casino": {"num_decks": 8, "reshuffle_penetration": 80}, "num_rounds": 100}
    shown = (await desk.post("/api/simulations/", asked)).json()
    assert shown["normalised"]["configuration"]["casino"]["reshuffle_penetration"] == 0.8
    assert {note["pointer"] for note in shown["notes"]} == {"/casino/num_decks", "/casino/reshuffle_penetration"}


async def test_a_seed_is_drawn_where_none_is_given(desk: Desk) -> None:
    seeds = {(await order_of(desk, await simulation(desk))).run.seed for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**53 for seed in seeds)
    assert (await order_of(desk, await simulation(desk, seed=7))).run.seed == 7


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("comparison", {"a": {"casino": "six_deck_s17"}, "b": {"casino": "six_deck_h17"}}),
        (
            "sweep",
            {
                "base": {"casino": "six_deck_s17"},
                "axes": [{"path": "/casino/reshuffle_penetration", "values": [0.5, 0.75]}],
            },
        ),
    ],
)
async def test_comparisons_and_sweeps_are_wanted_in_the_same_place(desk: Desk, kind: str, body: Any) -> None:
    asked = body | {"num_rounds": 1000}
    answer = await desk.post("/api/simulations/", asked | {"kind": kind})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["kind"], answer.json()["request_data"]) == (kind, asked)
    assert (await desk.get(f"/api/simulations/{answer.json()['job_id']}/")).json()["kind"] == kind


async def test_a_job_of_the_kind_is_the_same_thing(desk: Desk) -> None:
    answer = await desk.post("/api/jobs/", {"kind": "simulation", "request": ASKED})
    assert (answer.status_code, answer.json()["status"]) == (201, "queued")
    shown = (await desk.get(f"/api/simulations/{answer.json()['id']}/")).json()
    assert shown["request_data"] == ASKED
    assert answer.json()["prompt"] == shown["description"]


async def test_a_job_keeps_the_prompt_it_is_given(desk: Desk) -> None:
    answer = await desk.post("/api/jobs/", {"kind": "simulation", "prompt": "Is it worth it?", "request": ASKED})
    assert answer.json()["prompt"] == "Is it worth it?"


async def test_an_approval_can_be_asked_for(desk: Desk) -> None:
    await simulation(desk, approvals=["run"])
    assert desk.commands.stored[0][1].approvals == ("run",)
    assert "approvals" not in desk.commands.stored[0][1].request["given"]


# -- what bad input gets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {""}),
        ({"num_rounds": 0}, {"/num_rounds"}),
        ({"num_rounds": 10**15}, {"/num_rounds"}),
        ({"num_rounds": 10, "casino": "six_dek"}, {"/casino"}),
        ({"num_rounds": 10, "players": [{"bankroll": -1}]}, {"/players/0/bankroll"}),
        (
            {"num_rounds": 10, "casino": {"reshuffle_penetration": 101, "deck_count": 9}},
            {"/casino/reshuffle_penetration", "/casino/deck_count"},
        ),
        ({"num_rounds": 10, "nonsense": 1}, {"/nonsense"}),
        ({"kind": "comparison", "num_rounds": 10, "a": {"casino": "x"}, "b": {"casino": "y"}}, {"/a/casino", "/b/casino"}),
    ],
)  # fmt: skip
async def test_every_mistake_is_pointed_at_before_there_is_a_job(desk: Desk, body: Any, pointers: set[str]) -> None:
    answer = await desk.post("/api/simulations/", body)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_request")
    assert {fault["pointer"] for fault in answer.json()["errors"]} == pointers
    assert all(fault["detail"].endswith((".", "?")) for fault in answer.json()["errors"])
    assert not desk.commands.stored


async def test_in_a_job_the_mistakes_are_below_its_request(desk: Desk) -> None:
    answer = await desk.post("/api/jobs/", {"kind": "simulation", "request": {"casino": "six_dek", "num_rounds": 10}})
    assert (answer.status_code, code_of(answer)) == (400, "invalid_request")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/request/casino"]
    assert not desk.commands.stored


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null"])
async def test_what_is_no_object_is_refused(desk: Desk, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/api/simulations/", "/api/jobs/"):
        content = body if path == "/api/simulations/" else b'{"kind":"simulation","request":' + body + b"}"
        answer = await desk.call("POST", path, content=content, headers=headers)
        assert (answer.status_code, code_of(answer)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b'{"num_rounds": NaN}', "invalid_json"),
        (b'{"a":' * 5000, "invalid_json"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "invalid_input"),
        (b'{"kind": "poker"}', "unknown_kind"),
        (b'{"kind": ["simulation"]}', "unknown_kind"),
        (b'{"approvals": "x", "num_rounds": 1}', "invalid_input"),
        (b'{"approvals": ["a.b"], "num_rounds": 1}', "invalid_input"),
        (b"x" * 1_000_001, "too_large"),
    ],
)
async def test_what_cannot_be_read_is_refused(desk: Desk, body: bytes, code: str) -> None:
    answer = await desk.call("POST", "/api/simulations/", content=body, headers={"content-type": "application/json"})
    assert code_of(answer) == code
    assert not desk.commands.stored


async def test_a_kind_that_is_switched_off_is_unknown() -> None:
    async with Desk(job_kinds={"build": "talk"}).open() as desk:
        assert code_of(await desk.post("/api/simulations/", ASKED)) == "unknown_kind"


async def test_thousands_of_mistakes_make_no_endless_answer(desk: Desk) -> None:
    answer = await desk.post("/api/simulations/", {f"x{number}": 1 for number in range(5000)})
    assert code_of(answer) == "invalid_request"
    assert len(answer.json()["errors"]) == 100


# -- the same once more ------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_are_the_same_simulation_with_the_same_seed(desk: Desk) -> None:
    key = {"Idempotency-Key": "once"}
    first = await desk.post("/api/simulations/", ASKED, headers=key)
    again = await desk.post("/api/simulations/", ASKED, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json()["normalised"] == first.json()["normalised"]
    assert again.json()["job_id"] == first.json()["job_id"]
    assert len(desk.commands.stored) == 1


async def test_whoever_finishes_what_another_gateway_began_makes_the_same_simulation(desk: Desk) -> None:
    key = {"Idempotency-Key": "once"}
    desk.commands.reachable = False
    assert code_of(await desk.post("/api/simulations/", ASKED, headers=key)) == "log_unavailable"
    desk.commands.reachable = True
    [record] = desk.keys.claimed.values()
    answer = await desk.post("/api/simulations/", ASKED, headers=key)
    assert answer.json()["job_id"] == str(record.job_id)
    assert answer.json()["normalised"]["run"]["seed"] == record.seed


async def test_a_replay_does_not_care_what_became_of_the_profiles(desk: Desk) -> None:
    key = {"Idempotency-Key": "once"}
    data = {"parent": "six_deck_s17", "deck_count": 8}
    made = await desk.post("/api/profiles/", {"profile_type": "casino", "name": "club", "data": data})
    body = {"casino": "club", "num_rounds": 10}
    first = await desk.post("/api/simulations/", body, headers=key)
    await desk.call("DELETE", f"/api/profiles/{made.json()['id']}/")
    assert code_of(await desk.post("/api/simulations/", body)) == "invalid_request"
    again = await desk.post("/api/simulations/", body, headers=key)
    assert (again.status_code, again.json()["job_id"]) == (201, first.json()["job_id"])


async def test_a_key_is_not_used_up_by_a_request_that_is_refused(desk: Desk) -> None:
    key = {"Idempotency-Key": "once"}
    assert code_of(await desk.post("/api/simulations/", {"num_rounds": 0}, headers=key)) == "invalid_request"
    assert (await desk.post("/api/simulations/", ASKED, headers=key)).status_code == 201


async def test_another_body_under_the_key_is_refused(desk: Desk) -> None:
    key = {"Idempotency-Key": "once"}
    await desk.post("/api/simulations/", ASKED, headers=key)
    assert code_of(await desk.post("/api/simulations/", ASKED | {"seed": 1}, headers=key)) == "idempotency_mismatch"


async def test_two_at_once_under_one_key_are_one(desk: Desk) -> None:
    key = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(desk.post("/api/simulations/", ASKED, headers=key) for _ in range(5)))
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert len(desk.commands.stored) == 1


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_the_result_is_what_the_workflow_returned(desk: Desk) -> None:
    job_id = await simulation(desk)
    result = msgspec.json.decode(msgspec.json.encode(await played(desk, job_id)))
    for models_up in (True, False):
        desk.models.up = models_up
        shown = (await desk.get(f"/api/simulations/{job_id}/")).json()
        assert (shown["status"], shown["result_data"]) == ("done", result)
        assert (await desk.get(f"/api/simulations/{job_id}/result.json")).json() == result


async def test_simulations_are_listed_without_results_unless_asked_for(desk: Desk) -> None:
    first, second = await simulation(desk), await simulation(desk)
    await desk.job()
    await played(desk, first)
    listed = (await desk.get("/api/simulations/")).json()
    assert [each["job_id"] for each in listed] == [str(second), str(first)]
    assert all(set(each) >= FIELDS and each["result_data"] is None for each in listed)
    full = (await desk.get("/api/simulations/?full=1")).json()
    assert full[1]["result_data"]["kind"] == "simulation"
    assert [each["job_id"] for each in (await desk.get("/api/simulations/?status=done")).json()] == [str(first)]
    assert (await desk.get("/api/simulations/?kind=sweep")).json() == []


async def test_lists_go_on_in_pages(desk: Desk) -> None:
    made = [str(await simulation(desk)) for _ in range(5)]
    seen, path = [], "/api/simulations/?limit=2"
    while path:
        page = await desk.get(path)
        seen += [each["job_id"] for each in page.json()]
        path = page.headers["link"].partition(">")[0][1:] if "link" in page.headers else ""
    assert seen == made[::-1]


async def test_the_cells_of_a_sweep_are_listed_below_it(desk: Desk) -> None:
    sweep, cell = await simulation(desk), new_id()
    order = desk.commands.stored[0][1].request
    await desk.happen(cell, JobCreated(kind="simulation", prompt="a cell", talks=False, request=order, parent=sweep))
    assert [each["job_id"] for each in (await desk.get("/api/simulations/")).json()] == [str(sweep)]
    [listed] = (await desk.get(f"/api/simulations/?parent={sweep}")).json()
    assert (listed["job_id"], listed["parent_id"]) == (str(cell), str(sweep))


async def test_few_results_are_listed_at_a_time(desk: Desk) -> None:
    for _ in range(12):
        await simulation(desk)
    page = await desk.get("/api/simulations/?full=1&limit=200")
    assert len(page.json()) == 10
    assert "full=1" in page.headers["link"]


async def test_the_defaults_are_told_with_every_rule(desk: Desk) -> None:
    told = (await desk.get("/api/simulations/defaults/")).json()
    names = {(each["profile_type"], each["name"]) for each in told["profiles"]}
    assert names >= {("casino", "six_deck_s17"), ("counting_system", "hi_lo"), ("betting_strategy", "spread_1_12")}
    rule = next(each for each in told["rules"] if each["name"] == "hit_on_soft_17")
    assert (rule["type"], rule["default"]) == ("boolean", False)
    assert rule["description"]


async def test_what_is_newer_than_the_read_models_is_read_from_the_log(desk: Desk) -> None:
    job_id = await simulation(desk)
    desk.models.follows_upto = 1
    await played(desk, job_id)
    assert (await desk.get(f"/api/simulations/{job_id}/")).json()["status"] == "queued"
    assert (await desk.get(f"/api/simulations/{job_id}/?min_version=3")).json()["status"] == "done"
    assert code_of(await desk.get(f"/api/simulations/{job_id}/?min_version=99")) == "cursor_beyond_head"


@pytest.mark.parametrize("path", ["result.json", "result.csv", "report.html"])
async def test_a_result_is_there_as_soon_as_its_end_was_told(desk: Desk, path: str) -> None:
    job_id = await simulation(desk)
    desk.models.follows_upto = 1
    await played(desk, job_id)
    assert (await desk.get(f"/api/simulations/{job_id}/{path}")).status_code == 200


async def test_a_job_of_another_kind_is_no_simulation(desk: Desk) -> None:
    job_id = await desk.job()
    for path in ("", "result.json", "result.csv", "report.html"):
        assert code_of(await desk.get(f"/api/simulations/{job_id}/{path}")) == "no_such_job"
    for path in ("stop", "rerun"):
        assert code_of(await desk.post(f"/api/simulations/{job_id}/{path}/")) == "no_such_job"


async def test_another_users_simulation_is_not_there(desk: Desk) -> None:
    job_id = await simulation(desk)
    await played(desk, job_id)
    stored = len(desk.commands.stored)
    for path in ("", "result.json", "result.csv", "report.html"):
        assert code_of(await desk.get(f"/api/simulations/{job_id}/{path}", desk.eve)) == "no_such_job"
    for path, body in (("stop", {}), ("rerun", {}), ("reprice", {"betting_strategy": "flat"})):
        assert code_of(await desk.post(f"/api/simulations/{job_id}/{path}/", body, desk.eve)) == "no_such_job"
    assert (await desk.get("/api/simulations/?full=1", desk.eve)).json() == []
    assert len(desk.commands.stored) == stored


async def test_a_job_whose_request_is_no_order_is_shown_as_it_is(desk: Desk) -> None:
    job_id = new_id()
    await desk.happen(job_id, JobCreated(kind="simulation", prompt="x", talks=False, request=[1]))
    shown = (await desk.get(f"/api/simulations/{job_id}/")).json()
    assert (shown["request_data"], shown["normalised"], shown["notes"]) == ([1], None, [])
    assert code_of(await desk.post(f"/api/simulations/{job_id}/rerun/")) == "invalid_request"


# -- files -------------------------------------------------------------------------------------------------------------


async def test_the_table_follows_from_the_result(desk: Desk) -> None:
    job_id = await simulation(desk)
    result = await played(desk, job_id)
    table = await desk.get(f"/api/simulations/{job_id}/result.csv")
    assert (table.text, table.headers["content-type"]) == (to_csv(result), "text/csv; charset=utf-8")
    assert table.headers["content-disposition"].startswith("attachment")
    asked = await desk.get(f"/api/simulations/{job_id}/", headers={"Accept": "text/csv"})
    assert asked.content == table.content


async def test_the_report_is_drawn_from_the_result(desk: Desk) -> None:
    job_id = await simulation(desk)
    result = await played(desk, job_id)
    report = await desk.get(f"/api/simulations/{job_id}/report.html")
    assert (report.status_code, report.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<svg" in report.text
    assert result.digest in report.text


@pytest.mark.parametrize("path", ["result.csv", "report.html"])
async def test_what_the_client_has_is_not_sent_again(desk: Desk, path: str) -> None:
    job_id = await simulation(desk)
    await played(desk, job_id)
    tag = (await desk.get(f"/api/simulations/{job_id}/{path}")).headers["etag"]
    again = await desk.get(f"/api/simulations/{job_id}/{path}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_what_draws_a_report_knows_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def run(*_: Any, **options: Any) -> Any:
        given.update(options)
        return subprocess.CompletedProcess([], 0, stdout=b"<html>", stderr=b"")

    monkeypatch.setenv("JWT_SECRET", "hush")
    monkeypatch.setattr(subprocess, "run", run)
    assert as_html(msgspec.Raw(b"{}")) == b"<html>"
    assert "JWT_SECRET" not in given["env"]


async def test_a_report_may_run_and_load_nothing(desk: Desk) -> None:
    job_id = await simulation(desk)
    await played(desk, job_id)
    headers = (await desk.get(f"/api/simulations/{job_id}/report.html")).headers
    policy = {part.strip() for part in headers["content-security-policy"].split(";")}
    assert policy >= {"default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"}
    assert not any("script" in part for part in policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith("inline")


async def test_before_the_end_there_is_no_result(desk: Desk) -> None:
    job_id = await simulation(desk)
    for path in ("result.json", "result.csv", "report.html"):
        answer = await desk.get(f"/api/simulations/{job_id}/{path}")
        assert (answer.status_code, code_of(answer)) == (404, "no_result")
        assert "queued" in answer.json()["detail"]
    priced = await desk.post(f"/api/simulations/{job_id}/reprice/", {"betting_strategy": "flat"})
    assert code_of(priced) == "no_result"


# -- stop, again, another ramp -----------------------------------------------------------------------------------------


async def test_a_run_is_stopped_by_the_signal_it_listens_to(desk: Desk) -> None:
    job_id = await simulation(desk)
    answer = await desk.post(f"/api/simulations/{job_id}/stop/")
    assert code_of(answer) == "nobody_waits"
    await desk.happen(job_id, JobStarted(attempt=1, worker="runner-1"), SignalAwaited(name="stop"))
    answer = await desk.post(f"/api/simulations/{job_id}/stop/")
    assert answer.status_code == 202
    assert answer.json()["version"] is not None
    assert isinstance(desk.commands.stored[-1][1], SendSignal)
    assert desk.commands.stored[-1][1].name == "stop"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "comparison", "a": {"casino": "six_deck_s17"}, "b": {"casino": "double_deck_h17"}},
        {"mode": "sessions", "session_rounds": 50, "win_goal": 2000},
        {"casino": "infinite_s17"},
        {"include_hand_history": True},
    ],
)
async def test_a_rerun_plays_the_same_blocks_with_the_same_seed_for_the_same_digest(desk: Desk, body: Any) -> None:
    asked = {name: value for name, value in ASKED.items() if "a" not in body or name == "num_rounds"}
    first = UUID((await desk.post("/api/simulations/", asked | body)).json()["job_id"])
    result = await played(desk, first, blocks=3)
    answer = await desk.post(f"/api/simulations/{first}/rerun/")
    assert answer.status_code == 201, answer.text
    again = UUID(answer.json()["job_id"])
    assert again != first
    order = await order_of(desk, again)
    assert (order.run.blocks, order.run.rounds_max, order.run.seed) == (3, None, result.seed)
    repeated = await result_of(desk, again, order.run.blocks)
    assert (repeated.digest, repeated.configuration_hash) == (result.digest, result.configuration_hash)


async def test_the_request_of_a_rerun_can_be_sent_by_anybody(desk: Desk) -> None:
    data = {"parent": "six_deck_s17", "deck_count": 8}
    await desk.post("/api/profiles/", {"profile_type": "casino", "name": "club", "data": data})
    first = await simulation(desk, casino="club")
    await played(desk, first, blocks=2)
    rerun = (await desk.post(f"/api/simulations/{first}/rerun/")).json()
    sent = await desk.post("/api/simulations/", rerun["request_data"], desk.eve)
    assert sent.status_code == 201, sent.text
    assert sent.json()["normalised"] == rerun["normalised"]


async def test_a_rerun_needs_no_profile_that_is_gone(desk: Desk) -> None:
    data = {"parent": "six_deck_s17", "deck_count": 8}
    made = await desk.post("/api/profiles/", {"profile_type": "casino", "name": "club", "data": data})
    first = await simulation(desk, casino="club")
    await played(desk, first, blocks=2)
    await desk.call("DELETE", f"/api/profiles/{made.json()['id']}/")
    rerun = await desk.post(f"/api/simulations/{first}/rerun/")
    assert rerun.json()["normalised"]["configuration"]["casino"]["deck_count"] == 8


async def test_without_a_result_a_rerun_is_the_same_order_once_more(desk: Desk) -> None:
    first = await simulation(desk)
    order = await order_of(desk, first)
    again = await order_of(desk, UUID((await desk.post(f"/api/simulations/{first}/rerun/")).json()["job_id"]))
    assert again.run == order.run
    assert configuration_hash(again.configuration) == configuration_hash(order.configuration)


async def test_a_sweep_runs_again_with_its_seed(desk: Desk) -> None:
    axes = [{"path": "/casino/reshuffle_penetration", "values": [0.5, 0.75]}]
    body = {"kind": "sweep", "base": {"casino": "six_deck_s17"}, "axes": axes, "num_rounds": 1000}
    first = (await desk.post("/api/simulations/", body)).json()
    again = (await desk.post(f"/api/simulations/{first['job_id']}/rerun/")).json()
    assert again["normalised"] == first["normalised"]
    assert again["request_data"]["seed"] == first["normalised"]["run"]["seed"]


async def test_a_key_makes_one_rerun(desk: Desk) -> None:
    first = await simulation(desk)
    key = {"Idempotency-Key": "again"}
    made = {(await desk.post(f"/api/simulations/{first}/rerun/", headers=key)).json()["job_id"] for _ in range(3)}
    assert len(made) == 1


async def test_the_same_ramp_is_priced_as_it_was_played(desk: Desk) -> None:
    job_id = await simulation(desk)
    result = await played(desk, job_id, blocks=40)
    answer = await desk.post(f"/api/simulations/{job_id}/reprice/", {"betting_strategy": "spread_1_12"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["ev"] == pytest.approx(result.players[0].ev)
    assert answer.json()["rounds"] == result.rounds


async def test_a_ramp_of_ones_own_is_priced_by_name_or_whole(desk: Desk) -> None:
    job_id = await simulation(desk)
    await played(desk, job_id, blocks=40)
    data = {"min_bet": 10, "bet_ramp": [{"from_count": None, "bet": 10}, {"from_count": 2, "bet": 40}]}
    made = await desk.post("/api/profiles/", {"profile_type": "betting_strategy", "name": "mine", "data": data})
    assert made.status_code == 201, made.text
    path = f"/api/simulations/{job_id}/reprice/"
    named = (await desk.post(path, {"betting_strategy": "mine", "bankroll": 5000})).json()
    whole = (await desk.post(path, {"betting_strategy": data, "bankroll": 5000})).json()
    assert named["betting_strategy"]["name"] == "mine"
    assert named["average_bet"] == whole["average_bet"] > 10
    assert (named["bankroll"], named["by_count"]) == (5000, whole["by_count"])


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/betting_strategy"),
        ({"betting_strategy": "flatt"}, 400, "/betting_strategy"),
        ({"betting_strategy": {"bet_ramp": {"1": 1}}}, 400, "/betting_strategy/bet_ramp"),
        ({"betting_strategy": 7}, 400, "/betting_strategy"),
        ({"betting_strategy": {"parent": "flat", "num_hands": 3}}, 400, ""),
        ({"betting_strategy": "flat", "player": 1}, 400, ""),
        ({"betting_strategy": "flat", "player": -1}, 422, "/player"),
        ({"betting_strategy": "flat", "bankroll": 0}, 422, "/bankroll"),
    ],
)
async def test_a_ramp_that_cannot_be_priced_is_refused(desk: Desk, body: Any, status: int, pointer: str) -> None:
    job_id = await simulation(desk)
    await played(desk, job_id, blocks=5)
    answer = await desk.post(f"/api/simulations/{job_id}/reprice/", body)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


# -- size --------------------------------------------------------------------------------------------------------------


async def test_megabytes_of_result_are_passed_on_and_not_kept(desk: Desk) -> None:
    job_id = await simulation(desk)
    large = msgspec.json.encode({"kind": "simulation", "padding": ["x" * 1000] * 8000})
    await desk.happen(job_id, JobStarted(attempt=1, worker="runner-1"))
    await desk.happen(job_id, JobCompleted(attempt=1, result=msgspec.Raw(large)))
    desk.models.up = False
    answer = await desk.get(f"/api/simulations/{job_id}/result.json")
    assert answer.content == large
    assert not desk.jobs._jobs._entries


async def test_while_requests_are_checked_others_are_answered(desk: Desk) -> None:
    axes = [{"path": "/casino/reshuffle_penetration", "values": [0.3 + number / 1000 for number in range(400)]}]
    body = {"kind": "sweep", "base": {"casino": "six_deck_s17"}, "axes": axes, "num_rounds": 1000}
    checking = asyncio.create_task(desk.post("/api/simulations/", body))
    answered = 0
    while not checking.done():
        assert (await desk.http.get("/livez")).status_code == 200
        answered += 1
        await asyncio.sleep(0)
    assert (await checking).status_code == 201
    assert answered > 1
