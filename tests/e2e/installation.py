"""`jobstream up` as a real process tree, started, killed and started again."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from infra.embedded.child import Child
from infra.embedded.ports import free_port

__all__ = ["Installation"]

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 40.0


class Installation:
    """One data folder and whatever serves it now."""

    def __init__(self, folder: Path, model_url: str, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "OPENAI_"))}
        self._environment = (
            inherited
            | {
                "PYTHONPATH": str(ROOT),
                "OPENAI_BASE_URL": model_url,
                "OPENAI_MODEL": "scripted",
                "AGENTS_REPLICAS": "2",
                "RUNNER_REPLICAS": "2",
                "LEASE_SECONDS": "2",
            }
            | environment
        )
        self._child: Child | None = None
        self._starts = 0

    def start(self) -> None:
        self._starts += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"up-{self._starts}.out"
        command = [sys.executable, "-m", "cli", "up", "--data", str(self.data), "--port", str(self.port)]
        self._child = Child("jobstream", command, log=log, env=self._environment, cwd=ROOT)
        deadline = time.monotonic() + START_SECONDS
        while f"ready {self.url}" not in log.read_text():
            assert self._child.exit_status() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def pid(self, name: str) -> int:
        """Of a service's replica that runs now."""
        found: dict[str, int] = msgspec.json.decode((self.data / "run" / f"{name}.json").read_bytes())
        return found["pid"]

    def kill(self, name: str) -> None:
        """SIGKILL to one replica; the supervisor starts another."""
        os.kill(self.pid(name), signal.SIGKILL)

    def kill_everything(self) -> None:
        """SIGKILL to the supervisor; nothing outlives it."""
        assert self._child is not None
        self._child.stop(first=signal.SIGKILL)

    def stop(self) -> int | None:
        """Ask it to end, and tell its exit status."""
        if self._child is not None:
            self._child.stop(seconds=STOP_SECONDS)
            return self._child.exit_status()
        return None

    def logs(self) -> str:
        """The last lines of everybody, for whoever reads a failed test."""
        parts = []
        for path in sorted((self.data / "logs").glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-30:]
            parts.append("\n".join([f"== {path.name}", *lines]))
        return "\n".join(parts)
