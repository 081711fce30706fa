"""For those who run the gateway and those who program against it: health, metrics, schemas, the list of problems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from libs.process import metrics
from libs.process.health import Health
from services.gateway.answers import Answer, answer
from services.gateway.handlers.reading import HttpRequest
from services.gateway.live import Live
from services.gateway.openapi import document
from services.gateway.problems import Code, Problem

__all__ = ["operations_handlers"]


class ProblemKind(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the closed list."""

    code: str
    title: str
    status: int
    retryable: bool


def operations_handlers(
    health: Health, live: Live, check_database: Callable[[], Awaitable[None]], described: list[HTTPRouteHandler]
) -> list[HTTPRouteHandler]:
    """`described` are the handlers that the OpenAPI document is about."""

    @cache
    def schema() -> bytes:
        return msgspec.json.encode(document(described, version=_version()))

    @get("/livez")
    async def livez() -> Answer:
        return answer({"status": "alive"})

    @get("/readyz")
    async def readyz() -> Answer:
        await check_database()
        ready, report = await health.report()
        return answer(report, 200 if ready else 503)

    @get("/metrics")
    async def read_metrics() -> Answer:
        return Answer(metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"})

    @get(["/schema", "/schema/openapi.json"])
    async def read_schema() -> Answer:
        return Answer(schema(), media_type="application/vnd.oai.openapi+json; version=3.1")

    @get("/schema/asyncapi.json")
    async def read_asyncapi() -> Answer:
        return Answer(live.asyncapi(), media_type="application/json")

    @get("/problems")
    async def list_problems() -> Answer:
        return answer([_kind(code) for code in Code])

    @get("/problems/{code:str}")
    async def read_problem(request: HttpRequest) -> Answer:
        code = request.path_params["code"]
        if code not in {each.value for each in Code}:
            raise Problem(Code.NOT_FOUND)
        return answer(_kind(Code(code)))

    return [livez, readyz, read_metrics, read_schema, read_asyncapi, list_problems, read_problem]


def _kind(code: Code) -> ProblemKind:
    return ProblemKind(code=code.value, title=code.heading, status=code.status, retryable=code.retryable)


def _version() -> str:
    try:
        return version("jobstream")
    except PackageNotFoundError:
        return "0"
