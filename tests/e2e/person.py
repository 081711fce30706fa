"""A person at a front end: plain HTTP and a plain WebSocket, nothing of ours in between."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

__all__ = ["Person", "Socket", "idea"]

Json = dict[str, Any]
PATIENCE_SECONDS = 40.0


def idea(*words: str) -> str:
    """A name that the model recognises: `idea-<hex>` and words that tell it how to behave."""
    return "-".join(["idea", secrets.token_hex(5), *words])


class Person:
    """Registered, with a session."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""
        self.http = httpx2.AsyncClient(base_url=url, timeout=20)

    async def register(self) -> None:
        email = f"person-{secrets.token_hex(6)}@example.com"
        body = {"email": email, "password": secrets.token_urlsafe(16), "name": "Person"}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (answer := await self.http.post("/api/auth/register/", json=body)).status_code == 503:
                await asyncio.sleep(0.2)  # as the answer asks: Postgres was just started again
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["access"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    async def post(self, path: str, body: Json | None = None, *, status: int = 202) -> Any:
        answer = await self.http.post(path, json=body or {})
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def create(self, prompt: str, **fields: Any) -> Json:
        created: Json = await self.post("/api/jobs/", {"prompt": prompt, **fields}, status=201)
        return created

    async def job(self, job_id: str) -> Json:
        found: Json = await self.get(f"/api/jobs/{job_id}/")
        return found

    async def until(self, job_id: str, *statuses: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """The job once it has one of these statuses."""
        job: Json = {}
        try:
            async with asyncio.timeout(seconds):
                while (job := await self.job(job_id))["status"] not in statuses:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it did not become {statuses}: {job}") from None
        return job

    @asynccontextmanager
    async def socket(self, job_id: str, *, after: int | None = None) -> AsyncIterator[Socket]:
        query = "" if after is None else f"?after={after}"
        address = f"{self.url.replace('http', 'ws', 1)}/ws/jobs/{job_id}/{query}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with connect(address, additional_headers=headers, max_size=2**25) as connection:
            yield Socket(connection)


class Socket:
    """One connection, and every frame it brought."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Json] = []

    @property
    def durable(self) -> list[Json]:
        return [frame for frame in self.frames if "seq" in frame and frame["kind"] != "ack"]

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.durable]

    def of(self, kind: str) -> list[Json]:
        return [frame for frame in self.frames if frame["kind"] == kind]

    async def next(self) -> Json:
        """The next frame; pings are answered on the way."""
        while True:
            frame: Json = msgspec.json.decode(await self.connection.recv())
            self.frames.append(frame)
            if frame["kind"] != "ping":
                return frame
            await self.send({"kind": "pong", "t": frame.get("t")})

    async def until(self, condition: Callable[[Json], bool], *, seconds: float = PATIENCE_SECONDS) -> Json:
        """The first frame from now on for which the condition holds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(frame := await self.next()):
                    pass
        except TimeoutError:
            raise AssertionError(f"no such frame came; the last were {self.frames[-8:]}") from None
        return frame

    async def until_status(self, *statuses: str) -> Json:
        return await self.until(lambda frame: frame["kind"] == "status" and frame["status"] in statuses)

    async def until_said(self, by: str = "agent") -> Json:
        return await self.until(lambda frame: frame["kind"] == "chat" and frame["role"] == by)

    async def send(self, frame: Json | str) -> None:
        await self.connection.send(frame if isinstance(frame, str) else msgspec.json.encode(frame).decode())

    async def say(self, content: str, **fields: Any) -> None:
        await self.send({"kind": "chat", "content": content, **fields})

    async def closed(self, *, seconds: float = 10.0) -> int | None:
        """The code that the server closes with."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.next()
        except ConnectionClosed:
            return self.connection.close_code
