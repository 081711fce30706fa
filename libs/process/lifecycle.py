"""How a service process starts, is told to stop, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import structlog

from libs.process import logs, metrics
from libs.process.parent import die_with_parent
from libs.process.settings import SettingsError

__all__ = ["Stopping", "announce", "explain", "run"]

log = structlog.get_logger()

_new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with contextlib.suppress(ImportError):  # not every platform has it
    from uvloop import new_event_loop as _new_event_loop

_announced: dict[str, Any] = {}

STOP_DEADLINE_SECONDS = 15.0
FORCE_AFTER_SECONDS = 2.0
LOOP_PROBE_SECONDS = 1.0


T = TypeVar("T")


class Stopping:
    """Set once, when the process was asked to end; whoever serves waits for it and then winds down."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()

    async def unless(self, wanted: Coroutine[Any, Any, T]) -> T | None:
        """What is wanted, or None where the process is told to stop first; `wanted` is cancelled then."""
        task, stop = asyncio.create_task(wanted), asyncio.create_task(self.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            return await task if task.done() else None
        finally:
            task.cancel()
            stop.cancel()


def run(
    service: str,
    main: Callable[[Stopping], Awaitable[None]],
    *,
    stop_deadline_seconds: float = STOP_DEADLINE_SECONDS,
) -> NoReturn:
    """Run `main` as the process's only purpose, then exit.

    SIGTERM, SIGINT and SIGHUP set `Stopping`; `main` then has `stop_deadline_seconds` to return before it is cancelled and, if
    that does not help, the process ends by force, as on a second signal. Exit status: 0 after a clean end, 2 for
    wrong settings (explained in one block on standard error), 1 after a crash or a forced end, or what
    `main` asks for by `sys.exit`.
    """
    die_with_parent(os.environ.get("JOBSTREAM_PARENT_WATCH", ""))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a socket is a file, and the usual 1,024 are soon used up
    logs.configure(service, os.environ.get("LOG_LEVEL") or "info")
    try:
        with asyncio.Runner(loop_factory=_new_event_loop) as runner:
            runner.run(_main(main, stop_deadline_seconds))
    except SettingsError as error:
        explain(service, error)
        sys.exit(2)
    except SystemExit:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            sys.exit(0)
        log.critical("process.crashed", exc_info=error)
        sys.exit(1)
    sys.exit(0)


def explain(program: str, error: SettingsError) -> None:
    """Print all mistakes in the settings as one block a person can act on."""
    lines = [f"{program} cannot start, its settings need attention:", *(f"  - {line}" for line in error.problems)]
    print("\n".join(lines), file=sys.stderr, flush=True)


def announce(**facts: Any) -> None:
    """Tell the supervisor where this process serves: write pid and `facts` to `RUNTIME_FILE`, if one is named.

    The file appears in one piece (written aside, then renamed). Later calls add to what earlier ones said.
    """
    _announced.update(facts)
    target = os.environ.get("RUNTIME_FILE")
    if target:
        aside = Path(f"{target}.{os.getpid()}")
        aside.write_bytes(msgspec.json.encode({"pid": os.getpid()} | _announced))
        aside.replace(target)


async def _main(main: Callable[[Stopping], Awaitable[None]], deadline: float) -> None:
    stopping = Stopping()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main(stopping))
    timed_out = False

    def force(why: str) -> None:
        log.error("process.forced_end", reason=why)
        os._exit(1)

    def give_up() -> None:
        nonlocal timed_out
        timed_out = True
        log.error("process.stop_deadline_passed", seconds=deadline)
        task.cancel()

    def stop(received: signal.Signals) -> None:
        if stopping.is_set():
            force(f"a second {received.name}")
        log.info("process.stopping", signal=received.name)
        stopping.set()
        loop.call_later(deadline, give_up)
        # a thread, since a loop that is stuck would not run its own alarm
        alarm = threading.Timer(deadline + FORCE_AFTER_SECONDS, force, ("it did not stop in time",))
        alarm.daemon = True
        alarm.start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    probe = asyncio.create_task(_probe_loop(), name="loop-probe")
    try:
        await task
    except asyncio.CancelledError:
        if not timed_out:
            raise
        sys.exit(1)
    finally:
        probe.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await probe


async def _probe_loop() -> None:
    while True:
        asked = time.monotonic()
        await asyncio.sleep(LOOP_PROBE_SECONDS)
        metrics.loop_lag.observe(max(0.0, time.monotonic() - asked - LOOP_PROBE_SECONDS))
