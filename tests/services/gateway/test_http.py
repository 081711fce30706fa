"""What holds for every call: owners, slashes, bodies, methods, rates, origins."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from libs.events.errors import UnknownEvent
from libs.jobs.events import AppStored
from libs.process.clock import new_id
from tests.services.gateway.desk import Desk, code_of

JSON = {"content-type": "application/json"}
DECISION = {"name": "plan", "approval_version": 1}

# Every call that names something of somebody's: {job} and {app} are Ada's.
OWNED: list[tuple[str, str, Any]] = [
    ("GET", "/api/jobs/{job}/", None),
    ("GET", "/api/jobs/{job}/?at=0", None),
    ("GET", "/api/jobs/{job}/?at=1", None),
    ("GET", "/api/jobs/{job}/?min_version=1", None),
    ("POST", "/api/jobs/{job}/messages/", {"content": "x"}),
    ("POST", "/api/jobs/{job}/cancel/", None),
    ("POST", "/api/jobs/{job}/retry/", None),
    ("POST", "/api/jobs/{job}/approve/", DECISION),
    ("POST", "/api/jobs/{job}/reject/", DECISION),
    ("POST", "/api/jobs/{job}/signals/paid/", {"data": 1}),
    ("GET", "/api/jobs/{job}/events/", None),
    ("GET", "/api/jobs/{job}/events/?after=1", None),
    ("GET", "/api/job-messages/?job_id={job}", None),
    ("GET", "/api/apps/{app}/", None),
    ("GET", "/api/apps/by-job/{job}/", None),
    ("POST", "/api/ws-tickets/", {"job_id": "{job}"}),
]
LISTS = ["/api/jobs/", "/api/jobs/?q=tea", "/api/apps/"]


async def adas(desk: Desk) -> dict[str, str]:
    job_id, app_id = await desk.job(), new_id()
    await desk.happen(job_id, AppStored(app_id=app_id, attempt=1, spec={}))
    return {"job": str(job_id), "app": str(app_id)}


def filled(template: Any, ids: dict[str, str]) -> Any:
    if isinstance(template, dict):
        return {name: filled(value, ids) for name, value in template.items()}
    return template.format(**ids) if isinstance(template, str) else template


@pytest.mark.parametrize("up", [True, False], ids=["read models", "log"])
@pytest.mark.parametrize(("method", "path", "body"), OWNED)
async def test_what_is_anothers_is_not_there(desk: Desk, method: str, path: str, body: Any, up: bool) -> None:
    ids = await adas(desk)
    if "/apps/{app}" not in path:
        desk.models.up = up
    stored = len(desk.commands.stored)
    theirs = await desk.call(method, filled(path, ids), desk.eve, json=filled(body, ids))
    assert theirs.status_code == 404
    assert code_of(theirs) in ("no_such_job", "no_such_app")
    nobodys = await desk.call(
        method, filled(path, {"job": str(new_id()), "app": str(new_id())}), desk.eve, json=filled(body, ids)
    )
    assert code_of(nobodys) == code_of(theirs)
    assert len(desk.commands.stored) == stored


@pytest.mark.parametrize("path", LISTS)
async def test_lists_hold_nothing_of_anothers(desk: Desk, path: str) -> None:
    await adas(desk)
    assert (await desk.get(path, desk.eve)).json() == []
    assert len((await desk.get(path)).json()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [*OWNED, *(("GET", path, None) for path in LISTS), ("POST", "/api/jobs/", {"prompt": "x"})],
)
async def test_without_a_token_nothing_is_shown_or_stored(desk: Desk, method: str, path: str, body: Any) -> None:
    ids = await adas(desk)
    stored = len(desk.commands.stored)
    answer = await desk.http.request(method, filled(path, ids), json=filled(body, ids))
    assert answer.status_code == 401
    assert code_of(answer) == "token_missing"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert len(desk.commands.stored) == stored


@pytest.mark.parametrize(("method", "path", "body"), OWNED)
async def test_a_trailing_slash_is_optional(desk: Desk, method: str, path: str, body: Any) -> None:
    ids = await adas(desk)
    bare = filled(path, ids)
    bare = bare.replace("/?", "?") if "/?" in bare else bare.rstrip("/")
    answer = await desk.call(method, bare, json=filled(body, ids))
    assert answer.status_code not in (404, 405)


async def test_a_body_beyond_the_limit_is_too_large(desk: Desk) -> None:
    answer = await desk.call("POST", "/api/jobs/", content=b'{"prompt":"' + b"x" * 10**6 + b'"}', headers=JSON)
    assert answer.status_code == 413
    assert code_of(answer) == "too_large"


async def test_a_body_without_a_length_is_cut_off_as_well(desk: Desk) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 100_000

    answer = await desk.call("POST", "/api/jobs/", content=endless(), headers=JSON)
    assert code_of(answer) == "too_large"


async def test_a_prompt_of_5000_characters_of_four_bytes_is_fine(desk: Desk) -> None:
    assert (await desk.post("/api/jobs/", {"prompt": "🫖" * 5000})).status_code == 201


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"prompt":"x","request":' + b"[" * 500_000, b'{"a":' * 100_000])
async def test_json_nested_without_end_is_refused(desk: Desk, body: bytes) -> None:
    answer = await desk.call("POST", "/api/jobs/", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert code_of(answer) in ("invalid_json", "invalid_input")


async def test_json_nested_more_than_64_levels_is_refused(desk: Desk) -> None:
    deep = b'{"prompt":"x","kind":"count","request":' + b"[" * 65 + b"]" * 65 + b"}"
    answer = await desk.call("POST", "/api/jobs/", content=deep, headers=JSON)
    assert answer.json()["errors"][0]["pointer"] == "/request"


@pytest.mark.parametrize("body", [b"", b"{", b"prompt=x", b"\xff", b"{}{}"])
async def test_a_body_that_is_no_json_is_refused(desk: Desk, body: bytes) -> None:
    answer = await desk.call("POST", "/api/jobs/", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    code_of(answer)


async def test_a_form_is_refused(desk: Desk) -> None:
    answer = await desk.call("POST", "/api/jobs/", data={"prompt": "x"})
    assert answer.status_code == 415
    assert code_of(answer) == "unsupported_media_type"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_an_unknown_method_is_named_as_such(desk: Desk, method: str) -> None:
    answer = await desk.call(method, "/api/jobs/")
    assert answer.status_code == 405
    assert code_of(answer) == "method_not_allowed"
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/", "/api/", "/api/nope/", "/api/jobs/x/y/z/", "/.env", "/api/jobs//", "/%2e%2e/"])
async def test_an_unknown_address_is_not_found(desk: Desk, path: str) -> None:
    answer = await desk.call("GET", path)
    if answer.status_code != 200:
        assert code_of(answer) in ("not_found", "invalid_parameter")


async def test_a_user_may_ask_only_so_much() -> None:
    async with Desk(requests_per_second=0.5, requests_burst=2).open() as desk:
        assert [(await desk.get("/api/jobs/")).status_code for _ in range(3)] == [200, 200, 429]
        refused = await desk.get("/api/jobs/")
        assert code_of(refused) == "rate_limited"
        assert int(refused.headers["retry-after"]) == 2
        assert refused.json()["retry_after"] == 2
        assert (await desk.get("/api/jobs/", desk.eve)).status_code == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_ours(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[Any] = []
    coming = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in desk.as_().items()]
    scope = {"type": "http", "method": "POST", "path": "/api/jobs/", "query_string": b"", "headers": headers}
    await desk.app(scope | {"client": None, "server": None, "root_path": "", "scheme": "http"}, receive, send)
    assert sent[0]["status"] == 400
    assert "error" not in capsys.readouterr().out


async def test_an_error_of_ours_is_logged_but_not_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("-".join(["a", "secret", "detail"]))

    desk.jobs.get = broken  # type: ignore[method-assign]
    answer = await desk.get(f"/api/jobs/{new_id()}/")
    assert answer.status_code == 500
    assert code_of(answer) == "internal_error"
    assert "secret" not in answer.text
    logged = capsys.readouterr()
    assert "request.failed" in logged.out + logged.err
    assert "a-secret-detail" not in logged.out + logged.err


async def test_an_event_this_gateway_cannot_read_is_said_to_be_one(desk: Desk) -> None:
    async def unreadable(*_: Any, **__: Any) -> Any:
        raise UnknownEvent("job_dreamt", 1)

    desk.jobs.get = unreadable  # type: ignore[method-assign]
    answer = await desk.get(f"/api/jobs/{new_id()}/")
    assert answer.status_code == 503
    assert code_of(answer) == "unreadable_event"


# -- origins -----------------------------------------------------------------------------------------------------------


async def preflight(desk: Desk, origin: str) -> httpx2.Response:
    wanted = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    return await desk.http.options("/api/jobs/", headers=wanted)


async def test_a_page_of_this_machine_may_call_a_loopback_gateway(desk: Desk) -> None:
    answer = await preflight(desk, "http://localhost:5173")
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert allowed == "*" or "idempotency-key" in allowed


@pytest.mark.parametrize("origin", ["http://evil.org", "http://localhost.evil.org", "http://evil.org/http://localhost"])
async def test_other_pages_may_not(desk: Desk, origin: str) -> None:
    assert "access-control-allow-origin" not in (await preflight(desk, origin)).headers
    answer = await desk.get("/api/jobs/", headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_gateway_on_the_network_lets_only_named_pages_in() -> None:
    changes: dict[str, Any] = {"host": "0.0.0.0", "cors_allowed_origins": ["https://app.example.org"]}
    async with Desk(**changes).open() as desk:
        named = await preflight(desk, "https://app.example.org")
        assert named.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "access-control-allow-origin" not in (await preflight(desk, "http://localhost:5173")).headers


@pytest.mark.parametrize("path", ["/api/jobs/", "/api/jobs/?limit=-1", "/api/nope/"])
async def test_pages_see_links_and_problems(desk: Desk, path: str) -> None:
    answer = await desk.get(path, headers={"Origin": "http://localhost:5173"})
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "link" in answer.headers["access-control-expose-headers"].lower()
