from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from libs.events.commands import Refusal
from libs.jobs.events import ApprovalRequested, JobStarted, SignalAwaited
from libs.process.clock import new_id
from services.gateway.actions import refusal_problem
from services.gateway.live.inbound import Say, submission
from tests.services.gateway.desk import Desk, code_of


async def test_saying_something_is_decided_at_once(desk: Desk) -> None:
    job_id = await desk.job()
    answer = await desk.post(f"/api/jobs/{job_id}/messages/", {"content": "With cake"})
    assert answer.status_code == 202
    assert set(answer.json()) == {"command_id", "version"}
    seen = (await desk.get(f"/api/jobs/{job_id}/?min_version={answer.json()['version']}")).json()
    assert seen["messages"][-1]["content"] == "With cake"


async def test_a_message_with_a_key_is_said_once(desk: Desk) -> None:
    job_id = await desk.job()
    answers = [
        await desk.post(f"/api/jobs/{job_id}/messages/", {"content": "With cake", "key": "k1"}) for _ in range(3)
    ]
    assert len({answer.json()["command_id"] for answer in answers}) == 1
    assert len((await desk.get(f"/api/jobs/{job_id}/")).json()["messages"]) == 2


async def test_a_repeat_of_what_was_said_is_answered_without_waiting_for_a_decision_that_is_past() -> None:
    async with Desk(outcome_wait_seconds=60).open() as desk:
        job_id = await desk.job()
        body = {"content": "With cake", "key": "k1"}
        first = await desk.post(f"/api/jobs/{job_id}/messages/", body)
        desk.commands.deciding = False
        async with asyncio.timeout(5):
            again = await desk.post(f"/api/jobs/{job_id}/messages/", body)
    assert (again.status_code, again.json()) == (202, first.json())


async def test_an_idempotency_key_does_the_same_for_every_action(desk: Desk) -> None:
    job_id = await desk.job()
    key = {"Idempotency-Key": "c1"}
    first = await desk.post(f"/api/jobs/{job_id}/cancel/", headers=key)
    again = await desk.post(f"/api/jobs/{job_id}/cancel/", headers=key)
    assert first.json() == again.json()


async def test_one_key_under_two_verbs_is_two_commands(desk: Desk) -> None:
    job_id = await desk.job()
    key = {"Idempotency-Key": "1"}
    assert (await desk.post(f"/api/jobs/{job_id}/messages/", {"content": "x"}, headers=key)).status_code == 202
    assert (await desk.post(f"/api/jobs/{job_id}/cancel/", headers=key)).status_code == 202
    assert (await desk.get(f"/api/jobs/{job_id}/")).json()["status"] == "cancelled"


async def test_one_key_at_two_jobs_is_two_commands(desk: Desk) -> None:
    said = [await desk.post(f"/api/jobs/{await desk.job()}/messages/", {"content": "x", "key": "k"}) for _ in range(2)]
    assert said[0].json()["command_id"] != said[1].json()["command_id"]


async def test_a_key_means_the_same_in_a_frame_and_in_a_request(desk: Desk) -> None:
    job_id = await desk.job()
    answer = await desk.post(f"/api/jobs/{job_id}/messages/", {"content": "x", "key": "k"})
    assert answer.json()["command_id"] == str(submission(job_id, Say(content="x", key="k")).command_id)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "invalid_input", "/content"),
        ({"content": ""}, "invalid_input", "/content"),
        ({"content": "x" * 5001}, "invalid_input", "/content"),
        ({"content": ["x"]}, "invalid_input", "/content"),
        ({"content": "\x1b"}, "invalid_input", "/content"),
        ({"content": "x", "key": ""}, "invalid_input", "/key"),
        ({"content": "x", "key": "x" * 256}, "invalid_input", "/key"),
        ({"content": "x", "role": "agent"}, "invalid_input", "/role"),
    ],
)
async def test_a_wrong_message_is_pointed_at(desk: Desk, body: Any, code: str, pointer: str) -> None:
    answer = await desk.post(f"/api/jobs/{await desk.job()}/messages/", body)
    assert code_of(answer) == code
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_cancelling_twice_is_agreed_to_twice(desk: Desk) -> None:
    job_id = await desk.job()
    assert (await desk.post(f"/api/jobs/{job_id}/cancel/", {"reason": "too dear"})).status_code == 202
    assert (await desk.post(f"/api/jobs/{job_id}/cancel/")).status_code == 202
    assert (await desk.get(f"/api/jobs/{job_id}/")).json()["status"] == "cancelled"


