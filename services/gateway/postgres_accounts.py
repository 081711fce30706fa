"""Accounts in the schema `identity`: users, sessions with their rotating refresh tokens, and counted attempts.

A successor is derived from the token it replaces and a key of ours. So two tabs that present one token get one successor, though only digests
are stored; and whoever holds a used token learns nothing from it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from libs.process.clock import Clock, new_id
from libs.process.settings import Secret
from services.gateway.ports import Credentials, EmailTaken, RefreshRejected, Rotation, User
from services.gateway.postgres import Connection, Database

__all__ = ["PostgresAccounts"]

_TIMEOUT_SECONDS = 5.0
_WINDOW = timedelta(minutes=15)
_SWEEP = 20  # stale rows removed along with a new one: more than one comes in


class PostgresAccounts:
    """The port `Accounts`."""

    def __init__(
        self,
        database: Database,
        secret: Secret | str,
        clock: Clock,
        *,
        lifetime: timedelta = timedelta(days=30),
        grace: timedelta = timedelta(seconds=10),
    ) -> None:
        self._database = database
        key = secret.reveal() if isinstance(secret, Secret) else secret
        self._successor_key = hmac.digest(key.encode(), b"jobstream refresh token successor", "sha256")
        self._clock = clock
        self._lifetime = lifetime
        self._grace = grace

    # -- users ---------------------------------------------------------------------------------------------------------

    async def register(self, *, email: str, name: str, password_hash: str) -> User:
        user = User(id=new_id(), email=email, name=name)

        async def insert(connection: Connection) -> None:
            await connection.execute(
                """
                INSERT INTO identity.users (id, email, email_key, name, password_hash, created_at)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                user.id,
                email,
                _email_key(email),
                name,
                password_hash,
                self._clock.now(),
            )

        try:
            await self._database.run(insert, timeout_seconds=_TIMEOUT_SECONDS)
        except asyncpg.UniqueViolationError:
            raise EmailTaken from None
        return user

    async def by_email(self, email: str) -> Credentials | None:
        async def select(connection: Connection) -> Credentials | None:
            row = await connection.fetchrow(
                "SELECT id, email, name, password_hash FROM identity.users WHERE email_key = $1", _email_key(email)
            )
            if row is None:
                return None
            return Credentials(User(id=row["id"], email=row["email"], name=row["name"]), row["password_hash"])

        return await self._database.run(select, timeout_seconds=_TIMEOUT_SECONDS)

    async def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        async def update(connection: Connection) -> None:
            await connection.execute(
                "UPDATE identity.users SET password_hash = $2 WHERE id = $1", user_id, password_hash
            )

        await self._database.run(update, timeout_seconds=_TIMEOUT_SECONDS)

    # -- sessions ------------------------------------------------------------------------------------------------------

    async def open_session(self, user_id: UUID) -> str:
        token, now = secrets.token_urlsafe(32), self._clock.now()

        async def insert(connection: Connection) -> None:
            async with connection.transaction():
                session_id = new_id()
                await connection.execute(
                    "INSERT INTO identity.sessions (id, user_id, created_at) VALUES ($1, $2, $3)",
                    session_id,
                    user_id,
                    now,
                )
                await self._insert_token(connection, token, session_id, now)
                await connection.execute(
                    """
                    WITH gone AS (
                        DELETE FROM identity.refresh_tokens WHERE digest IN (
                            SELECT digest FROM identity.refresh_tokens WHERE expires_at < $1 LIMIT $2
                        ) RETURNING session_id
                    )
                    DELETE FROM identity.sessions s USING gone
                    WHERE s.id = gone.session_id AND NOT EXISTS (
                        SELECT FROM identity.refresh_tokens t WHERE t.session_id = s.id AND t.expires_at >= $1
                    )
                    """,
                    now,
                    _SWEEP,
                )

        await self._database.run(insert, timeout_seconds=_TIMEOUT_SECONDS)
        return token

    async def rotate(self, token: str) -> Rotation:
        now = self._clock.now()

        async def exchange(connection: Connection) -> Rotation | RefreshRejected:
            async with connection.transaction():
                row = await connection.fetchrow(
                    """
                    SELECT t.session_id, t.expires_at, t.used_at, s.revoked_at, u.id, u.email, u.name
                    FROM identity.refresh_tokens t
                    JOIN identity.sessions s ON s.id = t.session_id
                    JOIN identity.users u ON u.id = s.user_id
                    WHERE t.digest = $1
                    FOR UPDATE OF t, s
                    """,
                    _digest(token),
                )
                if row is None or row["revoked_at"] is not None or row["expires_at"] <= now:
                    return RefreshRejected(reused=False)
                if row["used_at"] is not None and now - row["used_at"] > self._grace:
                    await connection.execute(
                        "UPDATE identity.sessions SET revoked_at = $2 WHERE id = $1", row["session_id"], now
                    )
                    return RefreshRejected(reused=True)
                successor = self._successor(token)
                if row["used_at"] is None:
                    await connection.execute(
                        "UPDATE identity.refresh_tokens SET used_at = $2 WHERE digest = $1", _digest(token), now
                    )
                    await self._insert_token(connection, successor, row["session_id"], now)
                return Rotation(User(id=row["id"], email=row["email"], name=row["name"]), successor)

        # A rejection is returned, not raised, through the transaction: the revocation must be kept.
        result = await self._database.run(exchange, timeout_seconds=_TIMEOUT_SECONDS)
        if isinstance(result, RefreshRejected):
            raise result
        return result

    async def close_session(self, token: str) -> None:
        async def revoke(connection: Connection) -> None:
            await connection.execute(
                """
                UPDATE identity.sessions SET revoked_at = $2
                WHERE revoked_at IS NULL AND id = (SELECT session_id FROM identity.refresh_tokens WHERE digest = $1)
                """,
                _digest(token),
                self._clock.now(),
            )

        await self._database.run(revoke, timeout_seconds=_TIMEOUT_SECONDS)

    async def _insert_token(self, connection: Connection, token: str, session_id: UUID, now: datetime) -> None:
        await connection.execute(
            "INSERT INTO identity.refresh_tokens (digest, session_id, expires_at) VALUES ($1, $2, $3)",
            _digest(token),
            session_id,
            now + self._lifetime,
        )

    def _successor(self, token: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._successor_key, token.encode(), "sha256")).rstrip(b"=").decode()

    # -- attempts ------------------------------------------------------------------------------------------------------

    async def count_attempt(self, limits: Mapping[str, int]) -> float | None:
        now = self._clock.now()
        allowed = {_key(name): limit for name, limit in limits.items()}

        async def count(connection: Connection) -> float | None:
            rows = await connection.fetch(
                """
                INSERT INTO identity.attempts AS a (key, count, window_ends)
                SELECT key, 1, $2 FROM unnest($1::bytea[]) AS key ORDER BY key
                ON CONFLICT (key) DO UPDATE SET
                    count = CASE WHEN a.window_ends <= $3 THEN 1 ELSE a.count + 1 END,
                    window_ends = CASE WHEN a.window_ends <= $3 THEN $2 ELSE a.window_ends END
                RETURNING key, count, window_ends
                """,
                list(allowed),
                now + _WINDOW,
                now,
            )
            waits = [
                float((row["window_ends"] - now).total_seconds()) for row in rows if row["count"] > allowed[row["key"]]
            ]
            if not waits:
                await connection.execute(
                    "DELETE FROM identity.attempts WHERE key IN (SELECT key FROM identity.attempts WHERE window_ends <= $1 LIMIT $2)",
                    now,
                    _SWEEP,
                )
            return max(waits, default=None)

        return await self._database.run(count, timeout_seconds=_TIMEOUT_SECONDS)

    async def forgive(self, key: str, *, within: Collection[str]) -> None:
        async def forget(connection: Connection) -> None:
            # One row at a time, each for itself: two sign-ins never wait for each other's locks.
            gone = await connection.fetchval("DELETE FROM identity.attempts WHERE key = $1 RETURNING count", _key(key))
            for name in within if gone else ():
                await connection.execute(
                    "UPDATE identity.attempts SET count = greatest(count - $2, 0) WHERE key = $1", _key(name), gone
                )

        await self._database.run(forget, timeout_seconds=_TIMEOUT_SECONDS)


def _email_key(email: str) -> str:
    return email.casefold()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
