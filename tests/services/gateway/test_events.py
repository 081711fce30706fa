from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
import pytest

from libs.process.serving import serving
from services.gateway.live import SERVER_OPTIONS
from tests.services.gateway.desk import Desk, code_of
from tests.services.gateway.test_jobs import reply


async def test_events_are_listed_as_they_are_stored(desk: Desk) -> None:
    job_id = await desk.job()
    events = (await desk.get(f"/api/jobs/{job_id}/events/")).json()
    assert [event["version"] for event in events] == [1, 2]
    assert [event["type"] for event in events] == ["job_created", "user_message_posted"]
    assert set(events[0]) == {"version", "id", "type", "schema", "time", "correlation_id", "causation_id", "data"}
    assert events[0]["data"]["prompt"] == "A shop for tea"
    assert events[0]["causation_id"] == str(desk.commands.stored[0][0].id)


@pytest.mark.parametrize("behind", [None, 4, 1, 0])
@pytest.mark.parametrize("after", [0, 1, 3, 4, 6, 7])
async def test_a_page_has_no_gap_whoever_answers(desk: Desk, after: int, behind: int | None) -> None:
    job_id = await desk.job()
    for number in range(5):
        await desk.happen(job_id, reply(number))
    desk.models.follows_upto = behind
    answer = await desk.get(f"/api/jobs/{job_id}/events/?after={after}&limit=3")
    assert [event["version"] for event in answer.json()] == list(range(after + 1, 8))[:3]


async def test_a_cursor_beyond_the_head_is_a_conflict(desk: Desk) -> None:
    job_id = await desk.job()
    answer = await desk.get(f"/api/jobs/{job_id}/events/?after=3")
    assert answer.status_code == 409
    assert code_of(answer) == "cursor_beyond_head"
    assert (await desk.get(f"/api/jobs/{job_id}/events/?after=2")).json() == []


async def test_a_job_without_an_event_has_an_empty_history(desk: Desk) -> None:
    desk.commands.deciding = False
    job_id = await desk.job()
    assert (await desk.get(f"/api/jobs/{job_id}/events/")).json() == []


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=1001", "after=x", "since=1"])
async def test_a_wrong_query_is_refused(desk: Desk, query: str) -> None:
    answer = await desk.get(f"/api/jobs/{await desk.job()}/events/?{query}")
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_parameter"


async def test_a_ticket_is_for_one_job_of_ones_own(desk: Desk) -> None:
    job_id = str(await desk.job())
    answer = await desk.post("/api/ws-tickets/", {"job_id": job_id})
    assert answer.status_code == 201
    assert set(answer.json()) == {"ticket", "expires_in"}
    assert answer.json()["expires_in"] == 30
    assert code_of(await desk.post("/api/ws-tickets/", {"job_id": "x"})) == "invalid_input"


# -- streams -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(desk: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serving(desk.app, "127.0.0.1", 0, **(SERVER_OPTIONS | {"timeout_graceful_shutdown": 1})) as url,
        httpx2.AsyncClient(base_url=url, headers=desk.as_() | {"accept": "text/event-stream"}, timeout=10) as client,
    ):
        yield client


async def take(answer: httpx2.Response, number: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events of a stream, with their ids."""
    found: list[tuple[str, dict[str, Any]]] = []
    event_id = ""
    async with asyncio.timeout(10):
        async for line in answer.aiter_lines():
            if line.startswith("id:"):
                event_id = line[3:].strip()
            if line.startswith("data:"):
                found.append((event_id, msgspec.json.decode(line[5:])))
                if len(found) == number:
                    break
    return found


async def test_a_stream_begins_with_history_and_goes_on_live(desk: Desk) -> None:
    job_id = await desk.job()
    async with served(desk) as client, client.stream("GET", f"/api/jobs/{job_id}/events/") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(desk.happen(job_id, reply(1))))
        assert [event_id for event_id, _ in await take(answer, 3)] == ["1", "2", "3"]


async def test_a_stream_goes_on_after_the_last_event_id(desk: Desk) -> None:
    job_id = await desk.job()
    await desk.happen(job_id, reply(1))
    headers = {"Last-Event-ID": "2"}
    async with served(desk) as client:
        path = f"/api/jobs/{job_id}/events/?after=1"
        async with client.stream("GET", path, headers=headers) as answer:
            [(event_id, event)] = await take(answer, 1)
    assert (event_id, event["version"], event["type"]) == ("3", 3, "reply_posted")


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/api/jobs/{job}/events/?after=9", {}, "cursor_beyond_head"),
        ("/api/jobs/{job}/events/", {"Last-Event-ID": "x"}, "invalid_parameter"),
        ("/api/jobs/01234567-89ab-7cde-8f01-23456789abcd/events/", {}, "no_such_job"),
        ("/api/jobs/{job}/events/", {"Authorization": "Bearer x"}, "token_invalid"),
    ],
)
async def test_a_stream_that_cannot_begin_is_a_problem(
    desk: Desk, path: str, headers: dict[str, str], code: str
) -> None:
    job_id = await desk.job()
    async with served(desk) as client:
        assert code_of(await client.get(path.format(job=job_id), headers=headers)) == code


async def test_a_client_that_leaves_gives_its_place_back(desk: Desk) -> None:
    job_id = await desk.job()
    async with served(desk) as client:
        async with client.stream("GET", f"/api/jobs/{job_id}/events/") as answer:
            await take(answer, 1)
        async with asyncio.timeout(5):
            while desk.live._streams._limits._connections:
                await asyncio.sleep(0.01)


async def test_draining_ends_streams(desk: Desk) -> None:
    job_id = await desk.job()
    async with served(desk) as client, client.stream("GET", f"/api/jobs/{job_id}/events/") as answer:
        lines = answer.aiter_lines()
        async with asyncio.timeout(10):
            while not (await anext(lines)).startswith("data:"):
                pass
            await desk.live.drain(1)
            assert [line async for line in lines][-1:] in ([], [""])
        assert code_of(await client.get(f"/api/jobs/{job_id}/events/")) == "draining"
