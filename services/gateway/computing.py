"""What takes the processor longer than a moment: in threads, with a bounded queue, so that other requests hardly feel it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from services.gateway.problems import Code, Problem

__all__ = ["Computing"]

P = ParamSpec("P")
T = TypeVar("T")

_WAITING_PER_THREAD = 32


class Computing:
    """Checks requests, prices ramps, writes tables: plain functions that touch nothing but their arguments."""

    def __init__(self, threads: int = 2) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="computing")
        self._room = threads * _WAITING_PER_THREAD

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns or raises. Raises a retryable `Problem` where too much is waiting already."""
        if self._room <= 0:
            raise Problem(Code.OVERLOADED, "Too much is being worked out right now.", retry_after=1)
        self._room -= 1
        try:
            call = functools.partial(function, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        finally:
            self._room += 1

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
