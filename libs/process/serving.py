"""An ASGI application served by uvicorn inside the caller's event loop, on a port known before the first request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

__all__ = ["serving", "url_of"]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to libs.process.lifecycle


@asynccontextmanager
async def serving(app: Any, host: str, port: int, **options: Any) -> AsyncIterator[str]:
    """Serve `app` while the block runs and give its URL; port 0 takes any free port.

    Leaving the block stops accepting, lets open requests end (`timeout_graceful_shutdown`, 5 s by default), then
    returns. Raises `OSError` when the address is taken. `options` go to `uvicorn.Config`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    settings: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "lifespan": "off",
        "server_header": False,
        "timeout_graceful_shutdown": 5,
    }
    server = _Server(uvicorn.Config(app, **(settings | options)))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
    try:
        while not server.started:
            if task.done():
                await task
                raise RuntimeError("the HTTP server ended before it served")
            await asyncio.sleep(0.005)
        yield url_of(host, listener.getsockname()[1])
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()


def url_of(host: str, port: int) -> str:
    """The URL under which a listener on `host` is reached from this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
