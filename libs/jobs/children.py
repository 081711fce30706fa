"""Deciding about children: jobs that a job's workflow has made. Parent and child agree by their logs alone, whatever crashes between them.

The parent notes a child before it exists, the child ends on its own, and the parent is told; `round` says of which of its ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5

from libs.jobs.commands import CreateChild, EndChild, StartChild
from libs.jobs.events import ChildEnded, ChildStarted, JobCreated
from libs.jobs.state import Job

__all__ = ["child_id", "create_child", "end_child", "start_child"]


def child_id(parent: UUID, name: str) -> UUID:
    """The id of the child under this name: derived, so that it can only be made once."""
    return uuid5(parent, f"child/{name}")


def create_child(job: Job | None, command: CreateChild) -> Sequence[JobCreated]:
    """It does not talk: its parent has said all there is to say."""
    if job is not None:
        return []
    created = JobCreated(
        kind=command.kind,
        prompt=command.prompt,
        talks=False,
        request=command.request,
        approvals=command.approvals,
        parent=command.parent,
    )
    return [created]


def start_child(job: Job, command: StartChild) -> Sequence[ChildStarted]:
    known = job.children.get(command.name)
    if known is not None and not known.again:
        return []
    return [
        ChildStarted(
            name=command.name,
            attempt=command.attempt,
            child_id=command.child_id,
            kind=command.kind,
            round=command.round,
        )
    ]


def end_child(job: Job, command: EndChild) -> Sequence[ChildEnded]:
    """Also after the job's own end: a retry must know what became of its children."""
    for name, child in job.children.items():
        if child.id == command.child_id and child.status is None and command.round >= child.round:
            ended = ChildEnded(
                name=name, child_id=child.id, status=command.status, round=command.round, error=command.error
            )
            return [ended]
    return []
