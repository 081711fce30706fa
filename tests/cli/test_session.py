from __future__ import annotations

from pathlib import Path

import pytest

from cli.client import Refused
from cli.session import session


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("JOBSTREAM_URL", raising=False)
    return tmp_path


async def sign_in(url: str, access: str = "a", refresh: str = "r") -> None:
    async with session(url) as client:
        client._signed_in({"access": access, "refresh": refresh})


async def test_the_next_command_is_still_signed_in_at_the_same_place() -> None:
    await sign_in("http://one:1")
    async with session(None) as client:
        assert (client.url, client.access, client.refresh) == ("http://one:1", "a", "r")


async def test_tokens_are_not_carried_to_another_gateway() -> None:
    await sign_in("http://one:1")
    async with session("http://two:2") as client:
        assert (client.url, client.access) == ("http://two:2", None)


async def test_tokens_are_readable_by_their_owner_only(home: Path) -> None:
    await sign_in("http://one:1")
    assert (home / "jobstream" / "session.json").stat().st_mode & 0o777 == 0o600


async def test_tokens_that_another_command_renewed_meanwhile_are_taken_over() -> None:
    await sign_in("http://one:1")
    async with session(None) as client:  # watches for an hour
        await sign_in("http://one:1", "newer", "successor")
        await client.renew()
        assert (client.access, client.refresh) == ("newer", "successor")


async def test_what_a_command_ends_with_does_not_replace_newer_tokens() -> None:
    await sign_in("http://one:1")
    async with session(None):
        await sign_in("http://one:1", "newer", "successor")
    async with session(None) as client:
        assert client.refresh == "successor"


async def test_a_gateway_that_is_away_does_not_sign_anybody_out() -> None:
    await sign_in("http://127.0.0.1:9")
    async with session(None) as client:
        with pytest.raises(Refused, match="cannot be reached"):
            await client.renew()
        assert client.refresh == "r"
