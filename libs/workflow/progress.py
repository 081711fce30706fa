"""Progress: how far something has come, in a bounded number of events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from libs.jobs.commands import ReportProgress
from libs.workflow.errors import Misuse
from libs.workflow.results import encode

if TYPE_CHECKING:
    from libs.workflow.attempt import Attempt

__all__ = ["report"]

_MESSAGE_CHARACTERS_MAX = 1000


async def report(attempt: Attempt, name: str, done: float, total: float | None, message: str, data: Any) -> None:
    """Store how far something has come, unless that is too fine a step from what is stored: the number of reports is bounded."""
    if not math.isfinite(done) or (total is not None and not math.isfinite(total)):
        raise Misuse(f"the progress {name!r} needs finite numbers, not {done} of {total}: JSON has no others")
    before = attempt.job.progress.get(name)
    if before is not None:
        finished = total is not None and done >= total and before.done < total
        step = total / attempt.host.limits.reports_max if total is not None else before.done / 5
        enough = done - before.done >= max(step, 1e-12) and before.reports < attempt.host.limits.reports_max
        if not (enough or finished):
            return
    plain = msgspec.json.decode(encode(f"the progress {name!r}", data)) if data is not None else None
    await attempt.commit(
        ReportProgress(
            attempt=attempt.number,
            name=name,
            done=done,
            total=total,
            message=message[:_MESSAGE_CHARACTERS_MAX],
            data=plain,
        )
    )
