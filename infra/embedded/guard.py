"""Where the kernel cannot tie a child to its parent: run a program, and kill it when the parent's pipe ends.

`python -m infra.embedded.guard <descriptor> <program> [argument ...]`
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run the program, pass signals on, and answer its exit status."""
    descriptor, command = int(arguments[0]), arguments[1:]
    child = subprocess.Popen(command)  # noqa: S603

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, pass_on)

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        child.kill()

    threading.Thread(target=watch, daemon=True).start()
    status = child.wait()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
