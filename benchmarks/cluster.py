"""Three NATS servers as one cluster, outside the platform's own supervision: killed one at a time, and started again."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.embedded.binaries import nats_server
from infra.embedded.child import Child
from infra.embedded.ports import LOOPBACK, free_port
from infra.nats import accounts

__all__ = ["Cluster", "cluster"]

_SERVERS = 3
_AWAY_SECONDS = 3.0
_TOGETHER_SECONDS = 5.0  # what the three get to find each other again before the next is killed


class Cluster:
    """The servers, and what a platform needs to use them."""

    def __init__(self, folder: Path) -> None:
        self._passwords = accounts.passwords()
        self._ports = [free_port() for _ in range(_SERVERS)]
        self._folder = folder
        routes = [f"{LOOPBACK}:{free_port()}" for _ in range(_SERVERS)]
        for number, (port, route) in enumerate(zip(self._ports, routes, strict=True)):
            configuration = accounts.render(
                self._passwords,
                store=folder / f"store-{number}",
                port=port,
                monitor=f"{LOOPBACK}:{free_port()}",
                server_name=f"server-{number}",
                cluster=route,
                routes=routes,
            )
            (folder / f"{number}.conf").write_text(configuration)
        self.children = [self._start(number) for number in range(_SERVERS)]

    def environ(self) -> dict[str, str]:
        """Settings for `up`: where the cluster is, and every service's own user."""
        found = {
            "NATS_URL": ",".join(f"nats://{LOOPBACK}:{port}" for port in self._ports),
            "NATS_REPLICAS": str(_SERVERS),
            "NATS_ADMIN_USER": "admin",
            "NATS_ADMIN_PASSWORD": self._passwords["admin"],
        }
        for service in ("gateway", "agents", "runner", "projector"):
            found[f"{service.upper()}_NATS_USER"] = service
            found[f"{service.upper()}_NATS_PASSWORD"] = self._passwords[service]
        return found

    async def lose(self, number: int) -> None:
        """kill -9 one server, and start it again a little later."""
        self.children[number].stop(first=signal.SIGKILL)
        await asyncio.sleep(_AWAY_SECONDS)
        self.children[number] = self._start(number)
        await asyncio.sleep(_TOGETHER_SECONDS)

    def _start(self, number: int) -> Child:
        command = [str(nats_server()), "-c", str(self._folder / f"{number}.conf")]
        return Child(f"server-{number}", command, log=self._folder / f"{number}.log")


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """Run a cluster in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="jobstream-cluster-"))
    made = Cluster(folder)
    try:
        yield made
    finally:
        for child in made.children:
            child.stop(first=signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
