"""Cancellation that cannot get lost."""

from __future__ import annotations

import asyncio

__all__ = ["heed"]


def heed() -> None:
    """Raise the `CancelledError` that was asked of this task and lost; for the top of loops that would else go on for ever.

    Before Python 3.12 `asyncio.wait_for`, which the clients of NATS and Postgres use, swallows a cancellation that arrives as its wait ends.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
