"""Simulations, comparisons and sweeps: asking for them, reading them, their files, other ramps, and once more the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import structlog
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from libs.jobs.commands import SendSignal
from libs.simulation.reprice import PricedRamp
from libs.simulation.request import defaults
from services.gateway.access import Gate
from services.gateway.actions import Actions
from services.gateway.answers import Answer, answer
from services.gateway.computing import Computing
from services.gateway.creation import Created, Creation
from services.gateway.decoding import convert_body
from services.gateway.downloads import LOCKED, disposition, is_known
from services.gateway.handlers.artifacts import DOWNLOAD_HEADERS, UNCHANGED
from services.gateway.handlers.reading import (
    HttpRequest,
    body_of,
    idempotency_key,
    json_of,
    path_uuid,
    query_of,
    traceparent,
)
from services.gateway.openapi import Operation
from services.gateway.paging import cut, decode_cursor, next_link
from services.gateway.ports import SimulationFilter, Simulations
from services.gateway.preparation import Preparation
from services.gateway.principal import Principal
from services.gateway.problems import Code, Fault, Problem
from services.gateway.rendering import as_html, as_table
from services.gateway.requests import (
    CreateJobBody,
    NoQuery,
    RepriceBody,
    RerunBody,
    SimulationBody,
    SimulationQuery,
    SimulationsQuery,
    StopBody,
)
from services.gateway.resources import Accepted, SimulationSummary, SimulationView
from services.gateway.simulation_views import KINDS, wanted_simulation
from services.gateway.simulations import SimulationReader, again, priced, result_of

__all__ = ["simulation_handlers"]

_TAG = "simulations"
_FULL_MAX = 10  # results at a time, which may be megabytes each
_CSV = "text/csv"
_LOG = (Code.LOG_UNAVAILABLE, Code.UNREADABLE_EVENT)
_FOUND = (Code.NO_SUCH_JOB, Code.CURSOR_BEYOND_HEAD, *_LOG)
_FILE = (Code.NO_SUCH_JOB, Code.NO_RESULT, *_LOG)
_CREATED = {"Location": "The simulation", "Idempotency-Replayed": "`true` where an earlier request made it"}
_WANTED = (Code.UNKNOWN_KIND, Code.INVALID_REQUEST, Code.IDEMPOTENCY_MISMATCH, Code.OVERLOADED, *_LOG)
_TABLE_SHOWN = {"Content-Disposition": disposition("attachment", "result.csv")}
_REPORT_SHOWN = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ),
    "Content-Disposition": disposition("inline", "report.html"),
}

CREATE = Operation(
    summary="Want a simulation, a comparison or a sweep; it is durable when this answers",
    tag=_TAG,
    body=SimulationBody,
    answers={201: SimulationView},
    headers={"Idempotency-Key": "The same key and body give the same simulation for 24 hours"},
    answer_headers=_CREATED,
    problems=_WANTED,
)
LIST = Operation(
    summary="Your simulations, newest first",
    tag=_TAG,
    query=SimulationsQuery,
    answers={200: list[SimulationSummary]},
    answer_headers={"Link": 'The next page, as `rel="next"`; absent on the last one'},
    problems=(Code.DATABASE_UNAVAILABLE,),
)
DEFAULTS = Operation(
    summary="The default profiles, and every rule with its type, default and description",
    tag=_TAG,
    query=NoQuery,
    answers={200: dict[str, Any]},
)
READ = Operation(
    summary="A simulation with its result; the result alone as a table where `Accept` asks for text/csv",
    tag=_TAG,
    query=SimulationQuery,
    answers={200: SimulationView},
    media_types=("application/json", _CSV),
    problems=(*_FOUND, Code.NO_RESULT),
)
RESULT_JSON = Operation(
    summary="The result alone", tag=_TAG, query=NoQuery, answers={200: dict[str, Any]}, problems=_FILE
)
RESULT_CSV = Operation(
    summary="The result as a table for spreadsheets",
    tag=_TAG,
    query=NoQuery,
    answers={200: bytes, 304: None},
    media_types=(_CSV,),
    headers=UNCHANGED,
    answer_headers=DOWNLOAD_HEADERS,
    problems=_FILE,
)
REPORT = Operation(
    summary="The result as one page with plots, which needs no network",
    tag=_TAG,
    query=NoQuery,
    answers={200: bytes, 304: None},
    media_types=("text/html",),
    headers=UNCHANGED,
    answer_headers=DOWNLOAD_HEADERS,
    problems=_FILE,
)
STOP = Operation(
    summary="End the run where it is, with the result of what was played",
    tag=_TAG,
    body=StopBody,
    answers={202: Accepted},
    headers={"Idempotency-Key": "The same key is the same command: sent again it changes nothing"},
    problems=(Code.NO_SUCH_JOB, Code.NOBODY_WAITS, Code.NOT_ALLOWED_NOW, *_LOG),
)
RERUN = Operation(
    summary="Do it once more: the same configuration, seed and blocks, so the same digest",
    tag=_TAG,
    body=RerunBody,
    answers={201: SimulationView},
    headers=CREATE.headers,
    answer_headers=_CREATED,
    problems=(Code.NO_SUCH_JOB, *_WANTED),
)
REPRICE = Operation(
    summary="What another ramp would have come to on the same rounds, without running again",
    tag=_TAG,
    body=RepriceBody,
    answers={200: PricedRamp},
    problems=(Code.INVALID_REQUEST, Code.OVERLOADED, *_FILE),
)


def simulation_handlers(
    gate: Gate,
    creation: Creation,
    preparation: Preparation,
    reader: SimulationReader,
    lists: Simulations,
    actions: Actions,
    computing: Computing,
) -> list[HTTPRouteHandler]:
    @post("/api/simulations", opt={"operation": CREATE})
    async def create_simulation(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = _wanted(await json_of(request))
        created = await creation.create(
            principal, body, key=idempotency_key(request), traceparent=traceparent(request), pointer=""
        )
        return await _created(principal, created)

    @get("/api/simulations", opt={"operation": LIST})
    async def list_simulations(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query = query_of(request, SimulationsQuery)
        limit = min(query.limit, _FULL_MAX) if query.full else query.limit
        found = await lists.simulations(
            principal.user_id,
            SimulationFilter(status=query.status, kind=query.kind, parent=query.parent),
            results=query.full,
            after=decode_cursor(query.cursor),
            limit=limit + 1,
        )
        page, cursor = cut(found, limit)
        parameters = {
            "status": query.status,
            "kind": query.kind,
            "parent": query.parent,
            "full": 1 if query.full else None,
            "limit": limit,
        }
        return answer(page, headers=next_link("/api/simulations/", parameters, cursor))

    @get("/api/simulations/defaults", opt={"operation": DEFAULTS})
    async def read_defaults(request: HttpRequest) -> Answer:
        gate.admit(request)
        query_of(request, NoQuery)
        return answer(_defaults())

    @get("/api/simulations/{job_id:str}", opt={"operation": READ})
    async def read_simulation(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query = query_of(request, SimulationQuery)
        if _prefers_csv(request):
            return await _shown(request, as_table, _CSV, _TABLE_SHOWN)
        job_id = path_uuid(request, "job_id")
        return answer(await reader.get(principal.user_id, job_id, min_version=query.min_version or 0))

    @get("/api/simulations/{job_id:str}/result.json", opt={"operation": RESULT_JSON})
    async def read_result(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query_of(request, NoQuery)
        return answer(result_of(await reader.latest(principal.user_id, path_uuid(request, "job_id"))))

    @get("/api/simulations/{job_id:str}/result.csv", opt={"operation": RESULT_CSV})
    async def read_table(request: HttpRequest) -> Answer:
        query_of(request, NoQuery)
        return await _shown(request, as_table, _CSV, _TABLE_SHOWN)

    @get("/api/simulations/{job_id:str}/report.html", opt={"operation": REPORT})
    async def read_report(request: HttpRequest) -> Answer:
        query_of(request, NoQuery)
        return await _shown(request, as_html, "text/html", _REPORT_SHOWN)

    @post("/api/simulations/{job_id:str}/stop", opt={"operation": STOP})
    async def stop_simulation(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        await body_of(request, StopBody)
        job_id = path_uuid(request, "job_id")
        await reader.get(principal.user_id, job_id)
        accepted = await actions.send(
            principal,
            job_id,
            SendSignal(name="stop"),
            key=idempotency_key(request),
            traceparent=traceparent(request),
        )
        return answer(accepted, 202)

    @post("/api/simulations/{job_id:str}/rerun", opt={"operation": RERUN})
    async def rerun_simulation(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        await body_of(request, RerunBody)
        view = await reader.latest(principal.user_id, path_uuid(request, "job_id"))
        kind, prepared = await computing.run(principal.user_id, again, view)
        created = await creation.create(
            principal,
            CreateJobBody(kind=kind, request={"rerun": view.job_id}),
            key=idempotency_key(request),
            traceparent=traceparent(request),
            prepared=prepared,
        )
        return await _created(principal, created)

    @post("/api/simulations/{job_id:str}/reprice", opt={"operation": REPRICE})
    async def reprice_simulation(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = await body_of(request, RepriceBody)
        result = result_of(await reader.latest(principal.user_id, path_uuid(request, "job_id")))
        betting = await preparation.betting(principal.user_id, body.betting_strategy, pointer="/betting_strategy")
        return answer(await computing.run(principal.user_id, priced, result, betting, body.player, body.bankroll))

    async def _created(principal: Principal, created: Created) -> Answer:
        job_id = created.job.id
        structlog.contextvars.bind_contextvars(job_id=str(job_id))
        if created.command is None:
            view = await reader.get(principal.user_id, job_id)
        else:
            view = wanted_simulation(principal.user_id, job_id, created.command, created.job.created_at)
        headers = {"Location": f"/api/simulations/{job_id}/"}
        return answer(view, 201, headers | ({"Idempotency-Replayed": "true"} if created.replayed else {}))

    async def _shown(
        request: HttpRequest, render: Callable[[msgspec.Raw], bytes], media_type: str, headers: dict[str, str]
    ) -> Answer:
        """What `render` makes of the result, which never changes again: 304 where the client has it."""
        principal = gate.admit(request)
        result = result_of(await reader.latest(principal.user_id, path_uuid(request, "job_id")))
        tag = f'"{hashlib.sha256(media_type.encode() + result).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", **LOCKED, **headers}
        known = request.headers.get("if-none-match")
        if known is not None and is_known(known, tag):
            return Response(b"", status_code=304, headers=headers)
        content = await computing.run(principal.user_id, render, result)
        return Response(content, media_type=media_type, headers=headers)

    return [
        create_simulation,
        list_simulations,
        read_defaults,
        read_simulation,
        read_result,
        read_table,
        read_report,
        stop_simulation,
        rerun_simulation,
        reprice_simulation,
    ]


def _wanted(value: Any) -> CreateJobBody:
    """The body as a job's: everything in it but the kind and the approvals is the request."""
    if not isinstance(value, dict):
        detail = "A simulation is described by an object."
        raise Problem(Code.INVALID_REQUEST, detail, errors=[Fault("", detail)])
    kind = value.pop("kind", "simulation")
    if kind not in KINDS:
        detail = f"The kinds of simulation are: {', '.join(KINDS)}."
        raise Problem(Code.UNKNOWN_KIND, detail, errors=[Fault("/kind", detail)])
    approvals = value.pop("approvals", ())
    return convert_body({"kind": kind, "request": value, "approvals": approvals}, CreateJobBody)


def _prefers_csv(request: HttpRequest) -> bool:
    accepted = request.headers.get("accept", "")
    return _CSV in accepted and "application/json" not in accepted


@cache
def _defaults() -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(defaults()))
