"""One service as a child process that tells where it serves and whether it is ready."""

from __future__ import annotations

import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from infra.embedded.child import Child
from infra.embedded.nats import ServerFailed

__all__ = ["ServiceProcess", "SettingsRefused"]

POLL_SECONDS = 0.04
STOP_SECONDS = 18.0  # more than a service gives itself
SETTINGS_EXIT_STATUS = 2


class SettingsRefused(ServerFailed):
    """The service ended because of its settings: starting it again would not help."""


class _Announced(msgspec.Struct):
    pid: int
    health_url: str | None = None


class ServiceProcess:
    """A replica of a service, run with `python -m services.<service>` unless another command is given."""

    def __init__(
        self,
        name: str,
        *,
        env: Mapping[str, str],
        log: Path,
        runtime_file: Path,
        command: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.service = name.partition("-")[0]
        self.log = log
        self.runtime_file = runtime_file
        self.env = dict(env) | {"RUNTIME_FILE": str(runtime_file)}
        self.command = list(command) or [sys.executable, "-P", "-m", f"services.{self.service}"]
        self.child: Child | None = None

    @property
    def health_url(self) -> str | None:
        """Where the running process serves its health, as it announced; None before."""
        try:
            found = msgspec.json.decode(self.runtime_file.read_bytes(), type=_Announced)
        except (OSError, msgspec.DecodeError):
            return None
        return found.health_url if self.child is not None and found.pid == self.child.pid else None

    def spawn(self) -> Child:
        """Start the process; from the main thread, see `Child`."""
        self.runtime_file.unlink(missing_ok=True)
        self.child = Child(self.name, self.command, log=self.log, env=self.env, watches_parent=True)
        return self.child

    def await_ready(self, seconds: float = 60.0) -> None:
        """Return once `/readyz` is content (a degraded service serves, too). Raises `ServerFailed`."""
        assert self.child is not None
        child = self.child
        deadline = time.monotonic() + seconds
        answer = "it has not said where it serves"
        while True:
            status = child.exit_status()
            if status == SETTINGS_EXIT_STATUS:
                raise SettingsRefused(child.tail())
            if status is not None:
                raise ServerFailed(f"{self.name} ended with status {status} while starting:\n{child.tail()}")
            url = self.health_url
            if url:
                ready, answer = _ask(f"{url}/readyz")
                if ready:
                    return
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} was not ready within {seconds:g} s: {answer}\n{child.tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop(first=signal.SIGTERM, seconds=STOP_SECONDS)


def _ask(url: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310
            return answer.status == 200, ""
    except urllib.error.HTTPError as error:
        return False, error.read(2000).decode(errors="replace")
    except OSError as error:
        return False, str(error)
