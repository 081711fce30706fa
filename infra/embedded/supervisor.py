"""Starts everything, keeps it running, and stops it in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from infra.embedded.child import Child
from infra.embedded.folder import DataFolder
from infra.embedded.nats import EmbeddedNats, ServerFailed
from infra.embedded.postgres import EmbeddedPostgres
from infra.embedded.provision import Urls, apply_topology, provision_embedded, provision_outside
from infra.embedded.service import ServiceProcess, SettingsRefused
from infra.embedded.settings import SERVICES, SupervisorSettings, environment
from infra.nats import topology
from infra.postgres import roles
from libs.process.lifecycle import Stopping
from libs.process.settings import SettingsError, load

__all__ = ["Part", "Supervisor"]

log = structlog.get_logger(__name__)

EXIT_POLL_SECONDS = 0.1
STARTING_ATTEMPTS = 3
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
HEALTHY_AFTER_SECONDS = 5.0
LOG_BYTES_MAX = 16 * 1024 * 1024
LOG_CHECK_SECONDS = 5.0
WRITE_CHECK_SECONDS = 2.0
ROOM_BYTES_MIN = 16 * 1024 * 1024


class Part(Protocol):
    """A server or service that the supervisor keeps alive."""

    name: str
    child: Child | None

    def spawn(self) -> Child: ...
    def await_ready(self, seconds: float) -> None: ...
    def stop(self) -> None: ...


class Supervisor:
    """One installation on one machine: embedded servers where no URL names outside ones, and the services."""

    def __init__(
        self,
        folder: DataFolder,
        *,
        host: str,
        port: int,
        environ: Mapping[str, str],
        notice: Callable[[str], None] = lambda _text: None,
        commands: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`notice` receives the few sentences a person at the terminal should see. `commands` replaces what is run
        for a service.
        """
        self.folder = folder
        self.host = host
        self.port = port
        self.settings = load(SupervisorSettings, environ)
        self.environ = environ
        self.notice = notice
        self.commands = dict(commands or {})
        self.nats: EmbeddedNats | None = None
        self.postgres: EmbeddedPostgres | None = None
        self.services: list[ServiceProcess] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def run(self, stopping: Stopping, ready: Callable[[], Awaitable[None]]) -> None:
        """Start, call `ready` once everything serves, go on until `stopping` is set, then stop everything.

        The data folder must be locked by the caller. Raises `SettingsError` or `ServerFailed` when it cannot start;
        nothing is left running in any case.
        """
        starting = asyncio.create_task(self._start())
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return
            await starting
            await ready()
            await stop
        finally:
            self._stopping = True
            stop.cancel()
            if not starting.done():
                starting.cancel()
            await self._stop()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await starting

    async def _start(self) -> None:
        began = time.monotonic()
        secrets = self.folder.secrets()
        # The first failure ends the start at once; stopping then ends what the others still wait for.
        _, databases = await asyncio.gather(
            self._start_nats(secrets.nats), self._start_postgres(secrets.postgres_superuser, secrets.postgres)
        )
        self.services = [*self._plan(secrets.nats, databases, secrets.postgres, secrets.jwt)]
        await asyncio.gather(*(self._bring_up(service) for service in self.services))
        self._keep(self._watch_logs())
        if self.nats is not None:
            self._keep(self._watch_writes(self.nats))
        self._write_targets()
        log.info("supervisor.ready", seconds=round(time.monotonic() - began, 3), pids=self._pids())

    async def _start_nats(self, passwords: dict[str, str]) -> None:
        settings = self.settings
        wanted = topology.topology(replicas=settings.nats_replicas, lease_seconds=settings.lease_seconds)
        if settings.nats_url is None:
            self.nats = EmbeddedNats(
                self.folder.nats,
                passwords=passwords,
                sync_interval=settings.nats_sync_interval,
                log=self.folder.log("nats"),
            )
            await self._bring_up(self.nats)
            self.folder.note_server("nats", self.nats.url)
            user, password = self.nats.user("admin")
            await apply_topology([self.nats.url], user=user, password=password, creds=None, wanted=wanted)
            return
        special = settings.nats_admin_user or settings.nats_admin_creds
        secret = settings.nats_admin_password if special else settings.nats_password
        try:
            await apply_topology(
                settings.nats_url,
                user=settings.nats_admin_user if special else settings.nats_user,
                password=secret.reveal() if secret else None,
                creds=settings.nats_admin_creds if special else settings.nats_creds,
                wanted=wanted,
            )
        except topology.TopologyError as error:
            if "cannot be reached" in str(error):
                raise SettingsError([f"NATS_URL: {error}"]) from None
            self.notice(
                f"The streams were left as they are: {error}. "
                "Set NATS_ADMIN_USER and NATS_ADMIN_PASSWORD (or NATS_ADMIN_CREDS) to have them applied here."
            )

    async def _start_postgres(self, superuser: str, passwords: dict[str, str]) -> Urls:
        settings = self.settings
        if settings.database_url is None:
            server = EmbeddedPostgres(self.folder.postgres, password=superuser, log=self.folder.log("postgres"))
            await asyncio.to_thread(server.prepare)
            if server.placed_elsewhere:
                self.notice(f"Postgres' data lies in {server.placed_elsewhere}: root runs it as the user nobody.")
            self.postgres = server
            await self._bring_up(server)
            urls = await provision_embedded(server, passwords)
            self.folder.note_server("postgres", server.url(roles.OPERATOR))
            return urls
        given: Urls = {}
        if settings.gateway_database_url and settings.projector_database_url:
            given = {
                "gateway": settings.gateway_database_url.reveal(),
                "projector": settings.projector_database_url.reveal(),
            }
        return await provision_outside(settings.database_url.reveal(), passwords, given)

    def _plan(
        self, nats: dict[str, str], databases: Urls, postgres: dict[str, str], jwt: str
    ) -> Iterator[ServiceProcess]:
        """Every replica of every service with its own environment."""
        settings = self.settings
        replicas = {"agents": settings.agents_replicas, "runner": settings.runner_replicas}
        role = {"gateway": roles.GATEWAY, "projector": roles.PROJECTOR}
        for service in SERVICES:
            own: dict[str, str | None] = {
                "LOG_LEVEL": settings.log_level,
                "DATABASE_URL": databases.get(service),
                "HEALTH_HOST": "127.0.0.1",
                "HEALTH_PORT": "0",
            }
            if self.nats is not None:
                own |= {"NATS_URL": self.nats.url, "NATS_USER": service, "NATS_PASSWORD": nats[service]}
            if self.postgres is not None and service in databases:
                own["PGPASSWORD"] = postgres[role[service]]
            if service == "gateway":
                secret = settings.jwt_secret.reveal() if settings.jwt_secret else jwt
                own |= {"JWT_SECRET": secret, "HOST": self.host, "PORT": str(self.port)}
            env = environment(self.environ, service, **own)
            count = replicas.get(service, 1)
            for number in range(1, count + 1):
                name = service if count == 1 else f"{service}-{number}"
                yield ServiceProcess(
                    name,
                    env=env,
                    log=self.folder.log(name),
                    runtime_file=self.folder.run / f"{name}.json",
                    command=self.commands.get(service, ()),
                )

    async def _bring_up(self, part: Part) -> None:
        """Start a part and await its readiness, a few times if it ends; from then on keep it running."""
        for attempt in range(1, STARTING_ATTEMPTS + 1):
            if self._stopping:
                raise ServerFailed(f"{part.name} was not started: stopping")
            part.spawn()
            try:
                await asyncio.to_thread(part.await_ready, self.settings.start_seconds)
                break
            except SettingsRefused:
                raise
            except ServerFailed as failure:
                if part.child is None or part.child.exit_status() is None:
                    raise  # it runs and is not ready: another one would not be either
                if attempt == STARTING_ATTEMPTS or self._stopping:
                    raise
                log.warning("child.start_failed", name=part.name, attempt=attempt, error=str(failure))
                await asyncio.sleep(FIRST_DELAY_SECONDS * attempt)
        self._keep(self._restart_whenever_gone(part))

    async def _restart_whenever_gone(self, part: Part) -> None:
        delay = FIRST_DELAY_SECONDS
        while True:
            child = part.child
            assert child is not None
            while (status := child.exit_status()) is None:  # noqa: ASYNC110
                await asyncio.sleep(EXIT_POLL_SECONDS)
            if self._stopping:
                return
            if time.monotonic() - child.started_at > HEALTHY_AFTER_SECONDS:
                delay = FIRST_DELAY_SECONDS
            log.warning("child.died", name=part.name, pid=child.pid, status=status, restart_in_seconds=delay)
            self.notice(f"{part.name} ended unexpectedly (status {status}); it is started again.")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            try:
                part.spawn()
                await asyncio.to_thread(part.await_ready, self.settings.start_seconds)
            except (ServerFailed, OSError) as failure:
                log.error("child.restart_failed", name=part.name, error=str(failure))
                await asyncio.to_thread(part.stop)
            else:
                log.info("child.restarted", name=part.name, pid=part.child.pid if part.child else None)
                self._write_targets()

    async def _stop(self) -> None:
        """Stop in the reverse order of starting: who is asked first stops first, the stores last."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for group in (("gateway",), ("agents", "runner"), ("projector",)):
            parts = [service for service in self.services if service.service in group]
            await asyncio.gather(*(asyncio.to_thread(part.stop) for part in parts))
        servers = [server for server in (self.postgres, self.nats) if server is not None]
        await asyncio.gather(*(asyncio.to_thread(server.stop) for server in servers))
        log.info("supervisor.stopped")

    def _keep(self, work: Awaitable[None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    def _pids(self) -> dict[str, int]:
        parts: list[Part | None] = [self.nats, self.postgres, *self.services]
        return {part.name: part.child.pid for part in parts if part is not None and part.child is not None}

    async def _watch_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for path in self.folder.logs.glob("*.log"):
                with contextlib.suppress(OSError):  # on a full disk the log stays as it is
                    if path.stat().st_size > LOG_BYTES_MAX:
                        await asyncio.to_thread(_rotate, path)

    async def _watch_writes(self, nats: EmbeddedNats) -> None:
        """Restart NATS where it has given up writing and there is room again: by itself it would never write again."""
        delay = WRITE_CHECK_SECONDS
        while True:
            await asyncio.sleep(delay)
            error = await asyncio.to_thread(nats.write_error)
            if error is None:
                delay = WRITE_CHECK_SECONDS
            elif shutil.disk_usage(self.folder.path).free >= ROOM_BYTES_MIN:
                log.error("nats.write_failed", error=error)
                self.notice("NATS could not write to its disk, which has room again; it is started again.")
                await asyncio.to_thread(nats.stop)  # and whoever keeps it running starts it
                delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    def _write_targets(self) -> None:
        """Where Prometheus finds this installation's services (`file_sd_configs`)."""
        targets = [
            {"targets": [url.partition("//")[2]], "labels": {"service": part.service, "instance": part.name}}
            for part in self.services
            if (url := part.health_url)
        ]
        aside = self.folder.run / f"targets.{os.getpid()}"
        try:
            aside.write_bytes(msgspec.json.encode(targets))
            aside.replace(self.folder.run / "prometheus-targets.json")
        except OSError as error:
            log.warning("targets.not_written", error=str(error))


def _rotate(path: Path) -> None:
    """Keep the log as `.1` and empty it in place: its writers append, so they go on at the beginning."""
    shutil.copyfile(path, path.with_suffix(".log.1"))
    os.truncate(path, 0)
