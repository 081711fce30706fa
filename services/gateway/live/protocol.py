"""uvicorn's WebSocket protocol with what thousands of watchers need: whole bursts of ready frames in one write.

A server's frames are not masked, so their bytes are the same for every socket. Besides that, a close frame never waits behind a reader that
does not read, text that is not UTF-8 reaches the application instead of the log, and no URL is ever logged (it may hold a ticket).
"""

from __future__ import annotations

import logging
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["SERVER_OPTIONS", "WIRE", "LiveProtocol"]

WIRE = "jobstream.wire"
"""The ASGI extension, and its message: `{"type": "jobstream.wire", "data": <whole unmasked frames>}`."""

MESSAGE_BYTES_MAX = (
    16 * 1024 * 1024
)  # above that the connection is closed with 1009; far below, the application answers

_logger = logging.getLogger("services.gateway.live.protocol")
_logger.setLevel(logging.WARNING)


class LiveProtocol(WebSocketsSansIOProtocol):
    """What `uvicorn.Config(ws=...)` is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _logger

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][WIRE] = {}

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
            try:
                data.decode()
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if kind == WIRE:
            if not self.writable.is_set():
                await self.writable.wait()
            if self.disconnected or self.close_sent or self.transport.is_closing():
                raise ClientDisconnected
            self.transport.write(message["data"])
        elif kind == "websocket.close" and self.handshake_complete and not self.close_sent and not self.disconnected:
            self._close(message.get("code", 1000), message.get("reason") or "")
        else:
            await super().send(message)

    def _close(self, code: int, reason: str) -> None:
        if self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        # Not `close`: that would wait for ever for a client that does not read.
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)


SERVER_OPTIONS: dict[str, Any] = {
    "ws": LiveProtocol,
    "ws_max_size": MESSAGE_BYTES_MAX,
    "ws_per_message_deflate": False,
    "ws_ping_interval": None,  # pings are frames of ours, which carry the head
}
"""For `uvicorn.Config`."""
