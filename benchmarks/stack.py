"""The whole platform as real processes: started on free ports in a folder of its own, and stopped for certain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

__all__ = ["KINDS", "Stack", "free_port", "model_server", "stack"]

_ROOT = Path(__file__).parent.parent
_READY_SECONDS = 60.0

# What a command line must hold for a process to be one of these.
KINDS = {
    "gateway": "services.gateway",
    "agents": "services.agents",
    "runner": "services.runner",
    "projector": "services.projector",
    "nats": "nats-server",
    "postgres": "postgres",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """A running platform: where it is, and its processes by kind."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, data: Path, ready_seconds: float) -> None:
        self.process = process
        self.url = url
        self.data = data
        self.ready_seconds = ready_seconds

    def processes(self, kind: str) -> list[psutil.Process]:
        """The supervisor's children of a kind that live now (of Postgres, the first: its own children go with it)."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, IndexError):
                    if child.status() != psutil.STATUS_ZOMBIE and KINDS[kind] in " ".join(child.cmdline()[:4]):
                        found.append(child)
        return found

    def kill(self, kind: str, index: int = 0) -> int | None:
        """kill -9 one process of a kind; its pid, or None where none lives at the moment."""
        found = self.processes(kind)
        if not found:
            return None
        victim = found[index % len(found)]
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
        return int(victim.pid)

    def cpu_seconds(self, kind: str) -> float:
        """CPU time that the processes of a kind, with their own children, have used so far."""
        total = 0.0
        for process in self.processes(kind):
            for each in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = each.cpu_times()
                    total += times.user + times.system
        return total

    def memory(self, kind: str) -> list[int]:
        """Resident bytes of each process of a kind."""
        return [process.memory_info().rss for process in self.processes(kind)]


@asynccontextmanager
async def stack(
    environ: Mapping[str, str] | None = None, *, data: Path | None = None, stop: bool = True
) -> AsyncIterator[Stack]:
    """Start everything with `python -m cli up`; on leaving stop it, and remove the data where the folder is its own."""
    folder = data or Path(tempfile.mkdtemp(prefix="jobstream-bench-"))
    folder.chmod(0o755)
    port = free_port()
    started = time.perf_counter()
    with (folder / "up.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli",
            "up",
            "--port",
            str(port),
            "--data",
            str(folder / "data"),
            cwd=_ROOT,
            env={**os.environ, **(environ or {})},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        url = await _ready(process, folder / "up.log")
        yield Stack(process, url, folder / "data", time.perf_counter() - started)
    finally:
        if stop and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()
        if data is None and stop:
            shutil.rmtree(folder, ignore_errors=True)


async def _ready(process: asyncio.subprocess.Process, log: Path) -> str:
    if process.stdout is None:
        raise AssertionError("started with a pipe")
    async with asyncio.timeout(_READY_SECONDS):
        while line := (await process.stdout.readline()).decode():
            if line.startswith("ready "):
                return line.split()[1]
    await process.wait()
    raise RuntimeError(f"jobstream up ended with {process.returncode}:\n{await asyncio.to_thread(log.read_text)}")


@asynccontextmanager
async def model_server(*, think_seconds: float = 0.0, token_delay_seconds: float = 0.0) -> AsyncIterator[str]:
    """Run `benchmarks.model` as a process of its own; yields its base URL without `/v1`."""
    module, port = "benchmarks.model", free_port()
    options = ("--port", port, "--think", think_seconds, "--token-delay", token_delay_seconds)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *map(str, options), cwd=_ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise AssertionError("started with a pipe")
        async with asyncio.timeout(_READY_SECONDS):
            while not (line := (await process.stdout.readline()).decode()).startswith("ready"):
                if not line:
                    raise RuntimeError(f"{module} ended before it served")
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
