"""Answers that take a while: they are not made for a client that is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

__all__ = ["while_there"]


async def while_there(receive: Any, answering: Coroutine[Any, Any, None]) -> None:
    """Answer to the end, or until the client leaves: sending tells nobody that it did. Raises what `answering` raises."""
    streaming = asyncio.create_task(answering, name="answer")
    leaving = asyncio.create_task(_gone(receive), name="answer-client")
    try:
        await asyncio.wait({streaming, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if streaming.done():
            streaming.result()
    finally:
        for task in (streaming, leaving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
