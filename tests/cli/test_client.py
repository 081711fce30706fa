"""The client against a gateway of a few lines: what it resumes, renews and gives up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve

from cli import client as client_module
from cli.client import Client, Refused
from libs.process.serving import serving

Talk = Callable[[ServerConnection, int], Awaitable[None]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RECONNECT_SECONDS", (0.0,))


@asynccontextmanager
async def gateway(*talks: Talk) -> AsyncIterator[Client]:
    """Each connection is handled by the next talk, which gets the `after` it was opened with."""
    left = list(talks)

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        after = int(parse_qs(urlsplit(socket.request.path).query)["after"][0])
        await left.pop(0)(socket, after)

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}", access="a", refresh="r") as client:
            yield client


async def first(client: Client, count: int) -> list[dict[str, Any]]:
    found = []
    async with asyncio.timeout(5):
        async for frame in client.watch("j"):
            found.append(frame)
            if len(found) == count:
                break
    return found


def durable(seq: int) -> str:
    return json.dumps({"kind": "chat", "seq": seq})


async def test_a_lost_connection_is_resumed_at_the_cursor_without_repeats() -> None:
    opened: list[int] = []

    async def lost(socket: ServerConnection, after: int) -> None:
        opened.append(after)
        await socket.send(durable(1))
        await socket.send(durable(2))
        socket.transport.abort()

    async def repeats(socket: ServerConnection, after: int) -> None:
        opened.append(after)
        await socket.send(durable(2))
        await socket.send(durable(3))
        await socket.wait_closed()

    async with gateway(lost, repeats) as client:
        frames = await first(client, 3)
    assert ([frame["seq"] for frame in frames], opened) == ([1, 2, 3], [0, 2])


async def test_a_ping_is_answered_and_not_shown() -> None:
    answers: list[str | bytes] = []

    async def pings(socket: ServerConnection, after: int) -> None:
        await socket.send(json.dumps({"kind": "ping", "t": 7, "head": 0}))
        answers.append(await socket.recv())
        await socket.send(durable(1))
        await socket.wait_closed()

    async with gateway(pings) as client:
        frames = await first(client, 1)
    assert (frames[0]["seq"], json.loads(answers[0])) == (1, {"kind": "pong", "t": 7})


async def test_a_job_that_is_not_yours_ends_the_watching() -> None:
    async def refuse(socket: ServerConnection, after: int) -> None:
        await socket.close(4404, "no such job of yours")

    async with gateway(refuse) as client:
        with pytest.raises(Refused, match="no such job of yours"):
            await first(client, 1)


async def test_a_drained_gateway_is_asked_again() -> None:
    async def drain(socket: ServerConnection, after: int) -> None:
        await socket.close(1012, "drain")

    async def serve_on(socket: ServerConnection, after: int) -> None:
        await socket.send(durable(1))
        await socket.wait_closed()

    async with gateway(drain, serve_on) as client:
        assert await first(client, 1) == [{"kind": "chat", "seq": 1}]


class Http:
    """An ASGI application that answers from a list and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str | None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers.get("authorization")))
        status, body = self.answers.pop(0)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def test_an_expired_token_is_renewed_once_and_the_call_repeated() -> None:
    app = Http((401, {}), (200, {"access": "new", "refresh": "r2"}), (200, []))
    async with serving(app, "127.0.0.1", 0) as url, Client(url, access="old", refresh="r1") as client:
        assert await client.jobs() == []
    assert app.asked == [
        ("/api/jobs/", "Bearer old"),
        ("/api/auth/token/refresh/", "Bearer old"),
        ("/api/jobs/", "Bearer new"),
    ]


async def test_a_problem_is_told_in_the_gateways_words() -> None:
    app = Http((422, {"detail": "The prompt is empty.", "code": "invalid", "errors": [{"detail": "at least 1"}]}))
    async with serving(app, "127.0.0.1", 0) as url, Client(url) as client:
        with pytest.raises(Refused, match=r"The prompt is empty\. \(at least 1\)"):
            await client.create_job("")


async def test_an_absent_gateway_is_one_sentence() -> None:
    async with Client("http://127.0.0.1:9") as client:
        with pytest.raises(Refused, match="cannot be reached"):
            await client.jobs()
