"""Every HTTP call counted, timed and logged: by its route, never by its path or query, which may hold secrets."""

from __future__ import annotations

import time
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from libs.process import metrics

__all__ = ["Observed"]

log = structlog.get_logger(__name__)

_requests = Counter(
    "jobstream_gateway_requests_total",
    "HTTP requests answered.",
    ["method", "route", "status"],
    registry=metrics.registry,
)
_duration = Histogram(
    "jobstream_gateway_request_duration_seconds",
    "From the request's head to the end of the answer; streams are left out.",
    ["method", "route"],
    buckets=metrics.LATENCY_BUCKETS,
    registry=metrics.registry,
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNLOGGED = frozenset({"/livez", "/readyz", "/metrics"})
_NOT_ANSWERED = 499  # the client went away first


class Observed:
    """An ASGI application around another."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status, streams = _NOT_ANSWERED, False

        async def observe(message: Any) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                streams = any(value.startswith(b"text/event-stream") for _, value in message["headers"])
            await send(message)

        structlog.contextvars.clear_contextvars()
        try:
            await self._app(scope, receive, observe)
        finally:
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = scope.get("path_template") or ("preflight" if method == "OPTIONS" else "unmatched")
            _requests.labels(method, route, status).inc()
            if not streams:
                _duration.labels(method, route).observe(seconds)
            if route not in _UNLOGGED:
                job_id = (scope.get("path_params") or {}).get("job_id")
                known = {} if job_id is None or status >= 400 else {"job_id": str(job_id)}
                log.info(
                    "http.request", method=method, route=route, status=status, ms=round(seconds * 1000, 2), **known
                )
