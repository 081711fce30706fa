"""Either built-in model server as a process of its own: it says where it serves, and stops on SIGINT or SIGTERM."""

from __future__ import annotations

from typing import Any, NoReturn

from libs.process.lifecycle import Stopping, announce, run
from libs.process.serving import serving
from libs.process.settings import SettingsError

__all__ = ["serve_until_stopped"]


def serve_until_stopped(name: str, app: Any, host: str, port: int) -> NoReturn:
    """Serve, print `ready http://HOST:PORT/v1`, and end the process once asked to stop; status 2 on a taken port."""

    async def serve(stopping: Stopping) -> None:
        try:
            async with serving(app, host, port, timeout_graceful_shutdown=1) as url:
                announce(url=f"{url}/v1")
                print(f"ready {url}/v1", flush=True)
                await stopping.wait()
        except OSError as error:
            raise SettingsError([f"it cannot listen on {host}:{port}: {error.strerror}"]) from None

    run(name, serve)
