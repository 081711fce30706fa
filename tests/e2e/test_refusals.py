"""What people may not do is refused in so many words, and disturbs nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from libs.process.clock import new_id
from tests.e2e.installation import Installation
from tests.e2e.person import Person, idea

pytestmark = pytest.mark.xdist_group("e2e")


@pytest.fixture
async def finished(person: Person) -> str:
    job_id: str = (await person.create(idea("detailed")))["id"]
    await person.until(job_id, "done")
    return job_id


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_what_a_finished_job_cannot_do_is_refused_with_a_reason(person: Person, finished: str, verb: str) -> None:
    problem = await person.post(f"/api/jobs/{finished}/{verb}/", status=409)
    assert problem["code"]
    assert "done" in problem["detail"]


async def test_a_message_after_the_talk_is_refused_to_whoever_sent_it(person: Person, finished: str) -> None:
    async with person.socket(finished, after=0) as socket:
        await socket.until(lambda frame: frame["kind"] == "live")
        await socket.say("and also", ref="late")
        error = await socket.until(lambda frame: frame["kind"] == "error")
    assert error["ref"] == "late"
    assert error["message"]


@pytest.mark.parametrize(
    "frame", ["not json", "[1]", '{"kind":"dance"}', '{"kind":"chat","content":""}', '{"kind":"chat"}', "{" * 10_000]
)
async def test_a_bad_frame_is_an_error_and_the_socket_stays(person: Person, finished: str, frame: str) -> None:
    async with person.socket(finished, after=0) as socket:
        await socket.until(lambda each: each["kind"] == "live")
        await socket.send(frame)
        await socket.until(lambda each: each["kind"] == "error")
        await socket.send({"kind": "chat", "content": "x", "ref": "after"})
        await socket.until(lambda each: each.get("ref") == "after")


@pytest.mark.parametrize("prompt", ["", "   ", "x" * 5001, 5, None, ["x"]])
async def test_a_prompt_that_is_none_is_refused(person: Person, prompt: object) -> None:
    answer = await person.http.post("/api/jobs/", json={"prompt": prompt})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_another_persons_job_is_nowhere(finished: str, somebody: Callable[[], Awaitable[Person]]) -> None:
    other = await somebody()
    for path in ("", "events/", "?at=1"):
        await other.get(f"/api/jobs/{finished}/{path}", status=404)
    await other.get(f"/api/apps/by-job/{finished}/", status=404)
    await other.post(f"/api/jobs/{finished}/cancel/", status=404)
    assert await other.get("/api/jobs/") == []
    assert await other.get("/api/apps/") == []


async def test_another_persons_socket_is_closed_with_its_code(
    finished: str, somebody: Callable[[], Awaitable[Person]]
) -> None:
    async with (await somebody()).socket(finished, after=0) as socket:
        assert await socket.closed() == 4404
    assert socket.durable == []


async def test_a_job_that_never_was_is_nowhere(person: Person) -> None:
    await person.get(f"/api/jobs/{new_id()}/", status=404)


async def test_nobody_gets_in_without_a_token(installation: Installation, finished: str) -> None:
    async with httpx2.AsyncClient(base_url=installation.url) as http:
        assert (await http.get(f"/api/jobs/{finished}/")).status_code == 401
    address = f"{installation.url.replace('http', 'ws', 1)}/ws/jobs/{finished}/"
    async with connect(address, additional_headers={"Authorization": "Bearer not.a.token"}) as connection:
        with pytest.raises(ConnectionClosed):
            while True:
                await connection.recv()
        assert connection.close_code == 4401


async def test_a_ticket_opens_one_socket_once(installation: Installation, person: Person, finished: str) -> None:
    ticket = (await person.post("/api/ws-tickets/", {"job_id": finished}, status=201))["ticket"]
    address = f"{installation.url.replace('http', 'ws', 1)}/ws/jobs/{finished}/?ticket={ticket}"
    async with connect(address) as connection:
        assert "hello" in str(await connection.recv())
    async with connect(address) as connection:
        with pytest.raises(ConnectionClosed):
            while True:
                await connection.recv()
        assert connection.close_code == 4401
