"""Apps: what build jobs end in."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from services.gateway.access import Gate
from services.gateway.answers import Answer, answer
from services.gateway.handlers.reading import HttpRequest, path_uuid, query_of
from services.gateway.openapi import Operation
from services.gateway.paging import cut, decode_cursor, next_link
from services.gateway.ports import Jobs, Lists
from services.gateway.problems import Code, Problem
from services.gateway.requests import AppsQuery, NoQuery
from services.gateway.resources import AppView

__all__ = ["app_handlers"]

_TAG = "apps"

LIST = Operation(
    summary="Your apps, newest first",
    tag=_TAG,
    query=AppsQuery,
    answers={200: list[AppView]},
    answer_headers={"Link": 'The next page, as `rel="next"`; absent on the last one'},
    problems=(Code.DATABASE_UNAVAILABLE,),
)
READ = Operation(
    summary="An app",
    tag=_TAG,
    query=NoQuery,
    answers={200: AppView},
    problems=(Code.NO_SUCH_APP, Code.DATABASE_UNAVAILABLE),
)
BY_JOB = Operation(
    summary="A job's app",
    tag=_TAG,
    query=NoQuery,
    answers={200: AppView},
    problems=(Code.NO_SUCH_JOB, Code.NO_SUCH_APP, Code.LOG_UNAVAILABLE, Code.UNREADABLE_EVENT),
)


def app_handlers(gate: Gate, jobs: Jobs, lists: Lists) -> list[HTTPRouteHandler]:
    @get("/api/apps", opt={"operation": LIST})
    async def list_apps(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query = query_of(request, AppsQuery)
        after = decode_cursor(query.cursor)
        page, cursor = cut(await lists.apps(principal.user_id, after=after, limit=query.limit + 1), query.limit)
        return answer(page, headers=next_link("/api/apps/", {"limit": query.limit}, cursor))

    @get("/api/apps/{app_id:str}", opt={"operation": READ})
    async def read_app(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query_of(request, NoQuery)
        found = await lists.app_by_id(principal.user_id, path_uuid(request, "app_id"))
        if found is None:
            raise Problem(Code.NO_SUCH_APP)
        return answer(found)

    @get("/api/apps/by-job/{job_id:str}", opt={"operation": BY_JOB})
    async def read_app_of_job(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query_of(request, NoQuery)
        wanted = path_uuid(request, "job_id")
        found = await jobs.app(principal.user_id, wanted)
        if found is None:
            exists = await jobs.exists(principal.user_id, wanted)
            raise Problem(Code.NO_SUCH_APP, "The job has no app yet.") if exists else Problem(Code.NO_SUCH_JOB)
        return answer(found)

    return [list_apps, read_app, read_app_of_job]
