"""The gateway's settings: one environment variable for each field, named alike in upper case."""

from __future__ import annotations

import ipaddress
from typing import Literal

import msgspec

from libs.events.connection import NatsSettings
from libs.process.settings import Secret

__all__ = ["GatewaySettings", "is_loopback"]

_SECRET_BYTES_MIN = 32
_KINDS: dict[str, Literal["talk", "queue"]] = {
    "build": "talk",
    "simulation": "queue",
    "comparison": "queue",
    "sweep": "queue",
}


class GatewaySettings(NatsSettings, kw_only=True, frozen=True):
    """Everything that can be set. Durations end in their unit."""

    database_url: Secret
    """The Postgres of accounts and read models, as the gateway's role."""
    jwt_secret: Secret
    """Signs access tokens and recognises refresh tokens: at least 32 bytes, the same for every gateway."""
    host: str = "127.0.0.1"
    """The address HTTP and sockets are served at."""
    port: int = 8000
    """Their port; 0: any free one."""
    trusted_proxies: list[str] = []
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed; `*`: all."""
    cors_allowed_origins: list[str] = []
    """`https://app.example.org`, or `*`; the sockets' origin check uses the same."""
    allow_ws_token_query: bool | None = None
    """Whether a socket's URL may carry an access token; unset: only while listening on loopback."""

    access_token_seconds: int = 900
    """How long an access token is accepted."""
    refresh_token_days: int = 30
    """How long a refresh token that is not used can be exchanged."""
    refresh_grace_seconds: int = 10
    """A refresh token used again this soon gives the same successor: two tabs at once."""

    job_kinds: dict[str, Literal["talk", "queue"]] = msgspec.field(default_factory=lambda: dict(_KINDS))
    """What a job of each kind does first: `talk` its requirements over, or `queue` at once; other kinds are refused."""
    job_approvals: dict[str, str] = {}
    """Which approvals a kind knows, separated by `|`; a kind that is not listed takes any name."""

    body_bytes_max: int = 1_000_000
    """The longest request body that is read; a longer one is refused."""
    requests_per_second: float = 200.0
    """What one user may ask for in the long run, at one gateway process."""
    requests_burst: int = 400
    """What one user may ask for at once, at one gateway process."""
    login_failures_per_account_and_address: int = 10
    """In 15 minutes; then sign-ins to the account from that address are refused until the time is over: others' guesses do not lock it."""
    login_failures_per_account: int = 100
    """In 15 minutes, from all addresses; then all sign-ins to the account are refused until the time is over."""
    login_failures_per_address: int = 100
    """In 15 minutes; then sign-ins from the address (of IPv6: the /64) are refused until the time is over."""
    registrations_per_address: int = 1000
    """In 15 minutes; then registrations from the address are refused until the time is over."""
    outcome_wait_seconds: float = 2.0
    """How long a command's decision is waited for before the answer says only that the command is stored."""
    read_timeout_seconds: float = 0.25
    """How long one job's read models are waited for before its events are folded."""
    list_timeout_seconds: float = 3.0
    """How long a list is waited for before the answer is 503."""
    database_connections_max: int = 8
    """Connections to Postgres at a time, of this process."""
    computing_threads: int = 2
    """Simulation requests checked, ramps priced and tables written at a time."""
    profiles_per_user: int = 1000
    """How many profiles one user may keep."""
    password_threads: int = 2
    """Passwords hashed at a time."""
    stop_grace_seconds: float = 5.0
    """How long open requests and sockets may take to end."""

    def __post_init__(self) -> None:
        if len(self.jwt_secret.reveal().encode()) < _SECRET_BYTES_MIN:
            raise ValueError(f"JWT_SECRET is too short; expected at least {_SECRET_BYTES_MIN} bytes of randomness")
        if not self.job_kinds:
            raise ValueError("JOB_KINDS is empty; expected at least one kind, such as build=talk")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach us: then pages of any loopback origin may."""
        return is_loopback(self.host)

    @property
    def ws_token_query(self) -> bool:
        return self.on_loopback if self.allow_ws_token_query is None else self.allow_ws_token_query


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
