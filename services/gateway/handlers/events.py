"""A job's history as it is stored, listed or streamed; and tickets for sockets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from services.gateway.access import Gate
from services.gateway.answers import Answer, answer
from services.gateway.handlers.reading import HttpRequest, body_of, path_uuid, query_of
from services.gateway.live import Live
from services.gateway.live.factory import TicketView
from services.gateway.openapi import Operation
from services.gateway.ports import Jobs
from services.gateway.principal import Principal
from services.gateway.problems import Code, Fault, Problem
from services.gateway.requests import EventsQuery, TicketBody
from services.gateway.resources import EventView
from services.gateway.streaming import while_there
from services.gateway.views import event_view

__all__ = ["EventStream", "event_handlers"]

_TAG = "live"
_STREAM = "text/event-stream"
_VERSION_DIGITS_MAX = 10

EVENTS = Operation(
    summary="A job's events after a version; a stream of them where `Accept` asks for text/event-stream",
    tag=_TAG,
    query=EventsQuery,
    answers={200: list[EventView]},
    media_types=("application/json", _STREAM),
    headers={"Last-Event-ID": "Where a stream goes on; stronger than `after`"},
    problems=(
        Code.NO_SUCH_JOB,
        Code.CURSOR_BEYOND_HEAD,
        Code.LOG_UNAVAILABLE,
        Code.UNREADABLE_EVENT,
        Code.TOO_MANY_CONNECTIONS,
        Code.DRAINING,
    ),
)
TICKET = Operation(
    summary="A ticket for one socket of a job: single use, 30 seconds",
    tag=_TAG,
    body=TicketBody,
    answers={201: TicketView},
    problems=(Code.NO_SUCH_JOB, Code.LOG_UNAVAILABLE),
)


class EventStream(Response[bytes]):
    """An answer that goes on: server-sent events until the body ends, or the client is gone. Problems are raised before the first byte."""

    def __init__(self, live: Live, principal: Principal, job_id: UUID, after: int) -> None:
        super().__init__(b"", media_type=_STREAM)
        self._open = live.events(principal, job_id, after)

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Litestar's hook."""
        return self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._open as body:
            headers = [
                (b"content-type", _STREAM.encode()),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

            async def stream() -> None:
                async for chunk in body:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})

            await while_there(receive, stream())


def event_handlers(gate: Gate, jobs: Jobs, live: Live) -> list[HTTPRouteHandler]:
    @get("/api/jobs/{job_id:str}/events", opt={"operation": EVENTS})
    async def read_events(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        wanted, query = path_uuid(request, "job_id"), query_of(request, EventsQuery)
        if _STREAM in request.headers.get("accept", ""):
            return EventStream(live, principal, wanted, _last_event_id(request, query.after))
        found = await jobs.events(principal.user_id, wanted, after=query.after, limit=query.limit)
        if not found:
            head = await jobs.head(principal.user_id, wanted)
            if head is None:
                raise Problem(Code.NO_SUCH_JOB)
            if query.after > head:
                raise Problem(Code.CURSOR_BEYOND_HEAD, f"The job is at version {head}.")
        return answer([event_view(recorded) for recorded in found])

    @post("/api/ws-tickets", opt={"operation": TICKET})
    async def issue_ticket(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = await body_of(request, TicketBody)
        return answer(await live.ticket(principal, body.job_id), 201)

    return [read_events, issue_ticket]


def _last_event_id(request: HttpRequest, after: int) -> int:
    text = request.headers.get("last-event-id")
    if not text:
        return after
    if not (text.isascii() and text.isdigit() and len(text) <= _VERSION_DIGITS_MAX):
        detail = "Last-Event-ID is the version of an event."
        raise Problem(Code.INVALID_PARAMETER, detail, errors=[Fault("Last-Event-ID", detail)])
    return int(text)
