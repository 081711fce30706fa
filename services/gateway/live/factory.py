"""Puts the live half together, and gives the application what it mounts and calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import asgi
from litestar.types import ControllerRouterHandler

from libs.events.jetstream import JetStreamStore
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobEvent
from libs.process.clock import Clock, SystemClock
from libs.process.health import Health
from libs.process.settings import Secret, Settings
from services.gateway.live.admission import OriginCheck
from services.gateway.live.asyncapi import document
from services.gateway.live.hub import Hub
from services.gateway.live.limits import Limits
from services.gateway.live.nats_source import NatsSource
from services.gateway.live.pauses import rare_collections
from services.gateway.live.session import SessionContext
from services.gateway.live.sockets import Sockets
from services.gateway.live.source import Backfill, Source
from services.gateway.live.sse import EventStreams
from services.gateway.live.tickets import LIFETIME_SECONDS, Claims, NatsClaims, Tickets
from services.gateway.ports import Commands
from services.gateway.principal import Principal
from services.gateway.problems import Code, Problem
from services.gateway.tokens import AccessTokens

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["Live", "LiveSettings", "TicketView", "assemble", "create_live"]


class LiveSettings(Settings, kw_only=True, frozen=True):
    """How much one user may do at a time at one gateway process."""

    live_connections_per_user: int = 200
    """Sockets and event streams of one user at a time; one more is refused."""
    live_frames_per_second: float = 50.0
    """Frames from one user in the long run, all connections together."""
    live_frames_burst: float = 200.0
    """Frames from one user at once, all connections together."""
    live_check_seconds: float = 5.0
    """The time between two comparisons of a watched job with the log, in case a live event was lost."""


class TicketView(msgspec.Struct, frozen=True, kw_only=True):
    """What a socket's URL is given as `?ticket=`."""

    ticket: str
    expires_in: int  # seconds


class Live:
    """Everything live in this process."""

    def __init__(self, hub: Hub, sockets: Sockets, streams: EventStreams, tickets: Tickets, jobs: Backfill) -> None:
        self._hub = hub
        self._streams = streams
        self._tickets = tickets
        self._jobs = jobs
        self.websocket = sockets  # an ASGI application for scopes below `/ws/jobs/`

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The clockwork; nothing is served outside of this block. Sets the process's garbage collector to short pauses."""
        with rare_collections():
            async with self._hub.running():
                yield

    async def drain(self, seconds: float = 5.0) -> None:
        """Send everybody away, over `seconds` at most. Call it before the HTTP server stops."""
        await self._hub.drain(seconds)

    async def recheck(self) -> None:
        """For `libs.events.connection.connect(on_reconnect=, on_slow_consumer=)`: live events may have been lost."""
        self._hub.recheck()

    async def ticket(self, principal: Principal, job_id: Any) -> TicketView:
        """A ticket for one connection to one job of the user's. Raises `Problem`, `LogUnavailable`."""
        if await self._jobs.head(principal.user_id, job_id) is None:
            raise Problem(Code.NO_SUCH_JOB)
        return TicketView(ticket=self._tickets.issue(principal, job_id), expires_in=LIFETIME_SECONDS)

    def events(
        self, principal: Principal, job_id: Any, after: int | None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The body of a `text/event-stream` answer, see `EventStreams.open`. Raises `Problem` on entering."""
        return self._streams.open(principal, StreamId(principal.user_id, job_id), after)

    def asyncapi(self) -> bytes:
        """The AsyncAPI document of the socket, as JSON."""
        return document()

    def handlers(self) -> list[ControllerRouterHandler]:
        """The socket as a Litestar handler."""

        @asgi("/ws", is_mount=True, copy_scope=False, opt={"exclude_from_auth": True})
        async def websocket(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "websocket":
                await self.websocket(scope, receive, send)
                return
            headers = [(b"content-type", b"application/problem+json"), (b"upgrade", b"websocket")]
            body = msgspec.json.encode(Problem(Code.NOT_FOUND, "This address speaks WebSocket.", status=426).document)
            await send({"type": "http.response.start", "status": 426, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return [websocket]


def assemble(
    *,
    source: Source,
    jobs: Backfill,
    commands: Commands,
    claims: Claims,
    tokens: AccessTokens,
    secret: Secret | str,
    origin_allowed: OriginCheck,
    token_query_allowed: bool,
    clock: Clock | None = None,
    health: Health | None = None,
    settings: LiveSettings | None = None,
    auth_seconds: float = 5.0,
) -> Live:
    """The live half over any source of events."""
    settings = settings or LiveSettings()
    clock = clock or SystemClock()
    hub = Hub(source, jobs, health=health, check_seconds=settings.live_check_seconds)
    tickets = Tickets(secret, claims, clock)
    limits = Limits(
        connections_max=settings.live_connections_per_user,
        frames_per_second=settings.live_frames_per_second,
        frames_burst=settings.live_frames_burst,
    )
    sockets = Sockets(
        hub,
        jobs,
        tickets,
        limits,
        SessionContext(commands=commands, verify=tokens.verify, clock=clock),
        origin_allowed=origin_allowed,
        token_query_allowed=token_query_allowed,
        auth_seconds=auth_seconds,
    )
    return Live(hub, sockets, EventStreams(hub, jobs, limits, clock), tickets, jobs)


def create_live(
    nats: Client,
    *,
    jobs: Backfill,
    commands: Commands,
    tokens: AccessTokens,
    secret: Secret | str,
    origin_allowed: OriginCheck,
    token_query_allowed: bool,
    clock: Clock | None = None,
    health: Health | None = None,
    settings: LiveSettings | None = None,
) -> Live:
    """The live half on NATS. `secret` is what signs access tokens (tickets are signed with a key derived from it)."""
    return assemble(
        source=NatsSource(nats, JetStreamStore[JobEvent](nats, EVENTS)),
        jobs=jobs,
        commands=commands,
        claims=NatsClaims(nats),
        tokens=tokens,
        secret=secret,
        origin_allowed=origin_allowed,
        token_query_allowed=token_query_allowed,
        clock=clock,
        health=health,
        settings=settings,
    )
