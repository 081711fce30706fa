"""Files that jobs made: listing and downloading them."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from services.gateway.access import Gate
from services.gateway.answers import Answer, answer
from services.gateway.downloads import Download
from services.gateway.handlers.reading import HttpRequest, path_uuid, query_of
from services.gateway.openapi import Operation
from services.gateway.ports import Jobs, Objects
from services.gateway.problems import Code, Problem
from services.gateway.requests import NoQuery
from services.gateway.resources import ArtifactView
from services.gateway.views import artifact_view

__all__ = ["DOWNLOAD_HEADERS", "UNCHANGED", "artifact_handlers"]

_TAG = "artifacts"
_PROBLEMS = (Code.NO_SUCH_JOB, Code.LOG_UNAVAILABLE, Code.UNREADABLE_EVENT)
DOWNLOAD_HEADERS = {
    "ETag": "SHA-256 of the content",
    "Content-Length": "Its size in bytes",
    "Content-Disposition": "Its name",
}
UNCHANGED = {"If-None-Match": "An ETag: where the file is still the same, the answer is 304 without it"}

LIST = Operation(
    summary="A job's files", tag=_TAG, query=NoQuery, answers={200: list[ArtifactView]}, problems=_PROBLEMS
)
DOWNLOAD = Operation(
    summary="One of them, by its name",
    tag=_TAG,
    query=NoQuery,
    answers={200: bytes, 304: None},
    media_types=("application/octet-stream",),
    headers=UNCHANGED,
    answer_headers=DOWNLOAD_HEADERS,
    problems=(*_PROBLEMS, Code.NO_SUCH_ARTIFACT),
)


def artifact_handlers(gate: Gate, jobs: Jobs, objects: Objects) -> list[HTTPRouteHandler]:
    @get("/api/jobs/{job_id:str}/artifacts", opt={"operation": LIST})
    async def list_artifacts(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query_of(request, NoQuery)
        job_id = path_uuid(request, "job_id")
        found = await jobs.artifacts(principal.user_id, job_id)
        if not found and not await jobs.exists(principal.user_id, job_id):
            raise Problem(Code.NO_SUCH_JOB)
        return answer([artifact_view(job_id, artifact) for artifact in found])

    @get("/api/jobs/{job_id:str}/artifacts/{name:path}", opt={"operation": DOWNLOAD})
    async def download_artifact(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query_of(request, NoQuery)
        job_id = path_uuid(request, "job_id")
        name = str(request.path_params["name"]).removeprefix("/")
        found = await jobs.artifact(principal.user_id, job_id, name)
        if found is None:
            known = await jobs.exists(principal.user_id, job_id)
            raise Problem(Code.NO_SUCH_ARTIFACT if known else Code.NO_SUCH_JOB)
        return Download(objects, found, known=request.headers.get("if-none-match"))

    return [list_artifacts, download_artifact]
