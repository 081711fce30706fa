"""An accepted socket as a session sees it: bursts of frames out, messages in, one close code at the end."""

from __future__ import annotations

import contextlib
from typing import Any

from services.gateway.live import metrics
from services.gateway.live.frames import Frame
from services.gateway.live.protocol import WIRE

__all__ = ["CloseCode", "Closed", "Transport"]


class CloseCode:
    """Why a socket was closed, in numbers."""

    DRAIN = 1012
    TRY_AGAIN_LATER = 1013
    BAD_FRAMES = 4400
    TOKEN = 4401
    FORBIDDEN_ORIGIN = 4403
    NO_SUCH_JOB = 4404
    TIMEOUT = 4408
    CURSOR_BEYOND_HEAD = 4409
    TOO_MANY = 4429
    SLOW = 4008


class Closed(Exception):
    """The client is gone."""


class Transport:
    """An ASGI WebSocket that was accepted: whole bursts in one write where the server can, frame by frame elsewhere."""

    __slots__ = ("_receive", "_send", "_wire")

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._wire = WIRE in (scope.get("extensions") or {})

    async def send(self, frames: list[Frame]) -> None:
        """Hand frames to the connection; waits while the client is behind. Raises `Closed`."""
        try:
            if self._wire:
                data = frames[0].wire if len(frames) == 1 else b"".join([frame.wire for frame in frames])
                await self._send({"type": WIRE, "data": data})
            else:
                for frame in frames:
                    await self._send({"type": "websocket.send", "text": frame.payload.decode()})
        except (OSError, RuntimeError):
            raise Closed from None

    async def receive(self) -> str | bytes:
        """The next message. Raises `Closed`."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Closed
        text: str | None = message.get("text")
        return text if text is not None else message["bytes"]

    async def close(self, code: int, reason: str) -> None:
        """Close, if it is not closed already; the server does not wait for a client that does not read."""
        metrics.closes.labels(str(code)).inc()
        with contextlib.suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
