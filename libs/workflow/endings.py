"""How an attempt ends a job: what a workflow returned or raised, as the command that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from libs.jobs.commands import CompleteJob, FailJob
from libs.jobs.events import Failure
from libs.process.clock import new_id
from libs.workflow.errors import ChildFailed, Misuse, StepFailed, WaitTimedOut, describe
from libs.workflow.results import encode
from libs.workflow.values import App

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt

__all__ = ["completed", "failed"]


def completed(attempt: Attempt, value: object) -> CompleteJob:
    """The workflow returned this. Raises `ResultUnstorable`."""
    if isinstance(value, App):
        spec = msgspec.json.decode(encode("the workflow", value.spec))
        app_id = attempt.job.app.id if attempt.job.app else new_id()
        return CompleteJob(attempt=attempt.number, app_id=app_id, app=spec)
    return CompleteJob(attempt=attempt.number, result=msgspec.Raw(encode("the workflow", value)))


def failed(attempt: Attempt, error: BaseException) -> FailJob:
    """The workflow raised this."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, StepFailed):
        failure = msgspec.structs.replace(error.failure, message=str(error))
        return FailJob(attempt=attempt.number, error=failure, step=error.name)
    code, message, retryable = describe(error)
    if isinstance(error, BaseExceptionGroup):
        causes = "; ".join(describe(each)[1] for each in error.exceptions[:5])
        code, message = "several_failed", f"{len(error.exceptions)} branches of the workflow failed: {causes}"
    elif isinstance(error, Misuse):
        message = f"The workflow's code is wrong: {message}"
    elif code == "step_raised":
        code, message = "workflow_raised", f"The workflow raised {message}"
    failure = Failure(code=code, message=message, retryable=retryable)
    step = error.name if isinstance(error, WaitTimedOut | ChildFailed) else None
    return FailJob(attempt=attempt.number, error=failure, step=step)
