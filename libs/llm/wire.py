"""The chat completions protocol as data: what is decoded from a server, and what our own servers answer with.

Reading is tolerant (unknown fields are ignored, most may be missing or null), since servers differ; writing is exact.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "Chunk",
    "CompletionBody",
    "ErrorDetail",
    "Request",
    "ResponseFormat",
    "TokenCounts",
    "error_body",
]


class TokenCounts(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ErrorDetail(msgspec.Struct):
    """What a server says about a failure; kept to its codes, since its words may repeat the prompt or the key."""

    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class Said(msgspec.Struct):
    """A message or a piece of one."""

    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct):
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One event of a stream."""

    model: str | None = None
    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: ErrorDetail | str | None = None


class CompletionBody(msgspec.Struct):
    """A whole answer."""

    model: str | None = None
    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: ErrorDetail | str | None = None


class RequestMessage(msgspec.Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None

    def text(self) -> str:
        """The words, whichever of the protocol's two forms they came in."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class JsonSchema(msgspec.Struct, frozen=True):
    name: str
    schema: dict[str, Any] = {}
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False


class Request(msgspec.Struct, frozen=True):
    """What our own servers read of a request; other options are accepted and change nothing."""

    model: str
    messages: list[RequestMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None


def error_body(message: str, *, type: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:  # noqa: A002
    """An error in the protocol's form."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}
