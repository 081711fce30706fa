"""From idea to App over real processes, through HTTP and a WebSocket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.installation import Installation
from tests.e2e.model import Model
from tests.e2e.person import PATIENCE_SECONDS, Person, Socket, idea

pytestmark = pytest.mark.xdist_group("e2e")


async def talk_through(socket: Socket) -> None:
    """Answer the one question, and see the job done."""
    await socket.until_said()
    await socket.say("My neighbours, to lend each other tools.")
    await socket.until_status("done")


async def done_job(person: Person, name: str, **fields: Any) -> tuple[str, Socket]:
    job_id = (await person.create(name, **fields))["id"]
    async with person.socket(job_id, after=0) as socket:
        await talk_through(socket)
    return job_id, socket


async def test_a_new_job_can_be_read_at_once(person: Person) -> None:
    created = await person.create(idea())
    assert created["status"] == "collecting"
    read = await person.job(created["id"])
    assert (read["id"], read["initial_prompt"]) == (created["id"], created["initial_prompt"])


async def test_the_whole_flow_arrives_frame_by_frame(person: Person) -> None:
    _, socket = await done_job(person, idea())
    kinds = [frame["kind"] for frame in socket.durable]
    assert socket.frames[0]["kind"] == "hello"
    assert socket.seqs == list(range(1, len(kinds) + 1))
    in_order = [kind for kind in kinds if kind in ("chat", "description", "step", "app")]
    assert in_order[:5] == ["chat", "chat", "chat", "chat", "description"]
    assert in_order[5:-1] == ["step"] * (len(in_order) - 6)
    assert in_order[-1] == "app"
    statuses = [frame["status"] for frame in socket.of("status")]
    assert [status for index, status in enumerate(statuses) if status not in statuses[:index]] == [
        "collecting",
        "queued",
        "running",
        "done",
    ]


async def test_no_model_call_is_made_twice(person: Person, model: Model) -> None:
    await done_job(person, name := idea())
    assert model.repeated(name) == []


async def test_a_detailed_idea_ends_the_talk_at_once(person: Person) -> None:
    job_id = (await person.create(idea("detailed")))["id"]
    job = await person.until(job_id, "done")
    assert [message["role"] for message in job["messages"]] == ["user", "agent"]


async def test_everything_can_be_read_back(person: Person) -> None:
    job_id, socket = await done_job(person, name := idea())
    version = socket.seqs[-1]
    job = await person.get(f"/api/jobs/{job_id}/?min_version={version}")
    assert (job["status"], job["version"], job["initial_prompt"]) == ("done", version, name)
    assert [step["message"] for step in job["steps"]] == [frame["message"] for frame in socket.of("step")]
    assert [step["order"] for step in job["steps"]] == list(range(1, len(job["steps"]) + 1))
    assert name in job["requirements_summary"]
    messages = await person.get(f"/api/job-messages/?job_id={job_id}")
    assert [message["content"] for message in messages] == [frame["content"] for frame in socket.of("chat")]
    events = await person.get(f"/api/jobs/{job_id}/events/?limit=1000")
    assert [event["version"] for event in events] == socket.seqs


async def test_the_app_is_stored_for_its_owner(person: Person) -> None:
    job_id, socket = await done_job(person, name := idea())
    stored = await person.get(f"/api/apps/by-job/{job_id}/")
    assert stored["job_id"] == job_id
    assert stored["spec"] == socket.of("app")[0]["spec"]
    assert name in str(stored["spec"]["requirements"])
    assert {said["agent"] for said in stored["spec"]["discussion"]} >= {"CEO", "CTO"}
    assert stored["id"] in [each["id"] for each in await person.get("/api/apps/")]


async def test_replies_are_typed_before_they_are_stored(person: Person) -> None:
    _, socket = await done_job(person, idea("slow"))
    for final in [frame for frame in socket.of("chat") if frame["role"] == "agent"]:
        before = socket.frames[: socket.frames.index(final)]
        pieces = [frame for frame in before if frame["kind"] == "delta" and frame["stream"] == final["stream"]]
        typed = "".join(piece["text"] for piece in pieces)
        assert final["content"].startswith(typed)
        assert [piece["offset"] for piece in pieces] == [
            sum(len(other["text"]) for other in pieces[:index]) for index in range(len(pieces))
        ]
    assert len(socket.of("delta")) > 3


async def test_steps_are_typed_before_they_are_stored(person: Person) -> None:
    _, socket = await done_job(person, idea("slow"))
    streams = {frame["stream"] for frame in socket.of("delta")}
    assert {frame["stream"] for frame in socket.of("step") if frame.get("stream")} & streams


async def test_every_moment_of_the_past_can_be_read(person: Person) -> None:
    job_id, socket = await done_job(person, idea())
    shown: dict[int, str] = {}
    for version in socket.seqs:
        job = await person.get(f"/api/jobs/{job_id}/?at={version}")
        assert job["version"] == version
        assert len(job["messages"]) == len([f for f in socket.of("chat") if f["seq"] <= version])
        assert len(job["steps"]) == len([f for f in socket.of("step") if f["seq"] <= version])
        shown[version] = job["status"]
    assert shown[1] == "collecting"
    assert all(shown[frame["seq"]] == frame["status"] for frame in socket.of("status"))


async def test_lists_show_the_newest_first(person: Person) -> None:
    first, second = [(await person.create(idea()))["id"] for _ in range(2)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(listed := [job["id"] for job in await person.get("/api/jobs/")]) < 2:
            await asyncio.sleep(0.05)  # until the read models have both
    assert listed == [second, first]


async def test_two_replicas_of_agents_and_runner_share_the_work(person: Person, installation: Installation) -> None:
    job_ids = [(await person.create(idea("detailed")))["id"] for _ in range(12)]
    workers = set()
    for job_id in job_ids:
        await person.until(job_id, "done")
        for event in await person.get(f"/api/jobs/{job_id}/events/?limit=1000"):
            if event["type"] in ("reply_started", "job_started"):
                workers.add(event["data"]["worker"])
    assert len([worker for worker in workers if worker.startswith("agents-")]) == 2
    assert len([worker for worker in workers if worker.startswith("runner-")]) == 2
