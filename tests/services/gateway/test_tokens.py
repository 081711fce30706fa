from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
import pytest

from libs.process.clock import ManualClock, new_id
from services.gateway.ports import User
from services.gateway.problems import Code
from services.gateway.tokens import AccessTokens, InvalidToken

SECRET = "a secret of at least thirty-two bytes, for tests"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
USER = User(id=new_id(), email="ada@example.org", name="Ada")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def tokens(clock: ManualClock) -> AccessTokens:
    return AccessTokens(SECRET, clock, 900)


def claims(**changes: Any) -> dict[str, Any]:
    good = {
        "iss": "jobstream",
        "aud": "jobstream-gateway",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 900,
        "sub": str(USER.id),
        "jti": str(new_id()),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(payload: dict[str, Any], key: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm)


def refused(tokens: AccessTokens, token: str) -> Code:
    with pytest.raises(InvalidToken) as caught:
        tokens.verify(token)
    return caught.value.code


def test_an_issued_token_names_its_user(tokens: AccessTokens) -> None:
    principal = tokens.verify(tokens.issue(USER))
    assert (principal.user_id, principal.email, principal.name) == (USER.id, USER.email, USER.name)
    assert principal.expires_at == NOW + timedelta(seconds=900)


def test_another_gateway_with_the_same_secret_accepts_it(tokens: AccessTokens, clock: ManualClock) -> None:
    assert AccessTokens(SECRET, clock).verify(tokens.issue(USER)).user_id == USER.id


def test_a_token_holds_until_the_second_it_expires(tokens: AccessTokens, clock: ManualClock) -> None:
    token = tokens.issue(USER)
    clock.advance(timedelta(seconds=899))
    tokens.verify(token)
    clock.advance(timedelta(seconds=1))
    assert refused(tokens, token) is Code.TOKEN_EXPIRED


def test_a_token_signed_with_another_key_is_refused(tokens: AccessTokens) -> None:
    assert refused(tokens, signed(claims(), key="another key that is also long enough....")) is Code.TOKEN_INVALID


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused_even_with_our_key(tokens: AccessTokens, algorithm: str) -> None:
    long = SECRET * 2
    assert refused(AccessTokens(long, ManualClock(NOW)), signed(claims(), long, algorithm)) is Code.TOKEN_INVALID


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
def test_alg_none_is_refused(tokens: AccessTokens, name: str) -> None:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()

    token = f"{part({'alg': name, 'typ': 'JWT'})}.{part(claims())}."
    assert refused(tokens, token) is Code.TOKEN_INVALID
    assert refused(tokens, token + tokens.issue(USER).rpartition(".")[2]) is Code.TOKEN_INVALID


@pytest.mark.parametrize("missing", ["iss", "aud", "iat", "exp", "sub", "jti"])
def test_every_claim_is_needed(tokens: AccessTokens, missing: str) -> None:
    assert refused(tokens, signed(claims(**{missing: None}))) is Code.TOKEN_INVALID


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "somebody"},
        {"aud": "jobstream-ticket"},
        {"aud": ["jobstream"]},
        {"sub": "*"},
        {"sub": "a.b"},
        {"sub": str(USER.id).upper()},
        {"sub": "{" + str(USER.id) + "}"},
        {"sub": ""},
        {"exp": "soon"},
        {"exp": 1e300},
        {"exp": -(10**18)},
    ],
)
def test_a_claim_of_another_form_is_refused(tokens: AccessTokens, wrong: dict[str, Any]) -> None:
    assert refused(tokens, signed(claims(**wrong))) is Code.TOKEN_INVALID


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "a.b",
        "a.b.c",
        "....",
        "eyJhbGciOiJIUzI1NiJ9..",
        "\x00",
        "ü" * 50,
        "a" * 5000,
        "." * 3000,
        "\ud800",
    ],
)
def test_what_is_no_token_is_refused(tokens: AccessTokens, text: str) -> None:
    assert refused(tokens, text) is Code.TOKEN_INVALID


def test_a_changed_payload_is_refused(tokens: AccessTokens) -> None:
    header, _, signature = tokens.issue(USER).split(".")
    other = signed(claims(sub=str(new_id()))).split(".")[1]
    assert refused(tokens, f"{header}.{other}.{signature}") is Code.TOKEN_INVALID


def test_a_header_that_names_a_key_changes_nothing(tokens: AccessTokens) -> None:
    token = jwt.encode(claims(), "a key of the attacker's own, long enough", headers={"jwk": {"kty": "oct", "k": "eA"}})
    assert refused(tokens, token) is Code.TOKEN_INVALID
