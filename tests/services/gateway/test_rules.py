"""Small rules: text, passwords, origins, rates, cursors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import argon2
import pytest

from libs.process.clock import new_id
from libs.process.settings import Secret
from services.gateway.limits import RequestRate
from services.gateway.origins import Origins
from services.gateway.paging import cut, decode_cursor, encode_cursor, next_link
from services.gateway.passwords import Passwords, check_password
from services.gateway.problems import Code, Problem
from services.gateway.settings import GatewaySettings, is_loopback
from services.gateway.text import check_email, check_name, check_text
from tests.services.gateway.desk import QUICK, SECRET, settings


@pytest.mark.parametrize("text", ["x", "a\tb\r\nc", "ünï 日本 👩‍🚀", "x" * 5000])
def test_text_people_write_is_kept_as_it_is(text: str) -> None:
    assert check_text(text, "/prompt", "The prompt") == text


@pytest.mark.parametrize("text", ["", "  \n\t ", "x" * 5001, "a\x00b", "\x1b[2J", "a\x7fb", "a\x85b"])
def test_text_that_is_blank_too_long_or_full_of_controls_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        check_text(text, "/prompt", "The prompt")
    assert (caught.value.code, caught.value.errors[0].pointer) == (Code.INVALID_INPUT, "/prompt")


@pytest.mark.parametrize("name", ["", "A", "a.b", "a b", "*", ">", "-a", "a" * 65, "a/b", "ü", "a\n"])
def test_a_name_that_could_not_stand_in_a_subject_is_refused(name: str) -> None:
    with pytest.raises(Problem):
        check_name(name, "/name", "The name")


@pytest.mark.parametrize("email", ["a@b.co", "a.b+c@x.example.org", " a@b.co ", "ü@bücher.de"])
def test_an_email_is_trimmed(email: str) -> None:
    assert check_email(email) == email.strip()


def test_two_spellings_of_one_letter_are_one_email() -> None:
    assert check_email("u\u0308@x.de") == check_email("\u00fc@x.de")


@pytest.mark.parametrize(
    "email", ["", "a", "a@b", "@b.co", "a@", "a b@c.de", "a@b..de", "a@b@c.de", "a\x00@b.de", "x" * 250 + "@b.co"]
)
def test_what_is_no_email_is_refused(email: str) -> None:
    with pytest.raises(Problem):
        check_email(email)


@pytest.mark.parametrize(
    "password", ["short", "x" * 257, "password", "PASSWORD1", "aaaaaaaaaa", "ada@example.org", "12345678"]
)
def test_a_password_that_would_be_guessed_is_refused(password: str) -> None:
    with pytest.raises(Problem):
        check_password(password, email="ada@example.org")


async def test_a_password_is_recognised_by_its_hash() -> None:
    passwords = Passwords(1, QUICK)
    stored = await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", stored)
    assert not await passwords.verify("wrong horse", stored)
    assert "correct" not in stored


async def test_nobody_has_no_password() -> None:
    assert not await Passwords(1, QUICK).verify("the password of an account that does not exist", None)


async def test_a_hash_that_is_none_matches_nothing() -> None:
    assert not await Passwords(1, QUICK).verify("x", "garbage")


async def test_weaker_parameters_are_noticed() -> None:
    stored = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x")
    assert Passwords(1).outdated(stored)
    assert not Passwords(1, QUICK).outdated(stored)


async def test_too_many_sign_ins_at_once_are_turned_away() -> None:
    passwords = Passwords(1, QUICK)
    passwords._room = 0
    with pytest.raises(Problem) as caught:
        await passwords.hash("x")
    assert caught.value.code is Code.OVERLOADED
    assert caught.value.retry_after == 1


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:5173",
        "https://127.0.0.1:8443",
        "http://[::1]:3000",
        "http://app.localhost:1",
    ],
)
def test_pages_of_this_machine_may_talk_to_a_loopback_gateway(origin: str) -> None:
    assert Origins([], loopback=True).allows(origin)
    assert not Origins([], loopback=False).allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost.evil.org",
        "http://evil.org",
        "null",
        "",
        "http://127.0.0.1.evil.org",
        "file://",
        "http://localhost:5173/x",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert not Origins([], loopback=True).allows(origin)


def test_allowed_origins_are_compared_whole() -> None:
    origins = Origins(["https://App.example.org/"], loopback=False)
    assert origins.allows("https://app.example.org")
    assert not origins.allows("https://app.example.org.evil.org")
    assert not origins.allows("http://app.example.org")
    assert Origins(["*"], loopback=False).allows("https://anything.example")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_loopback_is_known_by_its_address(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_socket_token_query_is_on_by_itself_only_on_loopback() -> None:
    assert settings().ws_token_query
    assert not settings(host="0.0.0.0").ws_token_query
    assert settings(host="0.0.0.0", allow_ws_token_query=True).ws_token_query
    assert not settings(allow_ws_token_query=False).ws_token_query


def test_a_short_secret_is_no_secret() -> None:
    with pytest.raises(ValueError, match="JWT_SECRET is too short"):
        settings(jwt_secret=SimpleNamespace(reveal=lambda: SECRET[:31]))


def test_settings_do_not_show_secrets() -> None:
    assert SECRET not in repr(settings())
    assert isinstance(settings(), GatewaySettings)


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    now = 0.0
    rate, user = RequestRate(10, 3, monotonic=lambda: now), new_id()
    assert [rate.take(user) for _ in range(3)] == [0, 0, 0]
    assert rate.take(user) == pytest.approx(0.1)
    now += 0.1
    assert rate.take(user) == 0
    assert rate.take(user) > 0


def test_one_user_does_not_use_up_anothers_rate() -> None:
    rate, ada, eve = RequestRate(1, 1, monotonic=lambda: 0.0), new_id(), new_id()
    assert rate.take(ada) == 0
    assert rate.take(ada) > 0
    assert rate.take(eve) == 0


def test_a_cursor_leads_back_to_its_place() -> None:
    last = SimpleNamespace(id=new_id(), created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))
    page = decode_cursor(encode_cursor(last))
    assert page == (last.created_at, last.id)


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", "AAAA", "é", "f" * 32])
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_cursor(cursor)
    assert caught.value.errors[0].pointer == "?cursor"


def test_the_last_page_has_no_next() -> None:
    items = [SimpleNamespace(id=new_id(), created_at=datetime.now(UTC) - timedelta(seconds=n)) for n in range(3)]
    assert cut(items, 3) == (items, None)
    page, cursor = cut(items, 2)
    assert page == items[:2]
    assert decode_cursor(cursor) == (items[1].created_at, items[1].id)


def test_the_link_keeps_the_other_parameters() -> None:
    link = next_link("/api/jobs/", {"q": "tea & cake", "status": None, "limit": 2}, "abc=")
    assert link == {"Link": '</api/jobs/?q=tea+%26+cake&limit=2&cursor=abc%3D>; rel="next"'}
    assert next_link("/api/jobs/", {}, None) == {}


def test_simulations_are_there_without_being_switched_on() -> None:
    kinds = GatewaySettings(database_url=Secret("postgresql://nowhere/"), jwt_secret=Secret(SECRET)).job_kinds
    assert kinds == {"build": "talk", "simulation": "queue", "comparison": "queue", "sweep": "queue"}
