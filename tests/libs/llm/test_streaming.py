"""Streaming streams: what the server has sent is there before it goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from libs.llm.asgi_transport import StreamingAsgiTransport
from libs.llm.port import ChatMessage
from libs.llm.serving import Answer, read_body, stream_events
from tests.libs.llm.conftest import Connections

ASK = [ChatMessage("user", "hello")]


class Stepwise:
    """A server that sends one event at a time and waits to be told to go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.finished = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await read_body(receive)
        answer = Answer("m", "one two three four", 1, 4)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for event in stream_events(answer, with_usage=True, tokens_a_piece=1):
            await send({"type": "http.response.body", "body": event, "more_body": True})
            if b'"one"' in event:
                await self.go_on.wait()
        self.finished = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def test_the_first_piece_arrives_before_the_server_has_finished(connections: Connections) -> None:
    server = Stepwise()
    model = await connections.to(server)
    seen: list[tuple[str, bool]] = []

    async def look(text: str) -> None:
        seen.append((text, server.finished))
        server.go_on.set()

    completion = await model.complete(ASK, role="ceo", on_delta=look)
    assert seen[0] == ("one", False)
    assert completion.text == "one two three four"


async def test_an_event_cut_anywhere_is_read_whole(in_process: Connections) -> None:
    whole = b"".join(stream_events(Answer("m", "Grüße, 世界 \U0001f600", 1, 4), with_usage=True, tokens_a_piece=1))

    async def bytewise(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await read_body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for position in range(len(whole)):
            piece = whole[position : position + 1]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    model = await in_process.to(bytewise)
    got: list[str] = []

    async def keep(text: str) -> None:
        got.append(text)

    completion = await model.complete(ASK, role="ceo", on_delta=keep)
    assert "".join(got) == completion.text == "Grüße, 世界 \U0001f600"
    assert completion.usage.completion_tokens == 4


@pytest.mark.parametrize(
    "ending",
    [
        b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"hi"}}]}\r\n\r\ndata: [DONE]\r\n\r\n',
        b': a comment\n\nevent: x\ndata:{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}',
    ],
)
async def test_every_kind_of_proper_end_is_an_end(in_process: Connections, ending: bytes) -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await read_body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": ending})

    async def ignore(_: str) -> None:
        return None

    assert (await (await in_process.to(app)).complete(ASK, role="ceo", on_delta=ignore)).text == "hi"


def client(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=StreamingAsgiTransport(app), base_url="http://test", trust_env=False)


async def test_the_transport_lets_the_application_run_only_so_far_ahead() -> None:
    sent = 0

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            sent += 1
        await send({"type": "http.response.body", "body": b""})

    async with client(app) as http, http.stream("GET", "/") as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        assert sent < 200
        assert len(b"".join([piece async for piece in pieces])) == 999


async def test_an_application_that_raises_is_a_broken_connection() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        raise RuntimeError

    async with client(app) as http:
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.get("/")


async def test_leaving_early_is_a_disconnect_for_the_application() -> None:
    left = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.Event().wait()
        finally:
            left.set()

    async with client(app) as http:
        async with http.stream("GET", "/") as response:
            assert await anext(response.aiter_raw()) == b"x"
        assert left.is_set()
