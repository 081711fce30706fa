from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import httpx2
import pytest

from tests.services.gateway.desk import PASSWORD, Desk, code_of

ADA = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}


async def register(desk: Desk, **changes: Any) -> dict[str, Any]:
    answer = await desk.http.post("/api/auth/register/", json=ADA | changes)
    assert answer.status_code == 201, answer.text
    session: dict[str, Any] = answer.json()
    return session


async def refresh(desk: Desk, token: str) -> Any:
    return await desk.http.post("/api/auth/token/refresh/", json={"refresh": token})


async def test_registering_signs_in(desk: Desk) -> None:
    session = await register(desk)
    assert set(session) == {"access", "refresh", "user"}
    assert session["user"] | {"id": 0} == {"id": 0, "email": "ada@example.org", "name": "Ada"}
    me = await desk.http.get("/api/auth/me/", headers={"Authorization": f"Bearer {session['access']}"})
    assert (me.status_code, me.json()) == (200, session["user"])


@pytest.mark.parametrize(
    ("given", "name"),
    [({"name": None, "username": "countess"}, "countess"), ({"name": None}, "ada"), ({"name": "  "}, "ada")],
)
async def test_a_name_is_what_there_is(desk: Desk, given: dict[str, Any], name: str) -> None:
    assert (await register(desk, **given))["user"]["name"] == name


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": 1}, "/email"),
        ({"password": "short"}, "/password"),
        ({"password": "password"}, "/password"),
        ({"password": None}, "/password"),
        ({"name": "a\x00b"}, "/name"),
        ({"username": "x" * 101, "name": None}, "/username"),
        ({"admin": True}, "/admin"),
    ],
)
async def test_a_wrong_field_is_pointed_at(desk: Desk, changes: dict[str, Any], pointer: str) -> None:
    answer = await desk.http.post("/api/auth/register/", json=ADA | changes)
    assert answer.status_code == 422
    assert code_of(answer) == "invalid_input"
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("email", ["ada@example.org", "ADA@Example.ORG", " ada@example.org "])
async def test_an_email_in_any_case_is_taken_once(desk: Desk, email: str) -> None:
    await register(desk)
    answer = await desk.http.post("/api/auth/register/", json=ADA | {"email": email})
    assert answer.status_code == 409
    assert code_of(answer) == "email_taken"


@pytest.mark.parametrize("path", ["/api/auth/login/", "/api/auth/login", "/api/auth/token/", "/api/auth/token"])
async def test_signing_in_works_at_either_address(desk: Desk, path: str) -> None:
    await register(desk)
    answer = await desk.http.post(path, json={"email": "Ada@EXAMPLE.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh", "user"}


async def test_an_unknown_email_and_a_wrong_password_answer_alike(desk: Desk) -> None:
    await register(desk)
    wrong = await desk.http.post("/api/auth/login/", json={"email": ADA["email"], "password": "wrong password"})
    unknown = await desk.http.post("/api/auth/login/", json={"email": "eve@example.org", "password": "wrong password"})
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert code_of(wrong) == "credentials_invalid"


async def test_an_unknown_email_costs_a_hash_as_well(desk: Desk) -> None:
    with patch.object(desk.passwords, "_verify", wraps=desk.passwords._verify) as verify:
        await desk.http.post("/api/auth/login/", json={"email": "eve@example.org", "password": "some password"})
    assert verify.call_count == 1


async def test_an_account_is_guessed_at_ten_times_in_a_quarter_of_an_hour(desk: Desk) -> None:
    await register(desk)
    for _ in range(10):
        await desk.http.post("/api/auth/login/", json={"email": ADA["email"], "password": "wrong password"})
    answer = await desk.http.post("/api/auth/login/", json={"email": ADA["email"], "password": PASSWORD})
    assert answer.status_code == 429
    assert code_of(answer) == "login_rate_limited"
    assert 0 < int(answer.headers["retry-after"]) <= 900
    desk.clock.advance(timedelta(minutes=15, seconds=1))
    answer = await desk.http.post("/api/auth/login/", json={"email": ADA["email"], "password": PASSWORD})
    assert answer.status_code == 200


async def guess(desk: Desk, address: str, password: str = "wrong password") -> int:
    transport = httpx2.ASGITransport(app=desk.app, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        answer = await client.post("/api/auth/login/", json={"email": ADA["email"], "password": password})
    return answer.status_code


async def test_a_stranger_who_guesses_locks_the_account_for_himself_alone(desk: Desk) -> None:
    await register(desk)
    statuses = [await guess(desk, "198.51.100.7") for _ in range(120)]
    assert statuses == [401] * 10 + [429] * 110
    assert await guess(desk, "203.0.113.9", PASSWORD) == 200


async def test_an_account_is_guessed_at_only_so_often_from_all_addresses_together() -> None:
    async with Desk(login_failures_per_account=12).open() as desk:
        await register(desk)
        statuses = [await guess(desk, f"198.51.100.{number}") for number in range(13)]
        assert statuses == [401] * 12 + [429]
        assert await guess(desk, "203.0.113.9", PASSWORD) == 429
        desk.clock.advance(timedelta(minutes=15, seconds=1))
        assert await guess(desk, "203.0.113.9", PASSWORD) == 200


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", 429),
        ("2001:db8::1", "2001:db8:0:1::1", 200),
        ("::ffff:192.0.2.1", "192.0.2.1", 429),
        ("192.0.2.1", "192.0.2.2", 200),
    ],
)
async def test_one_subscribers_addresses_are_one(desk: Desk, one: str, other: str, status: int) -> None:
    await register(desk)
    for _ in range(10):
        await guess(desk, one)
    assert await guess(desk, other, PASSWORD) == status


