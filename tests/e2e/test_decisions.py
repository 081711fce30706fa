"""Approvals, cancellation, and a model that fails until somebody mends it."""

from __future__ import annotations

import pytest

from tests.e2e.model import Model
from tests.e2e.person import Person, Socket, idea

pytestmark = pytest.mark.xdist_group("e2e")


async def asked(person: Person) -> tuple[str, int]:
    job_id = (await person.create(idea("detailed"), approvals=["build"]))["id"]
    async with person.socket(job_id, after=0) as socket:
        frame = await socket.until(lambda frame: frame["kind"] == "approval")
    await person.until(job_id, "awaiting_approval")
    return job_id, frame["seq"]


def answer(version: int, **fields: object) -> dict[str, object]:
    return {"name": "build", "approval_version": version, **fields}


async def test_a_granted_approval_lets_the_job_go_on(person: Person) -> None:
    job_id, version = await asked(person)
    await person.post(f"/api/jobs/{job_id}/approve/", answer(version))
    await person.until(job_id, "done")


async def test_an_approval_can_be_given_through_the_socket(person: Person) -> None:
    job_id, version = await asked(person)
    async with person.socket(job_id, after=0) as socket:
        await socket.send({"kind": "approve", "ref": "a", **answer(version)})
        await socket.until_status("done")
    assert any(frame["kind"] == "ack" and frame["ref"] == "a" for frame in socket.frames)


async def test_an_outdated_answer_is_refused(person: Person) -> None:
    job_id, version = await asked(person)
    problem = await person.post(f"/api/jobs/{job_id}/approve/", answer(version - 1), status=409)
    assert problem["code"] == "approval_outdated"


async def test_a_rejection_fails_the_job_with_the_comment_and_a_retry_asks_again(person: Person) -> None:
    job_id, version = await asked(person)
    await person.post(f"/api/jobs/{job_id}/reject/", answer(version, comment="too dear"))
    assert "too dear" in (await person.until(job_id, "failed"))["error_message"]
    await person.post(f"/api/jobs/{job_id}/retry/")
    async with person.socket(job_id, after=version) as socket:
        again = await socket.until(lambda frame: frame["kind"] == "approval")
    await person.until(job_id, "awaiting_approval")
    await person.post(f"/api/jobs/{job_id}/approve/", answer(version), status=409)
    await person.post(f"/api/jobs/{job_id}/approve/", answer(again["seq"]))
    await person.until(job_id, "done")


async def test_a_cancelled_job_stays_cancelled_until_it_is_retried(person: Person) -> None:
    job_id, version = await asked(person)
    answered = await person.post(f"/api/jobs/{job_id}/cancel/")
    assert answered["version"] > version
    await person.until(job_id, "cancelled")
    await person.post(f"/api/jobs/{job_id}/approve/", answer(version), status=409)
    await person.post(f"/api/jobs/{job_id}/retry/")
    await person.until(job_id, "awaiting_approval")


async def test_a_talk_whose_model_fails_is_taken_up_where_it_stopped(person: Person, model: Model) -> None:
    name = idea("detailed")
    model.broken.add((name, "client_relations"))
    job_id = (await person.create(name))["id"]
    failed = await person.until(job_id, "failed")
    assert failed["error_message"].startswith("The agent could not answer")
    model.broken.clear()
    await person.post(f"/api/jobs/{job_id}/retry/")
    job = await person.until(job_id, "done")
    assert [message["role"] for message in job["messages"]] == ["user", "agent"]


async def test_a_build_whose_model_fails_is_taken_up_at_the_failed_step(person: Person, model: Model) -> None:
    name = idea("detailed")
    model.broken.add((name, "cto"))
    job_id = (await person.create(name))["id"]
    failed = await person.until(job_id, "failed")
    assert failed["error_message"]
    steps = [step["id"] for step in failed["steps"]]
    assert len(steps) >= 1
    model.broken.discard((name, "cto"))
    await person.post(f"/api/jobs/{job_id}/retry/")
    job = await person.until(job_id, "done")
    assert [step["id"] for step in job["steps"]][: len(steps)] == steps
    assert {call[1] for call in model.repeated(name)} <= {"cto"}


async def test_a_failure_is_told_in_a_status_frame(person: Person, model: Model) -> None:
    name = idea("detailed")
    model.broken.add((name, "ceo"))
    job_id = (await person.create(name))["id"]
    async with person.socket(job_id, after=0) as socket:
        frame = await socket.until_status("failed")
    assert frame["message"]


async def test_rapid_messages_are_each_answered_once_and_in_order(person: Person) -> None:
    job_id = (await person.create(idea()))["id"]
    async with person.socket(job_id, after=0) as socket:
        for number in range(5):
            await socket.say(f"message {number}", key=f"k{number}")
        await socket.until_status("queued")
    assert said_by(socket, "user")[1:] == [f"message {number}" for number in range(5)]
    assert len(said_by(socket, "agent")) == 6


def said_by(socket: Socket, role: str) -> list[str]:
    return [frame["content"] for frame in socket.of("chat") if frame["role"] == role]
