"""A reply being typed, sent as it grows over core NATS: never stored, and replaced by the stored reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import nats.errors

from libs.events import subjects
from libs.events.subjects import StreamId
from libs.llm.port import ModelTruncated

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["Delta", "DeltaStream"]

_COALESCE_SECONDS = 0.015
_CHARACTERS_MAX = 200_000


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """The next piece: `offset` counts the code points of this attempt that came before it."""

    stream: str
    attempt: int
    offset: int
    text: str


class DeltaStream:
    """Sends the first piece at once and later ones together every 15 ms; at the end nothing is waited for.

    `silent` says whether this worker has lost its right to speak: then nothing more is sent.
    """

    def __init__(
        self, client: Client, stream: StreamId, name: str, attempt: int, *, silent: Callable[[], bool]
    ) -> None:
        self._nats = client
        self._subject = subjects.delta(stream)
        self._name = name
        self._attempt = attempt
        self._silent = silent
        self._pending: list[str] = []
        self._half = ""
        self._offset = 0
        self._received = 0
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None

    async def push(self, piece: str) -> None:
        """Take the next piece from the model. Raises `ModelTruncated` where it does not come to an end."""
        self._received += len(piece)
        if self._received > _CHARACTERS_MAX:
            raise ModelTruncated("the model did not come to an end")
        self._pending.append(piece)
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._sent_at + _COALESCE_SECONDS - loop.time()
        if wait <= 0:
            await self._send()
        else:
            self._timer = loop.call_later(wait, self._due)

    async def close(self) -> None:
        """Send what is left; call it before the reply is stored, since later deltas are void."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None:
            await self._sending
        await self._send()

    def _due(self) -> None:
        self._timer = None
        self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        text = self._take()
        if not text or self._silent():
            return
        delta = Delta(stream=self._name, attempt=self._attempt, offset=self._offset, text=text)
        self._offset += len(text)
        self._sent_at = asyncio.get_running_loop().time()
        with suppress(nats.errors.Error, OSError):  # nobody can watch it now; the stored reply will tell
            await self._nats.publish(self._subject, msgspec.json.encode(delta))

    def _take(self) -> str:
        """What is pending, with surrogate pairs joined across pieces and a lone half kept back for its partner."""
        text = self._half + "".join(self._pending)
        self._pending.clear()
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
