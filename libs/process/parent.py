"""A child that never outlives its parent: by the kernel on Linux, by the end of an inherited pipe elsewhere."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

__all__ = ["die_with", "die_with_parent", "watch_pipe"]

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int) -> Callable[[], None]:
    """A `preexec_fn` that makes the kernel kill the child as soon as process `parent` dies; does nothing off Linux.

    The signal is SIGKILL since a paused child would not act on any other. It follows the parent's *thread*: start
    children from a thread that lives as long as the process.
    """

    def bind() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)  # the parent died before the kernel was told

    return bind


def watch_pipe(descriptor: int) -> None:
    """End this process at once when the pipe's writing side, held by the parent, is closed."""

    def wait() -> None:
        try:
            while os.read(descriptor, 1):
                pass
        except OSError:
            pass
        os._exit(1)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def die_with_parent(instruction: str) -> None:
    """Obey `JOBSTREAM_PARENT_WATCH`: `pid:<n>` (Linux) or `pipe:<descriptor>`; anything else is ignored."""
    kind, _, value = instruction.partition(":")
    if not value.isdigit():
        return
    if kind == "pid":
        die_with(int(value))()
    elif kind == "pipe":
        watch_pipe(int(value))
