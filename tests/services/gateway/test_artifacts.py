"""Files of jobs over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from libs.jobs.events import JobStarted
from libs.process.clock import new_id
from services.gateway.downloads import Download, disposition
from tests.services.gateway.desk import Desk, code_of
from tests.services.gateway.runs import file

CONTENT = bytes(range(256)) * 40


@pytest.fixture
async def job_id(desk: Desk) -> UUID:
    made = await desk.job(kind="count")
    await desk.happen(made, JobStarted(attempt=1, worker="runner-1"))
    return made


async def test_files_are_listed_with_where_they_are(desk: Desk, job_id: UUID) -> None:
    assert (await desk.get(f"/api/jobs/{job_id}/artifacts/")).json() == []
    await file(desk, job_id, "a/b c.bin", CONTENT, "application/octet-stream")
    [listed] = (await desk.get(f"/api/jobs/{job_id}/artifacts/")).json()
    assert set(listed) == {"name", "media_type", "size", "digest", "url", "created_at"}
    assert (listed["name"], listed["size"]) == ("a/b c.bin", len(CONTENT))
    assert (await desk.get(listed["url"])).content == CONTENT


async def test_a_file_comes_whole_with_what_it_is(desk: Desk, job_id: UUID) -> None:
    await file(desk, job_id, "table.csv", CONTENT, "text/csv; charset=utf-8")
    answer = await desk.get(f"/api/jobs/{job_id}/artifacts/table.csv")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="table.csv"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_an_empty_file_is_a_file(desk: Desk, job_id: UUID) -> None:
    await file(desk, job_id, "empty", b"", "text/plain")
    answer = await desk.get(f"/api/jobs/{job_id}/artifacts/empty")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_a_client_that_has_it_is_not_sent_it_again(desk: Desk, job_id: UUID) -> None:
    await file(desk, job_id, "x", CONTENT, "text/plain")
    path = f"/api/jobs/{job_id}/artifacts/x"
    tag = (await desk.get(path)).headers["etag"]
    read = desk.objects.pieces_read
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = await desk.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert desk.objects.pieces_read == read
    await file(desk, job_id, "x", CONTENT[:-1], "text/plain")
    assert (await desk.get(path, headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize("media_type", ["", "text", "text/html\r\nX-Evil: 1", "a/b; c=\x00", "é/x"])
async def test_a_media_type_that_is_none_is_bytes(desk: Desk, job_id: UUID, media_type: str) -> None:
    await file(desk, job_id, "x", CONTENT, media_type)
    answer = await desk.get(f"/api/jobs/{job_id}/artifacts/x")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("name", ["x.csv", "ünï ☕.csv", 'a"b\r\nX-Evil: 1', "../../etc/passwd", "50%"])
def test_any_name_makes_a_header_and_no_path(name: str) -> None:
    header = disposition("attachment", name)
    assert header.isascii()
    assert not any(each in header for each in "\r\n")
    assert "/" not in header
    assert header.count('"') == 2


async def test_what_is_not_there_is_told_apart(desk: Desk, job_id: UUID) -> None:
    assert code_of(await desk.get(f"/api/jobs/{job_id}/artifacts/x")) == "no_such_artifact"
    assert code_of(await desk.get(f"/api/jobs/{new_id()}/artifacts/x")) == "no_such_job"
    assert code_of(await desk.get(f"/api/jobs/{new_id()}/artifacts/")) == "no_such_job"
    assert code_of(await desk.get("/api/jobs/x/artifacts/")) == "invalid_parameter"


async def test_another_users_files_are_not_there(desk: Desk, job_id: UUID) -> None:
    await file(desk, job_id, "x", CONTENT, "text/plain")
    for path in ("artifacts/x", "artifacts/"):
        assert code_of(await desk.get(f"/api/jobs/{job_id}/{path}", desk.eve)) == "no_such_job"
        assert code_of(await desk.http.get(f"/api/jobs/{job_id}/{path}")) == "token_missing"


async def test_files_need_no_database(desk: Desk, job_id: UUID) -> None:
    desk.models.up = False
    await file(desk, job_id, "x", CONTENT, "text/plain")
    assert (await desk.get(f"/api/jobs/{job_id}/artifacts/x")).content == CONTENT


async def test_a_file_that_cannot_be_begun_is_a_problem(desk: Desk, job_id: UUID) -> None:
    await file(desk, job_id, "x", CONTENT, "text/plain")
    desk.objects.held.clear()
    answer = await desk.get(f"/api/jobs/{job_id}/artifacts/x")
    assert (answer.status_code, code_of(answer)) == (503, "log_unavailable")


class _Client:
    """A client that takes a few pieces and goes away."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.messages: list[Any] = []
        self.gone = asyncio.Event()

    async def send(self, message: Any) -> None:
        self.messages.append(message)
        if len(self.messages) >= self.takes:
            self.gone.set()
        await asyncio.sleep(0)

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def downloaded(desk: Desk, job_id: UUID, client: _Client) -> None:
    artifact = await desk.jobs.artifact(desk.ada.id, job_id, "x")
    assert artifact is not None
    await Download(desk.objects, artifact, known=None)({}, client.receive, client.send)


async def test_nothing_more_is_read_for_a_client_that_is_gone(desk: Desk, job_id: UUID) -> None:
    await file(desk, job_id, "x", CONTENT * 100, "text/plain")
    await downloaded(desk, job_id, _Client(3))
    assert desk.objects.pieces_read <= 8


async def test_a_file_that_breaks_off_is_not_taken_for_whole(desk: Desk, job_id: UUID) -> None:
    await file(desk, job_id, "x", CONTENT, "text/plain")
    desk.objects.breaks_after = 3
    client = _Client(99)
    await downloaded(desk, job_id, client)
    assert len(client.messages) == 4
    assert client.messages[-1]["more_body"] is True
