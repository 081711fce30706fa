"""`/api/auth/`: the only calls that need no access token."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from services.gateway.access import Gate
from services.gateway.answers import Answer, answer
from services.gateway.handlers.reading import HttpRequest, address, body_of
from services.gateway.openapi import Operation
from services.gateway.problems import Code
from services.gateway.requests import LoginBody, RefreshBody, RegisterBody
from services.gateway.resources import Session, TokenPair, UserView
from services.gateway.sign_in import SignIn

__all__ = ["auth_handlers"]

_TAG = "accounts"
_DOWN = (Code.DATABASE_UNAVAILABLE, Code.OVERLOADED)
_LIMITED = (Code.LOGIN_RATE_LIMITED,)

REGISTER = Operation(
    summary="Make an account and sign in",
    tag=_TAG,
    body=RegisterBody,
    answers={201: Session},
    problems=(Code.EMAIL_TAKEN, *_LIMITED, *_DOWN),
    signed_in=False,
)
LOGIN = Operation(
    summary="Sign in",
    tag=_TAG,
    body=LoginBody,
    answers={200: Session},
    problems=(Code.CREDENTIALS_INVALID, *_LIMITED, *_DOWN),
    signed_in=False,
)
REFRESH = Operation(
    summary="Exchange a refresh token for its successor and a new access token",
    tag=_TAG,
    body=RefreshBody,
    answers={200: TokenPair},
    problems=(Code.REFRESH_INVALID, Code.REFRESH_REUSED, *_DOWN),
    signed_in=False,
)
LOGOUT = Operation(
    summary="End the session of a refresh token",
    tag=_TAG,
    body=RefreshBody,
    answers={205: None},
    problems=_DOWN,
    signed_in=False,
)
ME = Operation(summary="Who is signed in", tag=_TAG, answers={200: UserView})


def auth_handlers(sign_in: SignIn, gate: Gate) -> list[HTTPRouteHandler]:
    @post("/api/auth/register", opt={"operation": REGISTER})
    async def register(request: HttpRequest) -> Answer:
        body = await body_of(request, RegisterBody)
        return answer(await sign_in.register(body, address(request)), 201)

    @post(["/api/auth/login", "/api/auth/token"], opt={"operation": LOGIN})
    async def login(request: HttpRequest) -> Answer:
        body = await body_of(request, LoginBody)
        return answer(await sign_in.login(body, address(request)))

    @post("/api/auth/token/refresh", opt={"operation": REFRESH})
    async def refresh(request: HttpRequest) -> Answer:
        body = await body_of(request, RefreshBody)
        return answer(await sign_in.refresh(body.refresh))

    @post("/api/auth/logout", opt={"operation": LOGOUT})
    async def logout(request: HttpRequest) -> Answer:
        body = await body_of(request, RefreshBody)
        await sign_in.logout(body.refresh)
        return Answer(b"", status_code=205)

    @get("/api/auth/me", opt={"operation": ME})
    async def me(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        return answer(UserView(id=principal.user_id, email=principal.email, name=principal.name))

    return [register, login, refresh, logout, me]
