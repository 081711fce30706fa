"""Results as a stream: a map whose results are taken in the order of its items while it runs, and which may be left early.

However many items there are, only a window of them is offered, found and remembered at a time. What an earlier attempt took is
given again from the store, in the same order. Leaving the loop completes the map with what was taken; that is stored before
anything else the workflow does, so a later run ends where this one did.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from libs.workflow.errors import Misuse, ResultUnreadable
from libs.workflow.maps import Coordinator, Feed, Watch

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt
    from libs.workflow.ports import ShardResult

__all__ = ["WINDOW", "Results"]

T_co = TypeVar("T_co", covariant=True)

WINDOW = 64  # shards offered beyond those taken: enough to keep some dozens of cores at work
_WINDOW_MAX = 10_000
_PAGE = 200  # results read at once


class Results(Generic[T_co]):
    """`async for result in results`: once, to its end or to wherever it is left. See `JobContext.results`."""

    def __init__(self, attempt: Attempt, name: str, fn: Callable[..., Any], items: Sequence[Any], window: int) -> None:
        if not 1 <= window <= _WINDOW_MAX:
            raise Misuse(f"the window of {name!r} is {window}; it must lie between 1 and {_WINDOW_MAX}")
        self._stream = _Stream(Coordinator(attempt, name, fn, items), window)

    @property
    def taken(self) -> int:
        """How many results were taken so far."""
        return self._stream.taken

    def __aiter__(self) -> AsyncIterator[T_co]:
        self._stream.open()
        return _Cursor(self._stream)

    async def aclose(self) -> None:
        """Leave now: the map is complete with what was taken.

        While an error passes (`contextlib.aclosing`), it is only if the workflow goes on in spite of it."""
        if sys.exc_info()[0] is None:
            await self._stream.leave()
        else:
            self._stream.dropped()


class _Cursor(AsyncIterator[T_co]):
    """What `async for` holds, and nobody else: when it is dropped, the loop was left."""

    __slots__ = ("_stream",)

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    async def __anext__(self) -> T_co:
        value: T_co = await self._stream.next()
        return value

    def __del__(self) -> None:
        self._stream.dropped()


class _Stream:
    def __init__(self, coordinator: Coordinator, window: int) -> None:
        self._map = coordinator
        self._attempt = coordinator.attempt
        self._window = window
        self._feed = Feed(coordinator)
        self._digest = hashlib.sha256()
        self._opened = self._started = self._over = False
        self._replaying = False  # what is given was stored before this attempt came here
        self._more: Watch | None = None
        self._watching = coordinator.attempt.closing(AsyncExitStack())
        self._caught_up = False  # all that was stored then has been collected
        self.taken = 0

    def open(self) -> None:
        if self._opened:
            raise Misuse(f"the results of {self._map.name!r} are iterated a second time; keep what is needed")
        self._opened = True

    async def next(self) -> Any:
        if self._over:
            raise StopAsyncIteration
        await self._attempt.begin()
        try:
            return await self._take()
        except BaseException as error:
            if isinstance(error, Exception):  # and no cancellation, which the workflow may survive
                self._give_up()
                await self._watching.aclose()
            await self._map.abandon()
            raise
        finally:
            self._attempt.end()

    async def leave(self) -> None:
        if self._over or not self._started:
            self._over = True
            return
        await self._attempt.begin()
        try:
            await self._leave()
        finally:
            self._attempt.end()

    def dropped(self) -> None:
        """The loop was left. If the workflow goes on, the map is complete; if it fails, a retry takes the rest."""
        self._replay(False)
        if self._started and not self._over:
            self._attempt.owe(self._leave)

    async def _take(self) -> Any:
        if not self._started:
            await self._map.start()
            self._started = True
            self._replay(True)
        if self.taken == self._end:
            await self._finish(left=False)
            raise StopAsyncIteration
        result = await self._find(self.taken)
        value = await self._map.value(result)
        self._digest.update(result.digest.encode())
        self.taken += 1
        return value

    @property
    def _end(self) -> int:
        return self._map.total if self._map.taken is None else self._map.taken

    async def _leave(self) -> None:
        if not self._over:
            await self._finish(left=True)

    async def _finish(self, *, left: bool) -> None:
        self._give_up()
        await self._watching.aclose()
        await self._map.complete(self.taken, self._digest.hexdigest(), left=left)
        if self.taken < self._map.total:
            await self._map.withdraw()

    def _give_up(self) -> None:
        self._over = True
        self._replay(False)

    def _replay(self, replaying: bool) -> None:
        self._attempt.replays += replaying - self._replaying
        self._replaying = replaying

    async def _find(self, number: int) -> ShardResult:
        """The result of this shard, from what is stored, or as soon as it is."""
        found = self._map.found
        while not self._caught_up and number not in found:
            await self._read_on()
        while not self._caught_up and number + 1 not in found and number + 1 < self._end:
            await self._read_on()  # so that the last of what was stored is known as such
        whole = self._map.taken is not None and not self._map.left  # then it was iterated to its end
        if self._replaying and not whole and not (number in found and number + 1 in found):
            self._replay(False)
        if self._caught_up:
            await self._offer_window(number)
        if number not in found:
            await self._wait_for(number)
        return found.pop(number)

    async def _read_on(self) -> None:
        self._caught_up = await self._map.collect(_PAGE) < _PAGE

    async def _offer_window(self, number: int) -> None:
        if self._map.taken is not None or self._map.given_up is not None:
            return
        feed = self._feed
        feed.offered = max(feed.offered, number)
        outstanding = sum(each not in self._map.found for each in range(number, feed.offered))
        await feed(outstanding=outstanding, limit=min(self._map.total, number + self._window))

    async def _wait_for(self, number: int) -> None:
        """Collect until this shard has a result. Raises `ShardFailed` where it gave up: only then, whatever others beyond it did."""
        if self._map.taken is not None:
            raise ResultUnreadable(f"result {number} of the map {self._map.name!r} is not stored any more")
        if (failure := self._map.given_up) is not None:
            raise failure
        if self._more is None:
            self._more = await self._watching.enter_async_context(self._map.watch())
        while number not in self._map.found:
            if (failed := self._map.failed.get(number)) is not None:
                await self._map.fail(failed)
            if not await self._more():
                await self._map.offer(range(number, self._feed.offered))
            await self._offer_window(number)
