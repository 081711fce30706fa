"""An httpx2 transport into an ASGI application of this process that streams: each piece arrives when it was sent.

httpx2's own ASGITransport runs the application to its end before the response is handed over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx2

__all__ = ["AsgiApp", "StreamingAsgiTransport"]

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [dict[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

_PIECES_AHEAD_MAX = 64


class StreamingAsgiTransport(httpx2.AsyncBaseTransport):
    """Hands requests to `app`, which runs beside the reader and at most 64 unread pieces ahead of it.

    An application that raises, or ends before its response does, is a broken connection (`httpx2.RemoteProtocolError`).
    A response closed early looks to the application like a client that went away: its task is cancelled.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        exchange = _Exchange(self._app, request, body)
        try:
            status, headers = await exchange.started()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx2.Response(status, headers=headers, stream=exchange)


class _Exchange(httpx2.AsyncByteStream):
    """One request and its response, as the reader sees it."""

    def __init__(self, app: AsgiApp, request: httpx2.Request, body: bytes) -> None:
        self._body: bytes | None = body
        self._start: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._pieces: deque[bytes] = deque()
        self._whole = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._gone = asyncio.Event()
        url = request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
        }
        self._task = asyncio.ensure_future(app(scope, self._receive, self._send))
        self._task.add_done_callback(lambda _: self._changed.set())

    async def started(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Wait for the response's head."""
        while self._start is None:
            await self._change()
        return self._start

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._room.set()
                yield piece
            if self._whole:
                return
            await self._change()

    async def aclose(self) -> None:
        self._gone.set()
        if not self._task.done():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)  # raises only where the caller itself is cancelled

    async def _change(self) -> None:
        if self._task.done() and not self._pieces and not self._whole:
            fault = None if self._task.cancelled() else self._task.exception()
            raise httpx2.RemoteProtocolError("the server ended before its response was whole") from fault
        self._changed.clear()
        await self._changed.wait()

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = (message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            if piece := message.get("body", b""):
                if len(self._pieces) >= _PIECES_AHEAD_MAX:
                    self._room.clear()
                    await self._room.wait()
                self._pieces.append(piece)
            self._whole = not message.get("more_body", False)
        self._changed.set()
