"""Values and errors as HTTP answers."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from libs.events.errors import CursorBeyondHead, LogUnavailable, UnknownEvent
from services.gateway.ports import DatabaseUnavailable
from services.gateway.problems import Code, Problem

__all__ = ["EXCEPTION_HANDLERS", "PROBLEM_TYPE", "Answer", "answer", "answer_problem"]

log = structlog.get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"
Answer = Response[bytes]

_encode = msgspec.json.Encoder().encode
_RETRY_SECONDS = 1


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """JSON of any of our structs."""
    return Response(
        _encode(value),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"} | dict(headers or {}),
    )


def answer_problem(problem: Problem, headers: Mapping[str, str] | None = None) -> Answer:
    """The problem document with the headers that belong to it."""
    found = {"Cache-Control": "no-store"} | dict(headers or {})
    if problem.status == Code.TOKEN_MISSING.status:
        found["WWW-Authenticate"] = "Bearer"
    if problem.retry_after is not None:
        found["Retry-After"] = str(problem.retry_after)
    return Response(_encode(problem.document), status_code=problem.status, media_type=PROBLEM_TYPE, headers=found)


def _on_problem(_request: Any, problem: Problem) -> Answer:
    return answer_problem(problem)


def _on_log_unavailable(_request: Any, _error: LogUnavailable) -> Answer:
    detail = "The event log does not answer: nothing is lost, try again."
    return answer_problem(Problem(Code.LOG_UNAVAILABLE, detail, retry_after=_RETRY_SECONDS))


def _on_database_unavailable(_request: Any, _error: DatabaseUnavailable) -> Answer:
    return answer_problem(Problem(Code.DATABASE_UNAVAILABLE, retry_after=_RETRY_SECONDS))


def _on_cursor_beyond_head(_request: Any, _error: CursorBeyondHead) -> Answer:
    return answer_problem(Problem(Code.CURSOR_BEYOND_HEAD, "The job has not come to this version yet."))


def _on_unknown_event(_request: Any, error: UnknownEvent) -> Answer:
    log.error("event.unreadable", type=error.type_name, schema=error.schema)
    return answer_problem(Problem(Code.UNREADABLE_EVENT, retry_after=_RETRY_SECONDS))


def _on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Answer:
    """What the framework itself refuses."""
    headers = {name.title(): value for name, value in (error.headers or {}).items()}
    match error:
        case NotFoundException():
            problem = Problem(Code.NOT_FOUND)
        case MethodNotAllowedException():
            problem = Problem(Code.METHOD_NOT_ALLOWED)
        case HTTPException(status_code=413):
            problem = Problem(Code.TOO_LARGE)
        case HTTPException(status_code=status) if status < 500:
            problem = Problem(Code.INVALID_PARAMETER, "The request cannot be read.")
        case _:
            return _on_exception(request, error)
    return answer_problem(problem, headers)


def _on_exception(request: Request[Any, Any, Any], error: Exception) -> Answer:
    # Where it happened, but not what the error says: that may quote what a client sent.
    place = "".join(traceback.format_tb(error.__traceback__)[-8:])
    route = request.scope.get("path_template", "unmatched")
    log.error("request.failed", route=route, kind=type(error).__name__, traceback=place)
    return answer_problem(Problem(Code.INTERNAL_ERROR, "Something went wrong on our side; it has been logged."))


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    Problem: _on_problem,
    LogUnavailable: _on_log_unavailable,
    DatabaseUnavailable: _on_database_unavailable,
    CursorBeyondHead: _on_cursor_beyond_head,
    UnknownEvent: _on_unknown_event,
    HTTPException: _on_http_exception,
    Exception: _on_exception,
}
