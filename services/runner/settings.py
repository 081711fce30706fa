"""What the runner is told by its environment."""

from __future__ import annotations

import os
from typing import Annotated

import msgspec

from libs.process.settings import Settings

__all__ = ["RunnerSettings"]

Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class RunnerSettings(Settings, kw_only=True, frozen=True):
    """Which function does which kind of job, and how much at once; NATS and the model have settings of their own."""

    health_host: str = "127.0.0.1"
    """The address that `/livez`, `/readyz` and `/metrics` are served at."""
    health_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """Their port; 0: any free one, told in `RUNTIME_FILE`."""
    orchestrators: dict[str, str] = {}
    """`kind=package.module:callable`, separated by commas; `build` is the executive discussion unless named here.

    The modules are imported from the environment's packages and `PYTHONPATH`."""
    slots: Count = 50
    """Jobs run at once by this process; a waiting job takes none. One user's take four fifths of them at most."""
    shard_slots: Count = msgspec.field(default_factory=lambda: os.cpu_count() or 1)
    """Shards computed at once by this process, beside its jobs."""
    attempt_stalls_max: Count = 10
    """Attempts in a row that finish nothing before the job fails."""
    durable_delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 5.0
    """A pause before another try longer than this gives the worker back."""
    cleanup_seconds: Seconds = 10.0
    """What a cancelled workflow gets to tidy up."""
    check_seconds: Seconds = 5.0
    """How often a running job is compared with the log, in case a live event was lost."""
    build_rounds_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    """Rounds of CEO and CTO before the Secretary sums up without an agreement."""
    model_tries_max: Count = 5
    """Tries of one model call before the job fails."""
    model_retry_delay_seconds: Seconds = 1.0
    """Before the second try; doubled for each later one."""
    model_retry_delay_seconds_max: Seconds = 60.0
    """The longest pause before another try of a model call, unless the server asks for a longer one."""
