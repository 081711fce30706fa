"""What a job's end means to others: its parent is told, and the children it leaves open are called off.

Whoever handles a message by which a job ended comes here before the message is acknowledged, so it happens at least once; doing it
again changes nothing. What is lost all the same is found by the reconciler. Fault point: `child.before_told`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from libs.events.event import Cause
from libs.events.subjects import StreamId
from libs.jobs.commands import CancelJob, EndChild
from libs.jobs.decide import NoSuchJob, decide
from libs.process import faults
from libs.process.clock import new_id
from libs.workflow.children import the_end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from libs.events.repository import Repository
    from libs.jobs.events import JobEvent
    from libs.jobs.state import Job

__all__ = ["Family"]

log = structlog.get_logger(__name__)

_REASON = "The job that wanted it has ended"


class Family:
    """Parents and children of jobs."""

    def __init__(self, jobs: Repository[Job, JobEvent]) -> None:
        self._jobs = jobs

    async def ended(self, job: Job, cause: Cause = Cause()) -> None:
        """Have the job's parent know of its end, and end the children it leaves open. Raises `LogUnavailable`."""
        if job.parent is not None:
            await faults.reach("child.before_told")
            await self._tell(StreamId(job.stream.owner, job.parent), the_end_of(job), cause)
        for child in job.children_open.values():
            await self._call_off(job, StreamId(job.stream.owner, child.id), child.round, cause)

    async def look_after(self, job: Job) -> Job:
        """Note the ends of children that the job has not heard of; return it as it is then."""
        for child in job.children_open.values():
            state, _ = await self._jobs.load(StreamId(job.stream.owner, child.id))
            if state is not None and state.status.ended:
                job = await self._tell(job.stream, the_end_of(state), Cause()) or job
        return job

    async def _tell(self, parent: StreamId, command: EndChild, cause: Cause) -> Job | None:
        try:
            told = await self._jobs.transact(parent, lambda job: decide(job, command), cause=cause)
        except NoSuchJob:
            return None  # it was erased
        if told.events:
            log.info("family.told", parent=str(parent.id), child=str(command.child_id), status=command.status)
        return told.state

    async def _call_off(self, parent: Job, stream: StreamId, round_: int, cause: Cause) -> None:
        command, command_id = CancelJob(reason=_REASON), new_id()

        def cancel(child: Job | None) -> Sequence[JobEvent]:
            over = child is None or child.status.ended
            return [] if over else decide(child, command, command_id=command_id)

        called_off = await self._jobs.transact(stream, cancel, cause=cause)
        if called_off.state is not None:
            # It tells its parent, whether this ended it or something before, and has children of its own.
            await self.ended(called_off.state, cause)
        else:
            never = EndChild(child_id=stream.id, status="cancelled", round=round_)
            await self._tell(parent.stream, never, cause)  # it was noted, and never made
