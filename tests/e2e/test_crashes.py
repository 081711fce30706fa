"""Processes killed in the middle of jobs: every job is done, every step stored once, every frame seen once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.e2e.installation import Installation
from tests.e2e.person import Person, idea

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("e2e")]

JOBS = 6
GONE = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError)


@pytest.fixture(autouse=True)
def shown_logs(installation: Installation) -> Iterator[None]:
    yield
    print(installation.logs())  # where the test failed


async def follow(person: Person, job_id: str) -> list[dict[str, Any]]:
    """All frames of a job until it is done, over as many connections as it takes; the one question is answered."""
    frames: list[dict[str, Any]] = []
    while True:
        try:
            async with person.socket(job_id, after=frames[-1]["seq"] if frames else 0) as socket:
                while True:
                    frame = await socket.next()
                    if "seq" not in frame or frame["kind"] == "ack":
                        continue
                    frames.append(frame)
                    if frame["kind"] == "chat" and frame["role"] == "agent":
                        await socket.say("My neighbours.", key="the answer")
                    if frame["kind"] == "status" and frame["status"] in ("done", "failed"):
                        return frames
        except GONE:
            await asyncio.sleep(0.1)


async def answer_until_heard(person: Person, job_id: str) -> None:
    """The frame with the answer may be lost with its connection: then it is sent again, under the same key."""
    while True:
        try:
            answer = await person.http.post(
                f"/api/jobs/{job_id}/messages/", json={"content": "My neighbours.", "key": "the answer"}
            )
            if answer.status_code < 500:
                return
        except Exception:  # the gateway is being restarted
            await asyncio.sleep(0.1)


def assert_whole(frames: list[dict[str, Any]]) -> None:
    assert frames[-1]["status"] == "done", frames[-1]
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    chats = [frame for frame in frames if frame["kind"] == "chat"]
    assert len({frame["id"] for frame in chats}) == len(chats)
    assert [frame["metadata"]["turn"] for frame in chats if frame["role"] == "agent"] == [1, 2]
    orders = [frame["order"] for frame in frames if frame["kind"] == "step"]
    assert orders == list(range(1, len(orders) + 1))


def server_pids(installation: Installation) -> dict[str, int]:
    lines = (installation.data / "logs" / "supervisor.log").read_text().splitlines()
    ready = [json.loads(line) for line in lines if '"supervisor.ready"' in line]
    found: dict[str, int] = ready[-1]["pids"]
    return found


async def test_killed_services_and_servers_lose_nothing(installation: Installation, person: Person) -> None:
    jobs = [(await person.create(idea("slow")))["id"] for _ in range(JOBS)]
    following = [asyncio.create_task(follow(person, job_id)) for job_id in jobs]
    for name in ("agents-1", "runner-1", "gateway", "projector", "nats", "agents-2", "runner-2", "postgres"):
        await asyncio.sleep(0.5)
        if name in ("nats", "postgres"):
            os.kill(server_pids(installation)[name], signal.SIGKILL)
        else:
            installation.kill(name)
    await asyncio.gather(*(answer_until_heard(person, job_id) for job_id in jobs))
    async with asyncio.timeout(60):
        for frames in await asyncio.gather(*following):
            assert_whole(frames)


async def test_everything_killed_at_once_goes_on_where_it_was(installation: Installation, person: Person) -> None:
    jobs = [(await person.create(idea("slow")))["id"] for _ in range(JOBS)]
    following = [asyncio.create_task(follow(person, job_id)) for job_id in jobs]
    await person.until(jobs[0], "running")
    installation.kill_everything()
    installation.start()  # from this thread: the life of a process hangs on the thread that made it
    await asyncio.gather(*(answer_until_heard(person, job_id) for job_id in jobs))
    async with asyncio.timeout(60):
        for frames in await asyncio.gather(*following):
            assert_whole(frames)
