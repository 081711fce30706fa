"""The chat model behind any OpenAI-compatible server, through the official client.

The client builds, signs and sends the request; the answer is decoded here with msgspec, since the client's own typed
decoding costs several times the rest of a call.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any, Literal

import httpx2
import msgspec
import openai
from openai import AsyncOpenAI, AsyncStream

from libs.llm import failures, metrics
from libs.llm.port import (
    ChatMessage,
    Completion,
    ModelBadRequest,
    ModelEmptyReply,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelTruncated,
    OnDelta,
    Usage,
)
from libs.llm.reading import Deadlines, Reply, Shown, read_stream, read_whole
from libs.llm.settings import ModelSettings
from libs.llm.structure import MODES, Mode, format_for, instructions_for, looks_like_json, parse
from libs.llm.wire import TokenCounts
from libs.process.clock import Clock, SystemClock

__all__ = ["OpenAIChatModel"]

_PATH = "/chat/completions"
_FALLBACK_MODEL = "default"
_ABOUT_STRUCTURE = re.compile(r"response_format|json_schema|json_object|structured|guided|grammar", re.IGNORECASE)
_ABOUT_USAGE = re.compile(r"stream_options|include_usage", re.IGNORECASE)


class OpenAIChatModel:
    """A `ChatModel` over one `AsyncOpenAI` client, which it owns: share the model, close it once.

    What a server turns out not to offer (schemas, JSON mode, usage in streams) is asked for once and then no more.
    """

    def __init__(self, client: AsyncOpenAI, settings: ModelSettings, *, clock: Clock | None = None) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock or SystemClock()
        self._where = client.base_url.netloc.decode("ascii", "replace").rpartition("@")[2]
        self._modes: dict[str, Mode] = {}
        self._usage_in_streams = True
        self._listed_model: str | None = None

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.close()

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
        """See `ChatModel.complete`."""
        started = time.perf_counter()
        settings = self._settings
        whole = timeout_seconds or settings.openai_timeout_seconds
        try:
            async with asyncio.timeout(whole) as timer:
                deadlines = Deadlines(
                    timer,
                    whole=whole,
                    first=settings.openai_first_token_timeout_seconds,
                    gap=settings.openai_token_gap_timeout_seconds,
                )
                completion = await self._ask(role, messages, schema, stream_field, on_delta, deadlines)
        except TimeoutError:
            if not timer.expired():
                raise
            metrics.call_failed(role, ModelTimeout.code, time.perf_counter() - started)
            raise ModelTimeout(deadlines.explain(self._where)) from None
        except ModelError as error:
            metrics.call_failed(role, error.code, time.perf_counter() - started)
            raise
        metrics.call_succeeded(role, completion.usage)
        return completion

    async def _ask(
        self,
        role: str,
        messages: Sequence[ChatMessage],
        schema: type[msgspec.Struct] | None,
        stream_field: str | None,
        on_delta: OnDelta | None,
        deadlines: Deadlines,
    ) -> Completion:
        """Send the request in the strongest form the server takes, learning from each refusal which that is."""
        model = self._settings.model_of(role) or await self._default_model()
        while True:
            mode = self._mode(model) if schema else "text"
            body = self._body(model, messages, schema, mode, streamed=on_delta is not None)
            if on_delta is not None:
                deadlines.await_piece()
            try:
                response = await self._send(body, model, streamed=on_delta is not None)
            except _UnsupportedError as refusal:
                self._learn(refusal, body, model, mode)
                continue
            structured = schema if mode != "text" else None
            if on_delta is None:
                reply = read_whole(response.content, model=model, where=self._where)
                return self._completion(deadlines, reply, model, structured)
            show = Shown(on_delta, stream_field if structured else None)
            if response.headers.get("content-type", "").startswith("application/json"):  # it does not stream
                reply = read_whole(await response.aread(), model=model, where=self._where)
                deadlines.await_end()
                await show("".join(reply.text))
            else:
                reply = await read_stream(response, show, deadlines, role=role, model=model, where=self._where)
            return self._completion(deadlines, reply, model, structured)

    def _mode(self, model: str) -> Mode:
        chosen = self._settings.openai_structure
        return self._modes.get(model, MODES[0]) if chosen == "auto" else chosen

    def _body(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        schema: type[msgspec.Struct] | None,
        mode: Mode,
        *,
        streamed: bool,
    ) -> dict[str, Any]:
        said = list(messages)
        if schema is not None and mode == "json_object":
            said.append(instructions_for(schema))
        body: dict[str, Any] = {"model": model, "messages": msgspec.to_builtins(said)}
        if schema is not None and (form := format_for(schema, mode)) is not None:
            body["response_format"] = form
        if streamed:
            body["stream"] = True
            if self._usage_in_streams:
                body["stream_options"] = {"include_usage": True}
        return body

    async def _send(self, body: dict[str, Any], model: str, *, streamed: bool) -> httpx2.Response:
        """The response, with a good status; read whole unless streamed."""
        try:
            return await self._client.post(
                _PATH, cast_to=httpx2.Response, body=body, stream=streamed, stream_cls=AsyncStream[Any]
            )  # type: ignore[return-value]  # with cast_to=Response the client hands over the response itself
        except openai.APIStatusError as error:
            if error.status_code in (400, 422):
                stated = error.response.text
                if "stream_options" in body and _ABOUT_USAGE.search(stated):
                    raise _UnsupportedError("usage") from None
                if "response_format" in body and _ABOUT_STRUCTURE.search(stated):
                    raise _UnsupportedError("structure") from None
            raise failures.status_failure(error, model=model, where=self._where, now=self._clock.now()) from None
        except openai.APIConnectionError as error:
            raise failures.connection_failure(error, self._where) from error.__cause__
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise failures.connection_failure(error, self._where) from None
        except (UnicodeEncodeError, ValueError, TypeError):
            raise ModelBadRequest("The messages hold text that cannot be sent (broken Unicode).") from None

    def _learn(self, refusal: _UnsupportedError, body: dict[str, Any], model: str, mode: Mode) -> None:
        """Remember what the server does not offer; calls in flight may learn the same thing again."""
        if refusal.feature == "usage":
            self._usage_in_streams = False
        elif self._settings.openai_structure != "auto":
            raise ModelBadRequest(
                f"The model server at {self._where} does not offer {mode}. Set OPENAI_STRUCTURE=auto.", status=400
            ) from None
        else:
            self._modes[model] = MODES[MODES.index(mode) + 1]

    async def _default_model(self) -> str:
        """The first model the server lists, asked once; a server that cannot list is asked for `default`."""
        if self._listed_model is None:
            try:
                response = await self._client.get("/models", cast_to=httpx2.Response)
                listed = msgspec.json.decode(response.content, type=_Models)
            except openai.APIStatusError as error:
                if error.status_code not in (404, 405, 501):
                    raise failures.status_failure(error, model="", where=self._where, now=self._clock.now()) from None
                listed = _Models()
            except openai.OpenAIError as error:
                raise failures.connection_failure(error, self._where) from None
            except msgspec.DecodeError:
                listed = _Models()
            self._listed_model = listed.data[0].id if listed.data else _FALLBACK_MODEL
        return self._listed_model

    def _completion(
        self, deadlines: Deadlines, reply: Reply, model: str, schema: type[msgspec.Struct] | None
    ) -> Completion:
        text = "".join(reply.text)
        reason = reply.finish_reason or "unknown"
        if reply.refused or reason == "content_filter":
            raise ModelRefused("The model declined to answer.")
        if not text.strip():
            raise ModelEmptyReply("The model answered with no words.")
        if schema is not None and reason == "length" and looks_like_json(text):
            raise ModelTruncated("The model's reply was cut at its length limit.")
        parsed = None if schema is None else parse(text, schema)
        counts = reply.counts or TokenCounts()
        usage = Usage(
            model=reply.model or model,
            prompt_tokens=counts.prompt_tokens or 0,
            completion_tokens=counts.completion_tokens or 0,
            latency_seconds=time.perf_counter() - deadlines.started,
            finish_reason=reason,
        )
        return Completion(text, parsed, usage)


class _UnsupportedError(Exception):
    """The server does not know a part of the request."""

    def __init__(self, feature: Literal["usage", "structure"]) -> None:
        super().__init__(feature)
        self.feature = feature


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model] = []
