"""Bounds for strangers, over a real port: what never ends is cut off, what is no HTTP gets a problem, and nothing of it is our error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import websockets

from libs.process.serving import serving
from services.gateway import http_protocol
from services.gateway.http_protocol import HEAD_BYTES_MAX, HttpProtocol
from tests.services.gateway.desk import Desk

DEADLINE_SECONDS = 10
HEAD = b"GET /livez HTTP/1.1\r\nHost: gateway.test\r\n"


@pytest.fixture
async def port(desk: Desk) -> AsyncIterator[int]:
    async with serving(desk.app, "127.0.0.1", 0, http=HttpProtocol) as url:
        found = urlsplit(url).port
        assert found is not None
        yield found


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield reader, writer
    finally:
        writer.close()


async def answer_to(port: int, *parts: bytes) -> bytes:
    """Everything that comes until the server closes the connection."""
    async with connected(port) as (reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()


def code_in(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return str(msgspec.json.decode(body)["code"])


@pytest.mark.parametrize(
    "junk",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x00\xa5",
        b"GET / HTTP/9.9\r\n\r\n",
        HEAD + b"X: a\x00b\r\n\r\n",
        b"POST /api/jobs/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_a_problem(port: int, junk: bytes) -> None:
    assert code_in(await answer_to(port, junk)) == "invalid_parameter"


async def test_a_body_that_is_no_http_gets_a_problem(desk: Desk, port: int) -> None:
    head = f"POST /api/jobs/ HTTP/1.1\r\nAuthorization: {desk.as_()['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert code_in(await answer_to(port, head.encode() + b"zz\r\n")) == "invalid_parameter"


async def test_a_head_without_end_is_refused_before_it_fills_the_memory(port: int) -> None:
    answer = await answer_to(port, HEAD, b"X: " + b"x" * HEAD_BYTES_MAX)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert code_in(answer) == "too_large"


async def test_a_head_that_does_not_come_to_its_end_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "RECEIVE_SECONDS", 0.1)
    assert code_in(await answer_to(port, HEAD)) == "request_timeout"


async def test_a_connection_that_says_nothing_is_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "RECEIVE_SECONDS", 0.1)
    assert await answer_to(port) == b""


async def test_a_body_that_does_not_come_to_its_end_is_given_up(
    desk: Desk, port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http_protocol, "RECEIVE_SECONDS", 0.1)
    head = f"POST /api/jobs/ HTTP/1.1\r\nAuthorization: {desk.as_()['Authorization']}\r\nContent-Length: 99\r\n\r\n"
    assert await answer_to(port, head.encode(), b'{"prompt":') == b""
    assert "error" not in capsys.readouterr().out


async def test_a_socket_is_no_request_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "RECEIVE_SECONDS", 0.05)

    async def echo(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    async with (
        serving(echo, "127.0.0.1", 0, http=HttpProtocol) as url,
        websockets.connect(url.replace("http", "ws", 1)) as socket,
    ):
        await asyncio.sleep(0.2)
        await socket.send("still there?")
        assert await socket.recv() == "still there?"


async def test_an_answer_may_take_longer_than_its_request(
    port: int, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    monkeypatch.setattr(http_protocol, "RECEIVE_SECONDS", 0.05)
    asked, told = asyncio.Event(), asyncio.Event()

    async def slow(*_: object, **__: object) -> None:
        asked.set()
        await told.wait()

    monkeypatch.setattr(desk.jobs, "get", slow)
    head = f"GET /api/jobs/{desk.ada.id}/ HTTP/1.1\r\nAuthorization: {desk.as_()['Authorization']}\r\n\r\n"
    async with connected(port) as (reader, writer):
        writer.write(head.encode())
        await asked.wait()
        asyncio.get_running_loop().call_later(0.2, told.set)
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")


async def test_requests_follow_each_other_on_a_connection(port: int) -> None:
    async with connected(port) as (reader, writer):
        for _ in range(3):
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b'{"status":"alive"}')).startswith(b"HTTP/1.1 200 ")
