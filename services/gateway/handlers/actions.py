"""Everything one can want of a job that exists: say something, cancel, retry, approve, reject, signal."""

from __future__ import annotations

from litestar import post
from litestar.handlers import HTTPRouteHandler

from libs.jobs.commands import ApproveStep, CancelJob, PostMessage, RejectStep, RetryJob, SendSignal, WireCommand
from services.gateway.access import Gate
from services.gateway.actions import Actions
from services.gateway.answers import Answer, answer
from services.gateway.decoding import check_depth
from services.gateway.handlers.reading import HttpRequest, body_of, idempotency_key, path_uuid, traceparent
from services.gateway.openapi import Operation
from services.gateway.principal import Principal
from services.gateway.problems import Code
from services.gateway.requests import CancelBody, DecisionBody, MessageBody, RetryBody, SignalBody
from services.gateway.resources import Accepted
from services.gateway.text import check_name, check_text

__all__ = ["action_handlers"]

_TAG = "actions"
_HEADERS = {
    "Idempotency-Key": "The same key is the same command: sent again it changes nothing; with another body it is refused"
}
_PROBLEMS = (
    Code.NO_SUCH_JOB,
    Code.NOT_ALLOWED_NOW,
    Code.IDEMPOTENCY_MISMATCH,
    Code.LOG_UNAVAILABLE,
    Code.INVALID_PARAMETER,
)
_ANSWERS = {202: Accepted}
_DECISION_PROBLEMS = (*_PROBLEMS, Code.NO_SUCH_APPROVAL, Code.APPROVAL_OUTDATED)

SAY = Operation(
    summary="Say something, as a chat frame does",
    tag=_TAG,
    body=MessageBody,
    answers=_ANSWERS,
    headers=_HEADERS,
    problems=_PROBLEMS,
)
CANCEL = Operation(
    summary="Call the job off", tag=_TAG, body=CancelBody, answers=_ANSWERS, headers=_HEADERS, problems=_PROBLEMS
)
RETRY = Operation(
    summary="Take a failed or cancelled job up again, where it stopped",
    tag=_TAG,
    body=RetryBody,
    answers=_ANSWERS,
    headers=_HEADERS,
    problems=_PROBLEMS,
)
APPROVE = Operation(
    summary="Let the job go on",
    tag=_TAG,
    body=DecisionBody,
    answers=_ANSWERS,
    headers=_HEADERS,
    problems=_DECISION_PROBLEMS,
)
REJECT = Operation(
    summary="Do not let the job go on: it fails with the comment",
    tag=_TAG,
    body=DecisionBody,
    answers=_ANSWERS,
    headers=_HEADERS,
    problems=_DECISION_PROBLEMS,
)
SIGNAL = Operation(
    summary="Give a waiting job what it waits for",
    tag=_TAG,
    body=SignalBody,
    answers=_ANSWERS,
    headers=_HEADERS,
    problems=(*_PROBLEMS, Code.NOBODY_WAITS),
)


def action_handlers(gate: Gate, actions: Actions) -> list[HTTPRouteHandler]:
    async def send(request: HttpRequest, principal: Principal, command: WireCommand, key: str | None = None) -> Answer:
        accepted = await actions.send(
            principal,
            path_uuid(request, "job_id"),
            command,
            key=key or idempotency_key(request),
            traceparent=traceparent(request),
        )
        return answer(accepted, 202)

    @post("/api/jobs/{job_id:str}/messages", opt={"operation": SAY})
    async def say(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = await body_of(request, MessageBody)
        command = PostMessage(content=check_text(body.content, "/content", "The message"))
        return await send(request, principal, command, body.key)

    @post("/api/jobs/{job_id:str}/cancel", opt={"operation": CANCEL})
    async def cancel(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = await body_of(request, CancelBody)
        reason = check_text(body.reason, "/reason", "The reason", empty=True)
        return await send(request, principal, CancelJob(reason=reason))

    @post("/api/jobs/{job_id:str}/retry", opt={"operation": RETRY})
    async def retry(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        await body_of(request, RetryBody)
        return await send(request, principal, RetryJob())

    @post("/api/jobs/{job_id:str}/approve", opt={"operation": APPROVE})
    async def approve(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = _checked(await body_of(request, DecisionBody))
        command = ApproveStep(name=body.name, approval_version=body.approval_version, comment=body.comment)
        return await send(request, principal, command)

    @post("/api/jobs/{job_id:str}/reject", opt={"operation": REJECT})
    async def reject(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = _checked(await body_of(request, DecisionBody))
        command = RejectStep(name=body.name, approval_version=body.approval_version, comment=body.comment)
        return await send(request, principal, command)

    @post("/api/jobs/{job_id:str}/signals/{name:str}", opt={"operation": SIGNAL})
    async def signal(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        body = await body_of(request, SignalBody)
        name = check_name(request.path_params["name"], "{name}", "A signal's name")
        check_depth(body.data, "/data")
        return await send(request, principal, SendSignal(name=name, data=body.data))

    return [say, cancel, retry, approve, reject, signal]


def _checked(body: DecisionBody) -> DecisionBody:
    check_name(body.name, "/name", "An approval's name")
    check_text(body.comment, "/comment", "The comment", empty=True)
    return body
