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
    """Store how far something has come, unless that is too soon after what is stored: the number of reports is bounded."""
    if not math.isfinite(done) or (total is not None and not math.isfinite(total)):
        raise Misuse(f"the progress {name!r} needs finite numbers, not {done} of {total}: JSON has no others")
    if not _is_due(attempt, name, done, total):
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
    attempt.reported_at[name] = attempt.host.clock.now()


def _is_due(attempt: Attempt, name: str, done: float, total: float | None) -> bool:
    """Whether enough was done since the last stored report, or enough time has passed: the more there are, the more must pass."""
    before = attempt.job.progress.get(name)
    if before is None:
        return True
    if total is not None and done >= total and before.done < total:
        return True
    limits = attempt.host.limits
    advance = done - before.done
    step = total / limits.reports_max if total is not None else before.done / 5
    if advance >= max(step, 1e-12) and before.reports < limits.reports_max:
        return True
    now = attempt.host.clock.now()
    seconds = (now - attempt.reported_at.setdefault(name, now)).total_seconds()
    patience = limits.report_seconds * 2.0 ** (before.reports // limits.reports_max)
    return advance > 0 and seconds >= patience and before.reports < 10 * limits.reports_max
