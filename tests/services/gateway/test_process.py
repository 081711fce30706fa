"""The process as it is run: real servers, a real port, signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import websockets

from infra.embedded.service import ServiceProcess, SettingsRefused
from tests.services.gateway.desk import PASSWORD, SECRET, code_of

DEADLINE_SECONDS = 30


def service(folder: Path, nats: Any, database: Any, **changes: str) -> ServiceProcess:
    user, password = nats.user("gateway")
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    env |= {
        "NATS_URL": nats.url,
        "NATS_USER": user,
        "NATS_PASSWORD": password,
        "DATABASE_URL": database.url("gateway"),
        "JWT_SECRET": SECRET,
        "PORT": "0",
    }
    return ServiceProcess(
        "gateway",
        env=env | changes,
        log=folder / "gateway.log",
        runtime_file=folder / "gateway.json",
        command=[sys.executable, "-m", "services.gateway"],
    )


@pytest.fixture
def gateway(tmp_path: Path, nats_server: Any, database: Any) -> Iterator[ServiceProcess]:
    process = service(tmp_path, nats_server, database)
    process.spawn()
    process.await_ready(DEADLINE_SECONDS)
    yield process
    process.stop()


async def exit_status(process: ServiceProcess) -> int | None:
    assert process.child is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (status := process.child.exit_status()) is None:
            await asyncio.sleep(0.02)
    return status


def client(process: ServiceProcess) -> httpx2.AsyncClient:
    assert process.health_url is not None
    return httpx2.AsyncClient(base_url=process.health_url, timeout=10)


async def signed_in(http: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await http.post("/api/auth/register/", json={"email": "ada@example.org", "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    http.headers["Authorization"] = f"Bearer {answer.json()['access']}"
    session: dict[str, Any] = answer.json()
    return session


async def test_a_job_is_wanted_read_and_watched(gateway: ServiceProcess) -> None:
    async with client(gateway) as http:
        await signed_in(http)
        created = await http.post("/api/jobs/", json={"prompt": "A shop for tea"})
        assert created.status_code == 201
        job_id = created.json()["id"]
        assert (await http.get(f"/api/jobs/{job_id}/")).json() == created.json()
        ticket = (await http.post("/api/ws-tickets/", json={"job_id": job_id})).json()["ticket"]
        url = str(http.base_url).replace("http", "ws", 1)
        async with websockets.connect(f"{url}/ws/jobs/{job_id}/?ticket={ticket}") as socket:
            hello = msgspec.json.decode(await socket.recv())
        assert (hello["kind"], hello["head"]) == ("hello", 0)


async def test_told_to_stop_it_turns_sockets_away_and_ends_well(gateway: ServiceProcess) -> None:
    async with client(gateway) as http:
        await signed_in(http)
        job_id = (await http.post("/api/jobs/", json={"prompt": "A shop for tea"})).json()["id"]
        url = str(http.base_url).replace("http", "ws", 1)
        headers = {"Authorization": http.headers["Authorization"]}
        async with websockets.connect(f"{url}/ws/jobs/{job_id}/", additional_headers=headers) as socket:
            kinds = []
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    kinds.append(msgspec.json.decode(await socket.recv())["kind"])
                    if kinds[-1] == "live":
                        assert gateway.child is not None
                        os.kill(gateway.child.pid, signal.SIGTERM)
            assert kinds[-1] == "closing"
            assert socket.close_code in (1012, 4001)
    assert await exit_status(gateway) == 0


async def test_without_nats_it_is_not_ready_and_still_ends_well(tmp_path: Path, fresh_nats: Any, database: Any) -> None:
    process = service(tmp_path, fresh_nats, database)
    process.spawn()
    process.await_ready(DEADLINE_SECONDS)
    try:
        fresh_nats.kill()
        async with client(process) as http, asyncio.timeout(DEADLINE_SECONDS):
            while (await http.get("/readyz")).status_code == 200:
                await asyncio.sleep(0.05)
        assert process.child is not None
        os.kill(process.child.pid, signal.SIGTERM)
        assert await exit_status(process) == 0
    finally:
        process.stop()


async def test_without_postgres_it_starts_and_takes_jobs(tmp_path: Path, nats_server: Any, database: Any) -> None:
    process = service(tmp_path, nats_server, database, DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/none")
    process.spawn()
    try:
        process.await_ready(DEADLINE_SECONDS)
        async with client(process) as http:
            ready = (await http.get("/readyz")).json()
            assert (ready["status"], ready["checks"]["postgres"]["ok"]) == ("degraded", False)
            answer = await http.post("/api/auth/register/", json={"email": "ada@example.org", "password": PASSWORD})
            assert code_of(answer) == "database_unavailable"
    finally:
        process.stop()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"JWT_SECRET": "short"}, "JWT_SECRET is too short"),
        ({"JWT_SECRET": ""}, "JWT_SECRET is not set"),
        ({"JOB_KINDS": "build=sing"}, "JOB_KINDS"),
        ({"PORT": "x"}, "PORT"),
    ],
)
def test_wrong_settings_are_explained(
    tmp_path: Path, nats_server: Any, database: Any, changes: dict[str, str], words: str
) -> None:
    process = service(tmp_path, nats_server, database, **changes)
    process.spawn()
    with pytest.raises(SettingsRefused, match=words):
        process.await_ready(DEADLINE_SECONDS)


async def test_its_log_holds_no_secret_and_no_error(gateway: ServiceProcess) -> None:
    async with client(gateway) as http:
        session = await signed_in(http)
        await http.post("/api/jobs/", json={"prompt": "s3cret-prompt"})
        await http.post("/api/auth/login/", json={"email": "ada@example.org", "password": "s3cret-wrong"})
        await http.get("/api/jobs/?q=s3cret-query&token=s3cret-query")
        for body in (b"[" * 10**6, b"\xff\x00", b"x" * (10**6 + 1), b'{"prompt":'):
            headers = {"content-type": "application/json"}
            assert 400 <= (await http.post("/api/jobs/", content=body, headers=headers)).status_code < 500
    gateway.stop()
    written = gateway.log.read_text()
    assert '"http.request"' in written
    for secret in ("s3cret", PASSWORD, session["access"], session["refresh"], SECRET):
        assert secret not in written
    assert '"level": "error"' not in written
    assert '"level":"error"' not in written
