from __future__ import annotations

import asyncio

import httpx2
import pytest

from libs.process import health as health_module
from libs.process.health import Health, serve


@pytest.fixture
def health() -> Health:
    made = Health("sample")
    made.started()
    return made


async def test_a_process_is_unready_until_it_started() -> None:
    ready, report = await Health("sample").report()
    assert (ready, report["status"]) == (False, "unready")


async def test_all_checks_passing_is_ready(health: Health) -> None:
    async def fine() -> None:
        return None

    health.check("nats", fine)
    assert await health.report() == (True, {"service": "sample", "status": "ready", "checks": {"nats": {"ok": True}}})


async def test_a_failing_check_is_named(health: Health) -> None:
    async def lost() -> str:
        return "no connection"

    health.check("nats", lost)
    ready, report = await health.report()
    assert not ready
    assert report["checks"]["nats"] == {"ok": False, "detail": "no connection"}


async def test_an_exception_counts_as_failed(health: Health) -> None:
    async def broken() -> None:
        raise OSError("gone")

    health.check("db", broken)
    ready, report = await health.report()
    assert not ready
    assert report["checks"]["db"]["detail"] == "OSError: gone"


async def test_a_hanging_check_does_not_hang_readiness(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "CHECK_TIMEOUT_SECONDS", 0.01)

    async def hang() -> None:
        await asyncio.Event().wait()

    health.check("db", hang)
    ready, report = await health.report()
    assert not ready
    assert "no answer" in report["checks"]["db"]["detail"]


async def test_a_defect_degrades_but_serves(health: Health) -> None:
    health.degrade("projection", "parked job 1")
    ready, report = await health.report()
    assert (ready, report["status"], report["checks"]["projection"]["detail"]) == (True, "degraded", "parked job 1")


async def test_a_defect_may_take_the_process_out_of_service(health: Health) -> None:
    health.degrade("position", "beyond the stream's end", ready=False)
    assert (await health.report())[0] is False


async def test_a_restored_defect_is_forgotten(health: Health) -> None:
    health.degrade("projection", "parked job 1")
    health.restore("projection")
    assert (await health.report())[1]["status"] == "ready"


async def test_a_draining_process_is_unready(health: Health) -> None:
    health.draining()
    assert (await health.report())[0] is False


async def test_it_serves_live_ready_and_metrics_on_a_free_port(health: Health) -> None:
    async with serve(health, "127.0.0.1", 0) as url, httpx2.AsyncClient(base_url=url) as client:
        codes = [(await client.get(path)).status_code for path in ("/livez", "/readyz", "/metrics", "/else")]
        text = (await client.get("/metrics")).text
    assert codes == [200, 200, 200, 404]
    assert "process_cpu_seconds_total" in text


async def test_unready_is_503(health: Health) -> None:
    health.draining()
    async with serve(health, "127.0.0.1", 0) as url, httpx2.AsyncClient(base_url=url) as client:
        assert (await client.get("/readyz")).status_code == 503
