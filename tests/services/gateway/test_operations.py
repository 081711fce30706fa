"""Health, metrics, published schemas, and what is written down about a request."""

from __future__ import annotations

import re
from typing import Any

import pytest
import structlog

from libs.process.clock import new_id
from services.gateway.problems import Code
from tests.services.gateway.desk import PASSWORD, Desk, code_of


async def test_a_live_process_says_so(desk: Desk) -> None:
    assert (await desk.http.get("/livez")).status_code == 200


async def test_a_ready_gateway_says_so_until_it_drains(desk: Desk) -> None:
    ready = await desk.http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    desk.health.draining()
    assert (await desk.http.get("/readyz")).status_code == 503


async def test_metrics_count_requests_by_route_and_never_by_path(desk: Desk) -> None:
    job_id = await desk.job()
    await desk.get(f"/api/jobs/{job_id}/")
    await desk.http.get(f"/api/{new_id()}/")
    text = (await desk.http.get("/metrics")).text
    assert re.search(
        r'jobstream_gateway_requests_total\{method="GET",route="/api/jobs/\{job_id\}",status="200"\} [1-9]', text
    )
    assert 'jobstream_gateway_request_duration_seconds_count{method="POST",route="/api/jobs"}' in text
    assert 'route="unmatched",status="404"' in text
    assert str(job_id) not in text


async def test_metrics_count_decisions_and_who_was_turned_away() -> None:
    async with Desk(requests_per_second=0.1, requests_burst=3).open() as desk:
        job_id = await desk.job()
        for _ in range(3):
            await desk.post(f"/api/jobs/{job_id}/cancel/")
        text = (await desk.http.get("/metrics")).text
    assert re.search(r'jobstream_gateway_outcome_wait_seconds_count\{result="decided",verb="cancel"\} [1-9]', text)
    assert re.search(r'jobstream_gateway_rate_limited_total\{limit="requests"\} [1-9]', text)


async def test_a_request_is_logged_by_its_route_without_anything_secret(desk: Desk) -> None:
    secrets = ["s3cret-prompt", PASSWORD, "s3cret-query", "ada@example.org"]
    with structlog.testing.capture_logs() as logs:
        session = await desk.http.post("/api/auth/register/", json={"email": "ada@example.org", "password": PASSWORD})
        await desk.http.post("/api/auth/login/", json={"email": "ada@example.org", "password": "s3cret-wrong"})
        await desk.http.post("/api/auth/token/refresh/", json={"refresh": session.json()["refresh"]})
        await desk.job(prompt="s3cret-prompt")
        await desk.get("/api/jobs/?q=s3cret-query")
        await desk.get("/api/jobs/?token=s3cret-query")
        await desk.post("/api/jobs/", {"prompt": "s3cret-prompt\x00"})
        await desk.http.get("/s3cret-path/")
    secrets += [session.json()["access"], session.json()["refresh"], "s3cret", desk.tokens.issue(desk.ada)[:20]]
    written = repr(logs)
    assert not [secret for secret in secrets if secret in written]
    requests = [entry for entry in logs if entry["event"] == "http.request"]
    assert len(requests) == 8
    assert {"method", "route", "status", "ms"} <= set(requests[0])
    assert all(entry["log_level"] == "info" for entry in requests)


async def test_bad_input_is_never_logged_as_an_error_of_ours(desk: Desk) -> None:
    with structlog.testing.capture_logs() as logs:
        for body in (b"{", b"[" * 10**5, b'{"prompt":1}', b"\xff", b"x" * (10**6 + 1)):
            headers = {"content-type": "application/json"}
            assert 400 <= (await desk.call("POST", "/api/jobs/", content=body, headers=headers)).status_code < 500
        for token in ("x", "a.b.c", desk.tokens.issue(desk.ada) + "x"):
            await desk.http.get("/api/jobs/", headers={"Authorization": f"Bearer {token}"})
        for path in ("/api/jobs/x/", f"/api/jobs/{new_id()}/", "/api/jobs/?limit=-1", "/nope"):
            await desk.get(path)
    assert {entry["log_level"] for entry in logs} == {"info"}


async def test_the_list_of_problems_is_published(desk: Desk) -> None:
    listed = (await desk.http.get("/problems/")).json()
    assert [entry["code"] for entry in listed] == [code.value for code in Code]
    for entry in listed:
        assert (await desk.http.get(f"/problems/{entry['code']}")).json() == entry
    assert code_of(await desk.http.get("/problems/nope")) == "not_found"


# -- schemas -----------------------------------------------------------------------------------------------------------


async def openapi(desk: Desk) -> dict[str, Any]:
    answer = await desk.http.get("/schema")
    assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    document: dict[str, Any] = answer.json()
    return document


