"""Named fault points: places where a crash hurts most, so that tests and chaos runs can cause one there.

A point costs a dictionary look-up while nothing is armed. `FAULT_POINTS="append.before_ack=kill@3,reply.mid_stream=hang"` arms points of a
process from outside: the action (`kill`, `raise`, `hang`) happens at the n-th time the point is reached (the first where no n is given).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

__all__ = ["FaultInjected", "arm", "disarm_all", "reach", "reached"]


class FaultInjected(Exception):
    """Raised at a fault point that was armed with `raise`."""


Action = Callable[[], Awaitable[None]]

reached: Counter[str] = Counter()  # how often each armed point was reached
_armed: dict[str, tuple[int, Action]] = {}


async def reach(point: str) -> None:
    """Mark that execution got to this point; do what the point is armed with, if anything."""
    if not _armed:
        return
    armed = _armed.get(point)
    if armed is None:
        return
    reached[point] += 1
    at, action = armed
    if reached[point] == at:
        await action()


def arm(point: str, action: Action | str, *, at: int = 1) -> None:
    """Have `action` happen the `at`-th time the point is reached: `kill`, `raise`, `hang`, or a coroutine function."""
    _armed[point] = (at, _ACTIONS[action] if isinstance(action, str) else action)
    reached[point] = 0


def disarm_all() -> None:
    _armed.clear()
    reached.clear()


async def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _raise() -> None:
    raise FaultInjected


async def _hang() -> None:
    await asyncio.Event().wait()


_ACTIONS: dict[str, Action] = {"kill": _kill, "raise": _raise, "hang": _hang}

for _setting in filter(None, os.environ.get("FAULT_POINTS", "").split(",")):
    _point, _, _what = _setting.partition("=")
    _action, _, _at = _what.partition("@")
    arm(_point.strip(), _action.strip(), at=int(_at or 1))
