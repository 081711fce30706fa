"""What went wrong at a model server, as the port's errors: matched by status and code, told without secrets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import openai

from libs.llm.port import (
    ModelBadRequest,
    ModelContextTooLong,
    ModelError,
    ModelNotFound,
    ModelQuotaExhausted,
    ModelRateLimited,
    ModelRefused,
    ModelStreamBroken,
    ModelTimeout,
    ModelUnauthorized,
    ModelUnavailable,
)
from libs.llm.wire import ErrorDetail

__all__ = ["connection_failure", "retry_after", "stated_failure", "status_failure", "stream_cut"]

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_TOO_LONG = re.compile(r"context[ _]length|maximum context|too many tokens|context window", re.IGNORECASE)
_FILTERED = ("content_filter", "content_policy_violation")
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached")
_WAIT_MAX_SECONDS = 86_400.0


def connection_failure(error: Exception, where: str) -> ModelError:
    """No answer at all: a timeout while connecting or sending, or a server that cannot be reached."""
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return ModelTimeout(f"The model server at {where} did not accept the request in time.")
    if isinstance(error.__cause__ or error, httpx2.RemoteProtocolError | httpx2.ReadError):
        return ModelUnavailable(f"The model server at {where} closed the connection without an answer.")
    return ModelUnavailable(f"The model server at {where} cannot be reached. Is it running? Check OPENAI_BASE_URL.")


def stream_cut() -> ModelStreamBroken:
    """A stream that ended before the reply did."""
    return ModelStreamBroken("The model's reply broke off before it was whole.")


def status_failure(error: openai.APIStatusError, *, model: str, where: str, now: datetime) -> ModelError:
    """An answer with an error's status."""
    body = error.body if isinstance(error.body, Mapping) else {}
    detail = ErrorDetail(
        message=_text(body.get("message")),
        type=_text(body.get("type")),
        param=_text(body.get("param")),
        code=_text(body.get("code")),
    )
    wait = retry_after(error.response.headers, now)
    return _failure(error.status_code, detail, model=model, where=where, wait=wait)


def stated_failure(detail: ErrorDetail | str, *, model: str, where: str) -> ModelError:
    """An error that a server states inside an answer of status 200, as streams must."""
    if isinstance(detail, str):
        detail = ErrorDetail(message=detail)
    code = str(detail.code or "")
    status = int(code) if re.fullmatch("[45][0-9][0-9]", code) else None
    if status is None:
        kind = f"{detail.type} {code}"
        status = next((number for word, number in _STATUS_OF if word in kind), 500)
    return _failure(status, detail, model=model, where=where, wait=None)


_STATUS_OF = (
    ("rate_limit", 429),
    ("insufficient_quota", 429),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("invalid_request", 400),
    ("content_filter", 400),
    ("context_length", 400),
)


def _failure(status: int, detail: ErrorDetail, *, model: str, where: str, wait: float | None) -> ModelError:
    code = str(detail.code or "")
    note = _note(detail)
    if status in (401, 403):
        said = f"The model server at {where} refused the key ({status}). Check OPENAI_API_KEY."
        return ModelUnauthorized(said, status=status)
    if status == 402 or code in _QUOTA or detail.type in _QUOTA:
        return ModelQuotaExhausted("The model account has no credit left. Check its billing.", status=status)
    if status == 429:
        later = f" It asks to wait {wait:g} seconds." if wait is not None else ""
        said = f"The model server at {where} limits the rate of calls (429).{later}"
        return ModelRateLimited(said, status=status, retry_after_seconds=wait)
    if status in (408, 504):
        said = f"The model server at {where} gave up waiting for the model ({status})."
        return ModelTimeout(said, status=status, retry_after_seconds=wait)
    if status >= 500 or status in (409, 425):
        said = f"The model server at {where} is failing ({status}{note})."
        return ModelUnavailable(said, status=status, retry_after_seconds=wait)
    if code in _FILTERED or detail.type in _FILTERED:
        return ModelRefused("The model server's content filter declined the request.", status=status)
    if code == "context_length_exceeded" or _TOO_LONG.search(detail.message or ""):
        return ModelContextTooLong("The conversation is longer than the model can read.", status=status)
    if status == 404:
        said = f"The model server at {where} has no model {model!r}, or not under this address (404). "
        return ModelNotFound(said + "Check OPENAI_MODEL and OPENAI_BASE_URL.", status=status)
    return ModelBadRequest(f"The model server at {where} does not accept the request ({status}{note}).", status=status)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds a server asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    stated = headers.get("retry-after")
    if stated is None:
        return None
    seconds = _number(stated)
    if seconds is not None:
        return _bounded(seconds)
    try:
        due = parsedate_to_datetime(stated)
    except (ValueError, TypeError, OverflowError):
        return None
    if due.tzinfo is None:
        due = due.replace(tzinfo=UTC)
    return _bounded((due - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _WAIT_MAX_SECONDS)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _note(detail: ErrorDetail) -> str:
    """The server's codes where they are identifiers; its prose may repeat what it was sent, so it is left out."""
    named = [str(part) for part in (detail.code, detail.param) if part and _IDENTIFIER.fullmatch(str(part))]
    return ": " + ", ".join(named) if named else ""
