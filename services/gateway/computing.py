"""What takes the processor longer than a moment: in threads, with a bounded queue, so that other requests hardly feel it."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar
from uuid import UUID

from services.gateway.problems import Code, Problem

__all__ = ["Computing"]

P = ParamSpec("P")
T = TypeVar("T")

_WAITING_PER_THREAD = 32
_AT_ONCE_PER_USER = 8  # so that nobody fills the queue alone


class Computing:
    """Checks requests, prices ramps: plain functions that touch nothing but their arguments."""

    def __init__(self, threads: int = 2) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="computing")
        self._room = threads * _WAITING_PER_THREAD
        self._users: Counter[UUID] = Counter()

    async def run(self, user: UUID, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns or raises. Raises a retryable `Problem` where too much is waiting already, or too much of this user."""
        if self._room <= 0:
            raise Problem(Code.OVERLOADED, "Too much is being worked out right now.", retry_after=1)
        if self._users[user] >= _AT_ONCE_PER_USER:
            raise Problem(Code.RATE_LIMITED, "Too many of your requests are being worked out right now.", retry_after=1)
        self._room -= 1
        self._users[user] += 1
        try:
            call = functools.partial(function, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        finally:
            self._room += 1
            self._users[user] -= 1
            if not self._users[user]:
                del self._users[user]

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
