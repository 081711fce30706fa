"""Access tokens: short-lived JSON Web Tokens that need no database to be checked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import jwt

from libs.process.clock import Clock, new_id
from libs.process.settings import Secret
from services.gateway.principal import Principal
from services.gateway.problems import Code

__all__ = ["AccessTokens", "InvalidToken", "Subject"]

_ALGORITHM = "HS256"  # the only one accepted: what the token's own header asks for is not listened to
_ISSUER = "jobstream"
_AUDIENCE = "jobstream-gateway"
_REQUIRED = ("iss", "aud", "exp", "iat", "sub", "jti")
_LENGTH_MAX = 4096


class Subject(Protocol):
    """Whom a token is issued to."""

    @property
    def id(self) -> UUID: ...
    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str: ...


class InvalidToken(Exception):
    """The token proves nothing; `code` is `token_expired` (refresh it) or `token_invalid` (sign in)."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.heading)
        self.code = code


class AccessTokens:
    """Issues and checks access tokens. Every gateway with the same secret accepts them."""

    def __init__(self, secret: Secret | str, clock: Clock, lifetime_seconds: float = 900) -> None:
        self._key = secret.reveal() if isinstance(secret, Secret) else secret
        self._clock = clock
        self.lifetime_seconds = lifetime_seconds

    def issue(self, user: Subject) -> str:
        issued = self._clock.now().timestamp()
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": int(issued),
            "exp": int(issued + self.lifetime_seconds),
            "sub": str(user.id),
            "jti": str(new_id()),
            "email": user.email,
            "name": user.name,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str) -> Principal:
        """Who the token speaks for. Raises `InvalidToken`, whatever the text."""
        if len(token) > _LENGTH_MAX:
            raise InvalidToken(Code.TOKEN_INVALID)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                # Times are compared with our own clock below.
                options={"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            expires_at = datetime.fromtimestamp(float(claims["exp"]), UTC)
            user_id = UUID(claims["sub"])
            principal = Principal(
                user_id=user_id,
                email=str(claims.get("email", "")),
                name=str(claims.get("name", "")),
                expires_at=expires_at,
            )
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
            raise InvalidToken(Code.TOKEN_INVALID) from None
        if str(user_id) != claims["sub"]:
            raise InvalidToken(Code.TOKEN_INVALID)
        if expires_at <= self._clock.now():
            raise InvalidToken(Code.TOKEN_EXPIRED)
        return principal
