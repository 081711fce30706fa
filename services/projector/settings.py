"""What the projector is told by its environment."""

from __future__ import annotations

from typing import Annotated

import msgspec

from libs.process.settings import Secret, Settings

__all__ = ["ProjectorSettings"]

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
SchemaName = Annotated[str, msgspec.Meta(pattern=r"^[a-z_][a-z0-9_]{0,40}$")]


class ProjectorSettings(Settings, kw_only=True, frozen=True):
    """NATS has settings of its own."""

    database_url: Secret
    """The Postgres that holds the read models, as the projector's role."""
    read_schema: SchemaName = "read"
    """The schema that the read models are written to; the gateway reads `read`."""
    health_host: str = "127.0.0.1"
    """The address that `/livez`, `/readyz` and `/metrics` are served at."""
    health_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """Their port; 0: any free one, told in `RUNTIME_FILE`."""
    projection_batch_max: Count = 4_000
    """Events written in one transaction."""
    projection_interval_seconds: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.008
    """The least time between the beginnings of two batches: what a trickle of events may lag, and what it costs."""
    projection_behind_seconds: Seconds = 30.0
    """How old the newest applied event may be, while others wait, before readiness is degraded."""
    projection_takeover_seconds: Seconds = 10.0
    """How long a projector that holds the lock may stand still, while events wait, before another goes on without the lock."""

    reconcile_interval_seconds: Seconds = 10.0
    """The pause between two searches for silent jobs."""
    reconcile_after_seconds: Seconds = 30.0
    """How long a job that could go on may be silent before somebody is told to look at it."""
    reconcile_hints_max: Count = 200
    """The most hints sent after one search."""
    reconcile_backoff_seconds_max: Seconds = 600.0
    """The longest pause between two hints about a job nothing happens to."""
    commands_keep_days: Annotated[float, msgspec.Meta(gt=0, le=36_500)] = 14.0
    """Handled commands older than that are removed."""
