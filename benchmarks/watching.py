"""One real gateway process, a writer beside it, and watchers so light that they do not hide what the gateway costs."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil

from benchmarks.servers import Servers
from infra.postgres import roles
from libs.events.connection import connect
from libs.events.event import NewEvent, Position
from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobCreated, JobEvent, UserMessagePosted
from libs.process import logs
from libs.process.clock import SystemClock, new_id
from services.gateway.ports import User
from services.gateway.tokens import AccessTokens

__all__ = ["Gateway", "Watcher", "Writer", "gateway", "prepare", "process", "watch", "writer"]

_SECRET = secrets.token_urlsafe(48)
_READY_SECONDS = 30.0
_ROOT = Path(__file__).parent.parent
_SEQ = b'"seq":'
_PONG = b"\x81\x8f\x00\x00\x00\x00" + b'{"kind":"pong"}'  # masked with zeros


def prepare() -> None:
    """Quiet logs, and as many open files as the system gives: each socket is one here and one in the gateway."""
    logs.configure("benchmark", "error")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Gateway:
    """A gateway process and a user who may watch there."""

    def __init__(self, url: str, process: psutil.Process) -> None:
        self.url = url
        self.process = process
        self.user = User(id=new_id(), email="bench@example.org", name="Bench")
        self.token = AccessTokens(_SECRET, SystemClock(), 3600).issue(self.user)

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@asynccontextmanager
async def process(*command: str, environ: dict[str, str]) -> AsyncIterator[tuple[str, psutil.Process]]:
    """A Python process that announces where it serves; stopped on leaving."""
    with tempfile.TemporaryDirectory(prefix="jobstream-bench-") as folder:
        announced = Path(folder) / "runtime"
        started = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=_ROOT, env=environ | {"RUNTIME_FILE": str(announced)}
        )
        try:
            deadline = time.monotonic() + _READY_SECONDS
            while not announced.exists():
                if started.returncode is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(command)} did not come up")
                await asyncio.sleep(0.02)
            yield msgspec.json.decode(announced.read_bytes())["url"], psutil.Process(started.pid)
        finally:
            if started.returncode is None:
                started.kill()
                await started.wait()


@asynccontextmanager
async def gateway(running: Servers) -> AsyncIterator[Gateway]:
    """One gateway process on a free port, without limits for its one user."""
    environ = running.environ("gateway") | {
        "DATABASE_URL": running.database_url(roles.GATEWAY),
        "JWT_SECRET": _SECRET,
        "HOST": "127.0.0.1",
        "PORT": "0",
        "LIVE_CONNECTIONS_PER_USER": "100000",
        "LOG_LEVEL": "error",
    }
    async with process("-m", "services.gateway", environ=environ) as (url, running_process):
        yield Gateway(url, running_process)


class Writer:
    """Appends a job's events, as an agent or a runner would."""

    def __init__(self, store: JetStreamStore[JobEvent], stream: StreamId) -> None:
        self.stream = stream
        self.position = Position(0, 0)
        self._store = store

    async def append(self, count: int, *, content: str = "x" * 100) -> None:
        """Append so many messages in one decision."""
        now = SystemClock().now()
        said = [UserMessagePosted(message_id=new_id(), content=content) for _ in range(count)]
        new: list[NewEvent[JobEvent]] = [NewEvent(id=new_id(), time=now, event=each) for each in said]
        self.position = await self._store.append(self.stream, new, after=self.position)

    async def create(self) -> None:
        created = JobCreated(kind="build", prompt="An idea", talks=True)
        new: list[NewEvent[JobEvent]] = [NewEvent(id=new_id(), time=SystemClock().now(), event=created)]
        self.position = await self._store.append(self.stream, new, after=self.position)


@asynccontextmanager
async def writer(running: Servers, owner: User) -> AsyncIterator[Callable[[], Writer]]:
    """Gives writers of new jobs, all on one connection."""
    client = await connect(running.nats.settings("runner"), "benchmark-writer")
    store = JetStreamStore[JobEvent](client, EVENTS)
    try:
        yield lambda: Writer(store, StreamId(owner.id, new_id()))
    finally:
        await client.close()


class Watcher(asyncio.Protocol):
    """A WebSocket client that only counts: frames, and whether `seq` ever skipped or repeated."""

    def __init__(self, request: bytes, on_durable: Callable[[int], None] | None = None, seq: int | None = None) -> None:
        self._request = request
        self._on_durable = on_durable
        self._buffer = b""
        self._open = False
        self.frames = 0
        self.seq = seq
        self.faults = 0  # gaps and repeats
        self.live = asyncio.get_running_loop().create_future()
        self.live_at = 0.0
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        place = 0
        if not self._open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(data[:200])
            self._open = True
            place = end + 4
        size = len(data)
        while size - place >= 2:
            length, start = data[place + 1], place + 2
            if length == 126:
                if size - place < 4:
                    break
                length, start = int.from_bytes(data[place + 2 : place + 4], "big"), place + 4
            elif length == 127:
                if size - place < 10:
                    break
                length, start = int.from_bytes(data[place + 2 : place + 10], "big"), place + 10
            if size < start + length:
                break
            self._frame(data, place, start, start + length)
            place = start + length
        self._buffer = data[place:] if place < size else b""

    def _frame(self, data: bytes, opcode_at: int, start: int, end: int) -> None:
        self.frames += 1
        if data[opcode_at] == 0x88:
            if not self.closed.done():
                self.closed.set_result(int.from_bytes(data[start : start + 2], "big"))
            return
        found = data.find(_SEQ, start, start + 40)
        if found >= 0:
            seq = int(data[found + 6 : data.index(b",", found)])
            if self.seq is not None and seq != self.seq + 1:
                self.faults += 1
            self.seq = seq
            if self._on_durable is not None:
                self._on_durable(seq)
        elif data.startswith(b'{"kind":"ping"', start):
            self.transport.write(_PONG)
        elif data.startswith(b'{"kind":"live"', start):
            self.live_at = time.perf_counter()
            if not self.live.done():
                self.live.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(1006)
        if not self.live.done():
            self.live.set_exception(ConnectionError("closed before live"))


async def watch(
    url: str, path: str, token: str, on_durable: Callable[[int], None] | None = None, *, seq: int | None = None
) -> Watcher:
    """Connect a watcher; `seq` is the version it has already."""
    place = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    _, watcher = await asyncio.get_running_loop().create_connection(
        lambda: Watcher(request.encode(), on_durable, seq), place.hostname, place.port
    )
    return watcher