CONTRACT = [
    ("post", "/api/auth/register/"),
    ("post", "/api/auth/login/"),
    ("post", "/api/auth/token/"),
    ("post", "/api/auth/token/refresh/"),
    ("post", "/api/auth/logout/"),
    ("get", "/api/auth/me/"),
    ("post", "/api/jobs/"),
    ("get", "/api/jobs/"),
    ("get", "/api/jobs/{job_id}/"),
    ("post", "/api/jobs/{job_id}/messages/"),
    ("post", "/api/jobs/{job_id}/cancel/"),
    ("post", "/api/jobs/{job_id}/retry/"),
    ("post", "/api/jobs/{job_id}/approve/"),
    ("post", "/api/jobs/{job_id}/reject/"),
    ("post", "/api/jobs/{job_id}/signals/{name}/"),
    ("get", "/api/jobs/{job_id}/events/"),
    ("get", "/api/job-messages/"),
    ("get", "/api/apps/"),
    ("get", "/api/apps/{app_id}/"),
    ("get", "/api/apps/by-job/{job_id}/"),
    ("get", "/api/jobs/{job_id}/artifacts/"),
    ("get", "/api/jobs/{job_id}/artifacts/{name}"),
    ("post", "/api/simulations/"),
    ("get", "/api/simulations/"),
    ("get", "/api/simulations/defaults/"),
    ("get", "/api/simulations/{job_id}/"),
    ("get", "/api/simulations/{job_id}/result.json"),
    ("get", "/api/simulations/{job_id}/result.csv"),
    ("get", "/api/simulations/{job_id}/report.html"),
    ("post", "/api/simulations/{job_id}/stop/"),
    ("post", "/api/simulations/{job_id}/rerun/"),
    ("post", "/api/simulations/{job_id}/reprice/"),
    ("post", "/api/profiles/"),
    ("get", "/api/profiles/"),
    ("get", "/api/profiles/{profile_id}/"),
    ("put", "/api/profiles/{profile_id}/"),
    ("patch", "/api/profiles/{profile_id}/"),
    ("delete", "/api/profiles/{profile_id}/"),
    ("post", "/api/profiles/{profile_id}/copy/"),
    ("post", "/api/ws-tickets/"),
]


async def test_every_call_of_the_contract_is_described(desk: Desk) -> None:
    paths = (await openapi(desk))["paths"]
    assert sorted((method, path) for path, methods in paths.items() for method in methods) == sorted(CONTRACT)


async def test_references_lead_somewhere(desk: Desk) -> None:
    document = await openapi(desk)
    text = repr(document)
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names
    assert names <= set(document["components"]["schemas"])


async def test_operations_have_names_of_their_own(desk: Desk) -> None:
    ids = [o["operationId"] for path in (await openapi(desk))["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids))


async def test_a_described_body_is_the_one_that_is_checked(desk: Desk) -> None:
    document = await openapi(desk)
    create = document["paths"]["/api/jobs/"]["post"]
    reference = create["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["required"] == []
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"prompt", "kind", "request", "approvals"}


async def test_described_parameters_are_the_ones_that_are_checked(desk: Desk) -> None:
    listed = {each["name"]: each for each in (await openapi(desk))["paths"]["/api/jobs/"]["get"]["parameters"]}
    assert set(listed) == {"status", "kind", "parent", "q", "limit", "cursor"}
    assert listed["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert "done" in listed["status"]["schema"]["enum"]


async def test_problems_are_described_where_they_occur(desk: Desk) -> None:
    responses = (await openapi(desk))["paths"]["/api/jobs/{job_id}/approve/"]["post"]["responses"]
    assert {"202", "400", "401", "404", "409", "413", "415", "422", "429", "503"} <= set(responses)
    assert "approval_outdated" in responses["409"]["description"]
    assert "application/problem+json" in responses["409"]["content"]


@pytest.mark.parametrize(("method", "path"), CONTRACT)
async def test_answers_have_only_described_statuses(desk: Desk, method: str, path: str) -> None:
    document = await openapi(desk)
    described = document["paths"][path][method]["responses"]
    job_id = str(await desk.job())
    url = path.format(job_id=job_id, app_id=new_id(), profile_id=new_id(), name="paid")
    for body in (b"", b"{", b"{}", b'{"x":1}'):
        answer = await desk.call(method, url, content=body, headers={"content-type": "application/json"})
        assert str(answer.status_code) in described, (body, answer.text)
        anonymous = await desk.http.request(method, url, content=body, headers={"content-type": "application/json"})
        assert str(anonymous.status_code) in described, (body, anonymous.text)


async def test_the_sockets_schema_is_published(desk: Desk) -> None:
    document = (await desk.http.get("/schema/asyncapi.json")).json()
    assert document["asyncapi"].startswith("3.")
