"""People who use the platform through the client contracts alone: they register, create jobs, talk, watch, come back after disconnects."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import httpx2
import msgspec
import websockets
from websockets.asyncio.client import connect

__all__ = ["Person", "Watch", "register"]

_PATIENCE_SECONDS = 120.0


class Person:
    """A registered user, and the HTTP client they use."""

    def __init__(self, url: str, client: httpx2.AsyncClient, account: dict[str, Any]) -> None:
        self.url = url
        self.client = client
        self.access = account["access"]
        self.headers = {"Authorization": f"Bearer {self.access}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request, repeated for as long as the gateway is away: what a patient client does."""
        headers = {**self.headers, **options.pop("headers", {})}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                response = await self.client.request(method, self.url + path, headers=headers, **options)
                if response.status_code < 500 and response.status_code != 429:
                    return response
                problem = f"{response.status_code} {response.text[:200]}"
            except httpx2.TransportError as error:
                problem = repr(error)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{method} {path}: {problem}")
            await asyncio.sleep(0.1)

    async def create(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """Create a job, safely repeatable."""
        response = await self.call(
            "POST", "/api/jobs/", json={"prompt": prompt, **fields}, headers={"Idempotency-Key": secrets.token_hex(8)}
        )
        if response.status_code != 201:
            raise RuntimeError(f"creating a job: {response.status_code} {response.text[:300]}")
        return dict(response.json())


async def register(url: str, client: httpx2.AsyncClient) -> Person:
    email = f"{secrets.token_hex(6)}@example.com"
    password = secrets.token_urlsafe(16)
    for _ in range(100):
        try:
            response = await client.post(
                url + "/api/auth/register/", json={"email": email, "password": password, "name": "A Person"}
            )
        except httpx2.TransportError:
            await asyncio.sleep(0.1)
            continue
        if response.status_code == 201:
            return Person(url, client, response.json())
        if response.status_code < 500:
            break
        await asyncio.sleep(0.1)
    raise RuntimeError(f"registering: {response.status_code} {response.text[:300]}")


class Watch:
    """One job watched over a socket that is opened anew from its cursor whenever it breaks.

    `violations` lists every durable frame that was missing, repeated or out of order.
    """

    def __init__(self, person: Person, job_id: str) -> None:
        self.person = person
        self.job_id = job_id
        self.seq = 0
        self.frames: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self.connections = 0
        self.reply_seconds: list[float] = []
        self.deltas = 0

    async def until_ended(self, answers: list[str]) -> str:
        """Talk the job into shape with the answers, approve what is asked, and wait for its end; returns the last status."""
        url = self.person.url.replace("http", "ws", 1) + f"/ws/jobs/{self.job_id}/"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        asked_at = time.perf_counter()
        answered = 0
        while time.monotonic() < deadline:
            try:
                async with connect(
                    f"{url}?after={self.seq}", additional_headers=self.person.headers, open_timeout=10, compression=None
                ) as socket:
                    self.connections += 1
                    if 0 < answered <= len(answers):  # perhaps it never arrived; its key makes saying it twice harmless
                        await socket.send(_chat(answers[answered - 1], answered - 1))
                    async with asyncio.timeout(deadline - time.monotonic()):
                        async for text in socket:
                            frame = msgspec.json.decode(text)
                            if "seq" not in frame or frame["kind"] == "ack":
                                self._control(frame)
                                if frame["kind"] == "ping":
                                    await socket.send(b'{"kind":"pong"}'.decode())
                                continue
                            self._durable(frame)
                            if frame["kind"] == "chat" and frame["role"] == "agent":
                                self.reply_seconds.append(time.perf_counter() - asked_at)
                                if answered < len(answers):
                                    asked_at = time.perf_counter()
                                    await socket.send(_chat(answers[answered], answered))
                                    answered += 1
                            elif frame["kind"] == "approval":
                                await socket.send(_approve(frame))
                            elif frame["kind"] == "status" and frame["status"] in ("done", "failed", "cancelled"):
                                return str(frame["status"])
            except (OSError, websockets.WebSocketException, TimeoutError):
                await asyncio.sleep(0.05)
        return "unfinished"

    def _durable(self, frame: dict[str, Any]) -> None:
        if frame["seq"] != self.seq + 1:
            self.violations.append(f"{self.job_id}: frame {frame['seq']} after {self.seq}")
        self.seq = max(self.seq, frame["seq"])
        self.frames.append(frame)

    def _control(self, frame: dict[str, Any]) -> None:
        if frame["kind"] == "delta":
            self.deltas += 1
        elif frame["kind"] == "error" and not frame.get("retryable"):
            self.violations.append(f"{self.job_id}: {frame}")


def _chat(content: str, number: int) -> str:
    return msgspec.json.encode({"kind": "chat", "content": content, "key": f"answer-{number}"}).decode()


def _approve(frame: dict[str, Any]) -> str:
    answer = {"kind": "approve", "name": frame["name"], "approval_version": frame["seq"], "key": f"ok-{frame['seq']}"}
    return msgspec.json.encode(answer).decode()
