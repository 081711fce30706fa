"""`python -m services.gateway`: one gateway process; start as many as are needed."""

from __future__ import annotations

import structlog

from libs.process.lifecycle import Stopping, announce, run
from libs.process.serving import serving
from libs.process.settings import load_all
from services.gateway.app import open_gateway
from services.gateway.http_protocol import HttpProtocol
from services.gateway.live import SERVER_OPTIONS, LiveSettings
from services.gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)


async def main(stopping: Stopping) -> None:
    """Serve until told to stop; then turn sockets away, let open requests end, and close what was opened."""
    settings, live_settings = load_all(GatewaySettings, LiveSettings)
    async with open_gateway(settings, live_settings) as gateway:
        options = {
            **SERVER_OPTIONS,
            "http": HttpProtocol,
            "proxy_headers": bool(settings.trusted_proxies),
            "forwarded_allow_ips": settings.trusted_proxies,
            "timeout_graceful_shutdown": max(1, round(settings.stop_grace_seconds)),
        }
        async with serving(gateway.app, settings.host, settings.port, **options) as url:
            announce(url=url, health_url=url)
            log.info("gateway.ready", url=url)
            await stopping.wait()
            gateway.health.draining()
            await gateway.live.drain(settings.stop_grace_seconds)
        log.info("gateway.stopped")


if __name__ == "__main__":
    run("gateway", main)
