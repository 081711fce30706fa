"""Tickets: what a browser puts into a socket's URL instead of its token. Single use, short-lived, for one job.

A ticket is signed, so that any replica can check it; that it is used once is settled by one atomic create in the key-value bucket IDEMPOTENCY.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import jwt

from libs.events import wire
from libs.process.clock import Clock, new_id
from libs.process.settings import Secret
from services.gateway.principal import Principal

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["Claims", "InvalidTicket", "NatsClaims", "Tickets"]

LIFETIME_SECONDS = 30
_AUDIENCE = "jobstream-ticket"
_ALGORITHM = "HS256"
_LENGTH_MAX = 2048


class InvalidTicket(Exception):
    """The ticket is unknown, used, expired, or another job's; get a new one."""


class Claims(Protocol):
    """Things that happen at most once, over all replicas."""

    async def claim(self, key: str) -> bool:
        """Whether we are the first to claim the key. Raises `LogUnavailable`."""
        ...


class NatsClaims:
    """`Claims` in the bucket IDEMPOTENCY, under keys of their own."""

    _EXISTS = (10071, 10164)  # replicated streams answer 10164 where one node answers 10071

    def __init__(self, client: Client, *, timeout_seconds: float = 5.0) -> None:
        self._nats = client
        self._timeout = timeout_seconds

    async def claim(self, key: str) -> bool:
        headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
        try:
            await wire.publish(self._nats, f"$KV.IDEMPOTENCY.ticket.{key}", b"", headers, timeout=self._timeout)
        except wire.ApiError as error:
            if error.err_code in self._EXISTS:
                return False
            raise wire.unavailable("claiming a ticket", error) from error
        return True


class Tickets:
    """Issues and redeems tickets. Every gateway with the same secret redeems them, once in all."""

    def __init__(self, secret: Secret | str, claims: Claims, clock: Clock) -> None:
        key = secret.reveal() if isinstance(secret, Secret) else secret
        # A key of its own: a ticket can never pass for an access token, nor a token for a ticket.
        self._key = hmac.digest(key.encode(), b"jobstream websocket ticket", hashlib.sha256)
        self._claims = claims
        self._clock = clock

    def issue(self, principal: Principal, job_id: UUID) -> str:
        """A ticket for one connection to one job, good for `LIFETIME_SECONDS`."""
        claims = {
            "aud": _AUDIENCE,
            "jti": new_id().hex,
            "sub": str(principal.user_id),
            "job": str(job_id),
            "until": (self._clock.now() + timedelta(seconds=LIFETIME_SECONDS)).timestamp(),
            "token_until": principal.expires_at.timestamp(),
            "email": principal.email,
            "name": principal.name,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    async def redeem(self, ticket: str, job_id: UUID) -> Principal:
        """Who the ticket lets in: as long as the token it was issued for. Raises `InvalidTicket`, `LogUnavailable`."""
        if len(ticket) > _LENGTH_MAX:
            raise InvalidTicket
        try:
            claims: dict[str, Any] = jwt.decode(ticket, self._key, algorithms=[_ALGORITHM], audience=_AUDIENCE)
            principal = Principal(
                user_id=UUID(claims["sub"]),
                email=str(claims["email"]),
                name=str(claims["name"]),
                expires_at=datetime.fromtimestamp(float(claims["token_until"]), UTC),
            )
            ticket_id = UUID(claims["jti"]).hex
            until = float(claims["until"])
            bound_to = claims["job"]
        except (jwt.PyJWTError, LookupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            raise InvalidTicket from None
        if until <= self._clock.now().timestamp() or bound_to != str(job_id):
            raise InvalidTicket
        if not await self._claims.claim(ticket_id):
            raise InvalidTicket
        return principal
