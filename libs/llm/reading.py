"""A server's answer, read whole or while it is written: decoded with msgspec, shown piece by piece, within deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx2
import msgspec

from libs.llm import failures, metrics
from libs.llm.json_field import StringFieldReader
from libs.llm.port import ModelInvalidJson, OnDelta
from libs.llm.structure import looks_like_json
from libs.llm.wire import Chunk, CompletionBody, TokenCounts

__all__ = ["Deadlines", "Reply", "Shown", "read_stream", "read_whole"]

_DRAIN_SECONDS = 0.1

_whole = msgspec.json.Decoder(CompletionBody)
_chunk = msgspec.json.Decoder(Chunk)


class Reply:
    """What was read so far."""

    __slots__ = ("counts", "events", "finish_reason", "model", "refused", "text")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.finish_reason: str | None = None
        self.model: str | None = None
        self.counts: TokenCounts | None = None
        self.refused = False
        self.events = 0


class Deadlines:
    """The whole call's deadline, and the nearer one of the next piece while that is awaited."""

    def __init__(self, timer: asyncio.Timeout, *, whole: float, first: float, gap: float) -> None:
        self.started = time.perf_counter()
        self.answered = False
        self._timer = timer
        self._first = first
        self._gap = gap
        self._now = asyncio.get_running_loop().time
        self._end = self._now() + whole
        self._nearer: float | None = None

    def await_piece(self) -> None:
        """Expect the first piece, later the next one, soon."""
        now = self._now()
        if self.answered:
            seconds, due = self._gap, now + self._gap
        else:
            seconds, due = self._first, now + self._first - (time.perf_counter() - self.started)
        self._nearer = seconds if due < self._end else None
        self._timer.reschedule(min(due, self._end))

    def await_end(self) -> None:
        """Expect only the whole call's end in time."""
        self._nearer = None
        self._timer.reschedule(self._end)

    def explain(self, where: str) -> str:
        """Why the call is late, in words."""
        if self._nearer is not None and self.answered:
            return f"The model at {where} stopped in the middle of its reply for {self._nearer:.3g} seconds."
        if self._nearer is not None:
            return f"The model at {where} did not begin to answer within {self._nearer:.3g} seconds."
        seconds = time.perf_counter() - self.started
        return f"The model at {where} did not finish its reply within {seconds:.3g} seconds."


class Shown:
    """Passes on what people see of a reply: all of it, or one field of its JSON; plain words pass as they are."""

    def __init__(self, on_delta: OnDelta, field: str | None) -> None:
        self._on_delta = on_delta
        self._reader = StringFieldReader(field) if field else None
        self._held = ""
        self._decided = field is None

    async def __call__(self, text: str) -> None:
        if not self._decided:
            text, self._held = self._held + text, ""
            structured = looks_like_json(text)
            if structured is None:
                self._held = text
                return
            self._decided = True
            if not structured:
                self._reader = None
        if self._reader is not None:
            text = self._reader.feed(text)
        if text:
            await self._on_delta(text)


def read_whole(content: bytes, *, model: str, where: str) -> Reply:
    """The reply in an answer's body. Raises what the body states, or `ModelInvalidJson` where it is none."""
    try:
        body = _whole.decode(content)
    except (msgspec.DecodeError, RecursionError):
        raise _foreign(where) from None
    if body.error is not None:
        raise failures.stated_failure(body.error, model=model, where=where)
    reply = Reply()
    reply.model, reply.counts = body.model, body.usage
    for choice in (body.choices or ())[:1]:
        if choice.message is not None:
            reply.text.append(choice.message.content or "")
            reply.refused = bool(choice.message.refusal)
        reply.finish_reason = choice.finish_reason
    return reply


async def read_stream(
    response: httpx2.Response, show: Shown, deadlines: Deadlines, *, role: str, model: str, where: str
) -> Reply:
    """Read a stream to its end and show what each read from the network brings at once; always closes the response.

    A stream is whole when it gave a finish reason or the protocol's terminator. Raises `ModelStreamBroken` where it
    ended before, what the server states inside it, and `ModelInvalidJson` where it is none.
    """
    reply = Reply()
    batches = _lines(response, reply)
    whole = False
    try:
        async for lines in batches:
            deadlines.await_end()
            before = len(reply.text)
            for line in lines:
                whole = _take(line, reply, model, where) or whole
            if fresh := "".join(reply.text[before:]):
                if not deadlines.answered:
                    deadlines.answered = True
                    metrics.first_token(role, time.perf_counter() - deadlines.started)
                await show(fresh)
            if whole:
                await _drain(batches)
                break
            deadlines.await_piece()
        deadlines.await_end()
    finally:
        await response.aclose()
    if not whole and reply.finish_reason is None:
        raise failures.stream_cut() if reply.events else _foreign(where)
    return reply


async def _lines(response: httpx2.Response, reply: Reply) -> AsyncIterator[list[bytes]]:
    """The lines that became whole with each read from the network."""
    rest = b""
    try:
        async for piece in response.aiter_bytes():
            *lines, rest = (rest + piece).split(b"\n")
            if lines:
                yield lines
    except (httpx2.HTTPError, httpx2.StreamError):
        if reply.finish_reason is None:
            raise failures.stream_cut() from None
        return
    if rest.strip():
        yield [rest]


async def _drain(batches: AsyncIterator[list[bytes]]) -> None:
    """Read the little that may follow the terminator, so that the connection can be used again."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in batches:
                pass


def _take(line: bytes, reply: Reply, model: str, where: str) -> bool:
    """Take in one line; True when it is the stream's terminator."""
    if not line.startswith(b"data:"):
        return False
    data = line[5:].strip()
    if data == b"[DONE]":
        return True
    try:
        chunk = _chunk.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise ModelInvalidJson(f"The model server at {where} sent a piece that is no valid JSON.") from None
    if chunk.error is not None:
        raise failures.stated_failure(chunk.error, model=model, where=where)
    reply.events += 1
    reply.model = chunk.model or reply.model
    reply.counts = chunk.usage or reply.counts
    for choice in (chunk.choices or ())[:1]:
        said = choice.delta or choice.message
        if said is not None:
            if said.content:
                reply.text.append(said.content)
            reply.refused = reply.refused or bool(said.refusal)
        reply.finish_reason = choice.finish_reason or reply.finish_reason
    return False


def _foreign(where: str) -> ModelInvalidJson:
    return ModelInvalidJson(
        f"What the server at {where} answered is not the OpenAI protocol. "
        "Check OPENAI_BASE_URL; it usually ends in /v1."
    )
