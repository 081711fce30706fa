"""The server's side of the chat completions protocol, as a small ASGI surface: requests checked and read, answers
written whole or as a stream, errors in the protocol's own form. The offline and the scripted model stand on it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from typing import Any

import msgspec

from libs.llm.wire import Request, error_body
from libs.process.clock import new_id

__all__ = [
    "Answer",
    "ProtocolError",
    "count_tokens",
    "read_body",
    "read_chat_request",
    "send_completion",
    "send_error",
    "send_json",
    "send_stream",
    "stream_events",
    "survive_lifespan",
]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_BODY_BYTES_MAX = 8 * 1024 * 1024
_TOKEN = re.compile(r"\s*(?:\w{1,8}|[^\w\s])|\s+")
_TOKENS_A_PIECE = 16
_request = msgspec.json.Decoder(Request)


class Answer(msgspec.Struct, frozen=True):
    """What the model says, and the counts it reports."""

    model: str
    content: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str = "stop"


class ProtocolError(Exception):
    """The request is refused with `status` and an error body as real servers send it."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, type="invalid_request_error", code=code, param=param)


def count_tokens(text: str) -> int:
    """How many tokens the text is: pieces of up to eight letters, and punctuation marks."""
    return sum(1 for _ in _TOKEN.finditer(text))


async def read_body(receive: Receive) -> bytes:
    """The request's body. Raises `ProtocolError` (413) above 8 MiB and `ConnectionResetError` when the client left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        part = message.get("body", b"")
        size += len(part)
        if size > _BODY_BYTES_MAX:
            raise ProtocolError(413, "The request is too large.")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def read_chat_request(body: bytes, *, models: Sequence[str] | None = None) -> Request:
    """The request, checked. Raises `ProtocolError` (400, and 404 for a model that is none of `models`)."""
    try:
        request = _request.decode(body)
    except msgspec.ValidationError as error:
        missing = re.search(r"missing required field `(\w+)`", str(error))
        if missing and missing[1] in ("model", "messages"):
            text = f"Missing required parameter: '{missing[1]}'."
            raise ProtocolError(400, text, code="missing_required_parameter", param=missing[1]) from None
        place = re.search(r"at `\$\.?([^`]*)`", str(error))
        param = place[1] if place else None
        raise ProtocolError(400, f"Invalid request: {error}.", code="invalid_type", param=param) from None
    except (msgspec.DecodeError, RecursionError):
        raise ProtocolError(400, "The body of the request is not valid JSON.") from None
    if not request.messages:
        raise ProtocolError(
            400, "Invalid 'messages': expected at least one message.", code="empty_array", param="messages"
        )
    form = request.response_format
    if form is not None and form.type == "json_schema" and form.json_schema is None:
        param = "response_format.json_schema"
        raise ProtocolError(
            400, f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param
        )
    if models is not None and request.model not in models:
        raise ProtocolError(404, f"The model '{request.model}' does not exist.", code="model_not_found")
    return request


async def send_json(send: Send, body: Any, *, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """One JSON answer."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def send_error(send: Send, error: ProtocolError) -> None:
    """A refusal."""
    await send_json(send, error.body, status=error.status)


async def send_completion(send: Send, answer: Answer) -> None:
    """The answer as one completion."""
    body = {
        "id": f"chatcmpl-{new_id().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": answer.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.content, "refusal": None},
                "logprobs": None,
                "finish_reason": answer.finish_reason,
            }
        ],
        "usage": _usage(answer),
    }
    await send_json(send, body)


async def send_stream(send: Send, answer: Answer, *, with_usage: bool, token_delay_seconds: float = 0.0) -> None:
    """The answer as a stream; with a delay, a token or two at a time."""
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
    for event in stream_events(answer, with_usage=with_usage, tokens_a_piece=2 if token_delay_seconds else None):
        if token_delay_seconds:
            await asyncio.sleep(token_delay_seconds)
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


STREAM_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


def stream_events(answer: Answer, *, with_usage: bool, tokens_a_piece: int | None = None) -> Iterator[bytes]:
    """The answer's events, the terminator last."""
    opening = msgspec.json.encode(
        {
            "id": f"chatcmpl-{new_id().hex}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": answer.model,
        }
    )[:-1]
    before = b"data: " + opening + b',"choices":[{"index":0,"delta":{"content":'
    after = b'},"finish_reason":null}]}\n\n'
    yield (
        b"data: "
        + opening
        + b',"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
    )
    for piece in _pieces(answer.content, tokens_a_piece or _TOKENS_A_PIECE):
        yield before + msgspec.json.encode(piece) + after
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]}
    yield b"data: " + opening + b"," + msgspec.json.encode(end)[1:] + b"\n\n"
    if with_usage:
        yield b"data: " + opening + b"," + msgspec.json.encode({"choices": [], "usage": _usage(answer)})[1:] + b"\n\n"
    yield b"data: [DONE]\n\n"


async def survive_lifespan(receive: Receive, send: Send) -> None:
    """Answer a server's start-up and shut-down messages: there is nothing to start or to stop."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _pieces(content: str, tokens: int) -> Iterator[str]:
    start = count = 0
    for token in _TOKEN.finditer(content):
        count += 1
        if count == tokens:
            yield content[start : token.end()]
            start, count = token.end(), 0
    if start < len(content):
        yield content[start:]


def _usage(answer: Answer) -> dict[str, int]:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }
