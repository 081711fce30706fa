"""The ASGI application out of use cases and ports; whoever calls chooses the adapters."""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.handlers import HTTPRouteHandler

from services.gateway.answers import EXCEPTION_HANDLERS
from services.gateway.live import Live
from services.gateway.observing import Observed
from services.gateway.origins import LOOPBACK_ORIGIN, Origins

__all__ = ["application"]

_EXPOSED = ["Link", "Location", "Retry-After", "Idempotency-Replayed"]


def application(handlers: list[HTTPRouteHandler], live: Live, origins: Origins, *, body_bytes_max: int) -> Any:
    """What uvicorn serves. It has no lifespan: its parts are opened before it and closed after it."""
    app = Litestar(
        route_handlers=[*handlers, *live.handlers()],
        exception_handlers=EXCEPTION_HANDLERS,
        cors_config=CORSConfig(
            allow_origins=list(origins.allowed),
            allow_origin_regex=f"(?i:{LOOPBACK_ORIGIN})" if origins.loopback else None,
            expose_headers=_EXPOSED,
            max_age=600,
        ),
        request_max_body_size=body_bytes_max,
        openapi_config=None,
        logging_config=None,
    )
    return Observed(app)
