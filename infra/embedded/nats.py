"""A NATS server with JetStream as a child process."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import msgspec

from infra.embedded.binaries import nats_server
from infra.embedded.child import POLL_SECONDS, Child
from infra.embedded.ports import LOOPBACK, free_port
from infra.embedded.private import write_private
from infra.nats import accounts
from libs.events.connection import NatsSettings
from libs.process.settings import Secret

__all__ = ["EmbeddedNats", "ServerFailed"]

READY_SECONDS = 60.0  # a long log is checked before the port opens


class ServerFailed(Exception):
    """A server did not come up; the text ends with the last lines of its log."""


class _Unhealthy(msgspec.Struct):
    error: str = ""


class EmbeddedNats:
    """One server on the loopback interface, with the project's accounts. It keeps its ports over restarts."""

    name = "nats"

    def __init__(
        self,
        folder: Path,
        *,
        passwords: Mapping[str, str] | None = None,
        sync_interval: str = "always",
        port: int | None = None,
        log: Path | None = None,
    ) -> None:
        self.folder = folder
        self.passwords = dict(passwords or accounts.passwords())
        self.sync_interval = sync_interval
        self.port = port or free_port()
        self.monitor_port = free_port()
        self.log = log or folder / "nats.log"
        self.child: Child | None = None

    @property
    def url(self) -> str:
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def monitor_url(self) -> str:
        return f"http://{LOOPBACK}:{self.monitor_port}"

    def user(self, name: str) -> tuple[str, str]:
        """User name and password of a service's user."""
        return name, self.passwords[name]

    def settings(self, name: str) -> NatsSettings:
        """What `libs.events.connection.connect` needs to be that user."""
        user, password = self.user(name)
        return NatsSettings(nats_url=[self.url], nats_user=user, nats_password=Secret(password))

    def spawn(self) -> Child:
        """Start the process; from the main thread, see `Child`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        text = accounts.render(
            self.passwords,
            store=self.folder / "jetstream",
            host=LOOPBACK,
            port=self.port,
            monitor=f"{LOOPBACK}:{self.monitor_port}",
            sync_interval=self.sync_interval,
        )
        write_private(config, text)
        self.child = Child("nats", [str(nats_server()), "-c", str(config)], log=self.log)
        return self.child

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return once clients can connect and streams are recovered. Raises `ServerFailed`."""
        assert self.child is not None
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self.child.exit_status() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"the NATS server did not become ready:\n{self.child.tail()}")
            time.sleep(POLL_SECONDS)

    def start(self) -> None:
        """Start and await readiness."""
        self.spawn()
        self.await_ready()

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop(seconds=10)

    def kill(self) -> None:
        """Send SIGKILL, and wait until it is gone."""
        if self.child is not None:
            self.child.stop(first=signal.SIGKILL)

    def restart(self) -> None:
        """Stop it unless it is gone already, and start it on the same ports and data."""
        self.stop()
        self.start()

    def write_error(self) -> str | None:
        """Why it stores nothing any more, if so. After a write that failed, as on a full disk, only a restart makes it try again."""
        try:
            with urllib.request.urlopen(f"{self.monitor_url}/healthz", timeout=2):  # noqa: S310
                return None
        except urllib.error.HTTPError as answer:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                text = msgspec.json.decode(answer.read(), type=_Unhealthy).error
                return text if "write error" in text else None
        except OSError:
            pass
        return None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, urllib.error.URLError):
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                if not connection.recv(5).startswith(b"INFO"):
                    return False
            with urllib.request.urlopen(f"{self.monitor_url}/healthz", timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        return False
