"""Becoming somebody: registration, sign-in, renewed tokens, sign-out."""

from __future__ import annotations

import ipaddress

import structlog

from services.gateway.access import rate_limited
from services.gateway.passwords import Passwords, check_password
from services.gateway.ports import Accounts, EmailTaken, RefreshRejected, User
from services.gateway.problems import Code, Fault, Problem
from services.gateway.requests import LoginBody, RegisterBody
from services.gateway.resources import Session, TokenPair, UserView
from services.gateway.text import check_email, check_text
from services.gateway.tokens import AccessTokens

__all__ = ["SignIn"]

log = structlog.get_logger(__name__)

_NAME_LENGTH_MAX = 100


class SignIn:
    """The use cases under `/api/auth/`. All of them raise `Problem` and `DatabaseUnavailable`."""

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        tokens: AccessTokens,
        *,
        failures_per_account_and_address: int,
        failures_per_account: int,
        failures_per_address: int,
        registrations_per_address: int,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._tokens = tokens
        self._failures_per_account_and_address = failures_per_account_and_address
        self._failures_per_account = failures_per_account
        self._failures_per_address = failures_per_address
        self._registrations_per_address = registrations_per_address

    async def register(self, body: RegisterBody, address: str) -> Session:
        """A new account, signed in."""
        email = check_email(body.email)
        check_password(body.password, email=email)
        given = body.name if body.name is not None else body.username
        pointer = "/name" if body.name is not None else "/username"
        name = check_text((given or "").strip(), pointer, "The name", length_max=_NAME_LENGTH_MAX, empty=True)
        await self._count({f"register:{_network(address)}": self._registrations_per_address})
        password_hash = await self._passwords.hash(body.password)
        try:
            user = await self._accounts.register(
                email=email, name=name or email.partition("@")[0], password_hash=password_hash
            )
        except EmailTaken:
            detail = "There is an account with this email: sign in instead."
            raise Problem(Code.EMAIL_TAKEN, detail, errors=[Fault("/email", detail)]) from None
        log.info("account.registered", user_id=str(user.id))
        return await self._session(user)

    async def login(self, body: LoginBody, address: str) -> Session:
        """Sign in. An unknown email takes as long, and answers the same, as a wrong password; both are counted."""
        email = check_email(body.email)
        account, place = f"account:{email.casefold()}", f"address:{_network(address)}"
        pair = f"{account} {place}"
        await self._count({pair: self._failures_per_account_and_address, place: self._failures_per_address})
        # Only what comes through counts for the account: one address that goes on and on cannot lock it for all the others.
        await self._count({account: self._failures_per_account})
        credentials = await self._accounts.by_email(email)
        stored = credentials.password_hash if credentials else None
        right = await self._passwords.verify(body.password, stored)
        if credentials is None or stored is None or not right:
            raise Problem(Code.CREDENTIALS_INVALID)
        await self._accounts.forgive(pair, within=(account, place))
        if self._passwords.outdated(stored):
            await self._accounts.set_password_hash(credentials.user.id, await self._passwords.hash(body.password))
        return await self._session(credentials.user)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """A new access token and the refresh token's one successor."""
        try:
            user, successor = await self._accounts.rotate(refresh_token)
        except RefreshRejected as rejected:
            if rejected.reused:
                log.warning("refresh_token.reused")
            raise Problem(Code.REFRESH_REUSED if rejected.reused else Code.REFRESH_INVALID) from None
        return TokenPair(access=self._tokens.issue(user), refresh=successor)

    async def logout(self, refresh_token: str) -> None:
        """End the session of this refresh token; access tokens run out by themselves."""
        await self._accounts.close_session(refresh_token)

    async def _session(self, user: User) -> Session:
        refresh_token = await self._accounts.open_session(user.id)
        view = UserView(id=user.id, email=user.email, name=user.name)
        return Session(access=self._tokens.issue(user), refresh=refresh_token, user=view)

    async def _count(self, limits: dict[str, int]) -> None:
        wait = await self._accounts.count_attempt(limits)
        if wait is not None:
            rate_limited.labels("sign_in").inc()
            raise Problem(Code.LOGIN_RATE_LIMITED, "Too many attempts: wait before the next one.", retry_after=wait)


def _network(address: str) -> str:
    """Whom attempts from an address are counted for: of IPv6 the /64, of which one subscriber has at least one to choose from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # a socket without one, or a proxy's own idea of it
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
