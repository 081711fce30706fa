"""Jobs: wanting one, listing them, reading one."""

from __future__ import annotations

import structlog
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from services.gateway.access import Gate
from services.gateway.answers import Answer, answer
from services.gateway.creation import Creation
from services.gateway.handlers.reading import HttpRequest, body_of, idempotency_key, path_uuid, query_of, traceparent
from services.gateway.openapi import Operation
from services.gateway.paging import cut, decode_cursor, next_link
from services.gateway.ports import JobFilter, Jobs, Lists
from services.gateway.problems import Code, Problem
from services.gateway.requests import CreateJobBody, JobQuery, JobsQuery, MessagesQuery
from services.gateway.resources import JobSummary, JobView, MessageView

__all__ = ["job_handlers"]

_TAG = "jobs"
_LOG = (Code.LOG_UNAVAILABLE, Code.UNREADABLE_EVENT)

CREATE = Operation(
    summary="Want a job; it is durable when this answers",
    tag=_TAG,
    body=CreateJobBody,
    answers={201: JobView},
    headers={"Idempotency-Key": "The same key and body give the same job for 24 hours"},
    answer_headers={"Location": "The job", "Idempotency-Replayed": "`true` where an earlier request made the job"},
    problems=(
        Code.UNKNOWN_KIND,
        Code.INVALID_REQUEST,
        Code.IDEMPOTENCY_MISMATCH,
        Code.LOG_UNAVAILABLE,
        Code.UNREADABLE_EVENT,
        Code.OVERLOADED,
    ),
)
LIST = Operation(
    summary="Your jobs, newest first",
    tag=_TAG,
    query=JobsQuery,
    answers={200: list[JobSummary]},
    answer_headers={"Link": 'The next page, as `rel="next"`; absent on the last one'},
    problems=(Code.DATABASE_UNAVAILABLE,),
)
READ = Operation(
    summary="A job with its steps and messages",
    tag=_TAG,
    query=JobQuery,
    answers={200: JobView},
    problems=(Code.NO_SUCH_JOB, Code.CURSOR_BEYOND_HEAD, *_LOG),
)
MESSAGES = Operation(
    summary="A job's conversation, oldest first",
    tag=_TAG,
    query=MessagesQuery,
    answers={200: list[MessageView]},
    problems=(Code.NO_SUCH_JOB, *_LOG),
)


def job_handlers(gate: Gate, creation: Creation, jobs: Jobs, lists: Lists) -> list[HTTPRouteHandler]:
    @post("/api/jobs", opt={"operation": CREATE})
    async def create_job(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = await body_of(request, CreateJobBody)
        created = await creation.create(principal, body, key=idempotency_key(request), traceparent=traceparent(request))
        job = created.job
        structlog.contextvars.bind_contextvars(job_id=str(job.id))
        headers = {"Location": f"/api/jobs/{job.id}/"} | ({"Idempotency-Replayed": "true"} if created.replayed else {})
        return answer(job, 201, headers)

    @get("/api/jobs", opt={"operation": LIST})
    async def list_jobs(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query = query_of(request, JobsQuery)
        where = JobFilter(status=query.status, kind=query.kind, text=query.q, parent=query.parent)
        after = decode_cursor(query.cursor)
        found = await lists.jobs(principal.user_id, where, after=after, limit=query.limit + 1)
        page, cursor = cut(found, query.limit)
        parameters = {
            "status": query.status,
            "kind": query.kind,
            "parent": query.parent,
            "q": query.q,
            "limit": query.limit,
        }
        return answer(page, headers=next_link("/api/jobs/", parameters, cursor))

    @get("/api/jobs/{job_id:str}", opt={"operation": READ})
    async def read_job(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query = query_of(request, JobQuery)
        found = await jobs.get(
            principal.user_id, path_uuid(request, "job_id"), min_version=query.min_version, at=query.at
        )
        if found is None:
            raise Problem(Code.NO_SUCH_JOB)
        return answer(found)

    @get("/api/job-messages", opt={"operation": MESSAGES})
    async def list_messages(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        found = await jobs.get(principal.user_id, query_of(request, MessagesQuery).job_id)
        if found is None:
            raise Problem(Code.NO_SUCH_JOB)
        return answer(found.messages)

    return [create_job, list_jobs, read_job, list_messages]
