"""uvicorn's HTTP protocol with bounds for strangers: how long a request may take to come in, and how long its head may be.

uvicorn waits for ever for the end of a head or a body that somebody sends byte by byte, keeps a head of any size in memory, and answers what is not
HTTP in plain text.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.problems import Code, Problem

__all__ = ["HEAD_BYTES_MAX", "HttpProtocol"]

HEAD_BYTES_MAX = 64 * 1024  # a request's line and headers
RECEIVE_SECONDS = 30.0  # for a whole request, from its first byte (or the connection) to the end of its body

_logger = logging.getLogger("services.gateway.http_protocol")
_logger.setLevel(logging.ERROR)  # what a client did wrong is told to the client


class HttpProtocol(HttpToolsProtocol):
    """What `uvicorn.Config(http=...)` is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _logger
        self._receiving = False  # a request has begun and is not complete
        self._in_head = True
        self._head_bytes = 0
        self._upgraded = False  # to a socket, which has its own patience
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._receiving:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(Code.TOO_LARGE, "The request's line and headers are too long.", 431)
                return
        if self._deadline is None and self._awaits_request():
            self._arm()

    def handle_websocket_upgrade(self) -> None:
        self._upgraded = True
        self._disarm()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Code.INVALID_PARAMETER, "This is not HTTP that can be read.", 400)

    # -- what the parser finds -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._receiving = self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._receiving = False
        self._disarm()
        super().on_message_complete()

    # -- patience ------------------------------------------------------------------------------------------------------

    def _awaits_request(self) -> bool:
        return not self._upgraded and (self._receiving or self.cycle is None or self.cycle.response_complete)

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(RECEIVE_SECONDS, self._expired)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self.cycle.more_body:
            self._arm()  # an earlier request is being answered, and until then it is we who do not read
        elif self._receiving and self._in_head:
            self._refuse(Code.REQUEST_TIMEOUT, None, 408)
        else:
            self.transport.close()  # nothing was asked, or whoever reads the body learns that the client is gone

    def _refuse(self, code: Code, detail: str | None, status: int) -> None:
        """Answer without the application, and close."""
        self._disarm()
        body = msgspec.json.encode(Problem(code, detail, status=status).document)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        answering = self.cycle is not None and not self.cycle.response_complete
        if not answering or (
            self.cycle.more_body and not self.cycle.response_started
        ):  # else it would belong to another request
            self.transport.write(head.encode() + body)
        self.transport.close()
