"""Whom a job waits for, since when, and which service could do something about it now: derived from its row, so it is never wrong alone."""

from __future__ import annotations

from typing import Any

import msgspec

from services.projector.model import Fold, JobRow

__all__ = ["needs", "waiting"]

_ENDED = frozenset({"done", "failed", "cancelled"})


def needs(job: JobRow) -> str | None:
    """The service that a hint about this job should go to: it has something to do, or holds the job and may have died."""
    if job.status in _ENDED:
        return None
    if job.status == "collecting":
        return "agents" if job.fold.unanswered else None
    if job.attempt is not None:
        return "runner"
    return None if _suspended(job.fold) else "runner"


def waiting(job: JobRow) -> str | None:
    """JSON `{for, since, ...}`, or None for a job that has ended.

    `for` is `agent` (with the `turn`, and worker and attempt of a reply being written), `user`, `runner` (nobody has taken it),
    `worker` (one is at it), or `approval`, `timer`, `signal`, `child` with `on`: every wait with its name, since when, and until when.
    """
    return None if job.status in _ENDED else msgspec.json.encode(_waiting(job)).decode()


def _waiting(job: JobRow) -> dict[str, Any]:
    fold = job.fold
    if job.status == "collecting":
        if not fold.unanswered:
            return {"for": "user", "since": fold.since}
        writing = {} if fold.reply is None else {"worker": fold.reply.worker, "attempt": fold.reply.attempt}
        return {"for": "agent", "since": fold.since, "turn": fold.unanswered[0]} | writing
    if _suspended(fold):
        return {
            "for": fold.waits[0].partition("/")[0],
            "since": fold.since,
            "on": [_wait(fold, each) for each in fold.waits],
        }
    if job.status == "awaiting_approval":
        asked = [f"approval/{name}" for name in fold.approvals]
        return {"for": "approval", "since": fold.since, "on": [_wait(fold, each) for each in asked]}
    if job.attempt is not None:
        return {"for": "worker", "since": fold.since, "worker": job.worker, "attempt": job.attempt}
    return {"for": "runner", "since": fold.since}


def _suspended(fold: Fold) -> bool:
    """Whether the attempt was let go until something happens that has not happened yet."""
    return bool(fold.waits) and all(_holds(fold, wait) for wait in fold.waits)


def _holds(fold: Fold, wait: str) -> bool:
    what, _, name = wait.partition("/")
    match what:
        case "approval":
            return name in fold.approvals
        case "timer":
            return name in fold.timers
        case "child":
            return name in fold.children
        case _:
            return name in fold.signals


def _wait(fold: Fold, wait: str) -> dict[str, Any]:
    what, _, name = wait.partition("/")
    if what == "approval":
        asked = fold.approvals[name]
        return {"wait": wait, "since": asked.requested_at, "version": asked.version, "summary": asked.summary}
    if what == "timer":
        timer = fold.timers[name]
        return {"wait": wait, "since": timer.set_at, "due": timer.due}
    if what == "child":
        child, since = fold.children[name]
        return {"wait": wait, "since": since, "job_id": child}
    timeout = fold.timers.get(f"signal-{name}")
    return {"wait": wait, "since": fold.signals[name]} | ({} if timeout is None else {"due": timeout.due})