async def test_signing_in_forgives_the_failures_before_it(desk: Desk) -> None:
    await register(desk)
    for _ in range(3):
        for _ in range(9):
            await desk.http.post("/api/auth/login/", json={"email": ADA["email"], "password": "wrong password"})
        answer = await desk.http.post("/api/auth/login/", json={"email": ADA["email"], "password": PASSWORD})
        assert answer.status_code == 200


async def test_an_address_may_not_go_through_many_accounts() -> None:
    async with Desk(login_failures_per_address=5).open() as desk:
        for number in range(5):
            await desk.http.post(
                "/api/auth/login/", json={"email": f"u{number}@example.org", "password": "some password"}
            )
        answer = await desk.http.post("/api/auth/login/", json={"email": "u9@example.org", "password": "some password"})
    assert code_of(answer) == "login_rate_limited"


async def test_an_address_may_not_make_accounts_without_end() -> None:
    async with Desk(registrations_per_address=2).open() as desk:
        await register(desk)
        await register(desk, email="bob@example.org")
        answer = await desk.http.post("/api/auth/register/", json=ADA | {"email": "eve@example.org"})
    assert code_of(answer) == "login_rate_limited"


async def test_a_refresh_token_is_exchanged_for_another(desk: Desk) -> None:
    session = await register(desk)
    answer = await refresh(desk, session["refresh"])
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh"}
    assert answer.json()["refresh"] != session["refresh"]
    assert (await refresh(desk, answer.json()["refresh"])).status_code == 200


async def test_two_tabs_at_once_get_the_same_successor(desk: Desk) -> None:
    session = await register(desk)
    answers = await asyncio.gather(*(refresh(desk, session["refresh"]) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh"] for answer in answers}) == 1


async def test_a_refresh_token_used_again_later_ends_the_family(desk: Desk) -> None:
    session = await register(desk)
    successor = (await refresh(desk, session["refresh"])).json()["refresh"]
    desk.clock.advance(timedelta(seconds=11))
    stolen = await refresh(desk, session["refresh"])
    assert stolen.status_code == 401
    assert code_of(stolen) == "refresh_reused"
    assert code_of(await refresh(desk, successor)) == "refresh_invalid"


async def test_a_session_that_is_ended_leaves_another_alone(desk: Desk) -> None:
    first = await register(desk)
    second = (await desk.http.post("/api/auth/login/", json={"email": ADA["email"], "password": PASSWORD})).json()
    answer = await desk.http.post("/api/auth/logout/", json={"refresh": first["refresh"]})
    assert (answer.status_code, answer.content) == (205, b"")
    assert code_of(await refresh(desk, first["refresh"])) == "refresh_invalid"
    assert (await refresh(desk, second["refresh"])).status_code == 200


async def test_signing_out_with_any_token_answers_alike(desk: Desk) -> None:
    assert (await desk.http.post("/api/auth/logout/", json={"refresh": "unknown"})).status_code == 205


async def test_a_refresh_token_expires(desk: Desk) -> None:
    session = await register(desk)
    desk.clock.advance(timedelta(days=30))
    assert code_of(await refresh(desk, session["refresh"])) == "refresh_invalid"


@pytest.mark.parametrize("token", ["", "x", "\x00", "é" * 100])
async def test_what_is_no_refresh_token_is_refused(desk: Desk, token: str) -> None:
    assert code_of(await refresh(desk, token)) == "refresh_invalid"


async def test_an_access_token_is_no_refresh_token(desk: Desk) -> None:
    session = await register(desk)
    assert code_of(await refresh(desk, session["access"])) == "refresh_invalid"


async def test_an_access_token_that_ran_out_says_so(desk: Desk) -> None:
    headers = desk.as_()
    desk.clock.advance(timedelta(minutes=15))
    answer = await desk.http.get("/api/auth/me/", headers=headers)
    assert answer.status_code == 401
    assert code_of(answer) == "token_expired"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Token x", "Bearer x", "bearer a.b.c"])
async def test_another_kind_of_authorization_is_refused(desk: Desk, header: str) -> None:
    assert code_of(await desk.http.get("/api/auth/me/", headers={"Authorization": header})) == "token_invalid"


async def test_without_the_database_nobody_signs_in_and_is_told_when_to_try_again(desk: Desk) -> None:
    desk.accounts.up = False
    for path, body in [
        ("register", ADA),
        ("login", {"email": ADA["email"], "password": PASSWORD}),
        ("token/refresh", {"refresh": "x"}),
        ("logout", {"refresh": "x"}),
    ]:
        answer = await desk.http.post(f"/api/auth/{path}/", json=body)
        assert answer.status_code == 503
        assert code_of(answer) == "database_unavailable"
        assert answer.headers["retry-after"] == "1"
