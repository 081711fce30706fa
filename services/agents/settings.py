"""What the agents service is told by its environment."""

from __future__ import annotations

from typing import Annotated

import msgspec

from libs.process.settings import Settings

__all__ = ["AgentsSettings"]

Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class AgentsSettings(Settings, kw_only=True, frozen=True):
    """The conversation's limits; NATS and the model have settings of their own."""

    health_host: str = "127.0.0.1"
    """The address that `/livez`, `/readyz` and `/metrics` are served at."""
    health_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """Their port; 0: any free one, told in `RUNTIME_FILE`."""
    slots: Count = 100
    """Replies written at once by this process."""
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=10)] = 10.0
    """What replies being written get to end when the process is told to stop; then another replica writes them."""
    conversation_rounds_max: Count = 8
    """The user turn at which the agent must sum up."""
    model_tries_max: Count = 5
    """Tries of one reply before the job fails."""
    model_retry_delay_seconds: Seconds = 0.5
    """Before the second try; doubled for each later one."""
    model_retry_delay_seconds_max: Seconds = 30.0
    """The longest pause before another try of a reply, unless the server asks for a longer one."""
