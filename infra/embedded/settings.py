"""What the supervisor reads from the environment, and what it hands to each service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from libs.process.settings import Secret, Settings

__all__ = ["SERVICES", "SupervisorSettings", "environment"]

SERVICES = ("projector", "agents", "runner", "gateway")
"""In the order of starting; stopping goes the other way round."""

Count = Annotated[int, msgspec.Meta(ge=0, le=64)]

# Known to the supervisor alone, or handed on under another name.
_KEPT_BACK = {"NATS_ADMIN_USER", "NATS_ADMIN_PASSWORD", "NATS_ADMIN_CREDS", "DATABASE_URL", "JWT_SECRET", "PGPASSWORD"}
_KEPT_BACK |= {"NATS_USER", "NATS_PASSWORD", "NATS_CREDS", "HOST", "PORT", "RUNTIME_FILE", "JOBSTREAM_PARENT_WATCH"}
_KEPT_BACK |= {"LEASE_SECONDS"}  # the consumers' property: services ask NATS for it
_KEPT_BACK |= {
    f"{service.upper()}_{name}"
    for service in SERVICES
    for name in ("NATS_USER", "NATS_PASSWORD", "NATS_CREDS", "DATABASE_URL")
}


class SupervisorSettings(Settings, kw_only=True, frozen=True):
    """The environment of `jobstream up`."""

    nats_url: list[str] | None = None
    """Outside NATS servers; unset: an embedded one."""
    nats_user: str | None = None
    """For all services; `GATEWAY_NATS_USER`, `AGENTS_NATS_PASSWORD` and so on are for one of them."""
    nats_password: Secret | None = None
    """The password of `NATS_USER`."""
    nats_creds: str | None = None
    """A credentials file instead of user and password."""
    nats_admin_user: str | None = None
    """Who may manage streams, where the services' own user may not."""
    nats_admin_password: Secret | None = None
    """The password of `NATS_ADMIN_USER`."""
    nats_admin_creds: str | None = None
    """A credentials file instead of that user and password."""
    nats_replicas: Literal[1, 3, 5] = 1
    """Copies of every stream: 3 on a cluster."""
    nats_sync_interval: str = "always"
    """When the embedded NATS flushes to disk: `always` before it acknowledges, or a duration such as `2m`."""
    database_url: Secret | None = None
    """An outside Postgres, as a user that may create roles; unset: an embedded one."""
    gateway_database_url: Secret | None = None
    """The gateway's own URL, where an administrator made the roles."""
    projector_database_url: Secret | None = None
    """The projector's own URL, where an administrator made the roles."""
    jwt_secret: Secret | None = None
    """Signs access tokens; unset: made once and kept in the data folder."""
    agents_replicas: Count = 1
    """Processes that talk requirements over."""
    runner_replicas: Count = 1
    """Processes that run jobs."""
    lease_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """How long work stays with a silent worker."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe lines that services log."""
    start_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """How long a part may take to become ready."""

    def __post_init__(self) -> None:
        if (self.gateway_database_url is None) != (self.projector_database_url is None):
            raise ValueError("GATEWAY_DATABASE_URL and PROJECTOR_DATABASE_URL are set together or not at all")


def environment(inherited: Mapping[str, str], service: str, **own: str | None) -> dict[str, str]:
    """A service's environment: what we inherited without others' secrets, and what is its own."""
    found = {name: value for name, value in inherited.items() if name not in _KEPT_BACK}
    for name in ("NATS_USER", "NATS_PASSWORD", "NATS_CREDS"):
        value = inherited.get(f"{service.upper()}_{name}") or inherited.get(name)
        if value:
            found[name] = value
    return found | {name: value for name, value in own.items() if value is not None}