async def test_a_refusal_says_why_and_what_is_allowed_now(desk: Desk) -> None:
    job_id = await desk.job()
    answer = await desk.post(f"/api/jobs/{job_id}/retry/", {})
    assert answer.status_code == 409
    assert code_of(answer) == "not_allowed_now"
    assert answer.json()["allowed"] == ["chat", "cancel"]
    assert "collecting" in answer.json()["detail"]


async def test_a_cancelled_job_is_taken_up_again(desk: Desk) -> None:
    job_id = await desk.job()
    await desk.post(f"/api/jobs/{job_id}/cancel/")
    assert (await desk.post(f"/api/jobs/{job_id}/retry/")).status_code == 202
    assert (await desk.get(f"/api/jobs/{job_id}/")).json()["status"] == "collecting"


async def waiting_for_approval(desk: Desk) -> tuple[UUID, int]:
    job_id = await desk.job()
    started = JobStarted(attempt=1, worker="runner-1")
    return job_id, await desk.happen(job_id, started, ApprovalRequested(name="plan", summary="Is it good?"))


@pytest.mark.parametrize(("verb", "status"), [("approve", "running"), ("reject", "failed")])
async def test_an_approval_is_answered_under_its_version(desk: Desk, verb: str, status: str) -> None:
    job_id, version = await waiting_for_approval(desk)
    body = {"name": "plan", "approval_version": version, "comment": "ok"}
    assert (await desk.post(f"/api/jobs/{job_id}/{verb}/", body)).status_code == 202
    assert (await desk.get(f"/api/jobs/{job_id}/")).json()["status"] == status


async def test_an_outdated_answer_is_a_conflict(desk: Desk) -> None:
    job_id, version = await waiting_for_approval(desk)
    answer = await desk.post(f"/api/jobs/{job_id}/approve/", {"name": "plan", "approval_version": version - 1})
    assert answer.status_code == 409
    assert code_of(answer) == "approval_outdated"
    assert set(answer.json()["allowed"]) == {"cancel", "approve", "reject"}


async def test_an_approval_nobody_asked_for_is_a_conflict(desk: Desk) -> None:
    answer = await desk.post(f"/api/jobs/{await desk.job()}/approve/", {"name": "plan", "approval_version": 1})
    assert code_of(answer) == "no_such_approval"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"approval_version": 1}, "/name"),
        ({"name": "plan"}, "/approval_version"),
        ({"name": "plan", "approval_version": 0}, "/approval_version"),
        ({"name": "plan", "approval_version": "1"}, "/approval_version"),
        ({"name": "plan", "approval_version": 1.5}, "/approval_version"),
        ({"name": "a.b", "approval_version": 1}, "/name"),
        ({"name": "plan", "approval_version": 1, "comment": "x" * 2001}, "/comment"),
        ({"name": "plan", "approval_version": 1, "comment": "\x00"}, "/comment"),
    ],
)
@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_a_wrong_decision_is_pointed_at(desk: Desk, verb: str, body: Any, pointer: str) -> None:
    answer = await desk.post(f"/api/jobs/{await desk.job()}/{verb}/", body)
    assert code_of(answer) == "invalid_input"
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_signal_reaches_who_waits_for_it(desk: Desk) -> None:
    job_id = await desk.job(kind="count")
    await desk.happen(job_id, JobStarted(attempt=1, worker="runner-1"), SignalAwaited(name="paid"))
    assert (await desk.post(f"/api/jobs/{job_id}/signals/paid/", {"data": {"sum": 3}})).status_code == 202


