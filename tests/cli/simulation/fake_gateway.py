"""A gateway of one file that speaks the contract: it remembers what it was asked and plays frames from a list."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from libs.process.serving import serving

__all__ = ["FakeGateway"]

Json = dict[str, Any]
Answer = tuple[int, Any]


class FakeGateway:
    """Serves in a thread of its own while the block runs."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[tuple[str, str], Answer | Callable[[], Answer]] = {}
        self.frames: dict[str, list[Json]] = {}
        self.url = ""
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> FakeGateway:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._loop is not None
        assert self._ending is not None
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)

    def body_of(self, method: str, path: str) -> Any:
        """What was last sent there."""
        return [body for asked, at, body in self.asked if (asked, at) == (method, path)][-1]

    def simulation(self, job_id: str, result: Json | None, *frames: Json, status: str = "done", **fields: Any) -> None:
        """A job that POST creates, whose socket plays these frames and then its end."""
        view = {"job_id": job_id, "status": status, "request_data": {}, "result_data": result} | fields
        created = view | {"status": "queued", "result_data": None}
        self.answers["POST", "/api/simulations/"] = (201, created)
        self.answers["POST", f"/api/simulations/{job_id}/rerun/"] = (201, created)
        self.answers["GET", f"/api/simulations/{job_id}/"] = (200, view)
        self.answers["GET", f"/api/jobs/{job_id}/"] = (
            200,
            {"id": job_id, "kind": fields.get("kind", "simulation"), "status": status, "version": 9},
        )
        ending = (
            [{"kind": "status", "status": status, "message": f"The job is {status}."}] if status != "running" else []
        )
        every = [{"kind": "status", "status": "running", "message": ""}, *frames, *ending]
        self.frames[job_id] = [{**frame, "seq": seq} for seq, frame in enumerate(every, start=1)]

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._app, "127.0.0.1", 0, interface="asgi3", timeout_graceful_shutdown=1) as self.url:
            self._ready.set()
            await self._ending.wait()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._play(scope, receive, send)
            return
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = scope["path"]
        self.asked.append((scope["method"], path, json.loads(content) if content else None))
        found = self.answers.get((scope["method"], path), (404, {"detail": f"nothing at {path}", "code": "not_found"}))
        status, body = found() if callable(found) else found
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": sent})

    async def _play(self, scope: Any, receive: Any, send: Any) -> None:
        job_id = urlsplit(scope["path"]).path.split("/")[3]
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        for frame in [{"kind": "hello", "head": 0}, *self.frames.get(job_id, []), {"kind": "live"}]:
            await send({"type": "websocket.send", "text": json.dumps(frame)})
        while (await receive())["type"] != "websocket.disconnect":
            pass
