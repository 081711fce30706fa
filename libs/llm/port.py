"""The chat model as the rest of jobstream sees it: one call, one answer, one tree of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Literal, Protocol

import msgspec

__all__ = [
    "ChatMessage",
    "ChatModel",
    "Completion",
    "ModelBadRequest",
    "ModelContextTooLong",
    "ModelEmptyReply",
    "ModelError",
    "ModelInvalidJson",
    "ModelNotFound",
    "ModelQuotaExhausted",
    "ModelRateLimited",
    "ModelRefused",
    "ModelStreamBroken",
    "ModelTimeout",
    "ModelTruncated",
    "ModelUnauthorized",
    "ModelUnavailable",
    "OnDelta",
    "Usage",
]

OnDelta = Callable[[str], Awaitable[None]]
"""Receives each piece of a reply while it is being written, in order; their concatenation is the shown text."""


class ChatMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of what the model is given to read."""

    role: Literal["system", "user", "assistant"]
    content: str
    name: str | None = None


class Usage(msgspec.Struct, frozen=True):
    """What one call took; `model` is the name the server answered with."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    latency_seconds: float
    finish_reason: str


class Completion(msgspec.Struct, frozen=True):
    """A whole reply. `parsed` is an instance of the schema asked for, or None where the server offers no structure:
    then `text` is plain words and the caller reads them (see `libs.llm.prompts`)."""

    text: str
    parsed: msgspec.Struct | None
    usage: Usage


class ChatModel(Protocol):
    """A model one can talk to."""

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
        """Ask once and return the whole reply; never retries. Raises a `ModelError` when there is none.

        `role` is who speaks (`client_relations`, `ceo`, ...) and selects the model's name. With `on_delta` the reply is
        streamed: pieces of the text or, with a `schema`, of its string field `stream_field` arrive while it is written.
        What `on_delta` raises goes through unchanged and ends the call. `timeout_seconds` bounds the whole call.
        Cancelling closes the connection."""
        ...

    async def aclose(self) -> None:
        """Close the connections; calls in flight fail."""
        ...


class ModelError(Exception):
    """The model gave no usable reply. The message is for people and holds no key, prompt or credentials."""

    code: ClassVar[str] = "model_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class ModelTimeout(ModelError):
    """It did not answer, or stopped writing, in time; try again later."""

    code = "model_timeout"
    retryable = True


class ModelUnavailable(ModelError):
    """It cannot be reached or is failing (5xx); try again later."""

    code = "model_unavailable"
    retryable = True


class ModelRateLimited(ModelError):
    """Too many calls (429); try again after `retry_after_seconds`."""

    code = "model_rate_limited"
    retryable = True


class ModelQuotaExhausted(ModelError):
    """The account has no credit left; a person must top it up."""

    code = "model_quota_exhausted"


class ModelUnauthorized(ModelError):
    """The key was refused (401, 403); a person must set the right one."""

    code = "model_unauthorized"


class ModelBadRequest(ModelError):
    """The server will never accept this request (4xx); asking again changes nothing."""

    code = "model_bad_request"


class ModelNotFound(ModelBadRequest):
    """The server knows no such model or path; a person must set OPENAI_MODEL or OPENAI_BASE_URL right."""

    code = "model_not_found"


class ModelContextTooLong(ModelBadRequest):
    """The messages are longer than the model can read; send less."""

    code = "model_context_too_long"


class ModelEmptyReply(ModelError):
    """It answered with no choice or no words; ask again."""

    code = "model_empty_reply"
    retryable = True


class ModelInvalidJson(ModelError):
    """The structured reply is no JSON, or not of the schema; ask again."""

    code = "model_invalid_json"
    retryable = True


class ModelStreamBroken(ModelError):
    """The stream ended before the reply was whole; ask again, what was streamed is void."""

    code = "model_stream_broken"
    retryable = True


class ModelTruncated(ModelError):
    """The structured reply hit the model's length limit; give it more room or ask for less."""

    code = "model_truncated"


class ModelRefused(ModelError):
    """The model or its content filter declined; change the words."""

    code = "model_refused"