async def test_a_signal_nobody_waits_for_is_a_conflict(desk: Desk) -> None:
    answer = await desk.post(f"/api/jobs/{await desk.job()}/signals/paid/", {"data": 1})
    assert answer.status_code == 409
    assert code_of(answer) == "nobody_waits"


@pytest.mark.parametrize("name", ["A", "a.b", "*", "%3E", "-x", "x" * 65])
async def test_a_signal_of_another_name_is_refused(desk: Desk, name: str) -> None:
    answer = await desk.post(f"/api/jobs/{await desk.job()}/signals/{name}/", {})
    assert code_of(answer) == "invalid_input"


async def test_a_decision_that_takes_longer_is_told_by_its_event(desk: Desk) -> None:
    job_id = await desk.job()
    desk.commands.deciding = False
    answer = await desk.post(f"/api/jobs/{job_id}/cancel/")
    assert answer.status_code == 202
    assert answer.json()["version"] is None
    assert UUID(answer.json()["command_id"]) == desk.commands.stored[-1][0].id


async def test_a_job_without_an_event_takes_commands(desk: Desk) -> None:
    desk.commands.deciding = False
    job_id = await desk.job()
    desk.jobs._known.clear()
    desk.jobs._new.clear()
    assert (await desk.post(f"/api/jobs/{job_id}/messages/", {"content": "And cake"})).json()["version"] is None


async def test_nothing_is_stored_for_a_job_that_is_not_there(desk: Desk) -> None:
    answer = await desk.post(f"/api/jobs/{new_id()}/cancel/")
    assert answer.status_code == 404
    assert code_of(answer) == "no_such_job"
    assert not desk.commands.stored


async def test_with_the_log_away_a_command_is_not_accepted(desk: Desk) -> None:
    job_id = await desk.job()
    desk.commands.reachable = False
    answer = await desk.post(f"/api/jobs/{job_id}/cancel/")
    assert answer.status_code == 503
    assert code_of(answer) == "log_unavailable"


def test_a_refusal_for_a_reason_of_the_future_is_still_a_refusal() -> None:
    problem = refusal_problem(Refusal(code="moon_phase", reason="the moon is full"))
    assert (problem.status, problem.code.value, problem.detail) == (409, "not_allowed_now", "The moon is full.")


@pytest.mark.parametrize(
    ("action", "one", "other"),
    [
        ("messages/", {"content": "tea"}, {"content": "coffee"}),
        ("cancel/", {"reason": "too dear"}, {"reason": "too late"}),
        ("signals/paid/", {"data": {"sum": 3}}, {"data": {"sum": 4}}),
        ("approve/", {"name": "plan", "approval_version": 1}, {"name": "plan", "approval_version": 2}),
    ],
)
async def test_another_body_under_a_key_that_was_used_is_refused(
    desk: Desk, action: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    job_id, key = await desk.job(), {"Idempotency-Key": "k"}
    await desk.post(f"/api/jobs/{job_id}/{action}", one, headers=key)
    version = (await desk.get(f"/api/jobs/{job_id}/")).json()["version"]
    answer = await desk.post(f"/api/jobs/{job_id}/{action}", other, headers=key)
    assert (answer.status_code, code_of(answer)) == (422, "idempotency_mismatch")
    assert (await desk.get(f"/api/jobs/{job_id}/")).json()["version"] == version
    again = await desk.post(f"/api/jobs/{job_id}/{action}", one, headers=key)
    assert again.status_code != 422


async def test_a_key_that_turns_out_to_be_used_for_something_else_when_it_is_decided_is_the_same_answer() -> None:
    problem = refusal_problem(Refusal(code="idempotency_mismatch", reason="the key was used with another body"))
    assert (problem.status, problem.allowed) == (422, None)
