"""Passwords: what a good one is, and hashing that never holds up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from services.gateway.problems import Code, Fault, Problem

__all__ = ["Passwords", "check_password"]

T = TypeVar("T")

LENGTH_MIN = 8
LENGTH_MAX = 256
_WAITING_PER_THREAD = 32  # at some 25 ms a hash: nobody waits a second for more

# The first guesses of everybody who guesses; longer lists belong to the front end, where the person types.
# fmt: off
_GUESSED_FIRST = {
    "password", "password1", "password12", "passw0rd", "12345678", "123456789", "1234567890", "11111111",
    "00000000", "87654321", "qwertyui", "qwertyuiop", "qwerty12", "qwerty123", "1q2w3e4r", "1qaz2wsx",
    "abcd1234", "abc12345", "iloveyou", "sunshine", "princess", "football", "baseball", "superman", "trustno1",
    "letmein1", "welcome1", "monkey12", "dragon12", "changeme", "administrator",
}
# fmt: on


def check_password(password: str, *, email: str, pointer: str = "/password") -> None:
    """Raise an `INVALID_INPUT` problem for a password that would be guessed first."""
    lowered = password.casefold()
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        wrong = f"A password has {LENGTH_MIN} to {LENGTH_MAX} characters."
    elif lowered in _GUESSED_FIRST or len(set(lowered)) < 3:
        wrong = "This password is among the first that anybody would guess."
    elif lowered in (email.casefold(), email.casefold().partition("@")[0]):
        wrong = "A password must differ from the email."
    else:
        return
    raise Problem(Code.INVALID_INPUT, wrong, errors=[Fault(pointer, wrong)])


class Passwords:
    """Argon2id in a few threads, with a bounded queue: a flood of sign-ins is turned away, other requests do not feel it."""

    def __init__(self, threads: int = 2, hasher: argon2.PasswordHasher | None = None) -> None:
        # 19 MiB and two passes: OWASP's parameters for a server that does other things besides.
        self._hasher = hasher or argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._room = threads * _WAITING_PER_THREAD
        self._nobodys = self._hasher.hash("the password of an account that does not exist")

    async def hash(self, password: str) -> str:
        """A salted hash. Raises a retryable problem where too many are being hashed."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one that was hashed. It takes as long for an account that does not exist (None)."""
        right = await self._run(self._verify, password, stored or self._nobodys)
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[..., T], *arguments: str) -> T:
        if self._room <= 0:
            raise Problem(Code.OVERLOADED, "Too many people are signing in right now.", retry_after=1)
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        finally:
            self._room += 1
