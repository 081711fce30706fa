"""Durable workflows: async functions whose finished steps are never repeated, whatever crashes.

It reads a job's state, writes only what `libs.jobs` decides about its running attempt and its children, and reaches the world through
`ports.Host`. It promises that a restarted function gets back what it got before, that a waiting one holds no worker,
and that an outdated worker can write nothing.
"""

from libs.jobs.events import Usage
from libs.workflow.children import Child, ChildJob
from libs.workflow.context import JobContext
from libs.workflow.errors import (
    ChildFailed,
    Misuse,
    ShardFailed,
    StepFailed,
    StepTimedOut,
    Unrecoverable,
    WaitTimedOut,
    WorkflowError,
)
from libs.workflow.registry import shard, workflow
from libs.workflow.retry import Retry
from libs.workflow.shards import ShardContext
from libs.workflow.steps import StepContext, current_step
from libs.workflow.streams import Results
from libs.workflow.values import App, Artifact
from libs.workflow.waits import Listener

__all__ = [
    "App",
    "Artifact",
    "Child",
    "ChildFailed",
    "ChildJob",
    "JobContext",
    "Listener",
    "Misuse",
    "Results",
    "Retry",
    "ShardContext",
    "ShardFailed",
    "StepContext",
    "StepFailed",
    "StepTimedOut",
    "Unrecoverable",
    "Usage",
    "WaitTimedOut",
    "WorkflowError",
    "current_step",
    "shard",
    "workflow",
]
