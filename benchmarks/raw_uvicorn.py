"""The raw limit: uvicorn's own WebSocket, sending one ready text frame as often as the URL says and nothing else. Run by `fan_out`."""

from __future__ import annotations

from typing import Any

from libs.process.lifecycle import Stopping, announce, run
from libs.process.serving import serving


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    count, size = (int(part) for part in scope["path"].strip("/").split("/"))
    await send({"type": "websocket.send", "text": '{"kind":"live"}'})
    message = {"type": "websocket.send", "text": '{"kind":"raw","content":"' + "x" * size + '"}'}
    await receive()
    for _ in range(count):
        await send(message)
    await receive()


async def _main(stopping: Stopping) -> None:
    options = {"ws": "websockets-sansio", "ws_per_message_deflate": False, "ws_ping_interval": None}
    async with serving(_app, "127.0.0.1", 0, **options) as url:
        announce(url=url)
        await stopping.wait()


if __name__ == "__main__":
    run("raw-uvicorn", _main)
