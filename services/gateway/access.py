"""The gate of every call but those under `/api/auth/`: a valid access token, and no more calls than a user may make."""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter

from libs.process import metrics
from services.gateway.limits import RequestRate
from services.gateway.principal import Principal
from services.gateway.problems import Code, Problem
from services.gateway.tokens import AccessTokens, InvalidToken

__all__ = ["Gate", "rate_limited"]

rate_limited = Counter(
    "jobstream_gateway_rate_limited_total",
    "Calls turned away for being too many, by what was limited.",
    ["limit"],
    registry=metrics.registry,
)


class Gate:
    """Lets signed-in users in, at the pace they may have."""

    def __init__(self, tokens: AccessTokens, rate: RequestRate) -> None:
        self._tokens = tokens
        self._rate = rate

    def admit(self, request: Any) -> Principal:
        """Who is calling. Raises a 401 or 429 `Problem`."""
        authorization: str | None = request.headers.get("authorization")
        scheme, _, token = (authorization or "").partition(" ")
        if not authorization:
            raise Problem(Code.TOKEN_MISSING, "Send the header Authorization: Bearer <access token>.")
        if scheme.lower() != "bearer" or not token.strip():
            raise Problem(Code.TOKEN_INVALID, "The Authorization header must hold Bearer and an access token.")
        try:
            principal = self._tokens.verify(token.strip())
        except InvalidToken as error:
            raise Problem(error.code) from None
        if wait := self._rate.take(principal.user_id):
            rate_limited.labels("requests").inc()
            raise Problem(Code.RATE_LIMITED, "You are sending requests faster than allowed.", retry_after=wait)
        return principal
