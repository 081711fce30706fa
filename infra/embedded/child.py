"""One child process: bound to its parent's life, its output appended to a log file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from libs.process.parent import die_with

__all__ = ["Child", "lifeline"]

POLL_SECONDS = 0.02

_pipe: tuple[int, int] | None = None


def lifeline() -> int:
    """The reading end of a pipe whose writing end only this process holds: children see its end when we are gone."""
    global _pipe
    if _pipe is None:
        _pipe = os.pipe()
    return _pipe[0]


class Child:
    """A running process. Start it from the main thread: on Linux its life hangs on the thread that made it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: int | None = None,
        group: int | None = None,
        watches_parent: bool = False,
    ) -> None:
        """`watches_parent` says that the program obeys `JOBSTREAM_PARENT_WATCH` itself, so it needs no guard."""
        self.name = name
        self.log = log
        self.started_at = time.monotonic()
        environment = dict(os.environ if env is None else env)
        kernel = sys.platform == "linux"
        inherited: tuple[int, ...] = () if kernel else (lifeline(),)
        if watches_parent:
            watch = f"pid:{os.getpid()}" if kernel else f"pipe:{lifeline()}"
            environment["JOBSTREAM_PARENT_WATCH"] = watch
        elif not kernel:
            command = [sys.executable, "-m", "infra.embedded.guard", str(lifeline()), *command]
        with log.open("ab") as output:
            self._log_start = output.tell()
            # A session of its own: Ctrl-C reaches the supervisor alone, which stops its children in order.
            self.process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=cwd,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                start_new_session=True,
                pass_fds=inherited,
                preexec_fn=die_with(os.getpid()) if kernel else None,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def exit_status(self) -> int | None:
        """None while it runs; negative is the signal that killed it."""
        return self.process.poll()

    def send(self, number: int) -> None:
        """Send a signal; harmless when the process is gone."""
        if self.exit_status() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within that time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, *, first: int = signal.SIGTERM, seconds: float = 10.0) -> Literal["ended", "killed"]:
        """Ask it to end, and kill it after `seconds`; on return it is gone and reaped."""
        self.send(first)
        if self.wait(seconds):
            return "ended"
        self.send(signal.SIGKILL)
        self.process.wait()
        return "killed"

    def tail(self, lines: int = 15) -> str:
        """The last lines this process wrote to its log, for an error message."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            size = self.log.stat().st_size
            start = self._log_start if self._log_start <= size else 0  # emptied meanwhile
            file.seek(max(start, size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        return ""
