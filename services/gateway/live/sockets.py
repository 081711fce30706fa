"""The WebSocket endpoint `/ws/jobs/<job_id>/`: from the handshake to a session, or to a close code that says why not.

Every socket is accepted first: a refusal before that reaches browsers as 1006, without a reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from libs.events.errors import LogUnavailable
from libs.events.subjects import StreamId
from services.gateway.live import inbound, metrics
from services.gateway.live.admission import OriginCheck, Request, read_request
from services.gateway.live.frames import Closing, Error, control
from services.gateway.live.hub import Hub
from services.gateway.live.inbound import BadFrame
from services.gateway.live.limits import Limits, TooMany
from services.gateway.live.session import Session, SessionContext
from services.gateway.live.source import Backfill
from services.gateway.live.tickets import InvalidTicket, Tickets
from services.gateway.live.transport import CloseCode, Closed, Transport
from services.gateway.principal import Principal
from services.gateway.problems import Code
from services.gateway.tokens import InvalidToken

__all__ = ["PATH", "Sockets"]

log = structlog.get_logger(__name__)

PATH = "/ws/jobs/"
AUTH_SECONDS = 5.0
_STRANGERS_MAX = 2000  # sockets that have not said who they are
_STRANGER_FRAMES_MAX = 10


class _Refused(Exception):
    def __init__(self, close_code: int, code: Code, message: str | None = None) -> None:
        super().__init__(code.value)
        self.close_code = close_code
        self.code = code
        self.message = message or f"{code.heading}."


class Sockets:
    """An ASGI application for WebSocket scopes."""

    def __init__(
        self,
        hub: Hub,
        jobs: Backfill,
        tickets: Tickets,
        limits: Limits,
        context: SessionContext,
        *,
        origin_allowed: OriginCheck,
        token_query_allowed: bool,
        auth_seconds: float = AUTH_SECONDS,
    ) -> None:
        self._hub = hub
        self._jobs = jobs
        self._tickets = tickets
        self._limits = limits
        self._context = context
        self._origin_allowed: Callable[[str], bool] = origin_allowed
        self._token_query_allowed = token_query_allowed
        self._auth_seconds = auth_seconds
        self._strangers = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            message = await receive()
            if message["type"] != "websocket.connect":
                return
            await send({"type": "websocket.accept"})
        except (OSError, RuntimeError):
            return
        transport = Transport(scope, receive, send)
        try:
            await self._serve(read_request(scope), transport)
        except Closed:
            pass
        except _Refused as refused:
            await self._refuse(transport, refused)
        except LogUnavailable:
            await self._refuse(transport, _Refused(CloseCode.TRY_AGAIN_LATER, Code.LOG_UNAVAILABLE))
        except Exception as error:
            log.error("socket.failed", exc_info=error)
            await self._refuse(transport, _Refused(1011, Code.INTERNAL_ERROR))

    async def _refuse(self, transport: Transport, refused: _Refused) -> None:
        frame = Error(code=refused.code.value, message=refused.message, retryable=refused.code.retryable)
        try:
            async with asyncio.timeout(1):
                await transport.send([control(frame)])
        except (Closed, TimeoutError):
            pass
        await transport.close(refused.close_code, refused.code.value)

    async def _serve(self, request: Request, transport: Transport) -> None:
        if self._hub.draining:
            await transport.send([control(Closing(reason="This server is about to stop: connect again."))])
            await transport.close(CloseCode.DRAIN, "service restart")
            return
        if request.origin is not None and not self._origin_allowed(request.origin):
            raise _Refused(CloseCode.FORBIDDEN_ORIGIN, Code.ORIGIN_FORBIDDEN)
        principal = await self._authenticate(request, transport)
        if request.job_id is None:
            raise _Refused(CloseCode.NO_SUCH_JOB, Code.NO_SUCH_JOB)
        if not request.after_valid:
            message = "after is a version: a whole number, 0 or more."
            raise _Refused(CloseCode.BAD_FRAMES, Code.INVALID_PARAMETER, message)
        try:
            with self._limits.connection(principal.user_id) as bucket:
                stream = StreamId(principal.user_id, request.job_id)
                if not self._hub.watches(stream) and await self._jobs.head(stream.owner, stream.id) is None:
                    raise _Refused(CloseCode.NO_SUCH_JOB, Code.NO_SUCH_JOB)
                async with self._hub.feed(stream) as feed:
                    session = Session(transport, feed, principal, bucket, self._context)
                    self._hub.add(session)
                    metrics.sockets.inc()
                    if request.after is not None:
                        metrics.resumes.inc()
                    try:
                        await session.run(request.after)
                    finally:
                        metrics.sockets.dec()
                        self._hub.remove(session)
        except TooMany:
            message = "You have as many open connections as a user may have."
            raise _Refused(CloseCode.TOO_MANY, Code.TOO_MANY_CONNECTIONS, message) from None

    # -- who is it -----------------------------------------------------------------------------------------------------

    async def _authenticate(self, request: Request, transport: Transport) -> Principal:
        if request.bearer is not None:
            return self._verify(request.bearer)
        if request.ticket is not None:
            if request.job_id is None:
                raise _Refused(CloseCode.TOKEN, Code.TICKET_INVALID)
            try:
                return await self._tickets.redeem(request.ticket, request.job_id)
            except InvalidTicket:
                raise _Refused(CloseCode.TOKEN, Code.TICKET_INVALID) from None
        if request.token is not None:
            if self._token_query_allowed:
                return self._verify(request.token)
            message = "A token in the URL is not accepted here: send an auth frame, or get a ticket."
            await transport.send([control(Error(code=Code.TOKEN_MISSING.value, message=message, retryable=False))])
        return await self._wait_for_auth(transport)

    def _verify(self, token: str) -> Principal:
        try:
            return self._context.verify(token)
        except InvalidToken as error:
            raise _Refused(CloseCode.TOKEN, error.code) from None

    async def _wait_for_auth(self, transport: Transport) -> Principal:
        if self._strangers >= _STRANGERS_MAX:
            raise _Refused(CloseCode.TOO_MANY, Code.OVERLOADED)
        self._strangers += 1
        try:
            async with asyncio.timeout(self._auth_seconds):
                for _ in range(_STRANGER_FRAMES_MAX):
                    try:
                        frame = inbound.parse(await transport.receive())
                    except BadFrame as bad:
                        error = Error(code=bad.code.value, message=bad.message, retryable=False, ref=bad.ref)
                    else:
                        if isinstance(frame, inbound.Auth):
                            return self._verify(frame.token)
                        message = "The first frame must be an auth frame."
                        error = Error(code=Code.TOKEN_MISSING.value, message=message, retryable=False, ref=frame.ref)
                    metrics.bad_frames.labels(error.code).inc()
                    await transport.send([control(error)])
        except TimeoutError:
            raise _Refused(CloseCode.TIMEOUT, Code.AUTH_TIMEOUT) from None
        finally:
            self._strangers -= 1
        raise _Refused(CloseCode.BAD_FRAMES, Code.TOKEN_MISSING)
