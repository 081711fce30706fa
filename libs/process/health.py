"""Liveness, readiness and metrics of a process, as values and as a small ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from prometheus_client import Gauge

from libs.process import metrics
from libs.process.lifecycle import announce
from libs.process.serving import serving

__all__ = ["Check", "Health", "serve"]

Check = Callable[[], Awaitable[str | None]]
"""Answers None when all is well, else one sentence on what is wrong; an exception counts as wrong."""

CHECK_TIMEOUT_SECONDS = 2.0

_degraded = Gauge(
    "jobstream_degraded",
    "1 while the process works with a known defect, by its name.",
    ["name"],
    registry=metrics.registry,
)


class Health:
    """What a process knows about its own fitness.

    Readiness is `ready` (all checks pass), `degraded` (it serves, with a defect somebody should look at) or `unready`.
    A process is unready until `started()` was called.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self._checks: dict[str, Check] = {}
        self._defects: dict[str, tuple[str, bool]] = {}
        self._started = False
        self._draining = False

    def check(self, name: str, probe: Check) -> None:
        """Ask `probe` on every readiness request, for at most two seconds."""
        self._checks[name] = probe

    def started(self) -> None:
        """Everything the process needs is in place."""
        self._started = True

    def draining(self) -> None:
        """The process is stopping: send it nothing new."""
        self._draining = True

    def degrade(self, name: str, reason: str, *, ready: bool = True) -> None:
        """Report a defect until it is restored; with `ready=False` it also takes the process out of service."""
        self._defects[name] = (reason, ready)
        _degraded.labels(name).set(1)

    def restore(self, name: str) -> None:
        """The defect is gone; harmless if there was none."""
        if self._defects.pop(name, None) is not None:
            _degraded.labels(name).set(0)

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether to send work here, and `{service, status, checks: {name: {ok, detail?}}}`."""
        answers = await asyncio.gather(*(_ask(probe) for probe in self._checks.values()))
        checks: dict[str, dict[str, Any]] = {
            name: {"ok": answer is None} | ({} if answer is None else {"detail": answer})
            for name, answer in zip(self._checks, answers, strict=True)
        }
        ready = self._started and not self._draining and all(answer is None for answer in answers)
        if not self._started:
            checks["started"] = {"ok": False, "detail": "the process is still starting"}
        if self._draining:
            checks["draining"] = {"ok": False, "detail": "the process is stopping"}
        for name, (reason, serves) in self._defects.items():
            checks[name] = {"ok": False, "detail": reason}
            ready = ready and serves
        status = "unready" if not ready else "degraded" if self._defects else "ready"
        return ready, {"service": self.service, "status": status, "checks": checks}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application: `/livez`, `/readyz` (200 or 503) and `/metrics`."""
        if scope["type"] != "http":
            return
        match scope["path"].rstrip("/"):
            case "/livez":
                await _answer(send, 200, b'{"status":"alive"}')
            case "/readyz":
                ready, report = await self.report()
                await _answer(send, 200 if ready else 503, msgspec.json.encode(report))
            case "/metrics":
                await _answer(send, 200, metrics.render(), metrics.CONTENT_TYPE)
            case _:
                await _answer(send, 404, b'{"status":"not found"}')


@asynccontextmanager
async def serve(health: Health, host: str, port: int) -> AsyncIterator[str]:
    """Serve `health` over HTTP while the block runs and give its URL, which the supervisor is told, too.

    Port 0 takes any free port.
    """
    async with serving(health, host, port, timeout_graceful_shutdown=1) as url:
        announce(health_url=url)
        yield url


async def _ask(probe: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await probe()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_SECONDS:g} s"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


async def _answer(send: Any, status: int, body: bytes, content_type: str = "application/json") -> None:
    headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
