"""Whether the log stores what it is given, as publishers find out: a server whose disk is full answers everything but publishes.

Streams break one by one (and may stay broken until the server is restarted), so successes count for their own kind of subject only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["defect", "failed", "forget", "succeeded"]

_FAILURES_MIN = 3  # in a row: a single one is an election, or bad luck
_BELIEVED_SECONDS = 30.0  # then it is tried again: nobody may publish while this process is said to be unfit


class _Failures(NamedTuple):
    in_row: int
    reason: str
    at: float


# By connection and the first token of the subject. Empty while all is well, which is what publishing has to look at.
_failures: WeakKeyDictionary[Client, dict[str, _Failures]] = WeakKeyDictionary()


def succeeded(client: Client, subject: str) -> None:
    """A publish was acknowledged."""
    if _failures and (held := _failures.get(client)):
        held.pop(_kind(subject), None)
        if not held:
            del _failures[client]


def failed(client: Client, subject: str, reason: str) -> None:
    """A publish on a connection that stands was refused for the server's own reasons, or not answered."""
    held = _failures.setdefault(client, {})
    before = held.get(_kind(subject))
    held[_kind(subject)] = _Failures(1 + (before.in_row if before else 0), reason, time.monotonic())


def forget(client: Client) -> None:
    """It is another server now, or the same one begins anew."""
    _failures.pop(client, None)


def defect(client: Client) -> str | None:
    """What is wrong, in one sentence: several publishes in a row failed a moment ago, and none has succeeded since."""
    now = time.monotonic()
    for kind, (in_row, reason, at) in _failures.get(client, {}).items():
        if in_row >= _FAILURES_MIN and now - at < _BELIEVED_SECONDS:
            failures = f"the last {in_row} publishes failed, {now - at:.0f} s ago with {reason}"
            return f"NATS is connected but does not store {kind}.>: {failures}; is its disk full?"
    return None


def _kind(subject: str) -> str:
    return subject.split(".", 1)[0]
