"""NATS, deliveries and a model without anything behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import nats.errors

from libs.events import subjects
from libs.events.subjects import StreamId
from libs.events.subscription import Delivery
from libs.events.wire import Stored
from libs.llm.port import ChatMessage, Completion, OnDelta, Usage
from libs.llm.replies import ConversationTurn
from libs.process.clock import new_id

Script = Callable[[Sequence[ChatMessage]], "str | ConversationTurn | Exception | Awaitable[Any]"]


class FakeNats:
    """Core NATS within one test: what is published is kept, and subscribers answer requests."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []
        self.is_connected = True
        self._listeners: dict[str, Callable[[Any], Awaitable[None]]] = {}

    async def publish(self, subject: str, data: bytes) -> None:
        self.published.append((subject, msgspec.json.decode(data)))

    async def subscribe(self, subject: str, cb: Callable[[Any], Awaitable[None]]) -> Any:
        self._listeners[subject] = cb

        async def unsubscribe() -> None:
            self._listeners.pop(subject, None)

        return SimpleNamespace(unsubscribe=unsubscribe)

    async def flush(self) -> None:
        return

    async def request(self, subject: str, data: bytes, timeout: float) -> Any:
        listener = self._listeners.get(subject)
        if listener is None:
            raise nats.errors.NoRespondersError
        await listener(SimpleNamespace(data=data, reply="answer"))
        _, answer = self.published.pop()
        return SimpleNamespace(data=msgspec.json.encode(answer))

    def deltas(self) -> list[Any]:
        return [data for subject, data in self.published if subject.startswith("delta.")]


def wake_up(stream: StreamId, *, deliveries: int = 1, hint: bool = False) -> Delivery:
    """A wake-up in this worker's hands."""
    subject = subjects.wakeup("agents", stream) if hint else subjects.event(stream, "user_message_posted")
    headers = {} if hint else {"Nats-Msg-Id": str(new_id())}
    return Delivery(Stored(subject, 1, headers, b""), deliveries=deliveries, reply="ack", lease_seconds=3600)


class FakeModel:
    """Says what it is told to, one entry a call, the last one for ever; streamed in pieces of five characters."""

    def __init__(self, *script: str | ConversationTurn | Exception | Callable[[], Awaitable[Any]]) -> None:
        self.script = list(script)
        self.asked: list[Sequence[ChatMessage]] = []

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        role: str,
        schema: type[msgspec.Struct] | None = None,
        stream_field: str | None = None,
        on_delta: OnDelta | None = None,
        timeout_seconds: float | None = None,
    ) -> Completion:
        self.asked.append(messages)
        told = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if callable(told):
            told = await told()
        if isinstance(told, Exception):
            raise told
        shown = told.reply if isinstance(told, ConversationTurn) else told
        if on_delta is not None:
            for start in range(0, len(shown), 5):
                await on_delta(shown[start : start + 5])
        return completion(told)

    async def aclose(self) -> None:
        return


def completion(told: str | ConversationTurn) -> Completion:
    usage = Usage(model="fake", prompt_tokens=7, completion_tokens=3, latency_seconds=0.5, finish_reason="stop")
    if isinstance(told, ConversationTurn):
        return Completion(text=msgspec.json.encode(told).decode(), parsed=told, usage=usage)
    return Completion(text=told, parsed=None, usage=usage)
