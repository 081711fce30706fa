"""What can go wrong in a workflow: one tree, each error saying what its author does next."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from libs.process.logs import redact_text

if TYPE_CHECKING:
    from uuid import UUID

    from libs.jobs.events import Failure

__all__ = [
    "ChildFailed",
    "InvalidName",
    "Misuse",
    "NameTaken",
    "NotDeterministic",
    "ResultUnreadable",
    "ResultUnstorable",
    "ShardCancelled",
    "ShardFailed",
    "StepFailed",
    "StepTimedOut",
    "UnknownShard",
    "UnknownWorkflow",
    "Unrecoverable",
    "WaitTimedOut",
    "WorkflowError",
    "describe",
]

MESSAGE_CHARACTERS_MAX = 1000


class WorkflowError(Exception):
    """Something about a workflow went wrong."""

    code: ClassVar[str] = "workflow_error"
    retryable: bool = False


class StepFailed(WorkflowError):
    """A step failed for the last time its policy allows; catch it to go another way, or let it fail the job."""

    def __init__(self, name: str, failure: Failure, tries: int) -> None:
        times = "once" if tries == 1 else f"{tries} times"
        super().__init__(f"The step {name!r} failed {times}; the last time: {failure.message}")
        self.name = name
        self.failure = failure
        self.tries = tries


class ShardFailed(StepFailed):
    """A shard of a map failed for good, and with it the map; catch it to go another way, or let it fail the job."""

    def __init__(self, name: str, failure: Failure, tries: int = 1) -> None:
        super().__init__(name, failure, tries)
        self.args = (f"The map {name!r} failed: {failure.message}",)


class ShardCancelled(WorkflowError):
    """Nobody wants the shard's result any more; let it end the function."""

    code = "shard_cancelled"


class StepTimedOut(WorkflowError):
    """A try of a step took longer than its `timeout_seconds`; it is tried again as its policy says."""

    code = "step_timeout"
    retryable = True


class WaitTimedOut(WorkflowError):
    """Nobody sent the signal in time; catch it to go on without, or let it fail the job (a retry waits anew)."""

    code = "wait_timed_out"

    def __init__(self, name: str) -> None:
        super().__init__(f"Nobody sent the signal {name!r} in time")
        self.name = name


class ChildFailed(WorkflowError):
    """A child job failed or was called off; catch it to go another way, or let it fail the job (a retry retries the child)."""

    code = "child_failed"

    def __init__(self, name: str, child_id: UUID, status: str, failure: Failure | None) -> None:
        why = f": {failure.message}" if failure is not None else ""
        super().__init__(f"The child job {name!r} {'was cancelled' if status == 'cancelled' else status}{why}")
        self.name = name
        self.child_id = child_id
        self.status = status
        self.failure = failure


class Unrecoverable(WorkflowError):
    """Raise it in a step or a workflow where no further try can help; its message is what people read."""

    code = "unrecoverable"

    def __init__(self, message: str, *, code: str = "unrecoverable") -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # each of these may name its own


class Misuse(WorkflowError):
    """The workflow's code is wrong; mend it, deploy, and retry the job."""

    code = "workflow_misuse"


class NameTaken(Misuse):
    """A name was used twice in one run; give every step and every wait its own, such as f"page-{number}"."""


class InvalidName(Misuse):
    """A name is empty, too long, or kept for the engine's own use; choose another."""


class NotDeterministic(Misuse):
    """A restarted run did something else than the one before under the same name; change the name with the meaning."""


class ResultUnstorable(Misuse):
    """What a step returned is not JSON of its annotated return type; return such values, and artifacts for files."""


class ResultUnreadable(Misuse):
    """A stored result is not of the type the code has now; keep the old fields readable, or rename the step."""


class UnknownShard(Misuse):
    """A function given to `map` is not registered with `@shard`, or this runner has no such shard."""


class UnknownWorkflow(Misuse):
    """No workflow is registered for this kind of job; name it in ORCHESTRATORS."""


def describe(error: BaseException) -> tuple[str, str, bool]:
    """An error as code, one sentence without secrets, and whether trying again may help.

    An error that carries `code`, `retryable` (a model's error does) speaks for itself; any other is named by its class.
    """
    code = getattr(error, "code", None)
    text = " ".join(str(error).split())
    if isinstance(code, str) and code:
        message = text or code
    else:
        code = "step_raised"
        message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    retryable = getattr(error, "retryable", True)
    return code, redact_text(message)[:MESSAGE_CHARACTERS_MAX], bool(retryable)
