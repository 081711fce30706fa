"""Logs are one JSON object a line on standard error; on a terminal they are set for reading. Secrets never pass."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["configure", "redact", "redact_text"]

HIDDEN = "***"

_SECRET_KEY = re.compile(
    r"(?:^|[_\-.])(?:token|access|refresh|password|passwd|passphrase|secret|authorization|cookie|api_?key|ticket|jwt|credentials)$",
    re.IGNORECASE,
)
_SECRET_TEXT = (
    (re.compile(r"([?&;](?:\w*token|ticket|password|secret|api_?key)=)[^&\s\"'<>]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\b(?:Bearer|Basic)\s+)[\w\-.~+/=]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\b\w[\w+.\-]*://[^\s/:@]*:)[^\s/@]+(@)"), rf"\1{HIDDEN}\2"),
    (re.compile(r"\beyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*"), HIDDEN),
)
_QUIET = {"uvicorn.access": logging.CRITICAL, "httpx": logging.WARNING, "httpx2": logging.WARNING}
_QUIET |= {"httpcore": logging.WARNING, "httpcore2": logging.WARNING, "openai": logging.WARNING}
_QUIET |= {"asyncio": logging.WARNING, "websockets": logging.WARNING}


def configure(service: str, level: str = "info", to: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records to standard error (or `to`), redacted, from now on.

    Each line holds `time`, `level`, `event`, `service` and what `structlog.contextvars` has bound (job_id,
    correlation_id ...). Access logs are off: paths carry tickets, and the metrics count requests. Writing never raises:
    where there is no room for a line it is lost, and who wrote it goes on.
    """
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Named(service),
    ]
    closing: list[Processor] = (
        [redact, structlog.dev.ConsoleRenderer(timestamp_key="time")]
        if (to or sys.stderr).isatty()
        else [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer(serializer=_json)]
    )
    structlog.configure(
        processors=[*shared, *closing],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_arguments: structlog.WriteLogger(cast("TextIO", _Unfailing(to or sys.stderr))),
        cache_logger_on_first_use=False,
    )
    handler = _Lines(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *closing],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(max(floor, threshold))
    for name in ("uvicorn", "uvicorn.error"):
        noisy = logging.getLogger(name)
        noisy.handlers.clear()
        noisy.propagate = True
        noisy.setLevel(max(logging.WARNING, threshold))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values whose key names a secret, and secrets inside any text, however deep they are nested."""
    return {key: HIDDEN if value and _SECRET_KEY.search(key) else _clean(value) for key, value in event.items()}


def redact_text(text: str) -> str:
    """The text with tokens in query strings, bearer credentials, URL passwords and JWTs blanked."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _clean(value: Any, depth: int = 6) -> Any:
    match value:
        case str():
            return redact_text(value)
        case bytes():
            return redact_text(value.decode(errors="replace"))
        case dict() if depth:
            return {
                key: HIDDEN if item and _SECRET_KEY.search(str(key)) else _clean(item, depth - 1)
                for key, item in value.items()
            }
        case list() | tuple() if depth:
            return [_clean(item, depth - 1) for item in value]
        case BaseException():
            return redact_text(repr(value))
        case _:
            return value


class _Unfailing:
    """A stream whose lines may be lost: a full disk under the log is no reason to fail at one's work."""

    def __init__(self, to: TextIO) -> None:
        self._to = to

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            self._to.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._to.flush()


class _Lines(logging.Handler):
    """Writes to the given stream, or to whatever standard error is at the moment of the record."""

    def __init__(self, to: TextIO | None) -> None:
        super().__init__()
        self._to = to

    def emit(self, record: logging.LogRecord) -> None:
        stream = self._to or sys.stderr
        try:
            stream.write(self.format(record) + "\n")
            stream.flush()
        except Exception:
            self.handleError(record)


class _Named:
    """Adds the service's name."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._service)
        return event


def _logger_name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if record is not None:
        event.setdefault("logger", record.name)
    return event


def _json(event: EventDict, **_options: Any) -> str:
    leading = {key: event[key] for key in ("time", "level", "service", "event") if key in event}
    return msgspec.json.encode({**leading, **event}, enc_hook=lambda value: redact_text(repr(value))).decode()
