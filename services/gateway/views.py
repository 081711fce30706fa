"""What is true of a job, as clients are shown it. Pure; the read models' rows say the same."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from libs.events.commands import CommandEnvelope
from libs.events.event import Recorded
from libs.jobs.commands import CreateJob
from libs.jobs.decide import first_message_id
from libs.jobs.events import JobEvent
from libs.jobs.state import Artifact, Job, Message, Status, Step
from services.gateway.resources import AppView, ArtifactView, EventView, JobView, MessageView, StepView

__all__ = [
    "app_view",
    "artifact_view",
    "event_view",
    "job_view",
    "message_view",
    "new_job_view",
    "step_view",
    "stored_job_view",
]


def job_view(job: Job) -> JobView:
    """A job as its events leave it."""
    return JobView(
        id=job.stream.id,
        kind=job.kind,
        initial_prompt=job.prompt,
        prompt=job.prompt,
        requirements_summary=job.requirements_summary,
        status=job.status.value,
        error_message=job.error.message if job.error else None,
        version=job.version,
        created_at=job.created_at,
        updated_at=job.updated_at,
        parent_id=job.parent,
        steps=tuple(step_view(step) for step in sorted(job.steps.values(), key=lambda step: step.order)),
        messages=tuple(message_view(message) for message in job.messages),
    )


def step_view(step: Step) -> StepView:
    return StepView(
        id=step.id, agent_name=step.agent, message=step.message, order=step.order, created_at=step.created_at
    )


def message_view(message: Message) -> MessageView:
    return MessageView(
        id=message.id,
        role=message.role,
        sender=message.sender,
        content=message.content,
        metadata=message.metadata,
        created_at=message.created_at,
    )


def app_view(job: Job) -> AppView | None:
    """The job's App, where it has one."""
    if job.app is None:
        return None
    return AppView(
        id=job.app.id,
        job_id=job.stream.id,
        spec=job.app.spec,
        created_at=job.app.created_at,
        updated_at=job.app.updated_at,
    )


def artifact_view(job_id: UUID, artifact: Artifact) -> ArtifactView:
    return ArtifactView(
        name=artifact.name,
        media_type=artifact.media_type,
        size=artifact.size,
        digest=artifact.digest,
        url=f"/api/jobs/{job_id}/artifacts/{quote(artifact.name)}",
        created_at=artifact.created_at,
    )


def new_job_view(job_id: UUID, command: CreateJob, command_id: UUID, time: datetime) -> JobView:
    """A job that so far is only wanted: what its first events will say, as version 0."""
    first = MessageView(
        id=first_message_id(command_id),
        role="user",
        sender=command.sender,
        content=command.prompt,
        metadata={},
        created_at=time,
    )
    return JobView(
        id=job_id,
        kind=command.kind,
        initial_prompt=command.prompt,
        prompt=command.prompt,
        requirements_summary=None,
        status=(Status.COLLECTING if command.talks else Status.QUEUED).value,
        error_message=None,
        version=0,
        created_at=time,
        updated_at=time,
        messages=(first,) if command.talks else (),
    )


def stored_job_view(envelope: CommandEnvelope, command: CreateJob) -> JobView:
    """The same, from the stored create command."""
    return new_job_view(envelope.stream.id, command, envelope.id, envelope.time)


def event_view(recorded: Recorded[JobEvent]) -> EventView:
    return EventView(
        version=recorded.version,
        id=recorded.id,
        type=recorded.type,
        schema=recorded.schema,
        time=recorded.time,
        correlation_id=recorded.cause.correlation_id,
        causation_id=recorded.cause.causation_id,
        data=recorded.event,
    )
